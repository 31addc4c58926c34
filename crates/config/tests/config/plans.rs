//! What good files say.

use std::path::PathBuf;

use muster_config::compile::compile;
use muster_config::plan::{Expect, NewerThan, Overlap, Plan};
use muster_config::secret::{MaybeSecret, SecretRef};
use muster_core::expectation::{Expectation, Hearing, Level, Rhythm};
use muster_core::time::{Span, Timestamp};

use crate::catalogue::{CATALOGUE, Sample};
use crate::{fixture, source, toml_files};

fn plan(text: &str) -> Plan<Sample, ()> {
    let (plan, faults) = compile(&source(text), &CATALOGUE);
    plan.unwrap_or_else(|| panic!("{faults}"))
}

fn expectation<'p>(plan: &'p Plan<Sample, ()>, id: &str) -> &'p Expectation {
    plan.expectations.iter().find(|one| one.id.as_str() == id).expect("on the roll")
}

/// Until when pages about it are held back at that moment.
fn held(expectation: &Expectation, at: &str) -> Option<String> {
    let at: jiff::Timestamp = at.parse().expect("a moment");
    let until = expectation.maintenance.until(Timestamp::from_seconds(at.as_second()));
    until.map(|until| until.to_string())
}

#[test]
fn good_files_have_no_fault_at_all() {
    for path in toml_files("good") {
        let text = std::fs::read_to_string(&path).expect("readable");
        let (plan, faults) = compile(&source(&text), &CATALOGUE);
        assert!(plan.is_some() && faults.is_empty(), "{}\n{faults}", path.display());
    }
}

#[test]
fn an_empty_file_is_a_whole_plan() {
    let plan = plan("");
    assert_eq!(plan.muster.name, "ams1");
    assert_eq!(plan.muster.zone, "UTC");
    assert_eq!(plan.muster.listen.to_string(), "127.0.0.1:7077");
    assert_eq!((plan.muster.keep.runs, plan.muster.keep.logs), (Span::days(90), 1 << 30));
    assert!(plan.expectations.is_empty() && plan.jobs.is_empty() && plan.channels.is_empty());
}

#[test]
fn the_full_file_arrives_in_every_room() {
    let text = std::fs::read_to_string(fixture("good/full.toml")).expect("readable");
    let plan = plan(&text);
    assert_eq!((plan.muster.name.as_str(), plan.muster.zone.as_str()), ("acme", "Europe/Berlin"));
    assert_eq!(plan.muster.password, Some(SecretRef::Env("MUSTER_PASSWORD".into())));
    assert_eq!(
        plan.muster.tls.as_ref().map(|tls| tls.key.clone()),
        Some(PathBuf::from("/etc/muster/tls.key"))
    );
    assert_eq!(
        plan.muster.beat.as_ref().map(|beat| beat.url.clone()),
        Some(MaybeSecret::Secret(SecretRef::Env("OUTSIDE_HEARTBEAT_URL".into())))
    );

    let names: Vec<(&str, &str)> =
        plan.channels.iter().map(|channel| (channel.name.as_str(), channel.kind)).collect();
    assert_eq!(names, [("ops", "letter"), ("phone", "hook"), ("chat", "hook")]);
    assert_eq!((plan.channels[0].quota, plan.channels[1].quota), (None, Some(250)));
    assert_eq!(plan.channels[0].fallback.as_ref().map(|name| name.as_str()), Some("phone"));
    assert!(matches!(
        &plan.channels[0].part,
        Sample::Letter { port: 587, password: Some(SecretRef::Command(words)), .. } if words[0] == "pass"
    ));

    let ids: Vec<&str> = plan.expectations.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(
        ids,
        ["check.uplink", "job.nightly-export", "job.sync", "job.by-hand", "check.nas-sync", "check.weekly"],
        "the order of the file"
    );
    let export = expectation(&plan, "job.nightly-export");
    assert!(
        matches!(&export.rhythm, Rhythm::Cron(schedule) if schedule.text() == "0 2 * * *" && schedule.zone() == "Europe/Berlin")
    );
    assert_eq!(
        (export.after, export.recover, export.skip_alert),
        (1, 1, 3),
        "a job pages on the first failure"
    );
    assert_eq!((export.severity.failed, export.severity.skipped), (Level::Page, Level::Warn));
    let parents: Vec<&str> = export.parents.iter().map(|id| id.as_str()).collect();
    assert_eq!(parents, ["check.uplink", "check.nas-sync"], "each once");
    assert_eq!(export.notify.len(), 1, "from [defaults]");
    assert_eq!(export.hearing, Hearing::Spooled);
    let sync = expectation(&plan, "job.sync");
    assert_eq!(sync.rhythm, Rhythm::Every(Span::minutes(15)));
    assert_eq!((sync.after, sync.start_within), (2, Span::minutes(5)));
    assert_eq!(sync.notify.len(), 2);
    assert_eq!(
        held(sync, "2026-12-01T01:00:00Z"),
        Some("2026-12-01T06:00:00Z".into()),
        "two o'clock in Berlin"
    );
    assert_eq!(held(sync, "2026-12-01T00:59:59Z"), None);
    assert_eq!(held(sync, "2026-11-22T02:00:00Z"), None, "its own in place of that of [defaults]");
    assert_eq!(
        held(export, "2026-11-22T02:00:00Z"),
        Some("2026-11-22T04:00:00Z".into()),
        "three on a Sunday"
    );
    let by_hand = expectation(&plan, "job.by-hand");
    assert_eq!((&by_hand.rhythm, by_hand.success_every), (&Rhythm::OnReport, Some(Span::days(8))));
    assert!(by_hand.notify.is_empty(), "an empty list is a decision");
    assert!(by_hand.maintenance.is_empty(), "and so is this one");
    let nas = expectation(&plan, "check.nas-sync");
    assert_eq!((nas.after, nas.of, nas.recover), (3, Some(5), 2));
    let uplink = expectation(&plan, "check.uplink");
    assert_eq!((uplink.after, uplink.of), (1, None), "silence does not repeat itself");
    assert_eq!((nas.start_within, nas.hearing), (Span::minutes(10), Hearing::Direct));
    assert_eq!(expectation(&plan, "check.weekly").start_within, Span::minutes(5), "the default grace");

    let weekly = expectation(&plan, "check.weekly");
    assert_eq!((weekly.notify.len(), weekly.steps.len(), weekly.steps[1].after), (1, 2, Span::hours(1)));

    let job = &plan.jobs[0];
    assert_eq!(job.command, ["/opt/data_export/code/run.sh", "--all"]);
    assert_eq!((job.timeout.soft, job.timeout.grace), (Some(Span::minutes(45)), Span::seconds(10)));
    assert_eq!(job.lock, Some(PathBuf::from("/opt/data_export/locks/export.lock")));
    assert_eq!(job.expect.output, [r"exported \d+ rows"]);
    let file = job.expect.file.as_ref().expect("a file");
    assert_eq!((file.glob.to_string().as_str(), file.min_size), ("/mnt/data/*.csv.gz", Some(1 << 20)));
    assert_eq!((file.newer_than, file.min_count), (NewerThan::Start, 1));
    assert_eq!(plan.jobs[1].expect, Expect::default());
    assert_eq!(plan.jobs[1].overlap, Overlap::Wait { at_most: Span::minutes(2) });
}

/// Whom each expectation tells: at once, and later.
fn whom(text: &str, id: &str) -> (Vec<String>, Vec<(Span, Vec<String>)>) {
    let channels = ["ops", "chat", "phone"];
    let channels: String = channels
        .iter()
        .map(|n| format!("[notify.{n}]\nkind = \"hook\"\nurl = \"https://a.example\"\n"))
        .collect();
    let plan = plan(&format!("{channels}{text}"));
    let names = |list: &[muster_core::ids::ChannelName]| list.iter().map(ToString::to_string).collect();
    if id == "the rest" {
        let steps = plan.steps.iter().map(|step| (step.after, names(&step.notify))).collect();
        return (names(&plan.notify), steps);
    }
    let found = expectation(&plan, id);
    let steps = found.steps.iter().map(|step| (step.after, names(&step.notify))).collect();
    (names(&found.notify), steps)
}

#[test]
fn who_is_told_is_said_by_the_table_then_by_the_defaults_then_by_the_escalation_called_default() {
    let escalations = "[escalation.default]\nsteps = [{ after = \"0s\", notify = [\"chat\"] }, { after = \"10m\", notify = [\"phone\", \"ops\"] }]\n\
                       [escalation.soft]\nsteps = [{ after = \"0s\", notify = [\"phone\"] }]\n";
    let defaults = "[defaults]\nnotify = [\"ops\"]\n";
    let later = vec![(Span::minutes(10), vec!["phone".to_owned(), "ops".to_owned()])];
    let job = |more: &str| format!("[job.a]\nevery = \"1h\"\n{more}\n");
    let chat = || vec!["chat".to_owned()];
    let only = |name: &str| (vec![name.to_owned()], Vec::new());
    for (what, text, expected) in [
        ("nothing said", format!("{escalations}{}", job("")), (chat(), later.clone())),
        ("before the defaults", format!("{escalations}{defaults}{}", job("")), (chat(), later.clone())),
        ("its own notify", format!("{escalations}{}", job("notify = [\"ops\"]")), only("ops")),
        ("its own escalation", format!("{escalations}{}", job("escalate = \"soft\"")), only("phone")),
        (
            "the defaults name one",
            format!("{escalations}[defaults]\nescalate = \"soft\"\n{}", job("")),
            only("phone"),
        ),
        ("there is none", format!("{defaults}{}", job("")), only("ops")),
    ] {
        assert_eq!(whom(&text, "job.a"), expected, "{what}");
    }
    assert_eq!(whom(&format!("{escalations}{defaults}"), "the rest"), only("ops"));
    assert_eq!(whom(escalations, "the rest"), (chat(), later));
}

#[test]
fn the_host_that_a_check_looks_at_is_known_without_its_port_and_user() {
    for (written, host) in [
        ("db1.example.com:5432", "db1.example.com"),
        ("https://ann:hunter2@Web.example.com:8443/health?x=1", "web.example.com"),
        ("https://[2001:db8::7]:443/", "2001:db8::7"),
        ("2001:db8::7", "2001:db8::7"),
        ("192.0.2.1", "192.0.2.1"),
    ] {
        let plan = plan(&format!("[check.x]\nkind = \"door\"\nnotify = []\naddress = \"{written}\"\n"));
        assert_eq!(plan.expectations[0].target.as_deref(), Some(host), "{written}");
    }
}

#[test]
fn the_text_of_a_plan_shows_no_open_secret() {
    let plan = plan("[notify.x]\nkind = \"hook\"\nurl = \"https://hooks.example.com/hunter2\"\n");
    assert!(!format!("{plan:?}").contains("hunter2"));
}

#[test]
fn who_subscribes_is_mailed_through_a_channel_and_comes_in_by_an_address() {
    let text = |url: &str| {
        format!(
            "[notify.mail]\nkind = \"email\"\nto = [\"ops@example.com\"]\nsmtp = {{ host = \"smtp.example.com\" }}\n\
             [check.api]\nkind = \"heartbeat\"\nevery = \"5m\"\nnotify = [\"mail\"]\n\
             [status_page]\ntitle = \"Acme\"\nurl = \"https://acme.example\"\nfolder = \"/var/www/status\"\n\
             component = [{{ name = \"API\", of = [\"check.api\"] }}]\n\
             subscribe = {{ notify = \"mail\", url = \"{url}\" }}\n"
        )
    };
    for (url, reached, origin) in [
        ("https://status.example.com/", "https://status.example.com", "https://status.example.com"),
        ("https://example.com:8443/acme", "https://example.com:8443/acme", "https://example.com:8443"),
        ("http://127.0.0.1:7077", "http://127.0.0.1:7077", "http://127.0.0.1:7077"),
        ("http://[::1]:7077", "http://[::1]:7077", "http://[::1]:7077"),
    ] {
        let subscribe = plan(&text(url)).status_page.and_then(|page| page.subscribe).expect("read");
        assert_eq!((subscribe.url.as_str(), subscribe.origin.as_str()), (reached, origin));
        assert_eq!(subscribe.notify.as_str(), "mail");
    }
    for url in [
        "http://127.0.0.1.example.com",
        "https://a.example/;x",
        "https://user@a.example",
        "https://a.example/\u{e4}",
    ] {
        assert!(compile(&source(&text(url)), &CATALOGUE).0.is_none(), "{url}");
    }
}

#[test]
fn each_item_of_drift_is_an_expectation_with_a_name_of_its_own() {
    let plan = plan(
        "[notify.ops]\nkind = \"hook\"\nurl = \"https://push.example.com/acme\"\n[defaults]\nnotify = [\"ops\"]\n[drift]\n\
         watch = [\"/etc/nginx\", \"/etc/systemd/system\", \"crontabs\", \"firewall\", \"sshd\", \"env-keys:/opt/*/.env\", \
         \"/etc/a-b\", \"/etc/a/b\"]\n",
    );
    let drift = plan.drift.as_ref().expect("a part");
    assert_eq!(drift.every, Span::minutes(5));
    let names: Vec<&str> = drift.watch.iter().map(|item| item.id.as_str()).collect();
    assert_eq!(
        names[..6],
        [
            "drift.etc-nginx",
            "drift.etc-systemd-system",
            "drift.crontabs",
            "drift.firewall",
            "drift.sshd",
            "drift.env-keys-opt-env"
        ]
    );
    assert!(names[6].starts_with("drift.etc-a-b-") && names[6] != names[7], "{names:?}");
    assert_eq!(plan.expectations.len(), 8);
    let one = expectation(&plan, "drift.etc-nginx");
    assert_eq!(one.rhythm, Rhythm::Every(Span::minutes(5)));
    assert_eq!((one.hearing, one.notify.len()), (Hearing::Direct, 1));
}
