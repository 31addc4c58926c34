//! How fast silence is noticed, and how many heartbeats fit.

use std::time::{Duration, Instant};

use muster_core::effect::Condition;
use muster_core::expectation::{Expectation, Rhythm};
use muster_core::time::Span;

use crate::house::{House, expects, id, on_one_thread, signal, success, until};

/// Deadlines between two and six seconds after the start, each noticed when it comes.
pub(crate) fn thousand() {
    on_one_thread(async {
        let staggered = |n: u64| Expectation {
            start_within: Span::millis(1000 + 4 * n),
            notify: Vec::new(),
            ..expects(&format!("job.j{n:04}"), Rhythm::Every(Span::seconds(1)))
        };
        let house = House::new((0..1000).map(staggered).collect());
        let agent = house.start().await;
        let began = muster_host::clock::now().wall;
        let store = agent.handle().store();
        let fired = |id: &str| {
            let all = store.transitions(Some(&crate::house::id(id)), None, 10).unwrap().items;
            all.into_iter().find(|one| matches!(one.to, Condition::Firing { .. })).map(|one| one.at)
        };
        until("the last one fires", || fired("job.j0999").is_some()).await;
        let mut late: Vec<Span> = (0..1000)
            .map(|n| {
                let at = fired(&format!("job.j{n:04}")).expect("each fires");
                at.since(began + Span::millis(2000 + 4 * n))
            })
            .collect();
        late.sort_unstable();
        let (median, p99) = (late[500], late[990]);
        println!("deadline to verdict: median {median}, p99 {p99}");
        assert!(p99 <= Span::millis(1500), "{p99}");
        agent.stop().await.unwrap();
    });
}

pub(crate) fn heartbeats() {
    on_one_thread(async {
        let house = House::new(vec![expects("check.beat", Rhythm::Every(Span::hours(1)))]);
        let agent = house.start().await;
        let handle = agent.handle();
        let (began, cpu) = (Instant::now(), cpu());
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
        let (all, each) = (began.elapsed(), (crate::speed::cpu() - cpu) / 5000);
        let (alone, cpu) = (Instant::now(), crate::speed::cpu());
        for _ in 0..500 {
            assert!(handle.hear(vec![signal("check.beat", None, success())]).await.unwrap().durable);
        }
        let one = (crate::speed::cpu() - cpu) / 500;
        println!("one after the other: {:?} and {one:?} CPU each", alone.elapsed() / 500);
        println!("5000 heartbeats of 50 senders in {all:?}, {each:?} CPU each");
        let stored = handle.store().signals(Some(&id("check.beat")), None, 1000).unwrap();
        assert_eq!(stored.items.len(), 1000);
        agent.stop().await.unwrap();
    });
}

/// User and system time of this process.
fn cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = text.rsplit_once(") ").unwrap().1.split(' ').collect();
    let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}
