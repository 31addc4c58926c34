//! CRON019: a timer that starts nothing.

use super::calendar::{self, Calendar};
use super::each_timer;
use crate::facts::services::{Services, Unit};
use crate::facts::timers::Timer;
use crate::facts::{Fact, Facts};
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::{Fixture, file, folder, link};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "CRON019",
    severity: Severity::High,
    outlook: Outlook::Failing,
    title: "a timer starts nothing",
    silent: "A timer that is not enabled, whose calendar systemd refuses, or whose service is not there looks like one that waits. The \
             reason stands in the journal once, if at all.",
    cure: "Enable it with `systemctl enable --now NAME.timer`; test its calendar with `systemd-analyze calendar`; put its service in place. \
           What is meant to rest is masked, or its file is removed.",
    fix: Fix::Told,
    unless: "A package brought the timer, it is masked or a template, or another unit wants it. That its service is not there is said only \
             where the units of packages can be seen.",
    judge,
    bad: Fixture::files(
        "a timer that nobody enabled",
        &[
            file(
                "/etc/systemd/system/report.timer",
                "[Timer]\nOnCalendar=daily\n[Install]\nWantedBy=timers.target\n",
            ),
            file("/etc/systemd/system/report.service", "[Service]\nType=oneshot\nExecStart=/opt/report\n"),
        ],
    ),
    good: [
        Fixture::files(
            "enabled, its service beside it",
            &[
                folder("/usr/lib/systemd/system/"),
                file(
                    "/etc/systemd/system/report.timer",
                    "[Timer]\nOnCalendar=Mon..Fri 22:30\n[Install]\nWantedBy=timers.target\n",
                ),
                link(
                    "/etc/systemd/system/timers.target.wants/report.timer",
                    "/etc/systemd/system/report.timer",
                ),
                file(
                    "/etc/systemd/system/report.service",
                    "[Service]\nType=oneshot\nExecStart=/opt/report\n",
                ),
            ],
        ),
        Fixture::files(
            "a package's timer with a time of the operator's",
            &[
                file("/usr/lib/systemd/system/fstrim.timer", "[Timer]\nOnCalendar=weekly\n"),
                file(
                    "/etc/systemd/system/fstrim.timer.d/time.conf",
                    "[Timer]\nOnCalendar=\nOnCalendar=Sat 03:00\n",
                ),
            ],
        ),
    ],
};

fn judge(facts: &Facts) -> Answer {
    let mut answer = each_timer(facts, |services, unit, answer| {
        let shown = facts.timers.known().map(|timers| timers.iter().find(|timer| timer.name == unit.name));
        let refused: Vec<_> = unit
            .all("Timer", "OnCalendar")
            .into_iter()
            .filter_map(|(file, setting)| match calendar::read(&setting.value) {
                Calendar::Refused(why) => Some((file, setting, why)),
                Calendar::Rare | Calendar::Other => None,
            })
            .collect();
        for (file, setting, why) in &refused {
            let place = Place::line(&file.path, setting.line, format!("OnCalendar={}", setting.value));
            answer.find(Finding::new(
                &unit.name,
                place,
                format!("systemd refuses {:?}: {why}", setting.value),
            ));
        }
        // Whoever starts nothing that is there need not be told that it waits for nothing.
        let observed = match missing(facts, services, unit) {
            Some(service) => Some(format!("it starts {service}, which is not there")),
            None if refused.is_empty() => resting(services, unit, shown),
            None => None,
        };
        if let Some(observed) = observed {
            answer.find(Finding::new(&unit.name, Place::of(unit.path()), observed));
        }
    });
    if let (Fact::Unknown { why }, Some(_)) = (&facts.timers, facts.services.known()) {
        answer.blind(why.clone());
    }
    answer
}

/// Why it does not fire. `shown`: what systemd says of it, where it was asked.
fn resting(services: &Services, unit: &Unit, shown: Option<Option<&Timer>>) -> Option<String> {
    let active = shown.flatten().filter(|timer| timer.active == "active");
    if let Some(timer) = shown.flatten().filter(|timer| timer.loaded == "bad-setting") {
        return Some(format!("systemd has refused it: systemctl status {} says why", timer.name));
    }
    if !unit.enabled && !is_wanted(services, unit) {
        return Some(match active {
            Some(_) => "it waits now, but it is not enabled: nothing starts it at the next boot".to_owned(),
            None => "it is not enabled: nothing starts it".to_owned(),
        });
    }
    // Whoever fires only after the boot has no next time once it did.
    let calendar = !unit.all("Timer", "OnCalendar").is_empty();
    match shown {
        Some(None) => Some("systemd has not read it: nothing has started it since the boot".to_owned()),
        Some(Some(timer)) if timer.active != "active" => {
            Some(format!("it is enabled, and {}: it starts nothing", timer.active))
        }
        Some(Some(timer)) if calendar && !timer.next => {
            Some("it has no next time: it will not fire again".to_owned())
        }
        Some(Some(_)) | None => None,
    }
}

/// Another unit of the operator's starts it.
fn is_wanted(services: &Services, unit: &Unit) -> bool {
    const KEYS: [&str; 5] = ["Wants", "Requires", "BindsTo", "Upholds", "Also"];
    let names = |other: &Unit| {
        let keys = KEYS.iter().flat_map(|key| ["Unit", "Install"].map(|section| other.all(section, key)));
        keys.flatten().any(|(_, setting)| setting.value.split_whitespace().any(|name| name == unit.name))
    };
    services.units.iter().any(|other| other.name != unit.name && names(other))
}

/// Where packages and generators put units.
pub(crate) const PLACES: [&str; 5] = [
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
    "/etc/systemd/system",
    "/usr/local/lib/systemd/system",
    "/run/systemd/system",
];

/// The unit that it starts, where that is nowhere.
fn missing<'u>(facts: &Facts, services: &Services, unit: &'u Unit) -> Option<std::borrow::Cow<'u, str>> {
    let target = started(unit)?;
    let template = target.split_once('@').map(|(stem, _)| format!("{stem}@.service"));
    let is_there = |name: &str| {
        let own = services.units.iter().any(|unit| unit.name == name && unit.own);
        own || services.state(name).is_some()
            || PLACES
                .iter()
                .any(|place| !matches!(facts.entry(&format!("{place}/{name}")), Fact::Nothing { .. }))
    };
    let packages = PLACES.iter().take(2).any(|place| facts.entry(place).known().is_some());
    (packages && !is_there(&target) && !template.is_some_and(|name| is_there(&name))).then_some(target)
}

/// What a timer starts; none where only systemd can say.
pub(crate) fn started(unit: &Unit) -> Option<std::borrow::Cow<'_, str>> {
    let stem = unit.name.strip_suffix(".timer")?;
    match unit.last("Timer", "Unit") {
        Some(named) if named.contains('%') => None,
        Some(named) => Some(named.into()),
        None => Some(format!("{stem}.service").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::fixture::Planted;
    use crate::rules::tests::facts_of;

    const WANTED: Planted =
        link("/etc/systemd/system/timers.target.wants/a.timer", "/etc/systemd/system/a.timer");

    fn found(files: &[Planted], timers: Option<Vec<Timer>>) -> Vec<String> {
        let mut facts = facts_of(&Fixture::files("", Box::leak(files.to_vec().into_boxed_slice())));
        if let Some(timers) = timers {
            facts.timers = Fact::Known(timers);
        }
        judge(&facts).findings.into_iter().map(|finding| finding.observed).collect()
    }

    #[test]
    fn each_way_to_start_nothing_is_told_apart() {
        let cron = found(
            &[
                WANTED,
                file(
                    "/etc/systemd/system/a.timer",
                    "[Timer]\nOnCalendar=0 2 * * *\nOnCalendar=\nOnCalendar=25:00\n",
                ),
            ],
            None,
        );
        assert!(cron.len() == 1 && cron[0].contains("25:00"), "{cron:?}");
        let service = found(
            &[
                WANTED,
                folder("/usr/lib/systemd/system/"),
                file("/etc/systemd/system/a.timer", "[Timer]\nOnBootSec=5min\nUnit=b.service\n"),
            ],
            None,
        );
        assert_eq!(service, ["it starts b.service, which is not there"]);
        let partial =
            found(&[WANTED, file("/etc/systemd/system/a.timer", "[Timer]\nOnBootSec=5min\n")], None);
        assert!(partial.is_empty(), "{partial:?}");
        let of_package = found(
            &[
                WANTED,
                file("/usr/lib/systemd/system/b@.service", ""),
                file("/etc/systemd/system/a.timer", "[Timer]\nOnCalendar=daily\nUnit=b@1.service\n"),
            ],
            None,
        );
        assert!(of_package.is_empty(), "{of_package:?}");
    }

    #[test]
    fn what_systemd_shows_counts() {
        const TIMER: &[Planted] =
            &[WANTED, file("/etc/systemd/system/a.timer", "[Timer]\nOnCalendar=daily\n")];
        let timer = |loaded: &str, active: &str, next| Timer {
            name: "a.timer".to_owned(),
            loaded: loaded.to_owned(),
            active: active.to_owned(),
            next,
        };
        for (timers, words) in [
            (vec![timer("loaded", "active", true)], None),
            (vec![timer("loaded", "active", false)], Some("no next time")),
            (vec![timer("loaded", "inactive", false)], Some("enabled, and inactive")),
            (vec![timer("bad-setting", "inactive", false)], Some("refused")),
            (vec![], Some("not read it")),
        ] {
            let seen = found(TIMER, Some(timers.clone()));
            assert_eq!(seen.len(), usize::from(words.is_some()), "{timers:?}: {seen:?}");
            assert!(words.is_none_or(|words| seen[0].contains(words)), "{seen:?}");
        }
    }
}
