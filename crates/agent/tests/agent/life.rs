//! An ordinary life.

use std::process::Command;
use std::sync::Arc;

use muster_config::plan::{DriftPlan, Watch, WatchItem};
use muster_core::expectation::Rhythm;
use muster_core::host_roll::{HostRoll, Scheduled, Starter, Timer, TimerRhythm};
use muster_core::outbox::Delivery;
use muster_core::schedule::Schedule;
use muster_core::signal::Report;
use muster_core::time::Span;
use muster_store::contract::Store;
use muster_store::history::RunState;

use crate::house::{
    House, channel, expects, failure, id, line, on_one_thread, signal, success, until, until_board, word,
};

pub(crate) fn spooled_failure() {
    on_one_thread(async {
        let house = House::new(vec![expects("job.export", Rhythm::OnReport)]);
        // One record from before the agent's life, one from within it.
        house.spool(&signal("job.export", Some("r1"), Report::Start { process: None }));
        let agent = house.start().await;
        house.spool(&signal("job.export", Some("r1"), failure()));
        until("the page", || house.receiver.about("job.export") == ["opened"]).await;
        until("the records are gone", || house.records() == 0).await;
        let store = agent.handle().store();
        let runs = store.runs(Some(&id("job.export")), None, 9).unwrap().items;
        assert!(matches!(runs[0].state, RunState::Failed(_)), "{runs:?}");
        house.spool(&signal("job.export", Some("r2"), success()));
        until("the end", || house.receiver.about("job.export") == ["opened", "resolved"]).await;
        until_board(&agent.handle(), "ok again", |it| word(it, "job.export") == "ok").await;
        agent.stop().await.unwrap();
        assert_eq!(house.receiver.all().len(), 2, "{:?}", house.receiver.all());
    });
}

pub(crate) fn silence() {
    on_one_thread(async {
        let house = House::new(vec![expects("job.sync", Rhythm::Every(Span::hours(1)))]);
        let agent = house.start().await;
        agent.handle().hear(vec![signal("job.sync", None, success())]).await.unwrap();
        until_board(&agent.handle(), "heard", |it| word(it, "job.sync") == "ok").await;
        house.clock.forward(Span::minutes(64));
        until_board(&agent.handle(), "the clock has moved", |it| {
            line(it, "job.sync").is_some_and(|line| it.board.at.since(line.since) > Span::minutes(60))
        })
        .await;
        assert!(house.receiver.about("job.sync").is_empty(), "within its grace");
        house.clock.forward(Span::minutes(2));
        until("the page", || !house.receiver.about("job.sync").is_empty()).await;
        agent.stop().await.unwrap();
        // A restart tells nothing twice.
        let agent = house.start().await;
        until_board(&agent.handle(), "the duties run", |it| word(it, "duty.audit") == "ok").await;
        assert_eq!(house.receiver.about("job.sync"), ["opened"]);
        agent.stop().await.unwrap();
    });
}

pub(crate) fn lost_run() {
    on_one_thread(async {
        let house = House::new(vec![expects("job.backup", Rhythm::OnReport)]);
        let mut watcher = Command::new("sleep").arg("600").spawn().unwrap();
        let process = muster_host::process::mark(watcher.id()).unwrap();
        let agent = house.start().await;
        house.spool(&signal("job.backup", Some("r1"), Report::Start { process: Some(process) }));
        until_board(&agent.handle(), "it runs", |it| {
            line(it, "job.backup").is_some_and(|line| line.running.len() == 1)
        })
        .await;
        agent.stop().await.unwrap();
        watcher.kill().unwrap();
        watcher.wait().unwrap();
        let agent = house.start().await;
        let began = std::time::Instant::now();
        until("the page", || house.receiver.about("job.backup") == ["opened"]).await;
        assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
        agent.stop().await.unwrap();
    });
}

pub(crate) fn adopted() {
    on_one_thread(async {
        let house = House::new(Vec::new());
        let agent = house.start().await;
        house.spool(&signal("job.unknown", Some("r1"), failure()));
        until("its failure pages", || house.receiver.about("job.unknown") == ["opened"]).await;
        assert_eq!(
            word(&agent.handle().board().borrow(), "job.unknown"),
            "firing",
            "who is paged and looks sees it"
        );
        let heard = agent.handle().hear(vec![signal("duty.unknown", None, success())]).await.unwrap();
        assert_eq!((heard.heard, heard.unknown.len(), heard.durable), (0, 1, true));
        agent.stop().await.unwrap();
        let agent = house.start().await;
        until_board(&agent.handle(), "it is kept", |it| word(it, "job.unknown") == "firing").await;
        agent.stop().await.unwrap();
        assert_eq!(house.receiver.about("job.unknown"), ["opened"], "a restart withdraws nothing");
    });
}

fn crontab(lines: &[&str]) -> HostRoll {
    let scheduled = lines.iter().map(|name| Scheduled {
        name: (*name).to_owned(),
        by: Starter::Cron,
        source: "/etc/crontab:3".into(),
        schedule: "0 * * * *".into(),
        cron: Some("0 * * * *".into()),
        user: "root".into(),
        command: format!("muster run {name} -- true"),
        covered: Some(id(&format!("job.{name}"))),
        odd: Vec::new(),
    });
    HostRoll { scheduled: scheduled.collect(), ..HostRoll::default() }
}

pub(crate) fn discovered() {
    on_one_thread(async {
        let house = House::new(Vec::new());
        *house.host.lock().unwrap() = crontab(&["hourly"]);
        let agent = house.start().await;
        until_board(&agent.handle(), "it is expected", |it| {
            line(it, "job.hourly").is_some_and(|line| line.due.is_some())
        })
        .await;
        assert_eq!(agent.handle().board().borrow().host.scheduled.len(), 1);
        agent.stop().await.unwrap();
        // The line is deleted; its next hour passes in silence.
        *house.host.lock().unwrap() = HostRoll::default();
        let agent = house.start().await;
        until_board(&agent.handle(), "the duties run", |it| word(it, "duty.discover") == "ok").await;
        house.clock.forward(Span::minutes(66));
        until("it is missed", || house.receiver.about("job.hourly") == ["opened"]).await;
        agent.stop().await.unwrap();
    });
}

pub(crate) fn timer() {
    on_one_thread(async {
        let rhythm = Rhythm::Unknown { schedule: "export.timer".into(), error: "not asked".into() };
        let mut house = House::new(vec![expects("job.export", rhythm)]);
        house.plan.timers.insert(id("job.export"), "export.timer".into());
        let says = |fields: &str| {
            let rhythm = Ok(TimerRhythm::Cron { fields: fields.into(), zone: None });
            let timer = Timer { name: "export.timer".into(), rhythm, delay: Span::ZERO };
            HostRoll { timers: vec![timer], ..HostRoll::default() }
        };
        let shows = |agent: &muster_agent::agent::Agent, text: &'static str| {
            let handle = agent.handle();
            async move {
                until_board(&handle, text, |it| line(it, "job.export").is_some_and(|one| one.rhythm == text))
                    .await;
            }
        };
        *house.host.lock().unwrap() = says("0 * * * *");
        let agent = house.start().await;
        shows(&agent, "0 * * * * (UTC)").await;
        agent.stop().await.unwrap();
        *house.host.lock().unwrap() = says("30 * * * *");
        let agent = house.start().await;
        shows(&agent, "30 * * * * (UTC)").await;
        agent.stop().await.unwrap();
        assert!(house.receiver.about("job.export").is_empty(), "a timer that was changed is followed");
        *house.host.lock().unwrap() = HostRoll::default();
        let agent = house.start().await;
        until("its timer is gone", || house.receiver.about("job.export") == ["opened"]).await;
        agent.stop().await.unwrap();
        *house.host.lock().unwrap() = says("30 * * * *");
        let agent = house.start().await;
        until("it is back", || house.receiver.about("job.export") == ["opened", "resolved"]).await;
        shows(&agent, "30 * * * * (UTC)").await;
        house.clock.forward(Span::minutes(66));
        until("it is missed", || house.receiver.about("job.export") == ["opened", "resolved", "opened"])
            .await;
        agent.stop().await.unwrap();
    });
}

pub(crate) fn drift() {
    on_one_thread(async {
        let nightly = Rhythm::Cron(Schedule::parse("0 2 * * *", "UTC").unwrap());
        let house = House::new(vec![expects("job.hourly", nightly)]);
        *house.host.lock().unwrap() = crontab(&["hourly"]);
        let agent = house.start().await;
        until("it pages", || house.receiver.about("schedule.hourly") == ["opened"]).await;
        agent.stop().await.unwrap();
        let agent = house.start().await;
        until_board(&agent.handle(), "the duties run", |it| word(it, "duty.discover") == "ok").await;
        agent.stop().await.unwrap();
        assert_eq!(house.receiver.about("schedule.hourly"), ["opened"], "a restart tells nothing twice");
        house.host.lock().unwrap().scheduled[0].cron = Some("00 02 * * *".into());
        let agent = house.start().await;
        until("its end is told", || house.receiver.about("schedule.hourly") == ["opened", "resolved"]).await;
        agent.stop().await.unwrap();
    });
}

pub(crate) fn duties() {
    on_one_thread(async {
        let house = House::new(Vec::new());
        let agent = house.start().await;
        until("every duty was performed", || agent.handle().duties().iter().all(|duty| duty.performed > 0))
            .await;
        let standing = agent.handle().duties();
        assert_eq!(standing.len(), 20);
        assert!(standing.iter().all(|duty| duty.well), "{standing:#?}");
        until_board(&agent.handle(), "all are well", |it| {
            let duties: Vec<_> = it.board.lines.iter().filter(|line| line.id.table() == "duty").collect();
            duties.len() == 20 && duties.iter().all(|line| line.condition.word() == "ok")
        })
        .await;
        agent.stop().await.unwrap();
        assert!(house.receiver.all().is_empty(), "{:?}", house.receiver.all());
    });
}

pub(crate) fn test_page() {
    on_one_thread(async {
        let house = House::new(Vec::new());
        let agent = house.start().await;
        let told = agent.handle().test_channel(channel("ops"), "a test".into()).await.unwrap();
        assert_eq!(told, Some(Delivery::Accepted { receipt: "taken\n".into() }));
        assert_eq!(house.receiver.about("channel.ops"), ["test"]);
        assert_eq!(agent.handle().test_channel(channel("none"), "a test".into()).await.unwrap(), None);
        agent.stop().await.unwrap();
    });
}

pub(crate) fn stopping() {
    on_one_thread(async {
        let house = House::new(vec![expects("job.a", Rhythm::OnReport)]);
        let agent = house.start().await;
        let handle = agent.handle();
        until_board(&handle, "the duties run", |it| word(it, "duty.audit") == "ok").await;
        let began = std::time::Instant::now();
        agent.stop().await.unwrap();
        assert!(began.elapsed().as_secs() < 5);
        assert!(handle.hear(vec![signal("job.a", None, success())]).await.is_err());
        drop(handle);
        let (open, path) = (crate::house::opener(house.layout.db()), house.layout.db());
        assert!(!path.with_extension("db-wal").exists(), "the store is closed");
        let (store, _): (Arc<dyn Store>, _) = open().unwrap();
        let loaded = store.load().unwrap();
        // Nothing loud ever happened, and still all rows are there: they did not wait for their minute.
        assert_eq!(loaded.rows.len(), 20 + 1 + 1);
        assert!(muster_host::clock::now().wall.since(loaded.watermark.unwrap().wall) < Span::seconds(5));
    });
}

pub(crate) fn second() {
    on_one_thread(async {
        let house = House::new(Vec::new());
        let agent = house.start().await;
        let refused = house.try_start().await.err();
        assert!(matches!(refused, Some(muster_agent::agent::StartError::Running(_))), "{refused:?}");
        agent.stop().await.unwrap();
        house.start().await.stop().await.unwrap();
    });
}

pub(crate) fn accepted() {
    on_one_thread(async {
        let mut house = House::new(vec![expects("drift.site", Rhythm::Every(Span::minutes(5)))]);
        let site = house.folder.path().join("site");
        let file = site.join("a.conf");
        std::fs::create_dir(&site).unwrap();
        std::fs::write(&file, "listen 80;\n").unwrap();
        let text = site.display().to_string();
        let watch = vec![
            WatchItem { id: id("drift.site"), text: text.clone(), what: Watch::Path(text.clone()) },
            WatchItem { id: id("drift.none"), text: "/no/such".into(), what: Watch::Path("/no/such".into()) },
        ];
        house.plan.expectations.push(expects("drift.none", Rhythm::Every(Span::minutes(5))));
        house.plan.drift = Some(Arc::new(DriftPlan { watch, every: Span::seconds(1) }));
        let agent = house.start().await;
        until_board(&agent.handle(), "it is accepted", |it| word(it, "drift.site") == "ok").await;
        until("what cannot be seen is told", || house.receiver.about("drift.none") == ["opened"]).await;
        std::fs::write(&file, "listen 81;\n").unwrap();
        until("it pages", || house.receiver.about("drift.site") == ["opened"]).await;
        let store = agent.handle().store();
        let signals = store.signals(Some(&id("drift.site")), None, 9).unwrap().items;
        let tail = signals.iter().find_map(|signal| match &signal.report {
            Report::Failure(outcome) => Some(outcome.tail.clone()),
            _ => None,
        });
        assert!(tail.unwrap().contains("-listen 80;\n+listen 81;\n"));
        agent.stop().await.unwrap();
        let agent = house.start().await;
        until_board(&agent.handle(), "the duties run", |it| word(it, "duty.drift") == "ok").await;
        assert_eq!(
            house.receiver.about("drift.site"),
            ["opened"],
            "a restart tells nothing twice and ends nothing"
        );
        std::fs::write(&file, "listen 80;\n").unwrap();
        until("its end is told", || house.receiver.about("drift.site") == ["opened", "resolved"]).await;
        agent.stop().await.unwrap();
    });
}
