//! Many at once: none is lost, none is counted twice. How fast they are is `cargo xtask bench`'s.

use muster_core::effect::Condition;
use muster_core::expectation::{Expectation, Rhythm};
use muster_core::time::{Span, Timestamp};
use muster_store::contract::Store;

use crate::house::{House, expects, id, line, on_one_thread, signal, success, until, until_board, word};

const DEADLINES: u64 = 1000;

/// Those that have fired, with their moments; the same one twice if it fired twice.
fn fired(store: &dyn Store) -> Vec<(String, Timestamp)> {
    let of_one = |n: u64| {
        let name = format!("job.j{n:04}");
        let all = store.transitions(Some(&id(&name)), None, 10).unwrap().items;
        let firing = all.into_iter().filter(|one| matches!(one.to, Condition::Firing { .. }));
        firing.map(move |one| (name.clone(), one.at)).collect::<Vec<_>>()
    };
    (0..DEADLINES).flat_map(of_one).collect()
}

/// Deadlines ten seconds apart; the clock is moved past the first half of them, and then past the rest.
pub(crate) fn deadlines() {
    on_one_thread(async {
        let staggered = |n: u64| Expectation {
            start_within: Span::seconds(10 * n),
            notify: Vec::new(),
            ..expects(&format!("job.j{n:04}"), Rhythm::Every(Span::hours(1)))
        };
        let house = House::new((0..DEADLINES).map(staggered).collect());
        let began = muster_host::clock::now().wall;
        let agent = house.start().await;
        let store = agent.handle().store();
        let half = Span::hours(1) + Span::seconds(10 * (DEADLINES / 2));
        house.clock.forward(half);
        until("the first half has fired", || fired(&*store).len() as u64 >= DEADLINES / 2).await;
        until_board(&agent.handle(), "the last one still waits", |it| {
            line(it, "job.j0999").is_some_and(|line| line.condition.word() != "firing")
        })
        .await;
        house.clock.forward(half);
        until("all have fired", || fired(&*store).len() as u64 >= DEADLINES).await;
        agent.stop().await.unwrap();
        // A restart fires none again.
        let agent = house.start().await;
        until_board(&agent.handle(), "the duties run", |it| word(it, "duty.audit") == "ok").await;
        let store = agent.handle().store();
        agent.stop().await.unwrap();
        let all = fired(&*store);
        let names: Vec<String> = all.iter().map(|(name, _)| name.clone()).collect();
        let each: Vec<String> = (0..DEADLINES).map(|n| format!("job.j{n:04}")).collect();
        assert_eq!(names, each, "each one once");
        for (n, (name, at)) in (0..).zip(all) {
            assert!(at >= began + Span::hours(1) + Span::seconds(10 * n), "{name} fired early");
        }
    });
}

pub(crate) fn heartbeats() {
    on_one_thread(async {
        let house = House::new(vec![expects("check.beat", Rhythm::Every(Span::hours(1)))]);
        let agent = house.start().await;
        let handle = agent.handle();
        let senders: Vec<_> = (0..50)
            .map(|_| {
                let handle = handle.clone();
                tokio::spawn(async move {
                    for _ in 0..100 {
                        let heard = handle.hear(vec![signal("check.beat", None, success())]).await.unwrap();
                        assert!(heard.durable && heard.heard == 1);
                    }
                })
            })
            .collect();
        for sender in senders {
            sender.await.unwrap();
        }
        let stored = handle.store().signals(Some(&id("check.beat")), None, 1000).unwrap();
        assert_eq!(stored.items.len(), 1000);
        agent.stop().await.unwrap();
    });
}
