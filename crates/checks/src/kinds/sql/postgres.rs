//! PostgreSQL: one login, one statement in a read-only transaction with a time limit of the server's own.

use std::error::Error as _;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::BytesMut;
use futures_util::TryStreamExt;
use muster_net::error::NetError;
use muster_net::inspect::Offer;
use muster_net::reach::Family;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};
use tokio_postgres::types::{Format, FromSql, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Error};

use super::cell::{Answer, Cell};
use super::dsn::{Place, Postgres};
use super::{Asked, CANCEL, GOODBYE, ROWS, TRAFFIC, moment};
use crate::contact::{connect, secure, time};
use crate::probe::{Class, Miss, Scene};

/// From 1970 to 2000, where PostgreSQL begins to count, in milliseconds.
const EPOCH: i64 = 946_684_800_000;

/// Logs in, asks, and says goodbye.
pub(super) async fn ask(
    server: &Postgres,
    asked: &Asked,
    scene: &Scene,
    until: Instant,
) -> Result<Answer, Miss> {
    let stream = dial(server, scene, until).await?;
    let handshake = Handshake::new(server, scene, until);
    let began = Instant::now();
    let login = timeout_at(until, server.config.connect_raw(stream, handshake)).await;
    let (client, mut connection) = match login {
        Ok(Ok(made)) => made,
        Ok(Err(error)) => return Err(miss(&error, "the login")),
        Err(_) => return Err(Miss::down(Class::Timeout, "the login did not come to its end")),
    };
    scene.notebook.phase("login", began.elapsed());
    scene.notebook.fact("time.login", time(began.elapsed()));
    // Its own end comes a little before ours, so that the server tells it; ours is for a server that does not.
    let left = until.saturating_duration_since(Instant::now());
    let limit = left.saturating_sub((left / 10).min(Duration::from_millis(200)));
    let began = Instant::now();
    let ended = {
        let mut work = pin!(timeout_at(until, query(&client, asked, limit)));
        tokio::select! {
            biased;
            ended = &mut work => ended,
            ended = &mut connection => Ok(match ended {
                Err(error) => Err(error),
                // It said goodbye in the middle; what came before may have been the answer.
                Ok(()) => return Err(Miss::down(Class::Protocol, "the server ended the connection")),
            }),
        }
    };
    scene.notebook.phase("query", began.elapsed());
    scene.notebook.fact("time.query", time(began.elapsed()));
    match ended {
        Ok(Ok(answer)) => {
            // With a goodbye, the server's log has no complaint about us.
            drop(client);
            drop(timeout(GOODBYE, connection).await);
            Ok(answer)
        }
        Ok(Err(error)) => Err(miss(&error, "the query")),
        Err(_) => {
            let is_cancelled =
                timeout(CANCEL, cancel(server, &client, scene)).await.is_ok_and(|sent| sent.is_ok());
            let end = if is_cancelled { "was cancelled" } else { "could not be cancelled" };
            Err(Miss::down(Class::Timeout, format!("the query did not come to its end and {end}")))
        }
    }
}

async fn dial(server: &Postgres, scene: &Scene, until: Instant) -> Result<Bounded, Miss> {
    let stream: Box<dyn Duplex> = match &server.place {
        Place::Net(endpoint) => Box::new(connect(scene, Family::Any, endpoint, until).await?),
        Place::Socket(path) => match timeout_at(until, UnixStream::connect(path)).await {
            Ok(Ok(stream)) => Box::new(stream),
            Ok(Err(error)) => {
                let why = format!("{} does not take connections: {error}", path.display());
                return Err(Miss::down(Class::Connect, why));
            }
            Err(_) => return Err(Miss::down(Class::Timeout, format!("{} does not answer", path.display()))),
        },
    };
    Ok(Bounded { stream, left: TRAFFIC })
}

async fn query(client: &Client, asked: &Asked, limit: Duration) -> Result<Answer, Error> {
    let text = match asked {
        Asked::Nothing => return Ok(Answer::default()),
        Asked::Query(question) => question.marked(|at| format!("${at}")),
        Asked::Newest(column) => {
            let (table, column) = column.quoted('"');
            format!("select extract(epoch from now() - max({column}))::float8 from {table}")
        }
    };
    let millis = limit.as_millis().max(1);
    client
        .batch_execute(&format!("begin transaction read only; set local statement_timeout = {millis}"))
        .await?;
    let parameters = asked.given().iter().map(|value| (Given(value), Type::UNKNOWN));
    let mut answer = Answer::default();
    {
        // Without a name of its own on the server, so that it passes through every pooler.
        let mut rows = pin!(client.query_typed_raw(&text, parameters).await?);
        while let Some(row) = rows.try_next().await? {
            answer.rows += 1;
            if answer.rows == 1 {
                answer.first = if row.is_empty() { None } else { Some(row.try_get::<_, Cell>(0)?) };
            }
            if answer.rows > ROWS {
                answer.is_cut = true;
                return Ok(answer);
            }
        }
    }
    if matches!(asked, Asked::Newest(_)) {
        answer.first = answer.first.map(Cell::into_age);
    }
    client.batch_execute("rollback").await?;
    Ok(answer)
}

/// A value as the server would read it in a statement: of the type that its place asks for.
#[derive(Debug)]
struct Given<'a>(&'a str);

impl ToSql for Given<'_> {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        out.extend_from_slice(self.0.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}

async fn cancel(server: &Postgres, client: &Client, scene: &Scene) -> Result<(), Miss> {
    let until = Instant::now() + CANCEL;
    let stream = dial(server, scene, until).await?;
    let handshake = Handshake::new(server, scene, until);
    let sent = client.cancel_token().cancel_query_raw(stream, handshake).await;
    sent.map_err(|error| miss(&error, "the cancelling"))
}

fn miss(error: &Error, what: &str) -> Miss {
    if let Some(said) = error.as_db_error() {
        let class = if *said.code() == SqlState::QUERY_CANCELED { Class::Timeout } else { Class::Refused };
        return Miss::down(class, format!("{what} was refused: {} ({})", said.message(), said.code().code()));
    }
    let source = error.source().map(ToString::to_string);
    let why = source.clone().unwrap_or_else(|| error.to_string());
    match error.to_string().as_str() {
        "error performing TLS handshake" => {
            let help = "; for a network that is trusted, `sslmode=disable`";
            let help = if why == "server does not support TLS" { help } else { "" };
            Miss::down(Class::Tls, format!("{why}{help}"))
        }
        "invalid configuration" => Miss::blind(format!("{what} cannot be made: {why}")),
        "authentication error" => Miss::down(Class::Refused, format!("{what} was refused: {why}")),
        _ => Miss::down(Class::Protocol, format!("the server broke {what} off: {why}")),
    }
}

/// Anything that bytes go through.
trait Duplex: AsyncRead + AsyncWrite + Unpin + Send + fmt::Debug {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send + fmt::Debug> Duplex for S {}

/// A connection over which only so much may come.
#[derive(Debug)]
struct Bounded {
    stream: Box<dyn Duplex>,
    left: usize,
}

impl AsyncRead for Bounded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, into))?;
        let came = into.filled().len() - before;
        match self.left.checked_sub(came) {
            Some(left) => self.left = left,
            None => return Poll::Ready(Err(io::Error::other(format!("it sent more than {TRAFFIC} bytes")))),
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Bounded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// The handshake, if the server takes part in it.
struct Handshake<'a> {
    scene: &'a Scene,
    host: String,
    offer: Offer,
    until: Instant,
}

impl<'a> Handshake<'a> {
    fn new(server: &Postgres, scene: &'a Scene, until: Instant) -> Self {
        let host = match &server.place {
            Place::Net(endpoint) => endpoint.host.clone(),
            Place::Socket(_) => String::new(),
        };
        Self { scene, host, offer: Offer { ca: server.ca.clone(), ..Offer::default() }, until }
    }
}

impl<'a> TlsConnect<Bounded> for Handshake<'a> {
    type Stream = Private;
    type Error = NetError;
    type Future = Pin<Box<dyn Future<Output = Result<Private, NetError>> + Send + 'a>>;

    fn connect(self, stream: Bounded) -> Self::Future {
        Box::pin(async move {
            let Self { scene, host, offer, until } = self;
            secure(scene, stream, &host, &offer, until).await.trusted().map(Private)
        })
    }
}

/// A private connection.
#[derive(Debug)]
struct Private(tokio_rustls::client::TlsStream<Bounded>);

impl TlsStream for Private {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl AsyncRead for Private {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, into)
    }
}

impl AsyncWrite for Private {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

impl<'a> FromSql<'a> for Cell {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(match *kind {
            Type::BOOL => Self::Flag(bool::from_sql(kind, raw)?),
            Type::INT2 => Self::Number(i16::from_sql(kind, raw)?.into()),
            Type::INT4 => Self::Number(i32::from_sql(kind, raw)?.into()),
            Type::INT8 => Self::Number(i64::from_sql(kind, raw)? as f64),
            Type::OID => Self::Number(u32::from_sql(kind, raw)?.into()),
            Type::FLOAT4 => Self::Number(f32::from_sql(kind, raw)?.into()),
            Type::FLOAT8 => Self::Number(f64::from_sql(kind, raw)?),
            Type::NUMERIC => decimal(raw).map_or_else(|| strange(kind), Self::Number),
            Type::TIMESTAMPTZ => match eight(raw) {
                Some(micros) if micros != i64::MAX && micros != i64::MIN => moment(micros / 1000 + EPOCH),
                _ => Self::Strange("an endless time".into()),
            },
            Type::INTERVAL => interval(raw).map_or_else(|| strange(kind), Self::Length),
            Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN | Type::JSON => {
                Self::Text(String::from_utf8_lossy(raw).into_owned())
            }
            // Its first byte is the version of the form.
            Type::JSONB => Self::Text(String::from_utf8_lossy(raw.get(1..).unwrap_or_default()).into_owned()),
            _ => strange(kind),
        })
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self::Null)
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

fn strange(kind: &Type) -> Cell {
    Cell::Strange(format!("of the type {}", kind.name()))
}

fn eight(raw: &[u8]) -> Option<i64> {
    raw.get(..8)?.try_into().ok().map(i64::from_be_bytes)
}

/// Microseconds, days, months of 30 days.
fn interval(raw: &[u8]) -> Option<i64> {
    let four = |at: usize| raw.get(at..at + 4)?.try_into().ok().map(i32::from_be_bytes);
    let days = i64::from(four(8)?) + 30 * i64::from(four(12)?);
    Some((eight(raw)? / 1000).saturating_add(days * 86_400_000))
}

/// Digits to the base of 10,000, the first of which stands for 10,000 to the power of its weight.
fn decimal(raw: &[u8]) -> Option<f64> {
    let two = |at: usize| raw.get(at..at + 2)?.try_into().ok().map(u16::from_be_bytes);
    let (count, weight, sign) = (two(0)?, two(2)?.cast_signed(), two(4)?);
    let factor = match sign {
        0x0000 => 1.0,
        0x4000 => -1.0,
        _ => return None,
    };
    let mut sum = 0.0;
    for at in 0..count {
        let power = i32::from(weight) - i32::from(at);
        sum += f64::from(two(8 + 2 * usize::from(at))?) * 10_000_f64.powi(power);
    }
    Some(factor * sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_sends_becomes_a_value() {
        let raw = |parts: &[u16]| parts.iter().flat_map(|part| part.to_be_bytes()).collect::<Vec<_>>();
        // 12345.6789
        assert_eq!(decimal(&raw(&[3, 1, 0, 4, 1, 2345, 6789])), Some(12345.6789));
        assert_eq!(decimal(&raw(&[1, 0, 0x4000, 0, 7])), Some(-7.0));
        assert_eq!(decimal(&raw(&[0, 0, 0, 0])), Some(0.0));
        assert_eq!((decimal(&raw(&[0, 0, 0xc000, 0])), decimal(&raw(&[9, 0, 0, 0]))), (None, None));
        let mut day = 1_500_000_i64.to_be_bytes().to_vec();
        day.extend([0, 0, 0, 2, 0, 0, 0, 1]);
        assert_eq!(interval(&day), Some(1500 + 32 * 86_400_000));
    }
}
