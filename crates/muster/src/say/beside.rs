//! What a plan says beside its steps, for people.

use muster_config::plan::{Hooks, ServicePlan, Switch};

use super::paper::harmless;

/// What somebody who reads the plan should know.
pub(crate) fn of(service: &ServicePlan) -> String {
    let switch = match service.spec.switch {
        Switch::Flag => "",
        Switch::Reload => {
            "Each flip has nginx read its files again: kept connections are closed, and a request on one of them may be cut.\n"
        }
    };
    format!("{switch}{}", shown(&service.hooks))
}

/// What the deploying machine runs itself, below the steps of a plan; nothing without hooks.
fn shown(hooks: &Hooks) -> String {
    let all = [("before", &hooks.before), ("after", &hooks.after), ("failed", &hooks.failed)];
    let said = all.iter().filter(|(_, words)| !words.is_empty());
    let lines = said.map(|(name, words)| format!("  {name:<8} {}\n", harmless(&words.join(" "))));
    let lines: String = lines.collect();
    if lines.is_empty() { lines } else { format!("Run here, five minutes at most each:\n{lines}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_names_what_is_run_here() {
        assert_eq!(shown(&Hooks::default()), "");
        let hooks = Hooks { failed: vec!["./page".into(), "\u{1b}[31mfailed".into()], ..Hooks::default() };
        let text = shown(&hooks);
        assert!(text.contains("  failed   ./page ") && !text.contains('\u{1b}'), "{text}");
    }
}
