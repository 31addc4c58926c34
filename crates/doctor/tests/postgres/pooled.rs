//! PgBouncer before a server, with a pool of one connection.

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use muster_doctor::collect::postgres::bouncer::{bouncer, merge};
use muster_doctor::facts::Fact;
use muster_doctor::facts::database::{Databases, Setting, Settings};
use muster_doctor::facts::postgres::Bouncer;

use crate::server::{Left, NOBODY, PORT, Server};

const POOLED: &str = "54322";
/// What it may take where nobody is in a hurry.
const PATIENCE: Duration = Duration::from_secs(30);

fn until(pid: u32, is_so: impl Fn(&Bouncer) -> bool) -> Bouncer {
    let begun = Instant::now();
    loop {
        match bouncer(pid, PATIENCE) {
            Fact::Known(said) if is_so(&said) => return said,
            said => assert!(begun.elapsed() < PATIENCE, "{said:?}"),
        }
        thread::park_timeout(Duration::from_millis(50));
    }
}

pub(crate) fn pgbouncer() {
    let server = Server::start();
    let (file, users) = (server.root().join("pgbouncer.ini"), server.root().join("users"));
    let folder = server.root().display();
    let lines = format!(
        "[databases]\nshop = host={folder} port={PORT}\n[pgbouncer]\nlisten_addr =\nlisten_port = {POOLED}\nunix_socket_dir = {folder}\n\
         auth_type = trust\nauth_file = {}\npool_mode = session\ndefault_pool_size = 1\n",
        users.display()
    );
    fs::write(&file, lines).unwrap();
    fs::write(&users, "\"nobody\" \"\"\n").unwrap();
    let child = Command::new("pgbouncer")
        .arg("-q")
        .arg(&file)
        .uid(NOBODY)
        .gid(NOBODY)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let pid = child.id();
    let _pgbouncer = Left(child);
    let said = until(pid, |said| said.waiting.is_empty());
    let value =
        |name: &str| said.settings.iter().find(|(key, ..)| key == name).map(|(_, value, _)| value.as_str());
    assert_eq!((value("pool_mode"), value("default_pool_size")), (Some("session"), Some("1")));
    assert!(value("auth_query").is_none(), "only what is judged is kept");

    let _holds = server.leave_at(POOLED, "begin; select 1;");
    server.until("select count(*) from pg_stat_activity where state = 'idle in transaction'", "1");
    let _waits = server.leave_at(POOLED, "select 1;");
    let said = until(pid, |said| !said.waiting.is_empty());
    assert_eq!((said.waiting[0].database.as_str(), said.waiting[0].clients), ("shop", 1));

    // The file was changed, and PgBouncer not told.
    let (name, value, file) =
        ("pool_mode".to_owned(), "transaction".to_owned(), "/etc/pgbouncer/pgbouncer.ini".to_owned());
    let settings = vec![Setting { name, value, file: file.clone(), line: 2 }];
    let told = Databases { pgbouncer: Some(Settings { file, settings }), ..Databases::default() };
    let mut databases = Fact::Known(told);
    merge(&Fact::Known(said), &mut databases);
    let holds = databases.known().unwrap().pgbouncer.as_ref().unwrap();
    assert_eq!(holds.get("pool_mode").unwrap().value, "session");
}
