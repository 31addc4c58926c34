//! A server on loopback that does with each connection what the test says: garbage, silence, floods.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::listener::{ANY, Listener};

/// The longest that a connection is kept.
const LONGEST: Duration = Duration::from_secs(60);

/// The server; it ends when it is dropped.
pub struct Raw {
    listener: Listener,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    taken: AtomicUsize,
    open: AtomicUsize,
}

impl Raw {
    /// Listens on a free loopback port and gives each connection to `serve`, on a thread of its own.
    ///
    /// # Errors
    /// When there is none.
    pub fn start(
        serve: impl Fn(&mut TcpStream) -> io::Result<()> + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let counts = Arc::new(Counts::default());
        let ours = Arc::clone(&counts);
        let listener = Listener::start(ANY, Arc::new(AtomicBool::new(false)), move |mut stream| {
            ours.taken.fetch_add(1, Ordering::SeqCst);
            ours.open.fetch_add(1, Ordering::SeqCst);
            stream.set_read_timeout(Some(LONGEST))?;
            stream.set_write_timeout(Some(LONGEST))?;
            let done = serve(&mut stream);
            ours.open.fetch_sub(1, Ordering::SeqCst);
            done
        })?;
        Ok(Self { listener, counts })
    }

    /// Says these bytes to whoever comes, and then waits until he goes.
    ///
    /// # Errors
    /// As for [`Raw::start`].
    pub fn says(bytes: impl Into<Vec<u8>>) -> io::Result<Self> {
        let bytes = bytes.into();
        Self::start(move |stream| {
            stream.write_all(&bytes)?;
            wait_for_end(stream)
        })
    }

    /// Waits for the empty line behind the head of a request, says these bytes, and waits until the other side goes.
    ///
    /// # Errors
    /// As for [`Raw::start`].
    pub fn answers(bytes: impl Into<Vec<u8>>) -> io::Result<Self> {
        let bytes = bytes.into();
        Self::start(move |stream| {
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") {
                if stream.read(&mut byte)? == 0 {
                    return Ok(());
                }
                head.extend(byte);
            }
            stream.write_all(&bytes)?;
            wait_for_end(stream)
        })
    }

    /// Says these bytes again and again until the other side goes.
    ///
    /// # Errors
    /// As for [`Raw::start`].
    pub fn floods(first: impl Into<Vec<u8>>, again: impl Into<Vec<u8>>) -> io::Result<Self> {
        let (first, again) = (first.into(), again.into());
        Self::start(move |stream| {
            stream.write_all(&first)?;
            loop {
                stream.write_all(&again)?;
            }
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// How many connections have come.
    pub fn taken(&self) -> usize {
        self.counts.taken.load(Ordering::SeqCst)
    }

    /// True once all connections are gone, or false when the time is up.
    pub fn is_left_alone_within(&self, limit: Duration) -> bool {
        let deadline = std::time::Instant::now() + limit;
        while self.counts.open.load(Ordering::SeqCst) > 0 {
            if std::time::Instant::now() > deadline {
                return false;
            }
            std::thread::park_timeout(Duration::from_millis(5));
        }
        true
    }
}

/// Reads until the other side closes.
///
/// # Errors
/// When it breaks off instead.
pub fn wait_for_end(stream: &mut TcpStream) -> io::Result<()> {
    io::copy(stream, &mut io::sink()).map(drop)
}
