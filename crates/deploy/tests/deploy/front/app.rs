//! A release as a front sees it: one port, and an end that cuts off whatever is still open.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How long a slow answer takes.
const SLOW: Duration = Duration::from_millis(400);

pub(crate) struct App {
    port: u16,
    over: Arc<AtomicBool>,
    shared: Arc<Shared>,
    taking: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    /// What is open.
    streams: Mutex<BTreeMap<u64, TcpStream>>,
    heads: Mutex<Vec<String>>,
}

impl App {
    /// Answers everything with its word.
    pub(crate) fn start(port: u16, word: &'static str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).expect("the port of the side");
        let (over, shared) = (Arc::new(AtomicBool::new(false)), Arc::new(Shared::default()));
        let (ends, holds) = (Arc::clone(&over), Arc::clone(&shared));
        let taking = thread::spawn(move || {
            for (number, stream) in (0..).zip(listener.incoming().flatten()) {
                if ends.load(Ordering::SeqCst) {
                    break;
                }
                let Ok(kept) = stream.try_clone() else { continue };
                holds.streams.lock().expect("whole").insert(number, kept);
                let holds = Arc::clone(&holds);
                thread::spawn(move || {
                    // Who goes before the end is one of the things that are tried.
                    drop(serve(stream, word, &holds));
                    holds.streams.lock().expect("whole").remove(&number);
                });
            }
        });
        Self { port, over, shared, taking: Some(taking) }
    }

    /// The heads of the requests that came.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.shared.heads.lock().expect("whole").clone()
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        drop(self.taking.take().map(JoinHandle::join));
        for stream in self.shared.streams.lock().expect("whole").values() {
            drop(stream.shutdown(Shutdown::Both));
        }
    }
}

fn serve(mut stream: TcpStream, word: &str, shared: &Shared) -> io::Result<()> {
    let Some((head, mut left)) = head(&mut stream)? else { return Ok(()) };
    shared.heads.lock().expect("whole").push(head.clone());
    let lower = head.to_ascii_lowercase();
    if lower.contains("upgrade: websocket") {
        stream.write_all(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        )?;
        stream.write_all(&left)?;
        let mut block = [0; 1024];
        loop {
            match stream.read(&mut block)? {
                0 => return Ok(()),
                count => stream.write_all(&block[..count])?,
            }
        }
    }
    let length = lower.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let length: usize = length.unwrap_or(0);
    let mut block = [0; 4096];
    while left.len() < length {
        match stream.read(&mut block)? {
            0 => return Ok(()),
            count => left.extend_from_slice(&block[..count]),
        }
    }
    if head.contains(" /slow ") {
        thread::park_timeout(SLOW);
    }
    let count = word.len();
    let said = format!("HTTP/1.1 200 OK\r\nContent-Length: {count}\r\nConnection: close\r\n\r\n{word}");
    stream.write_all(said.as_bytes())
}

/// The head of what comes, and what came behind it.
pub(crate) fn head(stream: &mut impl Read) -> io::Result<Option<(String, Vec<u8>)>> {
    let mut bytes = Vec::new();
    let mut block = [0; 4096];
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let rest = bytes.split_off(end + 4);
            return Ok(Some((String::from_utf8_lossy(&bytes).into_owned(), rest)));
        }
        match stream.read(&mut block)? {
            0 => return Ok(None),
            count => bytes.extend_from_slice(&block[..count]),
        }
    }
}
