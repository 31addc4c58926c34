//! The tables of muster.toml for a new service.

use muster_config::tree;

use super::order::{Order, Way};
use super::template::{Unfilled, fill};

/// What is added to a muster.toml.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entries {
    /// The names of the tables that are added, such as `service.api`.
    pub added: Vec<String>,
    /// The whole text with them at its end; the text as it was if nothing is added.
    pub text: String,
}

/// Adds the tables that the text does not have. What is in it stays as it is, to the byte.
///
/// # Errors
/// [`Unfilled`] if a template has a name without a value, which a test of all templates rules out.
pub fn add(order: &Order, text: &str) -> Result<Entries, Unfilled> {
    let values = order.values();
    let (there, _) = tree::parse(text);
    let service = match order.way {
        Way::Docker { .. } => include_str!("templates/service-docker.toml"),
        Way::Systemd { .. } => include_str!("templates/service-systemd.toml"),
    };
    let mut entries = Entries { added: Vec::new(), text: text.to_owned() };
    for (family, template) in [("service", service), ("check", include_str!("templates/check.toml"))] {
        let is_there = there.table(family).is_some_and(|table| table.get(&order.name).is_some());
        if is_there {
            continue;
        }
        if !entries.text.is_empty() {
            entries.text.push_str(if entries.text.ends_with('\n') { "\n" } else { "\n\n" });
        }
        entries.text.push_str(&fill(template, &values)?);
        entries.added.push(format!("{family}.{}", order.name));
    }
    Ok(entries)
}
