//! What a good file says about hosts and services.

use std::path::PathBuf;

use muster_config::assertion::{Assertion, examples_compile};
use muster_config::compile::compile;
use muster_config::job_only::names_only;
use muster_config::plan::{
    HealthSpec, Hooks, HostPlan, Plan, RestartSpec, RuntimeSpec, ServicePlan, ServiceSpec, Source, Strategy,
    Switch, Then, ToolSpec,
};
use muster_config::secret::SecretRef;
use muster_config::tables::service::health::TERMS;
use muster_core::expectation::{Hearing, Rhythm};
use muster_core::time::Span;

use crate::catalogue::{CATALOGUE, Sample};
use crate::{fixture, source};

fn plan(text: &str) -> Plan<Sample, ()> {
    let (plan, faults) = compile(&source(text), &CATALOGUE);
    plan.unwrap_or_else(|| panic!("{faults}"))
}

/// The only service of a text, on this machine unless it says otherwise.
fn service(text: &str) -> ServicePlan {
    let plan = plan(&format!("[service.api]\nnotify = []\n{text}\n"));
    plan.services.into_iter().next().expect("a service")
}

fn host(name: &str, address: Option<&str>, ssh: Option<&str>) -> HostPlan {
    HostPlan { name: name.into(), address: address.map(Into::into), ssh: ssh.map(Into::into) }
}

#[test]
fn the_services_of_the_full_file_arrive_with_their_hosts() {
    let text = std::fs::read_to_string(fixture("good/services.toml")).expect("readable");
    let plan = plan(&text);
    let ams1 = host("ams1", Some("203.0.113.10"), Some("deploy@203.0.113.10"));
    let fra1 = host("fra1", Some("fra1.example.com"), Some("ssh://deploy@203.0.113.11:2222"));
    let here = host("here", None, None);
    assert_eq!(plan.hosts, [ams1.clone(), fra1.clone(), here.clone()]);
    assert_eq!(plan.jobs.len(), 1, "a job of the host without `ssh` is one of this machine");

    let [api, web, worker, notes] = plan.services.as_slice() else { panic!("{:?}", plan.services) };
    assert_eq!(api.hosts, [fra1.clone(), ams1.clone()], "the canary first");
    assert_eq!(
        api.strategy,
        Strategy { canary: Some("fra1".into()), hold: Span::seconds(30), then: Then::Rolling }
    );
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let hooks = Hooks {
        before: words(&["./announce", "begins"]),
        after: words(&["true"]),
        failed: words(&["./announce", "failed"]),
    };
    assert_eq!((&api.hooks, &web.hooks), (&hooks, &Hooks::default()));
    assert_eq!(web.spec.credentials, [("db_password".to_owned(), PathBuf::from("/etc/web/db.key"))]);
    let secret = |name: &str, reference| (name.to_owned(), reference);
    assert_eq!(
        api.secrets,
        [
            secret("DATABASE_URL", SecretRef::Env("DATABASE_URL".into())),
            secret("GEMINI_KEY", SecretRef::Command(["pass", "show", "gemini"].map(String::from).into())),
        ]
    );
    let texts = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        api.spec,
        ServiceSpec {
            service: "api".into(),
            runtime: RuntimeSpec::Docker {
                image: "ghcr.io/acme/api".into(),
                command: texts(&["./serve"]),
                volumes: Vec::new(),
            },
            domains: texts(&["api.example.com", "www.example.com"]),
            port: Some(8080),
            health: HealthSpec {
                path: "/health?deep=1".into(),
                expect: texts(&["status == 200", "json('$.database') == 'ok'"]),
                consecutive: 5,
                within: Span::seconds(90),
                timeout: Span::seconds(2),
                heartbeat: None,
            },
            env_file: Some(PathBuf::from("/opt/api/.env")),
            required_env: texts(&["DATABASE_URL", "GEMINI_KEY"]),
            tools: vec![
                ToolSpec { program: "docker".into(), least: vec![24] },
                ToolSpec { program: "psql".into(), least: vec![15, 2] },
            ],
            credentials: Vec::new(),
            user: Some("1000:1000".into()),
            memory: Some(512 << 20),
            restart: RestartSpec { max: 3, per: Span::minutes(5) },
            pre_deploy: texts(&["./manage", "migrate"]),
            switch: Switch::Reload,
            drain: Span::seconds(20),
            keep_warm: Span::hours(1),
            keep_releases: 7,
            stop_timeout: Span::seconds(20),
            stop_first: false,
            irreversible: true,
        }
    );

    assert_eq!(web.hosts, [here], "without `hosts`, the host that is this machine");
    assert_eq!(
        web.spec.runtime,
        RuntimeSpec::Systemd {
            source: Source::Git { url: "git@github.com:acme/web.git".into(), branch: "release".into() },
            command: texts(&["node", "server.js"]),
            build: texts(&["npm", "ci"]),
        }
    );
    assert_eq!(web.strategy.canary, None, "there is nobody to follow");

    assert_eq!(worker.hosts, [ams1, fra1]);
    assert_eq!(worker.strategy.canary, Some("ams1".into()), "the first of several");
    let artifact = Source::Artifact(PathBuf::from("/srv/build/worker.tar.gz"));
    assert!(matches!(&worker.spec.runtime, RuntimeSpec::Systemd { source, .. } if *source == artifact));
    assert_eq!((worker.spec.port, worker.spec.stop_first, worker.spec.keep_warm), (None, true, Span::ZERO));
    assert_eq!(worker.spec.health.heartbeat.as_deref(), Some("mail-worker"));

    assert_eq!(
        (notes.spec.stop_first, notes.spec.keep_warm),
        (true, Span::ZERO),
        "its data can only be had by one"
    );
}

#[test]
fn a_service_that_says_little_has_sensible_limits() {
    let ServicePlan { hosts, spec, secrets, strategy, .. } = service("image = \"redis\"\nport = 6379");
    assert_eq!((hosts, secrets), (vec![host("localhost", None, None)], Vec::new()));
    assert_eq!(strategy, Strategy { canary: None, hold: Span::seconds(10), then: Then::Parallel });
    assert_eq!(
        spec.health,
        HealthSpec {
            path: "/health".into(),
            expect: vec!["status == 200".into()],
            consecutive: 3,
            within: Span::seconds(60),
            timeout: Span::seconds(5),
            heartbeat: None,
        }
    );
    assert_eq!(spec.restart, RestartSpec { max: 5, per: Span::minutes(10) });
    assert_eq!(
        (spec.drain, spec.keep_warm, spec.keep_releases, spec.stop_timeout),
        (Span::seconds(30), Span::minutes(10), 5, Span::seconds(10))
    );
    assert!(!spec.stop_first && !spec.irreversible && spec.domains.is_empty());
}

#[test]
fn only_data_that_is_written_and_workers_stop_the_old_release_first_unless_the_file_says_otherwise() {
    for (text, stops_first, warm) in [
        ("port = 80", false, Span::minutes(10)),
        ("port = 80\nvolumes = [\"/etc/api:/etc/api:ro\"]", false, Span::minutes(10)),
        ("port = 80\nvolumes = [\"data:/data\"]", true, Span::ZERO),
        ("port = 80\nvolumes = [\"data:/data\"]\nstop_first = false", false, Span::minutes(10)),
        ("port = 80\nstop_first = true", true, Span::ZERO),
        ("", true, Span::ZERO),
        ("stop_first = false", false, Span::ZERO),
        ("stop_first = false\nkeep_warm = \"1m\"", false, Span::minutes(1)),
    ] {
        let spec = service(&format!("image = \"redis\"\n{text}")).spec;
        assert_eq!((spec.stop_first, spec.keep_warm), (stops_first, warm), "{text}");
    }
}

#[test]
fn a_deploy_comes_when_it_comes_and_must_end() {
    let text = std::fs::read_to_string(fixture("good/services.toml")).expect("readable");
    let plan = plan(&text);
    let api = plan.expectations.iter().find(|one| one.id.as_str() == "deploy.api").expect("on the roll");
    assert_eq!((&api.rhythm, api.hearing, api.after), (&Rhythm::OnReport, Hearing::Spooled, 1));
    // Half an hour, the 30 s of the canary, and for each of two hosts 90 s to be well, 20 s to drain and 20 s to stop.
    assert_eq!(api.max_runtime, Some(Span::minutes(30) + Span::seconds(30) + Span::seconds(260)));
    assert_eq!(api.notify.len(), 1, "from [defaults]");
    let worker =
        plan.expectations.iter().find(|one| one.id.as_str() == "deploy.mail-worker").expect("on the roll");
    assert!(worker.notify.is_empty(), "an empty list is a decision");
    let names = names_only(&text);
    assert!(names.iter().any(|id| id.as_str() == "deploy.mail-worker"), "known in a broken file as well");
}

#[test]
fn what_is_kept_of_a_health_assertion_compiles_on_the_hosts() {
    assert_eq!(examples_compile(TERMS), Ok(()));
    let text = std::fs::read_to_string(fixture("good/services.toml")).expect("readable");
    for service in plan(&text).services {
        for text in &service.spec.health.expect {
            assert!(Assertion::compile(text, TERMS).is_ok(), "{text}");
        }
    }
}

#[test]
fn a_service_travels_to_its_hosts_and_back_unchanged() {
    let text = std::fs::read_to_string(fixture("good/services.toml")).expect("readable");
    for service in plan(&text).services {
        let json = serde_json::to_string(&service.spec).expect("json");
        assert_eq!(serde_json::from_str::<ServiceSpec>(&json).expect("read back"), service.spec);
    }
}
