//! `/etc/passwd`.

use super::ground::Ground;
use super::{Collector, Put, WITHIN};
use crate::facts::Fact;
use crate::facts::files::User;

pub(super) const COLLECTOR: Collector =
    Collector { name: "users", within: WITHIN, read, blind: |facts, why| facts.users = Fact::unknown(why) };

fn read(ground: &Ground) -> Put {
    let users = list(ground);
    Box::new(|facts| facts.users = users)
}

/// The users of the host.
pub(super) fn list(ground: &Ground) -> Fact<Vec<User>> {
    match ground.read("/etc/passwd") {
        Ok(Some(text)) => Fact::Known(text.lossy().lines().filter_map(user).collect()),
        Ok(None) => Fact::nothing("there is no /etc/passwd"),
        Err(why) => Fact::unknown(format!("/etc/passwd: {why}")),
    }
}

fn user(line: &str) -> Option<User> {
    let mut fields = line.split(':');
    let name = fields.next()?.to_owned();
    let (uid, gid) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(User { name, uid, gid, home: fields.nth(1)?.to_owned() })
}
