//! The mail that is sent: small, plain, and to be told from every other by a token.

use jiff::{Timestamp, Zoned, tz::TimeZone};

/// The header by which mails of earlier looks are known.
pub(super) const MARK: &str = "X-Muster-Probe";

/// One mail.
#[derive(Debug)]
pub(super) struct Letter {
    /// The Message-ID with its angle brackets.
    pub(super) id: String,
    /// Header and text, lines ended by CR LF.
    pub(super) text: String,
    /// When it was written, for people.
    pub(super) sent: String,
}

impl Letter {
    /// A mail from one address to another, of the check of that name.
    pub(super) fn new(from: &str, to: &str, name: &str) -> Result<Self, String> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|error| format!("there is no randomness: {error}"))?;
        let token: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let now = Timestamp::now().to_zoned(TimeZone::UTC);
        let date = rfc2822(&now)?;
        let id = format!("<muster.{token}@{}>", from.rsplit('@').next().unwrap_or("localhost"));
        let lines = [
            format!("Date: {date}"),
            format!("From: muster <{from}>"),
            format!("To: <{to}>"),
            format!("Subject: muster probe {token}"),
            format!("Message-ID: {id}"),
            format!("{MARK}: {name}"),
            // RFC 3834: no vacation notice answers this.
            "Auto-Submitted: auto-generated".to_owned(),
            "MIME-Version: 1.0".to_owned(),
            "Content-Type: text/plain; charset=us-ascii".to_owned(),
            String::new(),
            "This mail was sent to see whether mail comes in. It is deleted by itself.".to_owned(),
            format!("Token: {token}"),
        ];
        Ok(Self {
            id,
            text: lines.join("\r\n") + "\r\n",
            sent: now.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
        })
    }
}

fn rfc2822(now: &Zoned) -> Result<String, String> {
    jiff::fmt::rfc2822::to_string(now).map_err(|error| error.to_string())
}

/// The day before now as IMAP writes it: mails from before it are more than a day old.
pub(super) fn yesterday() -> String {
    let day = Timestamp::now().to_zoned(TimeZone::UTC).date();
    day.yesterday().unwrap_or(day).strftime("%d-%b-%Y").to_string()
}
