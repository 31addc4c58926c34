//! SQLite: a file, opened for reading alone, on a thread of its own.

use std::path::Path;
use std::time::{Duration, Instant as Moment};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Error, ErrorCode, InterruptHandle, OpenFlags};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

use super::cell::{Answer, Cell};
use super::{Asked, ROWS};
use crate::apart::Apart;
use crate::contact::time;
use crate::probe::{Class, Miss, Scene};

/// Opens, asks, and closes.
pub(super) async fn ask(
    path: &Path,
    asked: &Asked,
    scene: &Scene,
    until: Instant,
    apart: &Apart,
) -> Result<Answer, Miss> {
    let (tell, told) = oneshot::channel();
    let (file, asked) = (path.to_owned(), asked.clone());
    let left = until.saturating_duration_since(Instant::now());
    let patience = left.saturating_sub((left / 10).min(Duration::from_millis(200)));
    let what = path.display().to_string();
    let working = apart.work(&what, scene.deadline, move || look(&file, &asked, patience, tell));
    // The work ends by itself when it is interrupted.
    let interrupting = async {
        let Ok(handle) = told.await else { return std::future::pending().await };
        sleep_until(until).await;
        handle.interrupt();
        std::future::pending().await
    };
    let (answer, opened, took) = tokio::select! {
        ended = working => ended??,
        () = interrupting => return Err(Miss::down(Class::Timeout, "the query was interrupted")),
    };
    scene.notebook.phase("login", opened);
    scene.notebook.phase("query", took);
    scene.notebook.fact("time.login", time(opened));
    scene.notebook.fact("time.query", time(took));
    Ok(answer)
}

fn look(
    path: &Path,
    asked: &Asked,
    patience: Duration,
    tell: oneshot::Sender<InterruptHandle>,
) -> Result<(Answer, Duration, Duration), Miss> {
    let began = Moment::now();
    match std::fs::metadata(path) {
        Ok(found) if found.is_file() => {}
        Ok(_) => return Err(Miss::down(Class::Absent, format!("{} is no file", path.display()))),
        Err(error) if muster_host::walk::is_absent(&error) => {
            return Err(Miss::down(Class::Absent, format!("{} is not there", path.display())));
        }
        Err(error) => {
            let shown = path.display();
            return Err(Miss::blind(format!("{shown} cannot be read: {error}; try: namei -l {shown}")));
        }
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|error| miss(path, &error))?;
    connection.busy_timeout(patience).map_err(|error| miss(path, &error))?;
    // Nobody may be waiting any more.
    drop(tell.send(connection.get_interrupt_handle()));
    let opened = began.elapsed();
    let answer = query(&connection, asked).map_err(|error| miss(path, &error))?;
    Ok((answer, opened, began.elapsed().saturating_sub(opened)))
}

fn query(connection: &Connection, asked: &Asked) -> Result<Answer, Error> {
    let text = match asked {
        // The file is read at the first question only.
        Asked::Nothing => "select count(*) from sqlite_schema".to_owned(),
        Asked::Query(question) => question.marked(|at| format!("?{at}")),
        Asked::Newest(column) => {
            let (table, column) = column.quoted('"');
            format!(
                "select (julianday('now') - julianday(max({column}), 'auto')) * 86400.0, max({column}) from {table}"
            )
        }
    };
    let mut statement = connection.prepare(&text)?;
    let mut rows = statement.query(rusqlite::params_from_iter(asked.given()))?;
    let mut answer = Answer::default();
    while let Some(row) = rows.next()? {
        answer.rows += 1;
        if answer.rows == 1 {
            let first = cell(row.get_ref(0)?);
            answer.first = Some(match (asked, first) {
                (Asked::Newest(_), Cell::Null) => match cell(row.get_ref(1)?) {
                    Cell::Null => Cell::Null,
                    _ => Cell::Strange("no time that SQLite understands".into()),
                },
                (Asked::Newest(_), first) => first.into_age(),
                (_, first) => first,
            });
        }
        if answer.rows > ROWS {
            answer.is_cut = true;
            break;
        }
    }
    if matches!(asked, Asked::Nothing) { Ok(Answer::default()) } else { Ok(answer) }
}

fn cell(value: ValueRef<'_>) -> Cell {
    match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(number) => Cell::Number(number as f64),
        ValueRef::Real(number) => Cell::Number(number),
        ValueRef::Text(text) => Cell::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(_) => Cell::Strange("a blob".into()),
    }
}

fn miss(path: &Path, error: &Error) -> Miss {
    let shown = path.display();
    match error.sqlite_error_code() {
        Some(ErrorCode::OperationInterrupted) => {
            Miss::down(Class::Timeout, "the query did not come to its end and was interrupted")
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            Miss::down(Class::Refused, format!("{shown} is locked by another program"))
        }
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            Miss::down(Class::Protocol, format!("{shown} is no whole database: {error}"))
        }
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            Miss::blind(format!("{shown} cannot be opened: {error}; try: namei -l {shown}"))
        }
        _ => Miss::down(Class::Refused, format!("the query was refused: {error}")),
    }
}
