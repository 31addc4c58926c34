//! Mends that need more than a file: orders, what a kill leaves behind, and the word that somebody still comes in.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use muster_core::signal::ProcessMark;
use muster_core::time::Timestamp;

use super::confirm::{Answer, Confirmation};
use super::order::{Order, is_of_the_way_in};
use super::perform::Programs;
use super::plan::{Act, Change, Consent, plan};
use super::treatment::{State, Treatment};
use super::*;
use crate::report::{Judged, Report, Scope, judge};
use crate::rules::fixture::Fixture;
use crate::rules::{Finding, Fix, Place, Rule};

/// `systemctl` as far as it is asked here: it remembers whether the one unit is enabled and active.
const SYSTEMCTL: &str = r#"#!/bin/sh
D=${0%/*}/..
echo "$*" >> "$D/said"
case "$1" in
is-enabled) if [ -e "$D/enabled" ]; then echo enabled; else echo disabled; exit 1; fi ;;
is-active) if [ -e "$D/active" ]; then echo active; else echo inactive; exit 3; fi ;;
enable) : > "$D/enabled"; if [ "$2" = --now ]; then : > "$D/active"; fi ;;
disable) rm -f "$D/enabled" ;;
stop) rm -f "$D/active" ;;
show) echo yes ;;
reload) if [ -e "$D/deaf" ]; then echo "Job for $2 failed." >&2; exit 1; fi ;;
esac
"#;
/// ufw and iptables: what stood in DOCKER-USER is told, and what is put back is kept.
const UFW: &str = "#!/bin/sh\necho \"ufw $1\" >> \"${0%/*}/../said\"\n";
const SAVE: &str =
    "#!/bin/sh\nD=${0%/*}/..\n[ \"${0##*/}\" = iptables-save ] && exec cat \"$D/filter\"\nexit 1\n";
const RESTORE: &str = "#!/bin/sh\ncat > \"${0%/*}/../restored\"\n";
const FILTER: &str = "# Generated\n*filter\n:INPUT DROP [7:420]\n:FORWARD ACCEPT [0:0]\n:DOCKER-USER - [0:0]\n:ufw-user-input - [0:0]\n\
                      -A INPUT -j ufw-user-input\n-A DOCKER-USER -s 192.0.2.1/32 -j DROP\n-A DOCKER-USER -j RETURN\nCOMMIT\n";

struct Host {
    folder: tempfile::TempDir,
}

impl Host {
    fn new() -> Self {
        let host = Self { folder: tempfile::tempdir().expect("a folder") };
        for (name, text) in [
            ("bin/systemctl", SYSTEMCTL),
            ("bin/ufw-init", UFW),
            ("bin/iptables-save", SAVE),
            ("bin/ip6tables-save", SAVE),
            ("bin/iptables-restore", RESTORE),
            ("filter", FILTER),
            ("etc/a", "old a\n"),
            ("etc/b", "old b\n"),
            ("said", ""),
        ] {
            host.put(name, text);
        }
        host
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn put(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(&path, text).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("its mode");
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|_| "absent".to_owned())
    }

    fn programs(&self) -> Programs {
        Programs::in_path(format!("{}:/usr/bin:/bin", self.path("bin").display()))
    }

    fn state(&self) -> PathBuf {
        self.path("state")
    }

    /// All that an undo has to give back.
    fn seen(&self) -> Vec<String> {
        ["etc/a", "etc/b", "etc/new", "enabled", "active"].map(|name| self.text(name)).to_vec()
    }

    fn content(&self, name: &str, old: Option<&str>, new: &str) -> Change {
        let bytes = |text: &str| text.as_bytes().to_vec();
        self.change(Act::Content {
            file: self.path(name),
            old: old.map(bytes),
            new: bytes(new),
            uid: rustix::process::geteuid().as_raw(),
            gid: rustix::process::getegid().as_raw(),
            mode: 0o755,
            folder: None,
        })
    }

    fn change(&self, act: Act) -> Change {
        Change { act, cures: vec![("SVC001".to_owned(), "api.service".to_owned())] }
    }

    fn order(&self, order: Order) -> Change {
        self.change(Act::Order(order))
    }

    fn treatment(&self) -> Treatment {
        let unit = || "api.service".to_owned();
        let changes = vec![
            self.content("etc/a", Some("old a\n"), "new a\n"),
            self.content("etc/b", Some("old b\n"), "new b\n"),
            self.content("etc/new", None, "new\n"),
            self.order(Order::DaemonReload),
            self.order(Order::Enable { unit: unit(), now: true }),
            self.order(Order::Reload { unit: unit() }),
        ];
        Treatment::new(changes, Timestamp::from_seconds(1))
    }

    fn on_disk(&self) -> Treatment {
        Treatment::find(&self.state(), Some("1000")).expect("a treatment")
    }
}

#[test]
fn a_kill_at_any_step_leaves_a_treatment_that_can_be_undone() {
    let steps = Host::new().treatment().changes.len();
    for killed_at in 0..=steps {
        // Killed before the deed of this step, and after it but before its outcome was on disk.
        for deed in [false, true] {
            let host = Host::new();
            let (before, programs) = (host.seen(), host.programs());
            let mut treatment = host.treatment();
            treatment.keep(&host.state()).expect("kept");
            for place in 0..killed_at {
                treatment.step(place, &host.state(), &programs).expect("a step");
            }
            if deed && killed_at < steps {
                treatment.step(killed_at, &host.state(), &programs).expect("a step");
                treatment.changes[killed_at].state = State::Planned;
                treatment.keep(&host.state()).expect("kept");
            }
            drop(treatment);
            let left = host.on_disk().undo(&host.state(), &programs, "undone", |_| true).expect("undone");
            assert_eq!((host.seen(), left), (before, Vec::new()), "killed at {killed_at}, deed {deed}");
            assert!(!host.on_disk().stands());
        }
    }
}

#[test]
fn services_are_told_again_when_all_files_are_as_they_were() {
    let host = Host::new();
    let mut treatment = host.treatment();
    treatment.carry_out(&host.state(), &host.programs()).expect("done");
    assert!(treatment.changes.iter().all(|entry| entry.state == State::Done), "{treatment:?}");
    assert_eq!(host.seen(), ["new a\n", "new b\n", "new\n", "", ""]);
    host.put("said", "");
    treatment.undo(&host.state(), &host.programs(), "undone", |_| true).expect("undone");
    let said = host.text("said");
    let at = |word: &str| {
        said.lines().position(|line| line.starts_with(word)).unwrap_or_else(|| panic!("{word}: {said}"))
    };
    assert!(
        at("disable api.service") < at("daemon-reload") && at("stop") < at("reload api.service"),
        "{said}"
    );
}

#[test]
fn what_was_enabled_before_stays_enabled() {
    let host = Host::new();
    host.put("enabled", "");
    let before = host.seen();
    let mut treatment = host.treatment();
    treatment.carry_out(&host.state(), &host.programs()).expect("done");
    treatment.undo(&host.state(), &host.programs(), "undone", |_| true).expect("undone");
    assert_eq!(host.seen(), before);
}

#[test]
fn a_service_that_refuses_takes_everything_back_that_was_for_it() {
    let host = Host::new();
    host.put("deaf", "");
    let before = host.seen();
    let mut treatment = host.treatment();
    treatment.carry_out(&host.state(), &host.programs()).expect("done");
    assert_eq!(host.seen(), before);
    let last = &treatment.changes.last().expect("the reload").state;
    assert!(
        matches!(last, State::Refused(why) | State::Failed(why) if why.contains("Job for api.service failed")),
        "{last:?}"
    );
}

#[test]
fn sshd_is_not_told_to_read_what_it_would_not_accept() {
    let host = Host::new();
    host.put("bin/sshd", "#!/bin/sh\necho \"sshd_config line 3: Bad option\" >&2\nexit 255\n");
    let changes = vec![
        host.content("etc/a", Some("old a\n"), "Bad option\n"),
        host.order(Order::Reload { unit: "ssh.service".to_owned() }),
    ];
    let mut treatment = Treatment::new(changes, Timestamp::from_seconds(1));
    treatment.carry_out(&host.state(), &host.programs()).expect("done");
    assert_eq!(host.text("etc/a"), "old a\n", "taken back at once");
    assert!(format!("{treatment:?}").contains("line 3: Bad option"), "{treatment:?}");
}

#[test]
fn a_reload_of_ufw_gives_back_what_outlives_it() {
    let host = Host::new();
    let mut treatment = Treatment::new(vec![host.order(Order::ReloadUfw)], Timestamp::from_seconds(1));
    treatment.carry_out(&host.state(), &host.programs()).expect("done");
    treatment.undo(&host.state(), &host.programs(), "undone", |_| true).expect("undone");
    assert_eq!(host.text("said"), "ufw force-reload\nufw force-reload\n");
    let chain = ":DOCKER-USER - [0:0]\n-A DOCKER-USER -s 192.0.2.1/32 -j DROP\n-A DOCKER-USER -j RETURN\n";
    let wanted = format!("*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n{chain}COMMIT\n");
    assert_eq!(host.text("restored"), wanted, "policies and one chain, nothing of Docker's");
}

#[test]
fn only_names_are_told_to_programs() {
    for unit in [
        "--now",
        "api",
        "a b.service",
        "x;reboot.service",
        "$(reboot).service",
        "../x.service",
        "x.slice",
        "",
    ] {
        let unit = || unit.to_owned();
        for order in [Order::Enable { unit: unit(), now: true }, Order::Reload { unit: unit() }] {
            assert!(order.check().is_err(), "{order}");
            let host = Host::new();
            assert!(host.programs().before(&order).is_err(), "{order}");
            assert_eq!(host.text("said"), "", "{order}");
        }
    }
    for place in ["-o", "/", "mnt", "/mnt/../etc", "/mnt/a b", "/mnt\n/etc"] {
        assert!(Order::Mount { place: place.to_owned() }.check().is_err(), "{place}");
    }
    for order in [
        Order::Enable { unit: "app@1.service".to_owned(), now: false },
        Order::Reload { unit: "dev-disk\\x2d1.service".to_owned() },
        Order::Mount { place: "/mnt/backup-1".to_owned() },
    ] {
        assert_eq!(order.check(), Ok(()));
    }
}

#[test]
fn what_may_shut_people_out_is_known() {
    for file in [
        "/etc/ufw/after.rules",
        "/etc/nftables.conf",
        "/etc/iptables/rules.v4",
        "/etc/ssh/sshd_config.d/1.conf",
    ] {
        assert!(is_of_the_way_in(file), "{file}");
    }
    for file in ["/etc/ufw.d/x", "/etc/ssh/ssh_config", "/etc/cron.d/ufw"] {
        assert!(!is_of_the_way_in(file), "{file}");
    }
    let enable = |unit: &str, now| Order::Enable { unit: unit.to_owned(), now };
    assert!(Order::ReloadUfw.is_about_the_way_in() && enable("nftables.service", true).is_about_the_way_in());
    assert!(
        !enable("ufw.service", false).is_about_the_way_in()
            && !enable("cron.service", true).is_about_the_way_in()
    );
}

fn waiting(host: &Host) -> Treatment {
    let mut treatment = host.treatment();
    treatment.confirmation = Confirmation::Awaited { until: Timestamp::from_seconds(61), guard: None };
    treatment.carry_out(&host.state(), &host.programs()).expect("done");
    treatment
}

#[test]
fn what_nobody_confirms_is_taken_back_and_a_word_that_comes_later_is_too_late() {
    let host = Host::new();
    let before = host.seen();
    let mut treatment = waiting(&host);
    assert!(treatment.waits() && host.seen() != before);
    let now = || Timestamp::from_seconds(62);
    assert_eq!(treatment.roll_back(&host.state(), &host.programs(), now).expect("taken back"), Vec::new());
    assert_eq!(host.seen(), before);
    let mut treatment = host.on_disk();
    assert!(!treatment.waits() && !treatment.is_stuck());
    let answer = treatment.confirm(&host.state(), Timestamp::from_seconds(70)).expect("an answer");
    assert_eq!(answer, Answer::TakenBack(Timestamp::from_seconds(62)));
}

#[test]
fn what_is_confirmed_in_time_stays_until_it_is_undone() {
    let host = Host::new();
    let before = host.seen();
    let answer = waiting(&host).confirm(&host.state(), Timestamp::from_seconds(9)).expect("an answer");
    assert_eq!(answer, Answer::Stays);
    let mut treatment = host.on_disk();
    assert!(!treatment.waits() && !treatment.is_forsaken(), "the guard leaves it alone");
    assert_eq!(treatment.confirm(&host.state(), Timestamp::from_seconds(10)).expect("twice"), Answer::Stayed);
    treatment.undo(&host.state(), &host.programs(), "undone", |_| true).expect("undone");
    assert_eq!(host.seen(), before);
}

#[test]
fn a_treatment_is_forsaken_when_its_guard_is_gone() {
    let host = Host::new();
    let mut treatment = waiting(&host);
    assert!(treatment.is_forsaken(), "killed before its guard was on record");
    let own = muster_host::process::mark(std::process::id()).expect("a mark");
    let earlier = ProcessMark { boot: "an earlier boot".to_owned(), ..own.clone() };
    for (guard, forsaken) in [(own, false), (earlier, true)] {
        let until = Timestamp::from_seconds(61);
        treatment.confirmation = Confirmation::Awaited { until, guard: Some(guard) };
        treatment.keep(&host.state()).expect("kept");
        assert_eq!(host.on_disk().is_forsaken(), forsaken);
    }
}

#[test]
fn what_somebody_changed_meanwhile_is_told_after_a_rollback() {
    let host = Host::new();
    let mut treatment = waiting(&host);
    host.put("etc/a", "mine\n");
    let left =
        treatment.undo(&host.state(), &host.programs(), "nobody confirmed it", |_| true).expect("tried");
    assert_eq!(left.len(), 1, "{left:?}");
    treatment.confirmation = Confirmation::Missed { at: Timestamp::from_seconds(62), left };
    assert!(treatment.is_stuck());
    assert_eq!((host.text("etc/a").as_str(), host.text("etc/b").as_str()), ("mine\n", "old b\n"));
}

/// A report with these findings of one rule in this tree.
fn report(root: &Path, rule: &'static Rule, mends: Vec<(&str, Mend)>) -> Report {
    let facts = crate::rules::tests::facts_of(&Fixture::files("an empty host", &[]));
    let mut report = judge(&facts, &Scope::default());
    report.vantage.root = root.display().to_string();
    let judged = |(subject, mend)| {
        let finding = Finding::new(subject, Place::of("here"), "seen").mended(mend);
        Judged { rule, finding }
    };
    report.findings = mends.into_iter().map(judged).collect();
    report
}

fn rule_that_is(fix: Fix) -> &'static Rule {
    crate::rules::RULES.iter().copied().find(|rule| rule.fix == fix).expect("a rule")
}

fn append(file: &str) -> Mend {
    Mend::Append { file: file.to_owned(), text: "more\n".to_owned(), unless: "more".to_owned() }
}

#[test]
fn what_disturbs_is_left_until_somebody_agrees() {
    let host = Host::new();
    let rule = rule_that_is(Fix::Disruptive);
    let report = report(host.folder.path(), rule, vec![("x", append("/etc/a"))]);
    let safe = plan(&report, Consent::Safe);
    assert_eq!((safe.changes.len(), safe.disruptive), (0, vec![(rule.id.to_owned(), "x".to_owned())]));
    let all = plan(&report, Consent::Disruptive);
    assert!(matches!(&all.changes[0].act, Act::Content { new, .. } if new == b"old a\nmore\n"), "{all:?}");
}

#[test]
fn a_mend_of_several_parts_is_planned_whole_or_not_at_all() {
    let host = Host::new();
    host.put("etc/b", "more of it\n");
    let both = Mend::All(vec![append("/etc/a"), append("/etc/b"), Mend::Order(Order::ReloadUfw)]);
    let rule = rule_that_is(Fix::Disruptive);
    let plan = plan(&report(host.folder.path(), rule, vec![("x", both)]), Consent::Disruptive);
    assert!(plan.changes.is_empty(), "{plan:?}");
    assert!(
        plan.left.iter().any(|(file, why)| file == "/etc/b" && why.contains("speaks of more")),
        "{plan:?}"
    );
}

#[test]
fn one_mend_for_many_findings_is_made_once_and_not_where_one_of_them_is_allowed() {
    let host = Host::new();
    let rule = rule_that_is(Fix::Disruptive);
    let mut report = report(host.folder.path(), rule, vec![("x", append("/etc/a")), ("y", append("/etc/a"))]);
    let planned = plan(&report, Consent::Disruptive);
    assert_eq!((planned.changes.len(), planned.changes[0].cures.len()), (1, 2), "{planned:?}");
    assert!(matches!(&planned.changes[0].act, Act::Content { new, .. } if new == b"old a\nmore\n"));
    let by = crate::allow::read(&allowing()).remove(0);
    let judged = report.findings.remove(1);
    report.allowed.push(crate::report::Allowed { judged, by });
    let planned = plan(&report, Consent::Disruptive);
    assert!(planned.changes.is_empty() && planned.left[0].1.contains("is allowed"), "{planned:?}");
}

fn allowing() -> crate::facts::Facts {
    let mut facts = crate::rules::tests::facts_of(&Fixture::files("an empty host", &[]));
    facts.notes.push(crate::facts::files::Note {
        file: "muster.toml".to_owned(),
        line: 1,
        everywhere: true,
        text: "FW001 until=2027-01-31 reason=\"the shop\"".to_owned(),
    });
    facts
}

#[test]
fn nobody_is_told_anything_in_a_tree_of_files() {
    let host = Host::new();
    let rule = rule_that_is(Fix::Disruptive);
    let told = Mend::Order(Order::Enable { unit: "cron.service".to_owned(), now: true });
    let with_file = Mend::All(vec![append("/etc/a"), Mend::Order(Order::ReloadUfw)]);
    let report = report(host.folder.path(), rule, vec![("x", told), ("y", with_file)]);
    let plan = plan(&report, Consent::Disruptive);
    assert_eq!(plan.changes.len(), 1, "the file alone: {plan:?}");
    assert!(plan.left[0].1.contains("nothing runs"), "{plan:?}");
}
