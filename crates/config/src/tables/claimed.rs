//! Which service answers for which name on which host: a web server leads a name to one service only, and which of two it
//! would be nobody chose.

use crate::codes;
use crate::plan::ServicePlan;
use crate::section::Section;

/// The names that services have claimed so far, each with its service and one of its hosts.
#[derive(Debug, Default)]
pub(crate) struct Claimed {
    names: Vec<(String, String, String)>,
}

impl Claimed {
    /// Adds the names of a service, and refuses those that another service has on one of the same hosts.
    pub(crate) fn add(&mut self, section: &Section<'_>, plan: &ServicePlan) {
        for (text, place) in section.items("domains") {
            let text = text.to_ascii_lowercase();
            let is_same = |(name, _, host): &&(String, String, String)| {
                *name == text && plan.hosts.iter().any(|mine| mine.name == *host)
            };
            if let Some((name, service, host)) = self.names.iter().find(is_same) {
                section
                    .reading()
                    .error(
                        codes::TAKEN,
                        &place,
                        format!("{name} leads to [service.{service}] on {host} already"),
                    )
                    .help("take it out of one of them, or let them have different hosts".to_owned());
            }
        }
        for domain in &plan.spec.domains {
            let of = |host: &crate::plan::HostPlan| (domain.clone(), plan.name.clone(), host.name.clone());
            self.names.extend(plan.hosts.iter().map(of));
        }
    }
}
