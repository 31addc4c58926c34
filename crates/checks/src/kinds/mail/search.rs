//! Looks for one mail where it may be, and deletes it.

use muster_net::mail::error::MailError;
use muster_net::mail::imap::Session;

use super::letter::{MARK, yesterday};
use crate::mailbox;
use crate::mailserver::Stream;

/// A mail as it was found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) folder: String,
    pub(super) is_junk: bool,
    header: String,
}

/// The folders of a mailbox that is open.
pub(super) struct Search<'a, S> {
    session: Session<'a, S>,
    capabilities: Vec<String>,
    /// The inbox, and behind it the folders for junk.
    folders: Vec<String>,
    name: String,
    /// The mail in the folder that is open.
    uid: Option<u32>,
}

impl<'a, S: Stream> Search<'a, S> {
    /// Finds out where mail may come in. `name` is that of the check.
    pub(super) async fn begin(
        mut session: Session<'a, S>,
        capabilities: Vec<String>,
        name: &str,
    ) -> Result<Self, MailError> {
        let folders = mailbox::incoming(&mut session, &capabilities).await?;
        Ok(Self { session, capabilities, folders, name: name.to_owned(), uid: None })
    }

    /// Where it looks.
    pub(super) fn folders(&self) -> &[String] {
        &self.folders
    }

    /// Looks for the mail of that Message-ID once, in each folder.
    pub(super) async fn look(&mut self, id: &str) -> Result<Option<Found>, MailError> {
        for (at, folder) in self.folders.clone().into_iter().enumerate() {
            self.session.open(&folder, false).await?;
            let uids = self.session.search(&format!("HEADER Message-ID \"{id}\"")).await?;
            let Some(uid) = uids.first().copied() else { continue };
            if let Some(header) = self.session.header(uid).await? {
                self.uid = Some(uid);
                return Ok(Some(Found { folder, is_junk: at > 0, header }));
            }
        }
        Ok(None)
    }

    /// Deletes the mail that was found, and those of earlier looks of this check that are more than a day old.
    pub(super) async fn clean(&mut self, found: &Found) -> Result<(), MailError> {
        if let Some(uid) = self.uid.take() {
            self.session.delete(&self.capabilities, &[uid]).await?;
        }
        for folder in self.folders.clone() {
            if folder != found.folder {
                self.session.open(&folder, false).await?;
            }
            let old = format!("HEADER {MARK} \"{}\" BEFORE {}", self.name, yesterday());
            let old = self.session.search(&old).await?;
            self.session.delete(&self.capabilities, &old).await?;
        }
        Ok(())
    }

    pub(super) async fn end(self) {
        self.session.logout().await;
    }
}

impl Found {
    /// A filter has marked it.
    pub(super) fn is_flagged(&self) -> bool {
        self.headers("X-Spam-Flag").any(|value| value.trim().eq_ignore_ascii_case("yes"))
    }

    /// What the receiving server found out about the sender. Anybody can write such a header, so only those count that
    /// come from the same server as the topmost one, and stand together with it.
    pub(super) fn auth(&self) -> Vec<String> {
        let mut results = Vec::new();
        let mut authority = None;
        for value in self.headers("Authentication-Results") {
            let value = without_comments(&value);
            let mut parts = value.split(';').map(str::trim);
            let server =
                parts.next().and_then(|part| part.split_whitespace().next()).unwrap_or_default().to_owned();
            if *authority.get_or_insert_with(|| server.clone()) != server {
                break;
            }
            for part in parts {
                let Some((method, result)) =
                    part.split_whitespace().next().and_then(|word| word.split_once('='))
                else {
                    continue;
                };
                let method = method.split('/').next().unwrap_or_default().trim().to_ascii_lowercase();
                let text = format!("{method}={}", result.trim().to_ascii_lowercase());
                if ["spf", "dkim", "dmarc", "arc"].contains(&method.as_str()) && !results.contains(&text) {
                    results.push(text);
                }
            }
        }
        results
    }

    /// The values of all headers of that name, the topmost first, folded lines joined.
    fn headers(&self, name: &str) -> impl Iterator<Item = String> {
        let joined = self.header.replace("\r\n", "\n").replace("\n ", " ").replace("\n\t", " ");
        let values: Vec<String> = joined
            .lines()
            .filter_map(|line| {
                let (known, value) = line.split_once(':')?;
                known.trim().eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
            })
            .collect();
        values.into_iter()
    }

    #[cfg(test)]
    pub(super) fn with_header(header: &str) -> Self {
        Self { folder: "INBOX".into(), is_junk: false, header: header.into() }
    }
}

/// A value without what stands in brackets (RFC 5322, 3.2.2).
fn without_comments(value: &str) -> String {
    let mut depth = 0_u32;
    let mut plain = String::new();
    for c in value.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            c if depth == 0 => plain.push(c),
            _ => {}
        }
    }
    plain
}
