//! Mail through OpenSMTPD, with spool and control socket in a mount namespace of its own.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use muster_testkit::port;

use crate::letters::{carry, letter, receipt, refusal};
use crate::mail::{quoted_printable, through};

const PATIENCE: Duration = Duration::from_secs(20);

/// The server; it ends with its whole namespace.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // The first process of the namespace takes all others with it; `unshare` then collects it and ends.
        let pid = self.0.id();
        let first = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        let ended = Command::new("kill").arg("-9").args(first.split_whitespace()).status();
        if first.trim().is_empty() || !ended.is_ok_and(|status| status.success()) {
            drop(self.0.kill());
        }
        drop(self.0.wait());
    }
}

fn start(folder: &Path, port: u16) -> Server {
    let box_ = folder.join("box");
    fs::create_dir(&box_).expect("a mailbox");
    fs::set_permissions(folder, Permissions::from_mode(0o755)).expect("mode");
    fs::set_permissions(&box_, Permissions::from_mode(0o777)).expect("mode");
    let lines = [
        "table people { \"ann@example.com\" = \"nobody\" }".to_owned(),
        format!("listen on 127.0.0.1 port {port}"),
        format!("action \"keep\" maildir \"{}\" virtual <people>", box_.display()),
        "match from any for domain \"example.com\" action \"keep\"".to_owned(),
    ];
    let file = folder.join("smtpd.conf");
    fs::write(&file, lines.join("\n") + "\n").expect("written");
    let script =
        "mount -t tmpfs none /var/spool && mount -t tmpfs none /run && exec /usr/sbin/smtpd -d -f \"$0\"";
    let log = fs::File::create(folder.join("log")).expect("a log");
    let child = Command::new("unshare")
        .args(["--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script])
        .arg(&file)
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a log"))
        .stderr(log)
        .spawn()
        .expect("unshare");
    Server(child)
}

/// Waits until something is there.
fn until<T>(what: &str, folder: &Path, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        let log = || fs::read_to_string(folder.join("log")).unwrap_or_default();
        assert!(Instant::now() < deadline, "{what} did not come within {PATIENCE:?}:\n{}", log());
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

pub(crate) fn a_page_ends_in_a_real_mailbox() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let port = port::refusing().expect("a port").port();
    let _server = start(folder, port);
    until("the server", folder, || std::net::TcpStream::connect(("127.0.0.1", port)).ok());

    let letter = letter();
    let words = receipt(carry(&through(port), &letter));
    assert!(words.starts_with("250 "), "{words}");
    let mail = until("the mail", folder, || {
        let entry = fs::read_dir(folder.join("box/new")).ok()?.next()?.ok()?;
        fs::read_to_string(entry.path()).ok()
    });
    // A maildir keeps lines as this system ends them.
    let mail = mail.replace("\r\n", "\n").replace('\n', "\r\n");
    assert!(mail.contains("\r\nSubject: FIRING job.nightly on web1: exit 2\r\n"), "{mail}");
    assert!(
        mail.contains("To: Ann <ann@example.com>") || mail.contains("To: \"Ann\" <ann@example.com>"),
        "{mail}"
    );
    let text = quoted_printable(&mail);
    for line in letter.body.lines() {
        assert!(text.contains(line), "{line:?} is missing in\n{text}");
    }

    let mut nobody = through(port);
    nobody.to = vec!["nobody-here@example.com".parse().expect("an address")];
    let why = refusal(carry(&nobody, &letter));
    assert!(why.contains("permanent error") && why.contains("nobody-here@example.com"), "{why}");
}
