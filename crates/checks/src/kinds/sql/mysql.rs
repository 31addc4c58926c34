//! MySQL and MariaDB: one login, one statement in a read-only transaction with a time limit of the server's own.

use std::time::Duration;

use mysql_async::consts::ColumnType;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, DriverError, Error, IoError, Opts, OptsBuilder, Params, PoolOpts, SslOpts, Value};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::rustls;

use super::cell::{Answer, Cell};
use super::dsn::Mysql;
use super::{Asked, CANCEL, GOODBYE, ROWS, TRAFFIC};
use crate::contact::time;
use crate::probe::{Class, Miss, Scene};

/// Logs in, asks, and says goodbye.
pub(super) async fn ask(
    server: &Mysql,
    asked: &Asked,
    scene: &Scene,
    until: Instant,
) -> Result<Answer, Miss> {
    let opts = options(server)?;
    let began = Instant::now();
    let mut conn = match timeout_at(until, Conn::new(opts.clone())).await {
        Ok(Ok(conn)) => conn,
        Ok(Err(error)) => return Err(miss(&error, "the login")),
        Err(_) => return Err(Miss::down(Class::Timeout, "the login did not come to its end")),
    };
    scene.notebook.phase("login", began.elapsed());
    scene.notebook.fact("time.login", time(began.elapsed()));
    let number = conn.id();
    let left = until.saturating_duration_since(Instant::now());
    let limit = left.saturating_sub((left / 10).min(Duration::from_millis(200)));
    let began = Instant::now();
    let ended = timeout_at(until, query(&mut conn, asked, limit)).await;
    scene.notebook.phase("query", began.elapsed());
    scene.notebook.fact("time.query", time(began.elapsed()));
    match ended {
        Ok(Ok(answer)) => {
            drop(timeout(GOODBYE, conn.disconnect()).await);
            Ok(answer)
        }
        Ok(Err(error)) => Err(miss(&error, "the query")),
        Err(_) => {
            let is_cancelled = timeout(CANCEL, cancel(opts, number)).await.is_ok_and(|sent| sent.is_ok());
            let end = if is_cancelled { "was cancelled" } else { "could not be cancelled" };
            Err(Miss::down(Class::Timeout, format!("the query did not come to its end and {end}")))
        }
    }
}

fn options(server: &Mysql) -> Result<Opts, Miss> {
    let mut builder = OptsBuilder::from_opts(server.opts.clone())
        .prefer_socket(false)
        .max_allowed_packet(Some(TRAFFIC))
        .stmt_cache_size(0)
        .pool_opts(PoolOpts::default());
    if server.is_private {
        // The host's own roots first, as everywhere else.
        let host = rustls_native_certs::load_native_certs().certs;
        let has_own = !host.is_empty();
        let mut roots: Vec<_> = host.into_iter().map(|root| root.to_vec().into()).collect();
        if let Some(path) = &server.ca {
            let pem = std::fs::read(path)
                .map_err(|error| Miss::blind(format!("{} cannot be read: {error}", path.display())))?;
            roots.push(pem.into());
        }
        let tls = SslOpts::default().with_root_certs(roots).with_disable_built_in_roots(has_own);
        builder = builder.ssl_opts(tls);
    }
    Ok(builder.into())
}

async fn query(conn: &mut Conn, asked: &Asked, limit: Duration) -> Result<Answer, Error> {
    let text = match asked {
        Asked::Nothing => return Ok(Answer::default()),
        Asked::Query(question) => question.marked(|_| "?".to_owned()),
        Asked::Newest(column) => {
            let (table, column) = column.quoted('`');
            format!("select timestampdiff(microsecond, max({column}), now(6)) / 1000000 from {table}")
        }
    };
    let seconds = limit.as_secs_f64();
    let millis = limit.as_millis().max(1);
    // MariaDB knows the first one, MySQL the second.
    for limit in [
        format!("set session max_statement_time = {seconds:.3}"),
        format!("set session max_execution_time = {millis}"),
    ] {
        match conn.query_drop(limit).await {
            Ok(()) => break,
            Err(Error::Server(_)) => {}
            Err(error) => return Err(error),
        }
    }
    conn.query_drop("start transaction read only").await?;
    let mut answer = Answer::default();
    {
        // Prepared, so that it is one statement and no more.
        let mut rows = conn.exec_iter(&text, params(asked)).await?;
        while let Some(row) = rows.next().await? {
            answer.rows += 1;
            if answer.rows == 1 {
                let kind = row.columns_ref().first().map(mysql_async::Column::column_type);
                answer.first = row.as_ref(0).map(|value| cell(value, kind));
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
    conn.query_drop("rollback").await?;
    Ok(answer)
}

fn params(asked: &Asked) -> Params {
    match asked.given() {
        [] => Params::Empty,
        given => Params::Positional(given.iter().map(|value| value.as_str().into()).collect()),
    }
}

async fn cancel(opts: Opts, number: u32) -> Result<(), Error> {
    let mut other = Conn::new(opts).await?;
    other.query_drop(format!("kill query {number}")).await?;
    other.disconnect().await
}

fn cell(value: &Value, kind: Option<ColumnType>) -> Cell {
    match value {
        Value::NULL => Cell::Null,
        Value::Int(number) => Cell::Number(*number as f64),
        Value::UInt(number) => Cell::Number(*number as f64),
        Value::Float(number) => Cell::Number((*number).into()),
        Value::Double(number) => Cell::Number(*number),
        Value::Bytes(bytes) => {
            let text = String::from_utf8_lossy(bytes).into_owned();
            let is_number =
                matches!(kind, Some(ColumnType::MYSQL_TYPE_DECIMAL | ColumnType::MYSQL_TYPE_NEWDECIMAL));
            match text.parse() {
                Ok(number) if is_number => Cell::Number(number),
                _ => Cell::Text(text),
            }
        }
        // In the time zone of the session, which the server does not tell: no point in time for us.
        Value::Date(year, month, day, hour, minute, second, _) => {
            Cell::Text(format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"))
        }
        Value::Time(is_negative, days, hours, minutes, seconds, micros) => {
            let hours = i64::from(*days) * 24 + i64::from(*hours);
            let seconds = (hours * 60 + i64::from(*minutes)) * 60 + i64::from(*seconds);
            let millis = seconds * 1000 + i64::from(*micros) / 1000;
            Cell::Length(if *is_negative { -millis } else { millis })
        }
    }
}

fn miss(error: &Error, what: &str) -> Miss {
    match error {
        // Over the server's time limit: MariaDB, MySQL; or killed.
        Error::Server(said) if matches!(said.code, 1969 | 3024 | 1317) => {
            Miss::down(Class::Timeout, format!("{what} was refused: {} ({})", said.message, said.code))
        }
        Error::Server(said) => {
            Miss::down(Class::Refused, format!("{what} was refused: {} ({})", said.message, said.code))
        }
        Error::Io(IoError::Tls(error)) => Miss::down(Class::Tls, format!("TLS failed: {error}")),
        Error::Driver(DriverError::NoClientSslFlagFromServer) => {
            let help = "for a network that is trusted, `sslmode=disable`";
            Miss::down(Class::Tls, format!("the server does not take TLS; {help}"))
        }
        Error::Io(IoError::Io(error)) if error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) => {
            Miss::down(Class::Tls, format!("TLS failed: {error}"))
        }
        Error::Io(IoError::Io(error)) if what == "the login" && is_connecting(error) => {
            Miss::down(Class::Connect, format!("the server does not take connections: {error}"))
        }
        other => Miss::down(Class::Protocol, format!("the server broke {what} off: {other}")),
    }
}

fn is_connecting(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionRefused, HostUnreachable, NetworkUnreachable, NotFound, TimedOut};
    matches!(error.kind(), ConnectionRefused | HostUnreachable | NetworkUnreachable | NotFound | TimedOut)
}
