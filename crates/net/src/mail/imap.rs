//! The client's side of IMAP (RFC 3501, RFC 9051): as much as it takes to find a mail and to delete it.

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::error::MailError;
use super::response::{Item, Response, Standing, announced, parse};
use super::sasl;
use crate::line::{Dialogue, LineError, Sink};

/// Most bytes of the literals of one answer.
const ANSWER_LIMIT: usize = 1024 * 1024;

/// A mailbox of the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// Its name as the server writes it.
    pub name: String,
    /// What the server says of it: `\Junk`, `\Noselect`.
    pub flags: Vec<String>,
}

impl Folder {
    /// True if the server says so, in capitals or not.
    pub fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|own| own.eq_ignore_ascii_case(flag))
    }
}

/// One session.
#[derive(Debug)]
pub struct Session<'a, S> {
    dialogue: Dialogue<'a, S>,
    count: u32,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Session<'a, S> {
    /// A session on a connection on which nothing was said yet, or on which TLS was just agreed on.
    pub fn new(stream: S, sink: Sink<'a>, deadline: Instant) -> Self {
        Self { dialogue: Dialogue::new(stream, sink, deadline), count: 0 }
    }

    /// Hears the greeting: the server's words.
    ///
    /// # Errors
    /// [`MailError`]; a server that sends clients away says so here (BYE).
    pub async fn greeting(&mut self) -> Result<String, MailError> {
        let step = "the greeting";
        match self.response(step).await? {
            Response::Status(_, Standing::Ok | Standing::Preauth, words) => Ok(words),
            Response::Status(_, _, words) => Err(MailError::refused(step, &words)),
            other => Err(MailError::foreign(step, "IMAP", &format!("{other:?}"))),
        }
    }

    /// What the server can do at this moment, in capitals.
    ///
    /// # Errors
    /// [`MailError`].
    pub async fn capabilities(&mut self) -> Result<Vec<String>, MailError> {
        let answer = self.command("CAPABILITY", "CAPABILITY").await?;
        let of_line = |items: &Vec<Item>| match items.as_slice() {
            [word, rest @ ..] if word.is("CAPABILITY") => {
                rest.iter().filter_map(Item::text).map(|word| word.to_ascii_uppercase()).collect()
            }
            _ => Vec::new(),
        };
        Ok(answer.iter().flat_map(of_line).collect())
    }

    /// Agrees on TLS and gives the connection back for the handshake.
    ///
    /// # Errors
    /// [`MailError`]; anything that was sent in the open behind the consent is refused.
    pub async fn start_tls(mut self, capabilities: &[String]) -> Result<S, MailError> {
        if !capabilities.iter().any(|word| word == "STARTTLS") {
            return Err(MailError::Lacking("STARTTLS"));
        }
        self.command("STARTTLS", "STARTTLS").await?;
        self.dialogue.into_plain().map_err(|error| MailError::line("STARTTLS", error))
    }

    /// Logs in by SASL PLAIN (RFC 4616), else by the command of its own. Nothing of it is written down.
    ///
    /// # Errors
    /// [`MailError`].
    pub async fn login(
        &mut self,
        capabilities: &[String],
        user: &str,
        password: &str,
    ) -> Result<(), MailError> {
        let step = "the login";
        let offered = |word: &str| capabilities.iter().any(|own| own == word);
        if offered("AUTH=PLAIN") {
            let tag = self.say("AUTHENTICATE PLAIN", "AUTHENTICATE PLAIN", step).await?;
            loop {
                match self.response(step).await? {
                    Response::More => break,
                    Response::Status(own, _, words) if own == tag => {
                        return Err(MailError::refused(step, &words));
                    }
                    _ => {}
                }
            }
            let sent = self.dialogue.send_hidden(&sasl::plain(user, password), "***").await;
            sent.map_err(|error| MailError::line(step, error))?;
            return self.collect(&tag, step).await.map(drop);
        }
        if offered("LOGINDISABLED") {
            return Err(MailError::Lacking("a way to log in by password on this connection (LOGINDISABLED)"));
        }
        let line = format!("LOGIN {} {}", quote(user), quote(password));
        let tag = self.say(&line, "LOGIN ***", step).await?;
        self.collect(&tag, step).await.map(drop)
    }

    /// All mailboxes, with what they are for (RFC 6154) where the server can say it.
    ///
    /// # Errors
    /// [`MailError`].
    pub async fn folders(&mut self, capabilities: &[String]) -> Result<Vec<Folder>, MailError> {
        let special = capabilities.iter().any(|word| word == "SPECIAL-USE");
        let extended = capabilities.iter().any(|word| word == "LIST-EXTENDED" || word == "IMAP4REV2");
        let line =
            if special && extended { "LIST \"\" \"*\" RETURN (SPECIAL-USE)" } else { "LIST \"\" \"*\"" };
        let answer = self.command(line, "LIST").await?;
        Ok(answer
            .iter()
            .filter_map(|items| match items.as_slice() {
                [word, flags, _, name, ..] if word.is("LIST") => Some(Folder {
                    name: name.text()?,
                    flags: flags.items().iter().filter_map(Item::text).collect(),
                }),
                _ => None,
            })
            .collect())
    }

    /// Opens a mailbox and says how many mails are in it. Read-only if nothing is to be changed.
    ///
    /// # Errors
    /// [`MailError`].
    pub async fn open(&mut self, folder: &str, read_only: bool) -> Result<u32, MailError> {
        let verb = if read_only { "EXAMINE" } else { "SELECT" };
        let step = format!("{verb} {folder}");
        let answer = self.command(&format!("{verb} {}", quote(folder)), &step).await?;
        let count = answer.iter().find_map(|items| match items.as_slice() {
            [number, word, ..] if word.is("EXISTS") => number.text()?.parse().ok(),
            _ => None,
        });
        count.ok_or_else(|| MailError::foreign(&step, "IMAP", "it does not say how many mails there are"))
    }

    /// The number that the next mail in a mailbox will have, which is not opened for it.
    ///
    /// # Errors
    /// [`MailError`].
    pub async fn next_uid(&mut self, folder: &str) -> Result<u32, MailError> {
        let step = format!("STATUS {folder}");
        let answer = self.command(&format!("STATUS {} (UIDNEXT)", quote(folder)), &step).await?;
        let next = answer.iter().find_map(|items| match items.as_slice() {
            [word, _, Item::List(pairs), ..] if word.is("STATUS") => {
                pairs.chunks_exact(2).find(|pair| pair[0].is("UIDNEXT"))?[1].text()?.parse().ok()
            }
            _ => None,
        });
        next.ok_or_else(|| MailError::foreign(&step, "IMAP", "it does not say which mail comes next"))
    }

    /// The first bytes of one mail, header and all; `None` if it is gone.
    ///
    /// # Errors
    /// [`MailError`].
    pub async fn message(&mut self, uid: u32, limit: usize) -> Result<Option<Vec<u8>>, MailError> {
        let answer = self.command(&format!("UID FETCH {uid} (BODY.PEEK[]<0.{limit}>)"), "FETCH").await?;
        let of_line = |items: &Vec<Item>| match items.as_slice() {
            [_, word, Item::List(pairs), ..] if word.is("FETCH") => {
                let mut pairs = pairs.chunks_exact(2);
                match pairs.find(|pair| pair[0].is("BODY[]<0>"))? {
                    [_, Item::Text(bytes)] => Some(bytes.clone()),
                    _ => None,
                }
            }
            _ => None,
        };
        Ok(answer.iter().find_map(of_line))
    }

    /// The mails of the open mailbox for which this holds, by their unique numbers.
    ///
    /// # Errors
    /// [`MailError`].
    pub async fn search(&mut self, what: &str) -> Result<Vec<u32>, MailError> {
        let answer = self.command(&format!("UID SEARCH {what}"), "SEARCH").await?;
        let of_line = |items: &Vec<Item>| match items.as_slice() {
            [word, rest @ ..] if word.is("SEARCH") => {
                rest.iter().filter_map(|item| item.text()?.parse().ok()).collect()
            }
            _ => Vec::new(),
        };
        Ok(answer.iter().flat_map(of_line).collect())
    }

    /// The header of one mail; `None` if it is gone.
    ///
    /// # Errors
    /// [`MailError`].
    pub async fn header(&mut self, uid: u32) -> Result<Option<String>, MailError> {
        let answer = self.command(&format!("UID FETCH {uid} (BODY.PEEK[HEADER])"), "FETCH").await?;
        let of_line = |items: &Vec<Item>| match items.as_slice() {
            [_, word, Item::List(pairs), ..] if word.is("FETCH") => {
                let mut pairs = pairs.chunks_exact(2);
                pairs.find(|pair| pair[0].is("BODY[HEADER]")).and_then(|pair| pair[1].text())
            }
            _ => None,
        };
        Ok(answer.iter().find_map(of_line))
    }

    /// Deletes these mails for good, and no others: without UIDPLUS (RFC 4315) only if no other is marked.
    ///
    /// # Errors
    /// [`MailError`].
    pub async fn delete(&mut self, capabilities: &[String], uids: &[u32]) -> Result<(), MailError> {
        if uids.is_empty() {
            return Ok(());
        }
        let set = uids.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
        self.command(&format!("UID STORE {set} +FLAGS.SILENT (\\Deleted)"), "STORE").await?;
        if capabilities.iter().any(|word| word == "UIDPLUS" || word == "IMAP4REV2") {
            self.command(&format!("UID EXPUNGE {set}"), "EXPUNGE").await?;
        } else if self.search("DELETED").await?.iter().all(|uid| uids.contains(uid)) {
            self.command("EXPUNGE", "EXPUNGE").await?;
        }
        Ok(())
    }

    /// Says good-bye; what the server says to it is of no interest.
    pub async fn logout(mut self) {
        drop(self.say("LOGOUT", "LOGOUT", "LOGOUT").await);
    }

    async fn command(&mut self, line: &str, step: &str) -> Result<Vec<Vec<Item>>, MailError> {
        let tag = self.say(line, line, step).await?;
        self.collect(&tag, step).await
    }

    async fn say(&mut self, line: &str, shown: &str, step: &str) -> Result<String, MailError> {
        self.count += 1;
        let tag = format!("m{}", self.count);
        let sent = self.dialogue.send_hidden(&format!("{tag} {line}"), &format!("{tag} {shown}")).await;
        sent.map_err(|error| MailError::line(step, error))?;
        Ok(tag)
    }

    /// Everything up to the answer to the command with that tag, which must be good.
    async fn collect(&mut self, tag: &str, step: &str) -> Result<Vec<Vec<Item>>, MailError> {
        let mut data = Vec::new();
        let mut farewell = None;
        loop {
            match self.response(step).await {
                Ok(Response::Data(items)) => data.push(items),
                Ok(Response::Status(own, Standing::Ok, _)) if own == tag => return Ok(data),
                Ok(Response::Status(own, _, words)) if own == tag => {
                    return Err(MailError::refused(step, &words));
                }
                Ok(Response::Status(_, Standing::Bye, words)) => farewell = Some(words),
                Ok(Response::Status(..)) => {}
                Ok(Response::More) => return Err(MailError::foreign(step, "IMAP", "+")),
                Err(error) => {
                    let words = farewell.map(|words| MailError::refused(step, &words));
                    return Err(words.unwrap_or(error));
                }
            }
        }
    }

    async fn response(&mut self, step: &str) -> Result<Response, MailError> {
        let cannot = |error| MailError::line(step, error);
        let mut pieces: Vec<(String, Option<Vec<u8>>)> = Vec::new();
        let mut sum = 0;
        loop {
            let line = self.dialogue.line().await.map_err(cannot)?;
            let Some(length) = announced(&line) else {
                pieces.push((line, None));
                let first = pieces.first().map(|(line, _)| line.clone()).unwrap_or_default();
                return parse(&pieces).map_err(|_| MailError::foreign(step, "IMAP", &first));
            };
            let length = length.map_err(|why| cannot(LineError::Endless(why)))?;
            let literal = self.dialogue.literal(length).await.map_err(cannot)?;
            sum += length;
            if sum > ANSWER_LIMIT {
                return Err(cannot(LineError::Endless(format!(
                    "literals of more than {ANSWER_LIMIT} bytes came"
                ))));
            }
            pieces.push((line, Some(literal)));
        }
    }
}

/// A text in quotes.
fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
