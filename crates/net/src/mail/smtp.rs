//! The client's side of SMTP (RFC 5321) on a connection that stands already: greeting, extensions, STARTTLS, login, mail.

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::error::MailError;
use super::sasl;
use crate::line::{Dialogue, Sink};

/// What the server says to one command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Three digits.
    pub code: u16,
    /// The text behind the code, line by line.
    pub lines: Vec<String>,
}

impl Reply {
    /// It was done, or may go on.
    pub fn is_good(&self) -> bool {
        (200..400).contains(&self.code)
    }

    /// Code and text in one line.
    pub fn text(&self) -> String {
        format!("{} {}", self.code, self.lines.join(" "))
    }
}

/// One session.
#[derive(Debug)]
pub struct Session<'a, S> {
    dialogue: Dialogue<'a, S>,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Session<'a, S> {
    /// A session on a connection on which nothing was said yet, or on which TLS was just agreed on.
    pub fn new(stream: S, sink: Sink<'a>, deadline: Instant) -> Self {
        Self { dialogue: Dialogue::new(stream, sink, deadline) }
    }

    /// Hears the greeting.
    ///
    /// # Errors
    /// [`MailError`]; a server that sends clients away says so here (554, 421).
    pub async fn greeting(&mut self) -> Result<Reply, MailError> {
        let step = "the greeting";
        good(step, self.reply(step).await?)
    }

    /// Says who we are and hears what the server can do: one text for each extension, its word in capitals.
    ///
    /// # Errors
    /// [`MailError`].
    pub async fn hello(&mut self, name: &str) -> Result<Vec<String>, MailError> {
        let reply = self.command(&format!("EHLO {name}"), "EHLO").await?;
        Ok(reply.lines.iter().skip(1).map(|line| extension(line)).collect())
    }

    /// Agrees on TLS and gives the connection back for the handshake.
    ///
    /// # Errors
    /// [`MailError`]; anything that was sent in the open behind the consent is refused.
    pub async fn start_tls(mut self, extensions: &[String]) -> Result<S, MailError> {
        if !extensions.iter().any(|extension| extension == "STARTTLS") {
            return Err(MailError::Lacking("STARTTLS"));
        }
        self.command("STARTTLS", "STARTTLS").await?;
        self.dialogue.into_plain().map_err(|error| MailError::line("STARTTLS", error))
    }

    /// Logs in by PLAIN (RFC 4616) or LOGIN, whichever is offered. Nothing of it is written down.
    ///
    /// # Errors
    /// [`MailError`].
    pub async fn login(
        &mut self,
        extensions: &[String],
        user: &str,
        password: &str,
    ) -> Result<(), MailError> {
        let offered = |mechanism: &str| {
            let mut words = extensions.iter().filter_map(|extension| extension.strip_prefix("AUTH "));
            words.any(|words| words.split(' ').any(|word| word.eq_ignore_ascii_case(mechanism)))
        };
        if offered("PLAIN") {
            let line = format!("AUTH PLAIN {}", sasl::plain(user, password));
            return self.hidden(&line, "AUTH PLAIN ***").await;
        }
        if !offered("LOGIN") {
            return Err(MailError::Lacking("a way to log in by password (AUTH PLAIN or LOGIN)"));
        }
        self.command("AUTH LOGIN", "the login").await?;
        self.hidden(&sasl::encode(user), "***").await?;
        self.hidden(&sasl::encode(password), "***").await
    }

    /// Says one line that may hold what a person wrote, and hears that it is well.
    ///
    /// # Errors
    /// [`MailError`]; `step` names the command in it.
    pub async fn command(&mut self, line: &str, step: &str) -> Result<Reply, MailError> {
        let sent = self.dialogue.send(line).await;
        sent.map_err(|error| MailError::line(step, error))?;
        good(step, self.reply(step).await?)
    }

    /// Hands over the text of a mail, lines ended by CR LF, after MAIL and RCPT; the answer is the receipt.
    ///
    /// # Errors
    /// [`MailError`].
    pub async fn data(&mut self, text: &str) -> Result<Reply, MailError> {
        self.command("DATA", "DATA").await?;
        let step = "the mail";
        // RFC 5321, 4.5.2: a dot at the beginning of a line is doubled.
        let mut stuffed = format!("\r\n{text}").replace("\r\n.", "\r\n..").split_off(2);
        stuffed.push_str(if text.ends_with("\r\n") { ".\r\n" } else { "\r\n.\r\n" });
        let sent = self.dialogue.send_bytes(stuffed.as_bytes()).await;
        sent.map_err(|error| MailError::line(step, error))?;
        good(step, self.reply(step).await?)
    }

    /// Says good-bye; what the server says to it is of no interest.
    pub async fn quit(mut self) {
        drop(self.dialogue.send("QUIT").await);
    }

    async fn hidden(&mut self, line: &str, shown: &str) -> Result<(), MailError> {
        let step = "the login";
        let sent = self.dialogue.send_hidden(line, shown).await;
        sent.map_err(|error| MailError::line(step, error))?;
        good(step, self.reply(step).await?).map(drop)
    }

    async fn reply(&mut self, step: &str) -> Result<Reply, MailError> {
        let mut lines = Vec::new();
        let mut first = None;
        loop {
            let line = self.dialogue.line().await;
            let line = line.map_err(|error| MailError::line(step, error))?;
            let parsed = split(&line).filter(|(code, ..)| first.is_none_or(|first| first == *code));
            let Some((code, is_last, text)) = parsed else {
                return Err(MailError::foreign(step, "SMTP", &line));
            };
            first = Some(code);
            lines.push(text.to_owned());
            if is_last {
                return Ok(Reply { code, lines });
            }
        }
    }
}

/// Code, whether it is the last line, and the text behind.
fn split(line: &str) -> Option<(u16, bool, &str)> {
    let code = line.get(..3).filter(|code| code.bytes().all(|byte| byte.is_ascii_digit()))?;
    let code = code.parse().ok().filter(|code| (200..600).contains(code))?;
    let rest = line.get(3..)?;
    match rest.chars().next() {
        None => Some((code, true, "")),
        Some(' ') => Some((code, true, rest.get(1..)?)),
        Some('-') => Some((code, false, rest.get(1..)?)),
        Some(_) => None,
    }
}

fn extension(line: &str) -> String {
    match line.trim().split_once(' ') {
        Some((word, rest)) => format!("{} {}", word.to_ascii_uppercase(), rest.trim()),
        None => line.trim().to_ascii_uppercase(),
    }
}

fn good(step: &str, reply: Reply) -> Result<Reply, MailError> {
    if reply.is_good() { Ok(reply) } else { Err(MailError::refused(step, &reply.text())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_a_reply_are_told_from_other_text() {
        for (line, parts) in [
            ("220 hi there", Some((220, true, "hi there"))),
            ("250-SIZE 100", Some((250, false, "SIZE 100"))),
            ("354", Some((354, true, ""))),
            ("250 ", Some((250, true, ""))),
            ("25", None),
            ("+20 x", None),
            ("2200 x", None),
            ("999 x", None),
            ("HTTP/1.1 400 Bad Request", None),
            ("22é x", None),
            ("", None),
        ] {
            assert_eq!(split(line), parts, "{line}");
        }
    }

    #[test]
    fn the_word_of_an_extension_is_in_capitals() {
        assert_eq!(extension("auth PLAIN login"), "AUTH PLAIN login");
        assert_eq!(extension("starttls "), "STARTTLS");
    }
}
