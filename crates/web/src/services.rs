//! What this host knows of the services that are deployed to it, beside what the roll expects of their deploys.

use muster_core::board::Line;
use muster_core::ids::ExpectationId;
use muster_deploy::overview::{self, Known, Overview};

use crate::guard::who::{Asker, Scope};
use crate::records::blocking;
use crate::router::Web;

/// Why something is not told to those who may not read.
const WITHHELD: &str = "sign in to see why";

/// One service.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// How its deploys stand on the roll; none of a service that `muster.toml` of this host does not name.
    pub line: Option<Line>,
    /// What the host knows; none where nothing was ever deployed.
    pub seen: Option<Overview>,
}

/// All services, those that stand badly first, then by name.
///
/// # Errors
/// In words: this host cannot be read.
pub async fn all(web: &Web, lines: &[Line], asker: &Asker) -> Result<Vec<Service>, String> {
    let layout = web.parts.layout.clone();
    let read = blocking(move || overview::services(&layout)).await;
    let mut seen = read.unwrap_or_else(|| Err("it could not be read in time".to_owned()))?;
    if !asker.may(Scope::Read) {
        seen.iter_mut().for_each(withhold);
    }
    let expected = lines.iter().filter(|line| line.id.table() == "deploy");
    let mut services: Vec<Service> = expected
        .map(|line| {
            let at = seen.iter().position(|it| it.service == line.id.name());
            let name = line.id.name().to_owned();
            Service { name, line: Some(line.clone()), seen: at.map(|at| seen.remove(at)) }
        })
        .collect();
    services.extend(seen.into_iter().map(|it| Service {
        name: it.service.clone(),
        line: None,
        seen: Some(it),
    }));
    services.sort_by(|a, b| (!a.is_bad(), &a.name).cmp(&(!b.is_bad(), &b.name)));
    Ok(services)
}

/// What a release or a program said may hold what is not for everybody.
fn withhold(overview: &mut Overview) {
    if let Known::Known(deploys) = &mut overview.deploys {
        for deploy in deploys.iter_mut().filter(|deploy| !deploy.why.is_empty()) {
            WITHHELD.clone_into(&mut deploy.why);
        }
    }
}

impl Service {
    /// Its place on the roll.
    pub fn id(&self) -> Option<&ExpectationId> {
        self.line.as_ref().map(|line| &line.id)
    }

    /// Somebody has to look at it.
    pub fn is_bad(&self) -> bool {
        let firing = self.line.as_ref().is_some_and(|line| line.condition.word() == "firing");
        firing || self.seen.as_ref().is_some_and(|seen| seen.unended.is_some() || !seen.record_fits)
    }

    /// Something of it cannot be seen.
    pub fn is_unsure(&self) -> bool {
        let line =
            self.line.as_ref().is_some_and(|line| matches!(line.condition.word(), "unknown" | "pending"));
        let seen = self.seen.as_ref();
        let hidden = |seen: &Overview| {
            matches!(seen.in_front, Known::Unknown(_))
                || matches!(seen.deploys, Known::Unknown(_))
                || matches!(seen.now, Known::Unknown(_))
                || (seen.unconfirmed && seen.now == Known::Known(None))
        };
        line || seen.is_some_and(hidden)
    }

    /// Somebody deploys it now.
    pub fn is_deployed_now(&self) -> bool {
        matches!(self.seen.as_ref().map(|seen| &seen.now), Some(Known::Known(Some(_))))
    }
}
