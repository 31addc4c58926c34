//! Accounts as far as they let a job run or not. No digest of a password comes here.

use serde::{Deserialize, Serialize};

use super::Fact;

/// What decides whether a user may run something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accounts {
    /// Other places than `/etc/passwd` that know users (`/etc/nsswitch.conf`): `ldap`, `sss`.
    pub directories: Vec<String>,
    /// Groups: number and name.
    pub groups: Vec<(u32, String)>,
    /// Members of groups besides those whose own group it is: number and names.
    #[serde(default)]
    pub members: Vec<(u32, Vec<String>)>,
    /// `/etc/shadow`.
    pub terms: Fact<Vec<Term>>,
}

/// How long an account is good for, in days since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Term {
    /// The user.
    pub user: String,
    /// The day on which the account ends.
    pub expires: Option<i64>,
    /// The day of the last change of its password; 0 asks for a new one at once.
    pub changed: Option<i64>,
    /// Days for which a password is good.
    pub lasts: Option<i64>,
}

impl Accounts {
    /// The groups that a user is in besides its own.
    pub fn groups_of<'a>(&'a self, user: &'a str) -> impl Iterator<Item = u32> + 'a {
        let is_in = move |members: &[String]| members.iter().any(|member| member == user);
        self.members.iter().filter(move |(_, members)| is_in(members)).map(|(gid, _)| *gid)
    }

    /// The name of a group.
    pub fn group(&self, gid: u32) -> Option<&str> {
        self.groups.iter().find(|(known, _)| *known == gid).map(|(_, name)| name.as_str())
    }
}
