//! Our two files: when they are written, and when everything is taken back.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use muster_deploy::front::nginx::{Nginx, Place, Token};
use muster_deploy::front::{Front as _, Ports};
use muster_deploy::release::Side;
use muster_testkit::tls::Identity;

use crate::front::app::App;
use crate::front::bed::{Bed, TOKEN, free, soon, until};

pub(crate) fn a_second_install_changes_nothing() {
    let bed = Bed::start();
    let front = bed.installed();
    let texts = bed.texts();
    assert!(texts.iter().all(Option::is_some));
    assert_eq!(front.install(soon()), Ok(false));
    assert_eq!(bed.texts(), texts);
    let mode = fs::metadata(bed.path("conf.d/muster-api.conf")).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "it holds the token");
    let mut names: Vec<_> = fs::read_dir(bed.path("conf.d")).expect("listed").flatten().collect();
    names.extend(fs::read_dir(bed.path("muster")).expect("listed").flatten());
    assert_eq!(names.len(), 2, "nothing is left beside them");
}

pub(crate) fn what_was_never_read_is_read() {
    let bed = Bed::start();
    let front = bed.installed();
    let texts = bed.texts();
    let names = ["conf.d/muster-api.conf", "muster/api.conf"];
    for name in names {
        bed.write(name, "# nothing\n");
    }
    bed.reload();
    until("nginx forgets it", || !front.ask("/", soon()).is_ok_and(|answer| answer.side.is_some()));
    // As after the death of whoever wrote them.
    for (name, text) in names.iter().zip(texts) {
        fs::write(bed.path(name), text.expect("there")).expect("written");
    }
    assert_eq!(front.install(soon()), Ok(true));
    assert_eq!(front.install(soon()), Ok(false));
}

pub(crate) fn a_silent_failure_is_taken_back() {
    let bed = Bed::start();
    let taken = TcpListener::bind("127.0.0.1:0").expect("bound");
    let at = taken.local_addr().expect("an address");
    let blocked = bed.front_at(Place { listen: vec![at.to_string()], ..bed.place() });
    // Nothing was there before.
    let began = Instant::now();
    let trouble = blocked.install(soon()).expect_err("it cannot listen");
    assert!(trouble.what.contains("goes on with those of before"), "{trouble:?}");
    assert!(trouble.lines.iter().any(|line| line.contains(&format!("bind() to {at} failed"))), "{trouble:?}");
    assert_eq!(bed.texts(), [None, None]);
    assert!(!bed.path("muster").exists());
    assert!(began.elapsed() < Duration::from_secs(10), "it is not waited for what will not come");
    // Something that works was there before.
    let front = bed.installed();
    let texts = bed.texts();
    let _app = App::start(bed.ports.blue, "blue");
    assert!(blocked.install(soon()).is_err());
    assert_eq!(bed.texts(), texts);
    let answer = front.ask("/", soon()).expect("an answer");
    assert_eq!((answer.status, answer.side), (200, Some(Side::Blue)));
    assert_eq!(front.install(soon()), Ok(false), "it serves by what was there");
}

pub(crate) fn what_was_made_is_removed() {
    let bed = Bed::start();
    let front = bed.installed();
    front.remove(soon()).expect("removed");
    assert_eq!(bed.texts(), [None, None]);
    until("nginx forgets it", || !front.ask("/", soon()).is_ok_and(|answer| answer.side.is_some()));
    front.remove(soon()).expect("twice is once");
    // A block of somebody's own that names the file itself: without it nginx would not start again.
    bed.write(
        "conf.d/own.conf",
        &format!("server {{ listen {}; server_name api.test; include muster/api.conf; }}\n", bed.at),
    );
    assert_eq!(front.install(soon()), Ok(true));
    let texts = bed.texts();
    front.remove(soon()).expect("left");
    assert_eq!(bed.texts(), texts);
    assert_eq!(front.install(soon()), Ok(false), "it serves as before");
}

pub(crate) fn refused_files_are_taken_back() {
    let bed = Bed::start();
    let front = bed.installed();
    let texts = bed.texts();
    let listen = vec![bed.at.to_string(), bed.at.to_string()];
    let refused = bed.front_at(Place { listen, ..bed.place() });
    let trouble = refused.install(soon()).expect_err("refused");
    assert!(trouble.what.contains("[emerg] a duplicate listen"), "{trouble:?}");
    assert_eq!(bed.texts(), texts);
    assert_eq!(front.install(soon()), Ok(false));
}

pub(crate) fn two_services_share_one_nginx() {
    let bed = Bed::start();
    let front = bed.installed();
    let ports = Ports { blue: free(), green: free() };
    let token = Token::parse(&TOKEN.replace('0', "f")).expect("a token");
    let place = Place { flags: bed.path("flags/api-2"), ..bed.place() };
    let other = Nginx::new("api-2.Test", vec!["other.test".into()], ports, token, place).expect("a front");
    assert_eq!(other.install(soon()), Ok(true));
    assert_eq!(front.install(soon()), Ok(false));
    let _apps = [App::start(bed.ports.green, "green"), App::start(ports.blue, "blue")];
    front.point(Side::Green).expect("pointed");
    for (front, side) in [(&front, Side::Green), (&other, Side::Blue)] {
        let answer = front.ask("/", soon()).expect("an answer");
        assert_eq!((answer.status, answer.side), (200, Some(side)));
    }
    // A port of a neighbour would lead his users to us.
    let clash = Ports { blue: ports.blue, green: free() };
    let token = Token::parse(TOKEN).expect("a token");
    let clash = Nginx::new("third", vec!["third.test".into()], clash, token, bed.place()).expect("a front");
    let told = clash.objections();
    assert!(told.iter().any(|trouble| trouble.what.contains("conf.d/muster-api-2.Test.conf:")), "{told:?}");
}

pub(crate) fn a_tls_block_leads_to_the_sides() {
    let (open, secure) = (SocketAddr::from(([127, 0, 0, 1], free())), free());
    let bed = Bed::with("include sites/*;");
    Identity::new()
        .and_then(|identity| {
            identity.write_certificate(&bed.path("cert.pem"))?;
            identity.write_key(&bed.path("key.pem"))
        })
        .expect("a certificate");
    let site = format!(
        "server {{ listen {open}; server_name api.test; return 301 https://$host$request_uri; }}\n\
         server {{ listen 127.0.0.1:{secure} ssl; server_name api.test;\n\
         ssl_certificate cert.pem; ssl_certificate_key key.pem;\n\
         include muster/api.conf; }}\n"
    );
    fs::create_dir(bed.path("sites")).expect("made");
    bed.write("sites/api", &site);
    let front = bed.front();
    // The file that the line means is not there yet.
    assert_eq!(front.objections(), []);
    assert_eq!(front.install(soon()), Ok(true));
    assert_eq!(front.install(soon()), Ok(false));
    let [upstreams, _] = bed.texts();
    let upstreams = String::from_utf8(upstreams.expect("there")).expect("text");
    assert!(!upstreams.contains("server_name"), "there is one already");
    let _app = App::start(bed.ports.green, "green");
    front.point(Side::Green).expect("pointed");
    let began = Instant::now();
    let answer = front.ask("/", soon()).expect("an answer");
    println!("ask through TLS: {:?}", began.elapsed());
    assert_eq!((answer.status, answer.side), (200, Some(Side::Green)));
    assert_eq!(front.objections(), []);
}
