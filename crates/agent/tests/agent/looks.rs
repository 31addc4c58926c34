//! Checks: looked at in rounds, judged, told, remembered.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use muster_agent::parts::Watched;
use muster_checks::probe::{BoxFuture, Class, Miss, Part, Probe, Scene};
use muster_config::assertion::Assertion;
use muster_config::plan::Vantage;
use muster_core::effect::{Condition, Verdict};
use muster_core::expectation::{Expectation, Hearing, Rhythm};
use muster_core::rounds::Round;
use muster_core::time::{Span, Timestamp};

use crate::house::{House, channel, id, line, on_one_thread, until, until_board};

const GOOD: u8 = 0;
const BAD: u8 = 1;
const HANGS: u8 = 2;
const PANICS: u8 = 3;
const BLIND: u8 = 4;

/// Something to look at that does as it is told.
#[derive(Debug, Default)]
struct Puppet(AtomicU8, bool);

impl Puppet {
    fn turns(&self, state: u8) {
        self.0.store(state, Ordering::SeqCst);
    }
}

impl Probe for Puppet {
    fn probe<'a>(&'a self, scene: &'a Scene) -> BoxFuture<'a, Result<(), Miss>> {
        Box::pin(async move {
            scene.notebook.say("looking");
            match self.0.load(Ordering::SeqCst) {
                BAD => Err(Miss::down(Class::Refused, "it says no")),
                HANGS => std::future::pending().await,
                // Without a word on stderr, which is for the panics of tests.
                PANICS => std::panic::resume_unwind(Box::new("a probe that panics")),
                BLIND => Err(Miss::blind("the secret is not there")),
                _ => Ok(()),
            }
        })
    }

    fn assertions(&self) -> &[Assertion] {
        &[]
    }

    fn target(&self) -> String {
        "puppet".into()
    }

    fn is_outside(&self) -> bool {
        self.1
    }
}

fn watched(name: &str, probe: &Arc<Puppet>) -> (Expectation, Watched) {
    let every = Span::seconds(1);
    let mut expectation = Expectation::new(id(name), Rhythm::Every(every), Span::seconds(6));
    expectation.notify = vec![channel("ops")];
    (expectation.after, expectation.recover) = (2, 2);
    expectation.hearing = Hearing::Looked;
    let round = Round { id: id(name), every, retry: Span::millis(200), after: 2 };
    let part: Part = Arc::clone(probe) as Part;
    let one = Watched {
        round,
        timeout: Span::millis(300),
        from: Vantage::Host,
        lent: None,
        kind: "puppet",
        probe: part,
    };
    (expectation, one)
}

fn house(checks: &[(&str, &Arc<Puppet>)]) -> House {
    let (expectations, watched): (Vec<_>, Vec<_>) =
        checks.iter().map(|(name, probe)| watched(name, probe)).unzip();
    let mut house = House::new(expectations);
    house.plan.checks = watched.into();
    house
}

fn stands(snapshot: &muster_core::board::Snapshot, name: &str, word: &str) -> bool {
    line(snapshot, name).is_some_and(|line| line.condition.word() == word)
}

pub(crate) fn page_and_end() {
    on_one_thread(async {
        let probe = Arc::new(Puppet::default());
        let house = house(&[("check.door", &probe)]);
        let agent = house.start().await;
        let handle = agent.handle();
        until_board(&handle, "ok", |snapshot| stands(snapshot, "check.door", "ok")).await;
        assert_eq!(house.receiver.all().len(), 0);
        probe.turns(BAD);
        until("a page", || house.receiver.all().len() == 1).await;
        until_board(&handle, "firing", |snapshot| stands(snapshot, "check.door", "firing")).await;
        let last = handle.sights().of(&id("check.door")).unwrap();
        assert_eq!((last.sight.words.as_str(), last.sight.lines.join("")), ("it says no", "looking".into()));
        assert!(last.well.is_some());
        probe.turns(GOOD);
        until("the end", || house.receiver.all().len() == 2).await;
        let traces = handle.store().traces(&id("check.door"), 10).unwrap();
        assert!(traces.len() >= 2 && traces[0].sight.class.as_deref() == Some("refused"), "{traces:?}");
        agent.stop().await.unwrap();
    });
}

pub(crate) fn neighbours() {
    on_one_thread(async {
        let probes: Vec<Arc<Puppet>> = (0..4).map(|_| Arc::new(Puppet::default())).collect();
        let house = house(&[
            ("check.good", &probes[0]),
            ("check.hangs", &probes[1]),
            ("check.panics", &probes[2]),
            ("check.blind", &probes[3]),
        ]);
        probes[1].turns(HANGS);
        probes[2].turns(PANICS);
        probes[3].turns(BLIND);
        let agent = house.start().await;
        let handle = agent.handle();
        until_board(&handle, "each as it is", |snapshot| {
            stands(snapshot, "check.good", "ok")
                && stands(snapshot, "check.hangs", "firing")
                && stands(snapshot, "check.panics", "firing")
        })
        .await;
        let words = |name: &str| handle.sights().of(&id(name)).unwrap().sight.words.clone();
        assert!(words("check.hangs").contains("cut off at 300 ms"), "{}", words("check.hangs"));
        assert!(words("check.panics").contains("a probe that panics"), "{}", words("check.panics"));
        // Nobody saw it, so it is never called good, and its being unseen is news.
        until_board(&handle, "unseen", |snapshot| stands(snapshot, "check.blind", "firing")).await;
        let looks = handle.store().looks(&id("check.blind"), Timestamp::default(), 100).unwrap();
        assert!(!looks.is_empty() && looks.iter().all(|look| look.verdict == Verdict::Unknown), "{looks:?}");
        agent.stop().await.unwrap();
    });
}

pub(crate) fn restart() {
    on_one_thread(async {
        let probe = Arc::new(Puppet::default());
        let house = house(&[("check.door", &probe)]);
        let agent = house.start().await;
        until_board(&agent.handle(), "ok", |snapshot| stands(snapshot, "check.door", "ok")).await;
        let looked = || agent.handle().store().looks(&id("check.door"), Timestamp::default(), 100).unwrap();
        until("two slots with a verdict", || looked().len() >= 2).await;
        agent.stop().await.unwrap();
        house.clock.forward(Span::seconds(30));
        let agent = house.start().await;
        let handle = agent.handle();
        let about = id("check.door");
        let store = handle.store();
        let count = || {
            let looks = store.looks(&about, Timestamp::default(), 1000).unwrap();
            let after = looks.iter().rposition(|look| look.verdict == Verdict::Unknown);
            after.map(|after| looks.len() - after).unwrap_or(0)
        };
        until("looks after the gap", || count() >= 3).await;
        let mut dues = Vec::new();
        for look in store.looks(&about, Timestamp::default(), 1000).unwrap() {
            let Some(due) = look.due else { continue };
            dues.extend((0..=i64::from(look.further)).map(|n| due.millis() + n * 1000));
        }
        assert!(dues.len() > 30, "{dues:?}");
        assert!(dues.windows(2).all(|pair| pair[1] - pair[0] == 1000), "every slot once: {dues:?}");
        assert_eq!(house.receiver.all().len(), 0, "a restart pages nobody");
        assert!(matches!(line(&handle.board().borrow(), "check.door").unwrap().condition, Condition::Ok));
        agent.stop().await.unwrap();
    });
}

pub(crate) fn look_now() {
    on_one_thread(async {
        let probe = Arc::new(Puppet::default());
        let house = house(&[("check.door", &probe)]);
        let agent = house.start().await;
        let handle = agent.handle();
        let last = handle.look_now(id("check.door")).await.unwrap().unwrap();
        assert_eq!(last.look.unwrap().verdict, Verdict::Ok);
        assert!(handle.look_now(id("check.window")).await.unwrap().is_none());
        agent.stop().await.unwrap();
    });
}

pub(crate) fn way_out() {
    on_one_thread(async {
        let probes =
            [Arc::new(Puppet(AtomicU8::new(HANGS), true)), Arc::new(Puppet(AtomicU8::new(HANGS), true))];
        let mut house = house(&[("check.one", &probes[0]), ("check.two", &probes[1])]);
        let mut alarm = Expectation::new(id("host.way-out"), Rhythm::OnReport, Span::ZERO);
        alarm.notify = vec![channel("ops")];
        alarm.hearing = Hearing::Looked;
        house.plan.expectations.push(alarm);
        // A group (RFC 1112) takes no connection, wherever this runs.
        house.plan.canaries = ["224.0.0.1:443".parse().unwrap()].into();
        let agent = house.start().await;
        until_board(&agent.handle(), "lost", |snapshot| stands(snapshot, "host.way-out", "firing")).await;
        agent.stop().await.unwrap();
        probes.iter().for_each(|probe| probe.turns(GOOD));
        // One that says no has been reached.
        house.plan.canaries = [muster_testkit::port::refusing().unwrap()].into();
        let agent = house.start().await;
        until_board(&agent.handle(), "found again", |snapshot| stands(snapshot, "host.way-out", "ok")).await;
        agent.stop().await.unwrap();
    });
}
