//! A mail server on loopback that speaks SMTP (RFC 5321): takes mail, refuses it, hangs, or upgrades to TLS.
//!
//! It keeps what it takes. Any login is good but `ops` with `wrong`.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::{ServerConnection, StreamOwned};

use crate::listener::{ANY, Listener};
use crate::tls::Identity;
use crate::until::Log;

/// The longest that a connection is kept.
const LONGEST: Duration = Duration::from_secs(60);

/// What the server does with the next mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// Takes it.
    Take,
    /// Answers the recipient with this line, such as `451 4.7.1 later` or `550 5.1.1 nobody here`.
    Refuse(String),
    /// Answers this one recipient with that line and takes the mail for the others.
    RefuseOne(String, String),
    /// Greets and then says nothing more.
    Hang,
    /// Reads the mail and closes without a verdict.
    CloseAfterMail,
}

/// How the connection is secured.
pub enum Security {
    /// Not at all.
    Plain,
    /// STARTTLS is offered, and nothing is taken without it.
    StartTls(Identity),
    /// TLS from the first byte.
    Implicit(Identity),
}

/// A mail as it was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// The envelope's sender.
    pub from: String,
    /// The envelope's recipients.
    pub to: Vec<String>,
    /// Header and body, lines ended by CR LF.
    pub text: String,
    /// It came through TLS.
    pub secured: bool,
}

impl Mail {
    /// The first header of that name, folded lines joined.
    pub fn header(&self, name: &str) -> Option<String> {
        let head = self.text.split("\r\n\r\n").next()?.replace("\r\n ", " ");
        head.split("\r\n").find_map(|line| {
            let (known, value) = line.split_once(':')?;
            known.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    }
}

struct Shared {
    mode: Mutex<Mode>,
    mails: Log<Mail>,
    heard: Log<String>,
    security: Security,
}

/// The server; it ends when it is dropped.
pub struct Sink {
    shared: Arc<Shared>,
    listener: Listener,
}

impl Sink {
    /// Listens on a free loopback port.
    ///
    /// # Errors
    /// When there is none.
    pub fn start(mode: Mode, security: Security) -> io::Result<Self> {
        Self::start_at(ANY, mode, security)
    }

    /// Listens on this very address, for a server that comes back.
    ///
    /// # Errors
    /// When somebody else has it.
    pub fn start_at(address: SocketAddr, mode: Mode, security: Security) -> io::Result<Self> {
        let (mails, heard) = (Log::default(), Log::default());
        let shared = Arc::new(Shared { mode: Mutex::new(mode), mails, heard, security });
        let (ours, over) = (Arc::clone(&shared), Arc::default());
        let listener = Listener::start(address, over, move |stream| serve(stream, &ours))?;
        Ok(Self { shared, listener })
    }

    /// Its port on `localhost`.
    pub fn port(&self) -> u16 {
        self.listener.address().port()
    }

    /// What it does from the next mail on.
    pub fn set(&self, mode: Mode) {
        *self.shared.mode.lock().unwrap_or_else(PoisonError::into_inner) = mode;
    }

    /// The mails once there are at least `count`, or what there is when the time is up.
    pub fn wait_for(&self, count: usize, limit: Duration) -> Vec<Mail> {
        self.shared.mails.wait(count, limit)
    }

    /// Every command so far, passwords included, of all connections.
    pub fn heard(&self) -> Vec<String> {
        self.shared.heard.all()
    }

    /// Every mail so far.
    pub fn mails(&self) -> Vec<Mail> {
        self.shared.mails.all()
    }
}

enum Next {
    Quit,
    Upgrade,
}

fn serve(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_read_timeout(Some(LONGEST))?;
    match &shared.security {
        Security::Plain => converse(stream, shared, true, false).map(drop),
        Security::Implicit(identity) => converse(secure(stream, identity)?, shared, true, true).map(drop),
        Security::StartTls(identity) => match converse(&mut stream, shared, true, false)? {
            Next::Quit => Ok(()),
            Next::Upgrade => converse(secure(stream, identity)?, shared, false, true).map(drop),
        },
    }
}

fn secure(stream: TcpStream, identity: &Identity) -> io::Result<StreamOwned<ServerConnection, TcpStream>> {
    let session = ServerConnection::new(identity.config()).map_err(io::Error::other)?;
    Ok(StreamOwned::new(session, stream))
}

fn converse(stream: impl Read + Write, shared: &Shared, greet: bool, secured: bool) -> io::Result<Next> {
    let mut stream = BufReader::new(stream);
    let must_upgrade = matches!(shared.security, Security::StartTls(_)) && !secured;
    if greet {
        say(&mut stream, "220 localhost ESMTP test")?;
    }
    let mode = shared.mode.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let mut from = String::new();
    let mut to = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Ok(Next::Quit);
        }
        shared.heard.push(line.trim_end().to_owned());
        if mode == Mode::Hang {
            continue;
        }
        let line = line.trim_end();
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        match verb.as_str() {
            "EHLO" if must_upgrade => say(&mut stream, "250-localhost\r\n250 STARTTLS")?,
            "EHLO" => say(&mut stream, "250-localhost\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN")?,
            "HELO" | "NOOP" => say(&mut stream, "250 localhost")?,
            "STARTTLS" if must_upgrade => {
                say(&mut stream, "220 go ahead")?;
                return Ok(Next::Upgrade);
            }
            "QUIT" => {
                say(&mut stream, "221 bye")?;
                return Ok(Next::Quit);
            }
            "RSET" => {
                to.clear();
                say(&mut stream, "250 ok")?;
            }
            _ if must_upgrade => say(&mut stream, "530 5.7.0 STARTTLS first")?,
            // AUTH PLAIN of the user `ops` with the password `wrong`; every other login is good.
            "AUTH" if line.ends_with("AG9wcwB3cm9uZw==") => say(&mut stream, "535 5.7.8 wrong password")?,
            "AUTH" => say(&mut stream, "235 2.7.0 welcome")?,
            "MAIL" => {
                from = address(line);
                say(&mut stream, "250 ok")?;
            }
            "RCPT" => match &mode {
                Mode::Refuse(answer) => say(&mut stream, answer)?,
                Mode::RefuseOne(whom, answer) if address(line) == *whom => say(&mut stream, answer)?,
                _ => {
                    to.push(address(line));
                    say(&mut stream, "250 ok")?;
                }
            },
            "DATA" => {
                say(&mut stream, "354 go ahead")?;
                let text = data(&mut stream)?;
                if mode == Mode::CloseAfterMail {
                    return Ok(Next::Quit);
                }
                // Kept before the verdict, so that whoever hears it finds the mail.
                shared.mails.push(Mail { from: from.clone(), to: std::mem::take(&mut to), text, secured });
                say(&mut stream, "250 2.0.0 taken as 1")?;
            }
            _ => say(&mut stream, "500 what?")?,
        }
    }
}

fn say<S: Read + Write>(stream: &mut BufReader<S>, line: &str) -> io::Result<()> {
    let out = stream.get_mut();
    out.write_all(format!("{line}\r\n").as_bytes())?;
    out.flush()
}

/// What stands between the angle brackets.
fn address(line: &str) -> String {
    let inner = line.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    inner.map_or_else(String::new, |(address, _)| address.to_owned())
}

fn data(stream: &mut impl BufRead) -> io::Result<String> {
    let mut text = String::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if line == ".\r\n" {
            return Ok(text);
        }
        // RFC 5321, 4.5.2: a dot at the beginning of a line is doubled.
        text.push_str(line.strip_prefix('.').unwrap_or(&line));
    }
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
    use rustls::{ClientConfig, ClientConnection, RootCertStore};

    use super::*;

    const DIALOGUE: &[&str] =
        &["EHLO me", "MAIL FROM:<a@x>", "RCPT TO:<b@x>", "DATA", "Subject: s\r\n\r\n..hi\r\n."];

    /// Says each line and returns each answer.
    fn dialogue(stream: impl Read + Write, lines: &[&str], greeted: bool) -> io::Result<Vec<String>> {
        let mut stream = BufReader::new(stream);
        let mut answers = Vec::new();
        if greeted {
            answers.push(answer(&mut stream)?);
        }
        for line in lines {
            say(&mut stream, line)?;
            answers.push(answer(&mut stream)?);
        }
        Ok(answers)
    }

    fn answer(stream: &mut impl BufRead) -> io::Result<String> {
        loop {
            let mut line = String::new();
            stream.read_line(&mut line)?;
            if line.get(3..4) != Some("-") {
                return Ok(line.trim_end().to_owned());
            }
        }
    }

    #[test]
    fn a_mail_is_taken_and_kept() {
        let sink = Sink::start(Mode::Take, Security::Plain).expect("start");
        let stream = TcpStream::connect(("127.0.0.1", sink.port())).expect("connect");
        let answers = dialogue(stream, DIALOGUE, true).expect("a dialogue");
        assert!(answers.last().is_some_and(|last| last.starts_with("250")), "{answers:?}");
        let mails = sink.mails();
        assert_eq!((mails[0].from.as_str(), mails[0].to.as_slice()), ("a@x", &["b@x".to_owned()][..]));
        assert_eq!(mails[0].header("subject").as_deref(), Some("s"));
        assert!(mails[0].text.ends_with(".hi\r\n") && !mails[0].secured);
    }

    #[test]
    fn a_recipient_is_refused_with_the_words_asked_for() {
        let sink = Sink::start(Mode::Refuse("451 4.7.1 later".into()), Security::Plain).expect("start");
        let stream = TcpStream::connect(("127.0.0.1", sink.port())).expect("connect");
        let answers = dialogue(stream, &DIALOGUE[..3], true).expect("a dialogue");
        assert_eq!(answers.last().map(String::as_str), Some("451 4.7.1 later"));
        assert!(sink.mails().is_empty());
    }

    #[test]
    fn nothing_is_taken_before_starttls_and_all_after_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("ca.pem");
        let identity = Identity::new().expect("an identity");
        identity.write_certificate(&file).expect("written");
        let sink = Sink::start(Mode::Take, Security::StartTls(identity)).expect("start");
        let mut stream = TcpStream::connect(("127.0.0.1", sink.port())).expect("connect");
        let answers =
            dialogue(&mut stream, &["EHLO me", "MAIL FROM:<a@x>", "STARTTLS"], true).expect("a dialogue");
        assert!(answers[2].starts_with("530") && answers[3].starts_with("220"), "{answers:?}");
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&file).expect("a certificate")).expect("a root");
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").expect("a name");
        let session = ClientConnection::new(Arc::new(config), name).expect("a session");
        let answers = dialogue(StreamOwned::new(session, stream), DIALOGUE, false).expect("a dialogue");
        assert!(answers.last().is_some_and(|last| last.starts_with("250")), "{answers:?}");
        assert!(sink.wait_for(1, Duration::from_secs(5))[0].secured);
    }
}
