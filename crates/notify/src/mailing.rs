//! Mail to people outside of the house: one recipient each, one after the other over a connection of its own. The server,
//! the login and the sender are those of an `email` channel; who gets it, and when it is tried again, is for others to say.
//!
//! A failure that is not about one mail ends the connection ([`Down`]), so that nobody is counted as gone because a server is.

use std::sync::Arc;
use std::time::Duration;

use lettre::Address;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Mail as From, Rcpt, Rset};
use lettre::transport::smtp::extension::ClientId;
use muster_core::outbox::Delivery;

use crate::kinds::email::{Email, Security};
use crate::post::{fetch_secret, one_line};

/// The longest that one mail may take, the connection included.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// Longest words of a server that are handed on, in characters.
const WORDS: usize = 200;

/// One mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// The only recipient.
    pub to: String,
    /// One line.
    pub subject: String,
    /// Plain text.
    pub body: String,
    /// What the Message-ID is made of: letters, digits and dots. The same for each try.
    pub id: String,
    /// The address that ends the subscription (RFC 8058); none where there is nothing to end.
    pub unsubscribe: Option<String>,
}

/// What became of one mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// The server has it.
    Taken,
    /// Not now, for this recipient.
    Later(String),
    /// Never.
    Refused {
        /// The server's words.
        why: String,
        /// Because there is no such recipient, as far as the server says why.
        recipient: bool,
    },
}

/// The server cannot be used at present: no connection, no login, no sender, no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Down {
    /// In words.
    pub why: String,
    /// It broke off in the middle of this mail, which may be what it cannot stand.
    pub midway: bool,
}

/// A connection, made when it is first needed.
pub struct Mailer {
    email: Arc<Email>,
    open: Option<AsyncSmtpConnection>,
}

impl Mailer {
    /// Nothing is connected yet.
    pub fn new(email: Arc<Email>) -> Self {
        Self { email, open: None }
    }

    /// Sends one mail, within [`DEADLINE`].
    ///
    /// # Errors
    /// [`Down`]; the mail may have been taken all the same, if the answer was lost.
    pub async fn send(&mut self, mail: &Mail) -> Result<Sent, Down> {
        let Ok(recipient) = mail.to.parse::<Address>() else {
            return Ok(Sent::Refused { why: "this is no mail address".to_owned(), recipient: true });
        };
        let message = match self.message(mail, &recipient) {
            Ok(message) => message.formatted(),
            Err(error) => {
                return Ok(Sent::Refused {
                    why: format!("the mail cannot be made: {error}"),
                    recipient: false,
                });
            }
        };
        // Taken out, so that one which is given up in the middle is never used again.
        let open = self.open.take();
        let mut met = false;
        let midway = &mut met;
        let sent = tokio::time::timeout(DEADLINE, async {
            let mut connection = match open {
                Some(connection) => connection,
                None => self.connect().await?,
            };
            *midway = true;
            let sent = self.hand_over(&mut connection, recipient, &message).await?;
            if !matches!(sent, Sent::Taken) && connection.command(Rset).await.is_err() {
                return Ok((sent, None));
            }
            Ok((sent, Some(connection)))
        });
        match sent.await {
            Ok(Ok((sent, open))) => {
                self.open = open;
                Ok(sent)
            }
            Ok(Err(why)) => Err(Down { why, midway: met }),
            Err(_) => Err(Down { why: format!("{} did not answer in time", self.email.host), midway: met }),
        }
    }

    /// Says good-bye, if there is anybody.
    pub async fn close(&mut self) {
        if let Some(mut connection) = self.open.take() {
            // Whether the server heard it makes no difference.
            drop(tokio::time::timeout(Duration::from_secs(2), connection.quit()).await);
        }
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, String> {
        let email = &self.email;
        let password = match &email.login {
            None => None,
            Some((_, reference)) => match fetch_secret(reference).await {
                Ok(password) => Some(password),
                Err(
                    Delivery::NotNow { why, .. }
                    | Delivery::Refused { why }
                    | Delivery::Accepted { receipt: why },
                ) => {
                    return Err(why);
                }
            },
        };
        let parameters = email.parameters()?;
        let hello = ClientId::default();
        let wrapper = parameters.clone().filter(|_| email.security == Security::Implicit);
        let server = (email.host.as_str(), email.port());
        let opened =
            AsyncSmtpConnection::connect_tokio1(server, Some(DEADLINE / 2), &hello, wrapper, None).await;
        let mut connection = opened.map_err(|error| self.down(&error))?;
        if let (Security::StartTls, Some(parameters)) = (email.security, parameters) {
            connection.starttls(parameters, &hello).await.map_err(|error| self.down(&error))?;
        }
        if let (Some((user, _)), Some(password)) = (&email.login, password) {
            let login = Credentials::new(user.clone(), password.expose().to_owned());
            connection.auth(DEFAULT_MECHANISMS, &login).await.map_err(|error| self.down(&error))?;
        }
        Ok(connection)
    }

    /// The three steps of RFC 5321, 3.3, each with its own meaning of a refusal.
    async fn hand_over(
        &self,
        connection: &mut AsyncSmtpConnection,
        recipient: Address,
        message: &[u8],
    ) -> Result<Sent, String> {
        let sender = From::new(Some(self.email.from.email.clone()), Vec::new());
        connection.command(sender).await.map_err(|error| self.down(&error))?;
        let hidden = recipient.to_string();
        if let Err(error) = connection.command(Rcpt::new(recipient, Vec::new())).await {
            return self.refused(&error, &hidden, is_recipients(&error));
        }
        if let Err(error) = connection.command(Data).await {
            return self.refused(&error, &hidden, false);
        }
        match connection.message(message).await {
            Ok(_) => Ok(Sent::Taken),
            Err(error) => self.refused(&error, &hidden, false),
        }
    }

    fn refused(&self, error: &Error, hidden: &str, recipient: bool) -> Result<Sent, String> {
        let why = one_line(&error.to_string(), WORDS).replace(hidden, "the recipient");
        match error.status().map(u16::from) {
            // "Service not available, closing transmission channel".
            None | Some(421) => Err(self.down(error)),
            Some(_) if error.is_permanent() => Ok(Sent::Refused { why, recipient }),
            Some(_) => Ok(Sent::Later(why)),
        }
    }

    fn down(&self, error: &Error) -> String {
        format!("{}: {}", self.email.host, one_line(&error.to_string(), WORDS))
    }

    fn message(&self, mail: &Mail, recipient: &Address) -> Result<Message, lettre::error::Error> {
        let id = format!("<{}@{}>", mail.id, self.email.from.email.domain());
        let mut builder = Message::builder()
            .from(self.email.from.clone())
            .to(Mailbox::new(None, recipient.clone()))
            .subject(mail.subject.clone())
            .message_id(Some(id))
            .header(ContentType::TEXT_PLAIN)
            .raw_header(raw("Auto-Submitted", "auto-generated"));
        if let Some(address) = &mail.unsubscribe {
            builder = builder
                .raw_header(raw("List-Unsubscribe", &format!("<{address}>")))
                .raw_header(raw("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"));
        }
        builder.body(mail.body.clone())
    }
}

/// A header of characters that need no encoding; a link must not be folded.
fn raw(name: &'static str, value: &str) -> HeaderValue {
    let value: String = value.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').collect();
    HeaderValue::dangerous_new_pre_encoded(HeaderName::new_from_ascii_str(name), value.clone(), value)
}

/// True if the server says that there is no such mailbox, or that it takes nothing (RFC 3463, 3.2 and 3.3), and not that it
/// does not like us (5.7.x) or our sender.
fn is_recipients(error: &Error) -> bool {
    const CODES: [&str; 9] =
        ["5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.0", "5.2.1", "5.2.2"];
    let words = error.to_string();
    let is_code = |word: &&str| {
        let parts: Vec<&str> = word.split('.').collect();
        parts.len() == 3
            && parts.iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
    };
    match words.split_whitespace().find(is_code) {
        Some(code) => CODES.contains(&code),
        None => matches!(error.status().map(u16::from), Some(550 | 551 | 553)),
    }
}
