//! A whole mail server on loopback: Dovecot takes mail from those who log in and hands it to OpenSMTPD, which sorts it
//! and gives it back to Dovecot by LMTP, where it can be read over IMAP.
//!
//! The certificate is Dovecot's: the OpenSMTPD of Debian 12 cannot shake hands (its key lives in another process, which
//! OpenSSL 3 does not know how to ask).

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use crate::daemon::{Daemon, open_to_all};
use crate::port;
use crate::tls::Identity;

/// The only user.
pub const USER: &str = "probe";
/// Their password.
pub const PASSWORD: &str = "open-sesame-42";
/// The folder for junk; only its use says what it is.
pub const JUNK: &str = "Rubbish";

/// The server; it ends when it is dropped.
///
/// Mail for `probe@example.com` comes in at once, for `probe+Rubbish@example.com` into the folder for junk, for
/// `late@example.com` two seconds later, for `lost@example.com` never, and for anybody else it is refused.
pub struct MailHost {
    /// Submission with STARTTLS.
    pub submission: SocketAddr,
    /// Submission with TLS from the first byte.
    pub submissions: SocketAddr,
    /// Plain SMTP without a login.
    pub relay: SocketAddr,
    /// IMAP with STARTTLS.
    pub imap: SocketAddr,
    /// IMAP with TLS from the first byte.
    pub imaps: SocketAddr,
    _daemons: [Daemon; 2],
    folder: TempDir,
    puts: AtomicUsize,
}

impl MailHost {
    /// Starts both servers.
    ///
    /// # Errors
    /// When one does not come up; its log is in the words.
    pub fn start() -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let at = folder.path();
        open_to_all(at, 0o755)?;
        for (name, mode) in [("run", 0o755), ("state", 0o755), ("mail", 0o777)] {
            fs::create_dir(at.join(name))?;
            open_to_all(&at.join(name), mode)?;
        }
        let identity = Identity::new()?;
        identity.write_certificate(&at.join("ca.pem"))?;
        identity.write_key(&at.join("key.pem"))?;
        let [submission, submissions, relay, imap, imaps] =
            [port::refusing()?, port::refusing()?, port::refusing()?, port::refusing()?, port::refusing()?];
        fs::write(at.join("dovecot.conf"), dovecot(at, [submission, submissions, relay, imap, imaps]))?;
        fs::write(at.join("smtpd.conf"), smtpd(at, relay))?;
        let mut reader = Daemon::start(at, "dovecot", "exec dovecot -F -c \"$0/dovecot.conf\"")?;
        // Spool and control socket of OpenSMTPD have fixed places.
        let mut sorter = Daemon::start(
            at,
            "smtpd",
            "mount -t tmpfs none /var/spool && mount -t tmpfs none /run && exec /usr/sbin/smtpd -d -f \"$0/smtpd.conf\"",
        )?;
        sorter.wait_for(relay)?;
        for address in [imap, imaps, submission, submissions] {
            reader.wait_for(address)?;
        }
        let host = Self {
            submission,
            submissions,
            relay,
            imap,
            imaps,
            _daemons: [reader, sorter],
            folder,
            puts: AtomicUsize::new(0),
        };
        for name in ["INBOX", JUNK] {
            host.admin(&["mailbox", "create", "-u", USER, "-s", name]);
        }
        Ok(host)
    }

    /// The certificate to trust.
    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// How many mails are in a folder.
    pub fn count(&self, folder: &str) -> usize {
        self.admin(&["search", "-u", USER, "mailbox", folder, "ALL"]).lines().count()
    }

    /// Puts a mail into a folder, as if it had come in so many days ago.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn put(&self, folder: &str, days: u64, text: &str) -> io::Result<()> {
        let below =
            if folder == "INBOX" { "mail/probe/new".to_owned() } else { format!("mail/probe/.{folder}/new") };
        let count = self.puts.fetch_add(1, Ordering::SeqCst);
        let path = self.folder.path().join(below).join(format!("put.{count}"));
        fs::write(&path, text.replace("\r\n", "\n"))?;
        open_to_all(&path, 0o666)?;
        // A maildir has the time of arrival as that of the file.
        let arrived = SystemTime::now() - Duration::from_secs(days * 86_400);
        fs::File::options().write(true).open(&path)?.set_modified(arrived)
    }

    /// What was logged.
    pub fn log(&self) -> String {
        let read = |name: &str| fs::read_to_string(self.folder.path().join(name)).unwrap_or_default();
        format!("{}{}", read("dovecot.log"), read("smtpd.out"))
    }

    fn admin(&self, words: &[&str]) -> String {
        let config = self.folder.path().join("dovecot.conf");
        let done = Command::new("doveadm").arg("-c").arg(config).args(words).output();
        done.map(|done| String::from_utf8_lossy(&done.stdout).into_owned()).unwrap_or_default()
    }
}

fn dovecot(at: &Path, ports: [SocketAddr; 5]) -> String {
    let at = at.display();
    let [submission, submissions, relay, imap, imaps] = ports.map(|address| address.port());
    format!(
        "protocols = imap lmtp submission
listen = 127.0.0.1
hostname = mail.example.com
base_dir = {at}/run
state_dir = {at}/state
log_path = {at}/dovecot.log
mail_location = maildir:{at}/mail/%n
mail_home = {at}/mail/%n
first_valid_uid = 1
ssl = yes
ssl_cert = <{at}/ca.pem
ssl_key = <{at}/key.pem
disable_plaintext_auth = yes
login_trusted_networks =
recipient_delimiter = +
lmtp_save_to_detail_mailbox = yes
auth_failure_delay = 0
auth_mechanisms = plain login
submission_relay_host = 127.0.0.1
submission_relay_port = {relay}
passdb {{
  driver = static
  args = user={USER} password={PASSWORD}
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={at}/mail/%n
}}
namespace inbox {{
  inbox = yes
  mailbox {JUNK} {{
    special_use = \\Junk
    auto = subscribe
  }}
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
service submission-login {{
  inet_listener submission {{
    port = {submission}
  }}
  inet_listener submissions {{
    port = {submissions}
    ssl = yes
  }}
}}
service lmtp {{
  unix_listener lmtp {{
    mode = 0666
  }}
}}
"
    )
}

fn smtpd(at: &Path, relay: SocketAddr) -> String {
    let at = at.display();
    let port = relay.port();
    format!(
        "table people {{ \"probe@example.com\" = \"nobody\", \"late@example.com\" = \"nobody\", \"lost@example.com\" = \"nobody\" }}
listen on 127.0.0.1 port {port}
action \"box\" lmtp \"{at}/run/lmtp\" rcpt-to virtual <people>
action \"lost\" mda \"/bin/cat > /dev/null\" virtual <people>
action \"late\" mda \"/bin/sh -c 'sleep 2; cat > {at}/mail/probe/new/late.$$'\" virtual <people>
match from any for rcpt-to \"lost@example.com\" action \"lost\"
match from any for rcpt-to \"late@example.com\" action \"late\"
match from any for domain \"example.com\" action \"box\"
"
    )
}
