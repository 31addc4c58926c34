//! Bounds: nothing that is sent may take more than its share.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use muster_web::serve::{CONNECTION_LIMIT, HEAD_WITHIN};
use muster_web::{Listening, serve_tcp};
use tokio::sync::watch;

use crate::server::{Server, wait_for};

pub(crate) const TESTS: &[(&str, fn())] = &[
    ("too_much_is_refused", too_much_is_refused),
    ("a_slow_head_is_cut_off", a_slow_head_is_cut_off),
    ("a_crowd_of_connections_leaves_the_server_standing", a_crowd_of_connections_leaves_the_server_standing),
    ("an_open_door_is_refused", an_open_door_is_refused),
    ("garbage_is_answered_or_dropped", garbage_is_answered_or_dropped),
];

fn too_much_is_refused() {
    let server = Server::start();
    let form = ("content-type", "application/x-www-form-urlencoded");
    let long = "x".repeat(70_000);
    assert_eq!(server.ask("POST", "/signin", &[form], &format!("password={long}")).status, 400);
    assert_eq!(server.ask("GET", "/", &[("x-long", &long)], "").status, 431);
    let many: Vec<_> = (0..200).map(|_| ("x-many", "y")).collect();
    assert_eq!(server.ask("GET", "/", &many, "").status, 431);
    assert_eq!(server.get(&format!("/e/{}", "x".repeat(10_000))).status, 404);
    assert_eq!(server.get("/").status, 200);
}

fn a_slow_head_is_cut_off() {
    let server = Server::start();
    let start = Instant::now();
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: local").unwrap();
    stream.set_read_timeout(Some(HEAD_WITHIN + Duration::from_secs(5))).unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    assert!(start.elapsed() < HEAD_WITHIN + Duration::from_secs(5));
}

fn a_crowd_of_connections_leaves_the_server_standing() {
    let server = Server::start();
    let crowd: Vec<_> =
        (0..CONNECTION_LIMIT + 20).map(|_| TcpStream::connect(server.address).unwrap()).collect();
    drop(crowd);
    wait_for("an answer", || {
        let mut stream = TcpStream::connect(server.address).ok()?;
        stream
            .write_all(format!("GET /health HTTP/1.1\r\nhost: {}\r\n\r\n", server.host()).as_bytes())
            .ok()?;
        let mut status = [0; 12];
        stream.read_exact(&mut status).ok()?;
        status.ends_with(b"200").then_some(())
    });
}

fn an_open_door_is_refused() {
    let server = Server::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("0.0.0.0:0").await.unwrap();
        let (_stop, told) = watch::channel(false);
        match serve_tcp(listener, server.web.clone(), None, told).await {
            Err(Listening::Public { missing, .. }) => assert_eq!(missing, "TLS is"),
            other => panic!("{other:?}"),
        }
    });
}

fn garbage_is_answered_or_dropped() {
    let server = Server::start();
    for bytes in [
        &b"\x16\x03\x01\x02\x00"[..],
        b"GET\r\n\r\n",
        b"\0\0\0\0",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(server.address).unwrap();
        stream.write_all(bytes).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).ok();
        assert!(!reply.contains(" 200 "), "{bytes:?}: {reply}");
    }
    assert_eq!(server.get("/").status, 200);
}
