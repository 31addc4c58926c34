//! The web app that is deployed on testbed hosts: one static program that does what a decent app does, and breaks in a
//! chosen way.
//!
//! `app [PORT]` listens on `0.0.0.0:$PORT` (`APP_HOST` for another address). `app migrate [CODE]` says which version it is
//! and exits with the code, for what is run once before a deploy.
//!
//! | request | answer |
//! |---|---|
//! | `GET /` | the version |
//! | `GET /health` | JSON: status, version, release, process |
//! | `GET /slow?ms=400` | the version, after a while |
//! | `POST /echo` | the body |
//! | `GET /events` | an event stream: the version and a number, five times a second |
//! | `GET /ws` | a WebSocket that echoes |
//!
//! The version is `APP_VERSION`, or stands in `version` beside the program or in `/version`, or is `MUSTER_RELEASE`. Every
//! answer has it as `X-Version`. SIGTERM ends it in order: nobody new is let in, idle connections and streams are closed,
//! what is in flight has ten seconds.
//!
//! `APP_BREAK`, or the file that `APP_BREAK_FILE` names (`/break` if it names none), says how it is broken; see [`breaks`].
//! `health500`, `errors` and `hang` are looked up with each request, so that a file breaks an app that runs, and mends it.

#![expect(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "its words go to the log of its container or unit"
)]

mod breaks;
mod crowd;
mod serve;

use std::net::TcpListener;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use signal_hook::consts::{SIGINT, SIGTERM};

use breaks::Break;
use crowd::Crowd;

/// How long what is in flight may take at the end.
const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let version = version();
    if words.first().is_some_and(|word| word == "migrate") {
        println!("migrated by {version}");
        return ExitCode::from(words.get(1).and_then(|code| code.parse().ok()).unwrap_or(0));
    }
    let port = words.first().cloned().or_else(|| std::env::var("PORT").ok());
    let Some(port) = port.and_then(|port| port.parse().ok()) else {
        eprintln!("usage: app [PORT], or PORT in the environment");
        return ExitCode::from(2);
    };
    match run(port, &version) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("app {version}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn version() -> String {
    let beside = std::env::current_exe().ok().map(|program| program.with_file_name("version"));
    let file = |path| std::fs::read_to_string(path).ok();
    std::env::var("APP_VERSION")
        .ok()
        .or_else(|| beside.and_then(file))
        .or_else(|| file("/version".into()))
        .or_else(|| std::env::var("MUSTER_RELEASE").ok())
        .map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty())
        .unwrap_or_else(|| "unknown".to_owned())
}

fn run(port: u16, version: &str) -> Result<(), String> {
    let fail = |error: std::io::Error| error.to_string();
    // Registered first: an app that is told to go while it starts goes.
    let (asked, bell) = UnixStream::pair().map_err(fail)?;
    let broken = Break::now();
    if broken == Break::Deaf {
        signal_hook::flag::register(SIGTERM, Arc::default()).map_err(fail)?;
    } else {
        for signal in [SIGTERM, SIGINT] {
            let bell = bell.try_clone().map_err(fail)?;
            signal_hook::low_level::pipe::register(signal, bell).map_err(fail)?;
        }
    }
    let port = match broken {
        Break::CrashLoop => return Err("broken: it ends before it listens".to_owned()),
        Break::WrongPort => port.checked_add(1).ok_or("no port above")?,
        Break::SlowStart(time) => {
            if is_asked(&asked, time)? {
                return Ok(());
            }
            port
        }
        Break::Crash(time) => {
            breaks::crash_after(time);
            port
        }
        Break::Leak(most) => {
            breaks::leak(most);
            port
        }
        Break::None | Break::Health500 | Break::Errors | Break::Hang | Break::Deaf | Break::Abrupt => port,
    };
    let host = std::env::var("APP_HOST").unwrap_or_else(|_| "0.0.0.0".to_owned());
    let listener =
        TcpListener::bind((host.as_str(), port)).map_err(|error| format!("{host}:{port}: {error}"))?;
    listener.set_nonblocking(true).map_err(fail)?;
    println!("app {version} listens on {}", listener.local_addr().map_err(fail)?);
    let crowd = Arc::new(Crowd::default());
    let version: Arc<str> = version.into();
    while !let_in(&listener, &asked, &crowd, &version)? {}
    drop(listener);
    println!("app {version} was asked to end");
    if broken == Break::Abrupt {
        return Ok(());
    }
    let left = crowd.leave(Instant::now() + PATIENCE);
    println!("app {version} ends; {left} cut off");
    Ok(())
}

/// Waits so long for the signal to end.
fn is_asked(asked: &UnixStream, time: Duration) -> Result<bool, String> {
    let until = Instant::now() + time;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let left = rustix::event::Timespec::try_from(left).map_err(|error| error.to_string())?;
        let mut fds = [PollFd::from_borrowed_fd(asked.as_fd(), PollFlags::IN)];
        match poll(&mut fds, Some(&left)) {
            Ok(0) => return Ok(false),
            Ok(_) => return Ok(true),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.to_string()),
        }
    }
}

/// Waits for a connection and lets in all that are there; true once the signal to end has come.
fn let_in(
    listener: &TcpListener,
    asked: &UnixStream,
    crowd: &Arc<Crowd>,
    version: &Arc<str>,
) -> Result<bool, String> {
    let mut fds = [
        PollFd::from_borrowed_fd(listener.as_fd(), PollFlags::IN),
        PollFd::from_borrowed_fd(asked.as_fd(), PollFlags::IN),
    ];
    match poll(&mut fds, None) {
        Ok(_) => {}
        Err(rustix::io::Errno::INTR) => return Ok(false),
        Err(error) => return Err(error.to_string()),
    }
    let [_, asked] = fds;
    while let Ok((stream, _)) = listener.accept() {
        let Some(guest) = crowd.enter(&stream) else { continue };
        let version = Arc::clone(version);
        std::thread::spawn(move || serve::serve(stream, &guest, &version));
    }
    Ok(asked.revents().contains(PollFlags::IN))
}
