//! What breaks, and who hears of it.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use muster_agent::parts::{AgentPlan, BadConfig, ConfigSource};
use muster_core::expectation::Rhythm;
use muster_core::time::Span;
use muster_host::state::Layout;

use crate::house::{
    House, channel, expects, failure, id, on_one_thread, plan_to, signal, success, telling, until,
    until_board, word,
};
use crate::receiver::{Hung, Line, Receiver};

pub(crate) fn hung_channel() {
    on_one_thread(async {
        let mut job = expects("job.a", Rhythm::OnReport);
        job.notify = vec![channel("hung"), channel("ops")];
        let mut house = House::new(vec![job]);
        house.plan.channels.push(telling("hung", Arc::new(Hung)));
        let agent = house.start().await;
        agent.handle().hear(vec![signal("job.a", None, failure())]).await.unwrap();
        until("the other channel tells", || house.receiver.about("job.a") == ["opened"]).await;
        let began = std::time::Instant::now();
        agent.stop().await.unwrap();
        assert!(began.elapsed().as_secs() < 5, "a hung channel does not hold up the end");
    });
}

pub(crate) fn spent_quota() {
    on_one_thread(async {
        let mut house =
            House::new(vec![expects("job.a", Rhythm::OnReport), expects("job.b", Rhythm::OnReport)]);
        house.plan.channels[0].quota = Some(3);
        let chat = telling("chat", Arc::new(Line(house.receiver.address)));
        house.plan.channels.push(chat);
        let agent = house.start().await;
        let used = |snapshot: &muster_core::board::Snapshot| {
            let ops = snapshot.board.line(&id("channel.ops"));
            ops.and_then(|line| line.usage).map(|usage| (usage.messages, usage.quota))
        };
        agent.handle().hear(vec![signal("job.a", None, failure())]).await.unwrap();
        until("a page", || house.receiver.about("job.a") == ["opened"]).await;
        agent.handle().hear(vec![signal("job.a", None, success())]).await.unwrap();
        until("its end", || house.receiver.about("job.a") == ["opened", "resolved"]).await;
        until_board(&agent.handle(), "it is counted", |it| used(it) == Some((2, Some(3)))).await;
        assert!(house.receiver.about("channel.ops").is_empty());
        agent.handle().hear(vec![signal("job.b", None, failure())]).await.unwrap();
        until("the other channel tells", || house.receiver.about("channel.ops") == ["opened"]).await;
        until_board(&agent.handle(), "it is shown", |it| {
            word(it, "channel.ops") == "firing" && used(it) == Some((3, Some(3)))
        })
        .await;
        agent.stop().await.unwrap();
        let agent = house.start().await;
        until_board(&agent.handle(), "a restart forgets nothing", |it| {
            word(it, "channel.ops") == "firing" && used(it) == Some((3, Some(3)))
        })
        .await;
        house.clock.forward(Span::hours(25));
        // In a day there may be a reminder as well.
        until("its end is told", || {
            house.receiver.about("channel.ops").last().is_some_and(|last| last == "resolved")
        })
        .await;
        agent.stop().await.unwrap();
    });
}

pub(crate) fn bad_config() {
    on_one_thread(async {
        let mut house = House::new(vec![expects("job.old", Rhythm::OnReport)]);
        let path = house.folder.path().join("muster.toml");
        std::fs::write(&path, "old").unwrap();
        let (receiver, read) = (house.receiver.clone(), path.clone());
        let read = move || -> Result<AgentPlan, BadConfig> {
            match std::fs::read_to_string(&read).unwrap_or_default().as_str() {
                "bad" => Err(BadConfig { what: "line 1: no".into(), help: "muster config check".into() }),
                name => Ok(plan_to(&receiver, vec![expects(&format!("job.{name}"), Rhythm::OnReport)])),
            }
        };
        house.config = Some(ConfigSource { path: path.clone(), read_at: None, read: Arc::new(read) });
        let agent = house.start().await;
        until_board(&agent.handle(), "read", |it| word(it, "duty.config") == "ok").await;
        std::fs::write(&path, "bad").unwrap();
        until("it is told", || house.receiver.about("duty.config") == ["opened"]).await;
        until_board(&agent.handle(), "a fault on every page", |it| {
            it.faults.iter().any(|fault| fault.code == "M0311") && word(it, "job.old") == "new"
        })
        .await;
        std::fs::write(&path, "new").unwrap();
        until("the end is told", || house.receiver.about("duty.config") == ["opened", "resolved"]).await;
        until_board(&agent.handle(), "the new plan", |it| {
            it.faults.is_empty() && word(it, "job.new") == "new" && word(it, "job.old") == "absent"
        })
        .await;
        agent.stop().await.unwrap();
    });
}

pub(crate) fn damaged_store() {
    on_one_thread(async {
        let house = House::new(vec![expects("job.a", Rhythm::OnReport)]);
        house.layout.create().unwrap();
        std::fs::write(house.layout.db(), "no database at all\n".repeat(500)).unwrap();
        let agent = house.start().await;
        until_board(&agent.handle(), "a fault", |it| it.faults.iter().any(|fault| fault.code == "M0306"))
            .await;
        until("it is told, and that it is over", || {
            house.receiver.about("duty.store") == ["opened", "resolved"]
        })
        .await;
        let heard = agent.handle().hear(vec![signal("job.a", None, success())]).await.unwrap();
        assert!(heard.durable);
        agent.stop().await.unwrap();
    });
}

pub(crate) fn locked_store() {
    on_one_thread(async {
        let house = House::new(vec![expects("job.a", Rhythm::OnReport)]);
        let agent = house.start().await;
        until_board(&agent.handle(), "the duties run", |it| word(it, "duty.audit") == "ok").await;
        let other = rusqlite::Connection::open(house.layout.db()).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        house.spool(&signal("job.a", Some("r1"), failure()));
        until("the page goes out all the same", || house.receiver.about("job.a") == ["opened"]).await;
        until("and so does the store's own", || house.receiver.about("duty.store") == ["opened"]).await;
        until_board(&agent.handle(), "a fault", |it| it.faults.iter().any(|fault| fault.code == "M0302"))
            .await;
        assert_eq!(house.records(), 1, "the record stays until it is durable elsewhere");
        let heard = agent.handle().hear(vec![signal("job.a", Some("r2"), failure())]).await.unwrap();
        assert!(!heard.durable);
        other.execute_batch("ROLLBACK").unwrap();
        house.clock.forward(Span::seconds(61));
        until("the end is told", || house.receiver.about("duty.store") == ["opened", "resolved"]).await;
        until_board(&agent.handle(), "no fault", |it| it.faults.is_empty()).await;
        until("the record is removed", || house.records() == 0).await;
        let runs = agent.handle().store().runs(Some(&id("job.a")), None, 9).unwrap().items;
        assert_eq!(runs.len(), 2, "both runs are in the history");
        let pages = agent.handle().store().deliveries(None, 9).unwrap().items;
        assert!(pages.len() >= 3, "{pages:#?}");
        agent.stop().await.unwrap();
        assert_eq!(house.receiver.about("job.a"), ["opened"]);
    });
}

/// A small file system of its own, gone at the end.
struct Tiny(tempfile::TempDir);

impl Tiny {
    fn mount() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let status =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=6m", "tmpfs"]).arg(folder.path()).status();
        assert!(status.unwrap().success(), "mount");
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Tiny {
    fn drop(&mut self) {
        let status = Command::new("umount").arg("-l").arg(self.path()).status();
        assert!(status.unwrap().success(), "umount");
    }
}

pub(crate) fn full_disk() {
    let tiny = Tiny::mount();
    on_one_thread(async {
        let mut house = House::new(vec![expects("job.a", Rhythm::OnReport)]);
        house.layout = Layout::new(tiny.path().join("state"));
        let agent = house.start().await;
        until_board(&agent.handle(), "the duties run", |it| word(it, "duty.audit") == "ok").await;
        let ballast = tiny.path().join("ballast");
        drop(std::fs::write(&ballast, vec![1; 8 << 20]));
        // What fits into pages that are there may still be written; soon nothing does.
        let mut durable = true;
        for n in 0..3000 {
            let heard =
                agent.handle().hear(vec![signal("job.a", Some(&format!("r{n}")), success())]).await.unwrap();
            durable = heard.durable;
            if !durable {
                break;
            }
        }
        assert!(!durable, "the disk is full");
        house.spool(&signal("job.a", Some("bad"), failure()));
        until("the page goes out", || house.receiver.about("job.a") == ["opened"]).await;
        until("the store's as well", || house.receiver.about("duty.store") == ["opened"]).await;
        until_board(&agent.handle(), "a fault", |it| {
            it.faults.iter().any(|fault| matches!(fault.code.as_str(), "M0301" | "M0305"))
        })
        .await;
        std::fs::remove_file(&ballast).unwrap();
        house.clock.forward(Span::seconds(61));
        until("the end is told", || house.receiver.about("duty.store") == ["opened", "resolved"]).await;
        agent.stop().await.unwrap();
        let agent = house.start().await;
        until_board(&agent.handle(), "known after a restart", |it| word(it, "job.a") == "firing").await;
        agent.stop().await.unwrap();
        assert_eq!(house.receiver.about("job.a"), ["opened"]);
    });
}

pub(crate) fn beat() {
    on_one_thread(async {
        let mut house = House::new(Vec::new());
        let beats = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&beats);
        house.beat(Arc::new(move || {
            let counted = Arc::clone(&counted);
            Box::pin(async move {
                counted.fetch_add(1, Ordering::SeqCst);
                Ok(())
            })
        }));
        // Nobody can open what is a folder.
        house.layout.create().unwrap();
        std::fs::create_dir(house.layout.db()).unwrap();
        let agent = house.start().await;
        let said = Mutex::new(String::new());
        until("it is withheld", || {
            let duties = agent.handle().duties();
            let beat = duties.iter().find(|duty| duty.name == "beat").unwrap();
            *said.lock().unwrap() = beat.words.clone();
            beat.words.contains("the store cannot be written")
        })
        .await;
        assert_eq!(beats.load(Ordering::SeqCst), 0, "{said:?}");
        until("and the store is told", || house.receiver.about("duty.store") == ["opened"]).await;
        std::fs::remove_dir(house.layout.db()).unwrap();
        house.clock.forward(Span::seconds(61));
        until("it beats again", || beats.load(Ordering::SeqCst) > 0).await;
        agent.stop().await.unwrap();
    });
}

/// Used by the tests of killing: a receiver that is not there, at an address that is kept free.
pub(crate) fn absent() -> std::net::SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

pub(crate) fn appear(address: std::net::SocketAddr) -> Receiver {
    Receiver::at(address)
}
