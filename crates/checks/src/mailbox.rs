//! The folders of a mailbox into which mail may come.

use muster_net::mail::error::MailError;
use muster_net::mail::imap::{Folder, Session};

use crate::mailserver::Stream;

/// Folders for junk that are looked into, at most.
const JUNK_LIMIT: usize = 3;
/// What folders for junk are called where the server does not say what a folder is for.
const JUNK_NAMES: [&str; 6] = ["junk", "spam", "junk e-mail", "junk email", "bulk mail", "bulk"];

/// The inbox, and behind it the folders for junk.
pub(crate) async fn incoming<S: Stream>(
    session: &mut Session<'_, S>,
    capabilities: &[String],
) -> Result<Vec<String>, MailError> {
    let all = session.folders(capabilities).await?;
    let mut folders = vec!["INBOX".to_owned()];
    folders.extend(junk(&all));
    Ok(folders)
}

/// The folders for junk: those that are said to be, else those that are called so.
fn junk(folders: &[Folder]) -> Vec<String> {
    let usable = |folder: &&Folder| !folder.has("\\Noselect") && !folder.has("\\NonExistent");
    let mut found: Vec<String> = folders
        .iter()
        .filter(usable)
        .filter(|folder| folder.has("\\Junk"))
        .map(|folder| folder.name.clone())
        .collect();
    if found.is_empty() {
        let is_called_so = |folder: &&Folder| {
            let last = folder.name.rsplit(['/', '.', '\\']).next().unwrap_or_default();
            JUNK_NAMES.contains(&last.to_ascii_lowercase().as_str())
        };
        found.extend(folders.iter().filter(usable).filter(is_called_so).map(|folder| folder.name.clone()));
    }
    found.truncate(JUNK_LIMIT);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn junk_of(names: &[(&str, &[&str])]) -> Vec<String> {
        let folder = |(name, flags): &(&str, &[&str])| Folder {
            name: (*name).to_owned(),
            flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
        };
        junk(&names.iter().map(folder).collect::<Vec<_>>())
    }

    #[test]
    fn a_folder_for_junk_is_known_by_its_use_else_by_its_name() {
        for (folders, found) in [
            (&[("INBOX", &[][..]), ("Müll", &["\\junk"]), ("Spam", &[])][..], &["Müll"][..]),
            (&[("INBOX", &[]), ("INBOX.Junk", &[]), ("[Gmail]/Spam", &[])], &["INBOX.Junk", "[Gmail]/Spam"]),
            (&[("Spam", &["\\Noselect"]), ("Spam talk", &[]), ("Junk E-mail", &[])], &["Junk E-mail"]),
            (&[("INBOX", &[]), ("Sent", &[])], &[]),
        ] {
            assert_eq!(junk_of(folders), found);
        }
    }
}
