//! The page for the customers of our users.

use std::path::PathBuf;

use muster_core::ids::{ChannelName, ExpectationId};
use muster_core::time::Span;

/// What `[status_page]` says. All texts in it are public, but for the folder and the push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusPage {
    /// Its heading.
    pub title: String,
    /// Where people read it, without a slash at the end.
    pub url: String,
    /// Where its files are written.
    pub folder: PathBuf,
    /// The command that takes them to another host, `{folder}` replaced; empty for none.
    pub push: Vec<String>,
    /// How often it is made anew while nothing changes.
    pub every: Span,
    /// What it shows, in the order of the file. No name twice.
    pub components: Vec<Component>,
    /// How people have what is reported mailed to them, if they may.
    pub subscribe: Option<Subscribe>,
}

/// What `subscribe` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribe {
    /// The channel whose server, login and sender carry the mails: one of kind [`MAIL_KIND`].
    pub notify: ChannelName,
    /// Where the agent's public addresses are reached, without a slash at the end.
    pub url: String,
    /// Scheme, host and port of that.
    pub origin: String,
}

/// The kind of channel that carries mail.
pub const MAIL_KIND: &str = "email";

/// Something that customers have a name for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    /// Its public name.
    pub name: String,
    /// The heading under which it stands with others.
    pub group: Option<String>,
    /// What it is made of.
    pub of: Vec<ExpectationId>,
}
