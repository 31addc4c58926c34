//! Two agents of one process that watch each other, and a peer that hangs. The wire is a function call here; over real
//! TLS it is in the tests of the command.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};

use muster_agent::handle::Handle;
use muster_agent::peers::peering::Post;
use muster_agent::peers::{NotDialled, Peering, Reply};
use muster_config::secret::Secret;
use muster_core::expectation::{Expectation, Hearing, Rhythm};
use muster_core::time::Span;

use crate::house::{House, channel, id, line, on_one_thread, until, until_board, word};

/// Where an agent can be called, while it lives.
type Door = Arc<Mutex<Option<Handle>>>;

fn through(door: &Door) -> Post {
    let door = Arc::clone(door);
    Arc::new(move |_path, message, _deadline| {
        let handle = door.lock().unwrap().clone();
        let from = IpAddr::V4(Ipv4Addr::LOCALHOST);
        Box::pin(async move {
            handle.map(|handle| handle.hear_peer(from, &message)).ok_or_else(|| "nobody is there".to_owned())
        })
    })
}

fn peering(name: &str, key: &'static str, post: Option<Post>) -> Peering {
    Peering {
        name: name.into(),
        about: id(&format!("peer.{name}")),
        every: Span::seconds(1),
        after: 2,
        key: Arc::new(move || Ok(Secret::new(key.repeat(32)))),
        post,
        lent: None,
    }
}

fn expected(name: &str) -> Expectation {
    let mut peer =
        Expectation::new(id(&format!("peer.{name}")), Rhythm::Every(Span::seconds(1)), Span::seconds(60));
    peer.notify = vec![channel("ops")];
    peer.hearing = Hearing::Direct;
    peer
}

fn house(peers: Vec<Peering>) -> House {
    let mut house = House::new(peers.iter().map(|peer| expected(&peer.name)).collect());
    house.plan.peers = peers.into();
    house
}

pub(crate) fn watched_and_missed() {
    on_one_thread(async {
        let (ams_door, fra_door) = (Door::default(), Door::default());
        let ams = house(vec![peering("fra1", "k", Some(through(&fra_door)))]);
        // Nobody can call the first one from outside: it is heard by its calls.
        let fra = house(vec![peering("ams1", "k", None)]);
        let (here, there) = (ams.start().await, fra.start().await);
        *ams_door.lock().unwrap() = Some(here.handle());
        *fra_door.lock().unwrap() = Some(there.handle());
        until_board(&here.handle(), "the answer is heard", |it| word(it, "peer.fra1") == "ok").await;
        until_board(&there.handle(), "the call is heard", |it| word(it, "peer.ams1") == "ok").await;
        until_board(&here.handle(), "it took our beat", |it| {
            it.watchers.peers.iter().any(|peer| peer.hears_us.is_some() && peer.trouble.is_none())
        })
        .await;

        *fra_door.lock().unwrap() = None;
        there.stop().await.unwrap();
        until("its silence is told", || ams.receiver.about("peer.fra1") == ["opened"]).await;
        until_board(&here.handle(), "and why", |it| {
            it.watchers.peers[0].trouble.as_deref() == Some("the last try to reach it: nobody is there")
        })
        .await;
        let again = fra.start().await;
        *fra_door.lock().unwrap() = Some(again.handle());
        until("its end is told", || ams.receiver.about("peer.fra1") == ["opened", "resolved"]).await;
        until_board(&again.handle(), "heard again", |it| word(it, "peer.ams1") == "ok").await;
        assert!(fra.receiver.about("peer.ams1").is_empty(), "nobody else was at fault");
        here.stop().await.unwrap();
        again.stop().await.unwrap();
    });
}

pub(crate) fn hung() {
    on_one_thread(async {
        let door = Door::default();
        let never: Post = Arc::new(|_, _, _| Box::pin(std::future::pending::<Result<Reply, String>>()));
        let broken: Post = Arc::new(|_, _, _| std::panic::resume_unwind(Box::new("a peer that breaks")));
        let ams = house(vec![
            peering("fra1", "k", Some(through(&door))),
            peering("hung", "h", Some(never)),
            peering("odd", "o", Some(broken)),
        ]);
        let fra = house(vec![peering("ams1", "k", None)]);
        let (here, there) = (ams.start().await, fra.start().await);
        *door.lock().unwrap() = Some(there.handle());
        until("both are told", || {
            ["hung", "odd"].iter().all(|name| ams.receiver.about(&format!("peer.{name}")) == ["opened"])
        })
        .await;
        until_board(&here.handle(), "the others are well", |it| {
            word(it, "peer.fra1") == "ok" && word(it, "duty.peers") == "ok"
        })
        .await;
        until_board(&here.handle(), "what was tried", |it| {
            let trouble = |name: &str| {
                let peer = it.watchers.peers.iter().find(|peer| peer.name == name);
                peer.and_then(|peer| peer.trouble.clone()).unwrap_or_default()
            };
            trouble("hung").contains("no answer within") && line(it, "peer.hung").is_some()
        })
        .await;
        assert_eq!(ams.receiver.about("peer.hung"), ["opened"], "once");
        let began = std::time::Instant::now();
        here.stop().await.unwrap();
        assert!(began.elapsed().as_secs() < 5, "a peer that hangs does not hold up the end");
        there.stop().await.unwrap();
    });
}

/// The wire as it is: a path that the other side does not know is a page that says so.
fn by_path(door: &Door, knows: &'static [&'static str], from: IpAddr) -> Post {
    let door = Arc::clone(door);
    Arc::new(move |path, message, _deadline| {
        let handle = door.lock().unwrap().clone();
        Box::pin(async move {
            let handle = handle.ok_or_else(|| "nobody is there".to_owned())?;
            Ok(match path {
                _ if !knows.contains(&path) => Reply { status: 404, body: b"<!doctype html>".to_vec() },
                "/peer/dial" => handle.dial_for_peer(from, &message).await,
                _ => handle.hear_peer(from, &message),
            })
        })
    })
}

pub(crate) fn dialled() {
    on_one_thread(async {
        let door = Door::default();
        let both: &[&str] = &["/peer/beat", "/peer/dial"];
        // Nobody has this address; a real one of another host is in the tests on hosts.
        let (nowhere, home) = (IpAddr::from([192, 0, 2, 1]), IpAddr::V4(Ipv4Addr::LOCALHOST));
        let never: Post = Arc::new(|_, _, _| Box::pin(async { Err("nobody is there".to_owned()) }));
        let ams = house(vec![
            peering("fra1", "k", Some(by_path(&door, both, nowhere))),
            peering("proxied", "p", Some(by_path(&door, both, home))),
            peering("old", "o", Some(by_path(&door, &["/peer/beat"], nowhere))),
            peering("away", "a", Some(never)),
            peering("caller", "c", None),
        ]);
        let fra =
            house(vec![peering("ams1", "k", None), peering("ams2", "p", None), peering("ams3", "o", None)]);
        let (here, there) = (ams.start().await, fra.start().await);
        *door.lock().unwrap() = Some(there.handle());
        for name in ["peer.fra1", "peer.proxied", "peer.old"] {
            until_board(&here.handle(), "the answer is heard", |it| word(it, name) == "ok").await;
        }
        let handle = here.handle();
        let dialled = handle.have_dialled("fra1", &[1, 2]).await.unwrap();
        assert_eq!((dialled.target, dialled.ports.len()), (nowhere, 2));
        for (name, words) in [
            ("fra1", "at most once every 10s"),
            ("proxied", "a proxy in front of it"),
            ("old", "is too old"),
            ("away", "nobody is there"),
            ("caller", "has no `url`"),
            ("nobody", "there is no [peer.nobody]"),
        ] {
            let error = handle.have_dialled(name, &[1]).await.unwrap_err();
            assert!(error.to_string().contains(words), "{name}: {error}");
        }
        assert_eq!(handle.have_dialled("fra1", &[]).await, Err(NotDialled::Ports));
        here.stop().await.unwrap();
        there.stop().await.unwrap();
    });
}
