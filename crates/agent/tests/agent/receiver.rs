//! Somebody who is told: a listener on loopback, and the channel that speaks to it. One line per page.

use std::future::Future;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use muster_agent::parts::Channel;
use muster_core::effect::News;
use muster_core::outbox::{Delivery, Dispatch};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt};

/// One page as it arrived: who it is about, what kind of news, and the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Arrived {
    pub(crate) about: String,
    pub(crate) news: String,
    pub(crate) key: String,
}

/// A listener that keeps what it is told.
#[derive(Clone)]
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    arrived: Arc<Mutex<Vec<Arrived>>>,
}

impl Receiver {
    pub(crate) fn start() -> Self {
        Self::at("127.0.0.1:0".parse().unwrap())
    }

    pub(crate) fn at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let arrived = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&arrived);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let kept = Arc::clone(&kept);
                std::thread::spawn(move || answer(stream, &kept));
            }
        });
        Self { address, arrived }
    }

    pub(crate) fn all(&self) -> Vec<Arrived> {
        self.arrived.lock().unwrap().clone()
    }

    /// What arrived about one expectation, as words of news.
    pub(crate) fn about(&self, about: &str) -> Vec<String> {
        self.all().into_iter().filter(|one| one.about == about).map(|one| one.news).collect()
    }
}

fn answer(mut stream: TcpStream, kept: &Mutex<Vec<Arrived>>) {
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut line = String::new();
    if BufReader::new(stream.try_clone().unwrap()).read_line(&mut line).is_err() || line.is_empty() {
        return;
    }
    let mut words = line.trim_end().split('\t').map(str::to_owned);
    let mut next = || words.next().unwrap();
    kept.lock().unwrap().push(Arrived { about: next(), news: next(), key: next() });
    drop(stream.write_all(b"taken\n"));
}

/// The channel to a [`Receiver`].
pub(crate) struct Line(pub(crate) SocketAddr);

fn word(news: &News) -> &'static str {
    match news {
        News::Opened { .. } => "opened",
        News::Reminder { .. } => "reminder",
        News::AcknowledgementExpired { .. } => "expired",
        News::Escalated { .. } => "step",
        News::Flapping { .. } => "flapping",
        News::Resolved { .. } => "resolved",
        News::Withdrawn { .. } => "withdrawn",
        News::Test { .. } => "test",
    }
}

impl Line {
    async fn tell(&self, dispatch: &Dispatch) -> std::io::Result<String> {
        let mut stream = tokio::net::TcpStream::connect(self.0).await?;
        let page = &dispatch.entry.page;
        for one in dispatch.folded.iter().map(|entry| &entry.page).chain([page]) {
            let key = &dispatch.key;
            if dispatch.folded.is_empty() || one == page {
                let line = format!("{}\t{}\t{key}\n", one.about, word(&one.news));
                stream.write_all(line.as_bytes()).await?;
            }
        }
        let mut answer = String::new();
        tokio::io::BufReader::new(stream).read_line(&mut answer).await?;
        if answer.is_empty() { Err(std::io::ErrorKind::UnexpectedEof.into()) } else { Ok(answer) }
    }
}

impl Channel for Line {
    fn deliver<'a>(&'a self, dispatch: &'a Dispatch) -> Pin<Box<dyn Future<Output = Delivery> + Send + 'a>> {
        Box::pin(async move {
            match self.tell(dispatch).await {
                Ok(receipt) => Delivery::Accepted { receipt },
                Err(error) => Delivery::NotNow { why: error.to_string(), retry_at: None },
            }
        })
    }
}

/// A channel that never answers.
pub(crate) struct Hung;

impl Channel for Hung {
    fn deliver<'a>(&'a self, _: &'a Dispatch) -> Pin<Box<dyn Future<Output = Delivery> + Send + 'a>> {
        Box::pin(std::future::pending())
    }
}
