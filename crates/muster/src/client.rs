//! Asks the agent over its unix socket. One request per connection, one deadline for all of it. Knows nothing of what is
//! asked.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

/// From connecting to the last byte of the answer, unless asked otherwise.
const DEADLINE: Duration = Duration::from_secs(5);
/// Longest answer that is read, in bytes: a board of 10,000 expectations is a tenth of it.
const LIMIT: usize = 64 << 20;

/// The way to the agent.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    socket: PathBuf,
    deadline: Duration,
}

/// No answer, or not the one that was asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unanswered {
    /// Nobody listens.
    #[error("no agent listens on {}", .0.display())]
    NotRunning(PathBuf),
    /// The socket is there and may not be used.
    #[error("cannot connect to {}", .path.display())]
    Closed {
        /// The socket.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// It did not answer in time.
    #[error("the agent did not answer within {} s", .0.as_secs())]
    Late(Duration),
    /// The connection broke.
    #[error("the connection to the agent broke")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It answered something else: another version, perhaps.
    #[error("the agent's answer could not be read")]
    Garbled(#[source] serde_json::Error),
    /// It said no.
    #[error("{what}")]
    Said {
        /// HTTP status.
        status: u16,
        /// The agent's words.
        what: String,
        /// What it says to try.
        help: Option<String>,
    },
}

impl Client {
    /// A client of the agent that listens on `socket`. Nothing is opened yet.
    pub(crate) fn new(socket: impl Into<PathBuf>) -> Self {
        Self { socket: socket.into(), deadline: DEADLINE }
    }

    /// The same, for what takes longer.
    pub(crate) fn patient(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// Reads `path`.
    ///
    /// # Errors
    /// [`Unanswered`].
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Unanswered> {
        let bytes = self.ask(Method::GET, path, Bytes::new()).await?;
        serde_json::from_slice(&bytes).map_err(Unanswered::Garbled)
    }

    /// Sends `body` to `path`; an empty answer reads as JSON `null`.
    ///
    /// # Errors
    /// [`Unanswered`].
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Unanswered> {
        let body = serde_json::to_vec(body).map_err(Unanswered::Garbled)?;
        let bytes = self.ask(Method::POST, path, Bytes::from(body)).await?;
        let bytes: &[u8] = if bytes.is_empty() { b"null" } else { &bytes };
        serde_json::from_slice(bytes).map_err(Unanswered::Garbled)
    }

    async fn ask(&self, method: Method, path: &str, body: Bytes) -> Result<Bytes, Unanswered> {
        match tokio::time::timeout(self.deadline, self.exchange(method, path, body)).await {
            Ok(answer) => answer,
            Err(_) => Err(Unanswered::Late(self.deadline)),
        }
    }

    async fn exchange(&self, method: Method, path: &str, body: Bytes) -> Result<Bytes, Unanswered> {
        let stream = UnixStream::connect(&self.socket).await.map_err(|error| self.unreachable(error))?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost")
            .header("accept", "application/json")
            .header("content-type", "application/json")
            .body(Full::new(body))
            .map_err(broken)?;
        let answered = async {
            let response = sender.send_request(request).await.map_err(broken)?;
            let status = response.status();
            let body =
                Limited::new(response.into_body(), LIMIT).collect().await.map_err(Unanswered::Broken)?;
            Ok((status, body.to_bytes()))
        };
        let (status, bytes) = driven(answered, connection).await?;
        if status.is_success() { Ok(bytes) } else { Err(said(status, &bytes)) }
    }

    fn unreachable(&self, error: io::Error) -> Unanswered {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                Unanswered::NotRunning(self.socket.clone())
            }
            _ => Unanswered::Closed { path: self.socket.clone(), source: error },
        }
    }
}

/// Awaits the answer while the connection is driven beside it, without a task that nobody awaits.
async fn driven<T>(
    answer: impl Future<Output = Result<T, Unanswered>>,
    connection: impl Future<Output = hyper::Result<()>>,
) -> Result<T, Unanswered> {
    tokio::pin!(answer, connection);
    tokio::select! {
        biased;
        answer = &mut answer => answer,
        // The connection may end in the moment in which the last byte of the answer is there.
        ended = &mut connection => match ended {
            Ok(()) => answer.await,
            Err(error) => Err(broken(error)),
        },
    }
}

fn broken(error: impl std::error::Error + Send + Sync + 'static) -> Unanswered {
    Unanswered::Broken(Box::new(error))
}

/// The agent's words: `{"what": …, "help": …}`, or the first line of the text itself.
fn said(status: StatusCode, bytes: &[u8]) -> Unanswered {
    let status = status.as_u16();
    match serde_json::from_slice(bytes) {
        Ok(Words { what, help }) => Unanswered::Said { status, what, help },
        Err(_) => {
            let text = String::from_utf8_lossy(bytes);
            let line = text.lines().next().unwrap_or_default().trim();
            let what = if line.is_empty() { format!("the agent answered {status}") } else { line.to_owned() };
            Unanswered::Said { status, what, help: None }
        }
    }
}

#[derive(serde::Deserialize)]
struct Words {
    what: String,
    help: Option<String>,
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixListener;

    use super::*;

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime")
            .block_on(future)
    }

    /// Serves one connection with these bytes and returns what the client made of them, with the request it sent.
    fn asked(reply: &'static str) -> (Result<serde_json::Value, Unanswered>, String) {
        run(async {
            let folder = tempfile::tempdir().expect("a folder");
            let socket = folder.path().join("agent.sock");
            let listener = UnixListener::bind(&socket).expect("bound");
            let serve = async {
                let (mut stream, _) = listener.accept().await.expect("accepted");
                let mut request = vec![0; 4096];
                let read = stream.read(&mut request).await.expect("read");
                stream.write_all(reply.as_bytes()).await.expect("written");
                String::from_utf8_lossy(&request[..read]).into_owned()
            };
            let client = Client::new(&socket);
            let body = serde_json::json!({"for": "4h"});
            tokio::join!(client.post("/api/v1/expectations/job.x/acknowledge", &body), serve)
        })
    }

    #[test]
    fn an_answer_is_read_and_the_request_is_plain_http() {
        let (answer, request) = asked("HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n{\"a\": 1}");
        assert_eq!(answer.expect("answered")["a"], 1);
        assert!(request.starts_with("POST /api/v1/expectations/job.x/acknowledge HTTP/1.1\r\n"), "{request}");
        assert!(request.ends_with("{\"for\":\"4h\"}"), "{request}");
    }

    #[test]
    fn a_refusal_keeps_the_agents_words() {
        let (answer, _) = asked(
            "HTTP/1.1 404 Not Found\r\ncontent-length: 41\r\n\r\n{\"what\":\"no such thing\",\"help\":\"see `/`\"}",
        );
        match answer {
            Err(Unanswered::Said { status: 404, what, help }) => {
                assert_eq!((what.as_str(), help.as_deref()), ("no such thing", Some("see `/`")));
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn half_an_answer_is_no_answer() {
        let (answer, _) = asked("HTTP/1.1 200 OK\r\ncontent-length: 80\r\n\r\n{\"a\"");
        assert!(matches!(answer, Err(Unanswered::Broken(_))), "{answer:?}");
    }

    #[test]
    fn a_socket_that_nobody_listens_on_means_that_the_agent_is_not_running() {
        let folder = tempfile::tempdir().expect("a folder");
        let missing = run(Client::new(folder.path().join("none")).get::<()>("/"));
        assert!(matches!(missing, Err(Unanswered::NotRunning(_))), "{missing:?}");
        let left_behind = folder.path().join("agent.sock");
        drop(std::os::unix::net::UnixListener::bind(&left_behind).expect("bound"));
        let refused = run(Client::new(left_behind).get::<()>("/"));
        assert!(matches!(refused, Err(Unanswered::NotRunning(_))), "{refused:?}");
    }
}
