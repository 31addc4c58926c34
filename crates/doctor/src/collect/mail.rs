//! Mail that waits in the queue of Postfix, Exim or OpenSMTPD, by the age of its files. No message is opened.

use std::collections::VecDeque;

use super::ground::Ground;
use super::{Collector, Put, WITHIN};
use crate::facts::Fact;
use crate::facts::system::Mail;

pub(super) const COLLECTOR: Collector =
    Collector { name: "mail", within: WITHIN, read, blind: |facts, why| facts.mail = Fact::unknown(why) };

/// Most names that are looked at.
const MESSAGES: usize = 5_000;
/// Deepest folders of a queue.
const DEPTH: usize = 3;

/// A queue.
struct Queue {
    program: &'static str,
    folder: &'static str,
    /// What names of messages end with.
    ending: &'static str,
    given_up_after: u32,
}

const QUEUES: [Queue; 3] = [
    Queue { program: "Postfix", folder: "/var/spool/postfix/deferred", ending: "", given_up_after: 5 },
    Queue { program: "Exim", folder: "/var/spool/exim4/input", ending: "-H", given_up_after: 4 },
    Queue { program: "OpenSMTPD", folder: "/var/spool/smtpd/queue", ending: "message", given_up_after: 4 },
];

fn read(ground: &Ground) -> Put {
    let found = QUEUES.iter().find(|queue| ground.exists(queue.folder));
    let mail = match found {
        None => Fact::nothing("there is no queue of mail"),
        Some(queue) => waiting(ground, queue),
    };
    Box::new(|facts| facts.mail = mail)
}

fn waiting(ground: &Ground, queue: &Queue) -> Fact<Mail> {
    let mut mail = Mail {
        program: queue.program.to_owned(),
        folder: queue.folder.to_owned(),
        waiting: 0,
        more: false,
        oldest: None,
        given_up_after: queue.given_up_after,
    };
    let mut folders = VecDeque::from([(queue.folder.to_owned(), 0)]);
    let mut seen = 0;
    while let Some((folder, depth)) = folders.pop_front() {
        let names = match ground.names(&folder) {
            Ok(names) => names.unwrap_or_default(),
            Err(why) if why.starts_with("more than") => {
                mail.more = true;
                continue;
            }
            Err(why) => return Fact::unknown(format!("{folder}: {why}")),
        };
        for (name, kind) in names {
            seen += 1;
            if seen > MESSAGES {
                mail.more = true;
                return Fact::Known(mail);
            }
            let path = format!("{folder}/{name}");
            if kind.is_dir() && depth < DEPTH {
                folders.push_back((path, depth + 1));
            } else if kind.is_file() && name.ends_with(queue.ending) {
                mail.waiting += 1;
                let came = ground.born(&path);
                mail.oldest = [mail.oldest, came].into_iter().flatten().min();
            }
        }
    }
    Fact::Known(mail)
}

#[cfg(test)]
mod tests {
    use muster_core::time::Timestamp;

    use super::*;

    #[test]
    fn messages_are_counted_through_the_folders_of_a_queue() {
        let root = tempfile::tempdir().expect("a folder");
        for path in ["deferred/A/A1", "deferred/B/B1", "deferred/B/B2", "active/C"] {
            let path = root.path().join("var/spool/postfix").join(path);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(path, "").expect("a message");
        }
        let Fact::Known(mail) = waiting(&Ground::new(root.path(), false), &QUEUES[0]) else {
            panic!("it is there")
        };
        assert_eq!((mail.waiting, mail.more), (3, false));
        assert!(mail.oldest.is_some_and(|at| at > Timestamp::from_seconds(1_600_000_000)));
    }
}
