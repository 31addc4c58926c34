//! The names of users, as `/etc/passwd` has them. A static binary asks no other directory: a user that only LDAP knows
//! is told by number.

use std::fs::File;
use std::io::Read;

/// Most of `/etc/passwd` that is read, in bytes.
const LIST: u64 = 1 << 20;

/// The name of a user, or the number where the list does not have it.
pub fn name(uid: u32) -> String {
    let mut list = String::new();
    let read = File::open("/etc/passwd").and_then(|file| file.take(LIST).read_to_string(&mut list));
    let found = read.ok().and_then(|_| find(&list, uid));
    found.map_or_else(|| uid.to_string(), str::to_owned)
}

/// The user that this process acts as.
pub fn own() -> String {
    name(rustix::process::geteuid().as_raw())
}

fn find(list: &str, uid: u32) -> Option<&str> {
    list.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, number) = (fields.next()?, fields.nth(1)?);
        (number.parse() == Ok(uid) && !name.is_empty()).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_a_name_or_a_number() {
        assert_eq!(name(0), "root");
        assert_eq!(name(4_000_000_007), "4000000007");
        assert_eq!(find("a:x:12:12::/:\nbad\nb:x:13:13::/:", 13), Some("b"));
    }
}
