//! What becomes of single requests.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use muster_deploy::front::Front as _;
use muster_deploy::front::nginx::Nginx;
use muster_deploy::release::Side;

use crate::front::app::{App, head};
use crate::front::bed::{Bed, TOKEN, soon, until};

fn connect(bed: &Bed) -> TcpStream {
    let stream = TcpStream::connect(bed.at).expect("connected");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("set");
    stream
}

/// The head of the answer to a request with these lines.
fn asked(bed: &Bed, lines: &str) -> String {
    let mut stream = connect(bed);
    let request = format!("GET /a%20b?c=d HTTP/1.1\r\nHost: api.test\r\nConnection: close\r\n{lines}\r\n");
    stream.write_all(request.as_bytes()).expect("sent");
    head(&mut stream).expect("heard").expect("an answer").0
}

pub(crate) fn the_token_stays_with_nginx() {
    let bed = Bed::with("add_header X-Theirs kept;");
    let front = bed.installed();
    let app = App::start(bed.ports.blue, "blue");
    for (lines, told) in [
        (String::new(), false),
        (format!("X-Muster-Token: {}\r\n", TOKEN.replace('0', "1")), false),
        ("X-Muster-Token:\r\n".to_owned(), false),
        (format!("X-Muster-Token: {TOKEN}\r\n"), true),
    ] {
        let head = asked(&bed, &lines);
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert_eq!(head.contains("X-Muster-Side: blue"), told, "{head}");
        assert_eq!(head.to_lowercase().contains("x-muster-generation"), told, "{head}");
        assert_eq!(head.contains("X-Theirs: kept"), !told, "headers of others are kept for users: {head}");
        let mut stream = connect(&bed);
        let probe = format!(
            "GET /.well-known/muster/api HTTP/1.1\r\nHost: api.test\r\nConnection: close\r\n{lines}\r\n"
        );
        stream.write_all(probe.as_bytes()).expect("sent");
        let (head, _) = crate::front::app::head(&mut stream).expect("heard").expect("an answer");
        assert_eq!(head.starts_with("HTTP/1.1 204"), told, "{head}");
        assert_eq!(head.to_lowercase().contains("x-muster"), told, "{head}");
    }
    front.ask("/a%20b?c=d", soon()).expect("an answer");
    let heads = app.heads();
    assert_eq!(heads.len(), 5, "{heads:?}");
    for head in heads {
        assert!(!head.to_lowercase().contains("x-muster"), "{head}");
        assert!(head.starts_with("GET /a%20b?c=d HTTP/1.1\r\n"), "{head}");
        for line in [
            "Host: api.test",
            "X-Real-IP: 127.0.0.1",
            "X-Forwarded-For: 127.0.0.1",
            "X-Forwarded-Proto: http",
        ] {
            assert!(head.contains(&format!("{line}\r\n")), "{line} in {head}");
        }
    }
    assert!(!format!("{front:?}").contains(TOKEN));
}

pub(crate) fn a_flag_is_seen_at_once() {
    let memory =
        "open_file_cache max=100 inactive=60s; open_file_cache_valid 60s; open_file_cache_errors on;";
    // Each worker remembers by itself.
    let bed = Bed::working(1, &format!("include conf.d/*.conf; {memory}"));
    let front = bed.installed();
    let side = || front.ask("/", soon()).expect("an answer").side;
    let turn = |side| front.point(side).expect("pointed");
    for _ in 0..5 {
        assert_eq!(side(), Some(Side::Blue));
        turn(Side::Green);
        assert_eq!(side(), Some(Side::Green));
        turn(Side::Blue);
    }
    // Without our line it remembers, so the line is what helps.
    let [_, snippet] = bed.texts();
    let snippet = String::from_utf8(snippet.expect("there")).expect("text");
    bed.write(
        "muster/api.conf",
        &snippet.replace("open_file_cache off;", "").replace("side blue", "side none"),
    );
    bed.reload();
    until("nginx reads it", || side().is_none());
    turn(Side::Green);
    // The worker of before may take connections yet, for as long as nobody gives it the time to end.
    until("the flag is not seen", || side().is_none());
}

pub(crate) fn without_an_if_a_switch_is_a_reload() {
    let bed = Bed::with("add_header X-Theirs kept;");
    let front = bed.front().reloading();
    assert_eq!(front.install(soon()), Ok(true));
    let text =
        |bed: &Bed| bed.texts().map(|text| String::from_utf8(text.expect("there")).expect("text")).concat();
    assert!(!text(&bed).lines().any(|line| line.trim_start().starts_with("if ")), "{}", text(&bed));
    let _apps = [App::start(bed.ports.blue, "blue"), App::start(bed.ports.green, "green")];
    let led = |front: &Nginx| front.ask("/", soon()).expect("an answer");
    for side in [Side::Blue, Side::Green, Side::Blue, Side::Green] {
        // A request on its way keeps its worker, and the side of before.
        let mut slow = connect(&bed);
        slow.write_all(b"GET /slow HTTP/1.1\r\nHost: api.test\r\nConnection: close\r\n\r\n").expect("sent");
        let before = front.side().expect("seen");
        until("the slow request is under way", || front.connections(bed.ports.of(before)) != Ok(0));
        front.point(side).expect("pointed");
        assert_eq!((led(&front).side, front.side()), (Some(side), Ok(side)));
        assert!(head(&mut slow).expect("heard").expect("an answer").0.starts_with("HTTP/1.1 200"));
        // Each fresh connection is led by the new files, and headers of others are kept for users.
        for _ in 0..20 {
            let head = asked(&bed, "");
            assert!(head.contains("X-Theirs: kept") && !head.contains("X-Muster"), "{head}");
        }
        for side in Side::BOTH {
            until("workers of before are gone", || front.connections(bed.ports.of(side)) == Ok(0));
        }
        assert_eq!(front.install(soon()), Ok(false), "what is in force stays");
    }
    // Files that nginx refuses are taken back, and requests go where they went.
    let before = bed.texts();
    bed.write("conf.d/broken.conf", "nonsense;");
    assert!(front.point(Side::Blue).is_err());
    assert_eq!((bed.texts(), front.side()), (before, Ok(Side::Green)));
    assert_eq!(led(&front).side, Some(Side::Green));
    bed.write("conf.d/broken.conf", "");
    // A service may change its mind, either way.
    let flagged = bed.front();
    assert_eq!((flagged.install(soon()), led(&flagged).side), (Ok(true), Some(Side::Green)));
    assert_eq!((front.install(soon()), led(&front).side), (Ok(true), Some(Side::Green)));
}

pub(crate) fn an_upgrade_outlives_a_switch() {
    let bed = Bed::start();
    let front = bed.installed();
    let _apps = [App::start(bed.ports.blue, "blue"), App::start(bed.ports.green, "green")];
    let mut stream = connect(&bed);
    let request = "GET /ws HTTP/1.1\r\nHost: api.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(request.as_bytes()).expect("sent");
    let (head, _) = head(&mut stream).expect("heard").expect("an answer");
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    let mut echo = |word: &[u8; 4]| {
        stream.write_all(word).expect("sent");
        let mut back = [0; 4];
        stream.read_exact(&mut back).expect("heard");
        assert_eq!(&back, word);
    };
    echo(b"one\n");
    front.point(Side::Green).expect("pointed");
    until("only the upgraded one is left", || front.connections(bed.ports.blue) == Ok(1));
    echo(b"two\n");
    drop(stream);
    until("it is gone", || front.connections(bed.ports.blue) == Ok(0));
}

pub(crate) fn an_upload_ends_where_it_began() {
    let bed = Bed::start();
    let front = bed.installed();
    let (blue, green) = (App::start(bed.ports.blue, "blue"), App::start(bed.ports.green, "green"));
    let mut stream = connect(&bed);
    stream.write_all(b"POST / HTTP/1.1\r\nHost: api.test\r\nContent-Length: 4\r\n\r\nab").expect("sent");
    // One that came later was answered, so the head of this one has been read.
    for _ in 0..20 {
        assert!(asked(&bed, "").starts_with("HTTP/1.1 200"));
    }
    front.point(Side::Green).expect("pointed");
    until("nobody else is left", || front.connections(bed.ports.blue) == Ok(0));
    stream.write_all(b"cd").expect("sent");
    let (head, body) = head(&mut stream).expect("heard").expect("an answer");
    let mut body = body;
    while body.len() < 4 {
        let mut block = [0; 16];
        let count = stream.read(&mut block).expect("heard");
        body.extend_from_slice(&block[..count]);
    }
    assert!(head.starts_with("HTTP/1.1 200") && body == b"blue", "{head}");
    drop((blue, green));
}

pub(crate) fn an_app_that_is_away_is_told() {
    let bed = Bed::start();
    let front = bed.installed();
    let answer = front.ask("/", soon()).expect("an answer");
    assert_eq!((answer.status, answer.side), (502, Some(Side::Blue)));
    front.point(Side::Green).expect("pointed");
    let _app = App::start(bed.ports.blue, "blue");
    let answer = front.ask("/", soon()).expect("an answer");
    assert_eq!((answer.status, answer.side), (502, Some(Side::Green)), "the other side is not tried");
}
