//! The rows that a table of muster.toml is made of. Reader, JSON Schema and reference page all come from them.

use crate::assertion::term::Term;

/// One key of a table.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// The key.
    pub key: &'static str,
    /// What its value looks like.
    pub shape: Shape,
    /// What it is for, in one sentence.
    pub doc: &'static str,
    /// The value as TOML that holds where the key is not written.
    pub default: Option<&'static str>,
    /// A value as TOML that could stand there.
    pub example: &'static str,
    /// How the reader treats the key.
    pub duty: Duty,
}

/// How the reader treats a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    /// May be left out.
    Optional,
    /// Must be there.
    Required,
    /// Belongs to the language and is refused for now, because this release does not do it.
    NotYet,
}

impl Field {
    /// An optional key without a default.
    pub const fn new(key: &'static str, shape: Shape, doc: &'static str, example: &'static str) -> Self {
        Self { key, shape, doc, default: None, example, duty: Duty::Optional }
    }

    /// The key must be written.
    #[must_use]
    pub const fn required(mut self) -> Self {
        self.duty = Duty::Required;
        self
    }

    /// The value, as TOML, where the key is not written.
    #[must_use]
    pub const fn default(mut self, toml: &'static str) -> Self {
        self.default = Some(toml);
        self
    }

    /// The key is refused for now.
    #[must_use]
    pub const fn not_yet(mut self) -> Self {
        self.duty = Duty::NotYet;
        self
    }
}

/// What a value looks like.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// Any text but the empty one.
    Text,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A whole number from the first to the second.
    Whole(i64, i64),
    /// A whole number from the first to the second, or a table with these keys.
    WholeOr(i64, i64, &'static [Field]),
    /// A number, maybe with a fraction, from the first to the second, in thousandths.
    Factor(u32, u32),
    /// `true` or `false`.
    Flag,
    /// A length of time such as `"90s"`, from the first to the second, in milliseconds.
    Duration(u64, u64),
    /// A number of bytes such as `"512MiB"`, at least so many.
    Size(u64),
    /// An absolute path.
    Path,
    /// An `http://` or `https://` address.
    Url,
    /// A mail address, alone or as `Name <address>`.
    Mailbox,
    /// An IP address and a port.
    Socket,
    /// An IANA time zone.
    Zone,
    /// A cron expression.
    Cron,
    /// A date and a time of day, without a zone.
    Moment,
    /// The name of a systemd timer.
    Timer,
    /// A reference to a secret; never the secret itself.
    Secret,
    /// Either a value of that shape or a reference to a secret.
    OrSecret(&'static Shape),
    /// An array of at least so many values.
    List(&'static Shape, usize),
    /// A table with these keys.
    Table(&'static [Field]),
    /// An array of at least so many tables with these keys: `[[check.signup.step]]`.
    Tables(&'static [Field], usize),
    /// A table or an array that becomes JSON; a table that is a reference to a secret stands for the secret.
    Json,
    /// A table with names of the writer's choice for what is captured out of these words.
    Captures(&'static [Term]),
    /// A table with keys of the writer's choice.
    Map(&'static Shape),
    /// A regular expression.
    Regex,
    /// An absolute path with `*`, `?`, `[…]` and `**`.
    Glob,
    /// This word, or a value of that shape.
    WordOr(&'static str, &'static Shape),
    /// One value, or an array of them.
    OneOrMany(&'static Shape),
    /// An array of assertions about these words.
    Assertions(&'static [Term]),
}

/// No time at all, for the bounds of [`Shape::Duration`].
pub const NO_TIME: u64 = 0;
/// One second in milliseconds.
pub const SECOND: u64 = 1000;
/// One day in milliseconds.
pub const DAY: u64 = 86_400_000;
/// The longest time that any key takes, in milliseconds: ten years.
pub const LONGEST: u64 = 3650 * DAY;

impl Shape {
    /// What belongs there, for the sentence "expected …".
    pub fn expecting(&self) -> String {
        match self {
            Self::Text => "a text".into(),
            Self::Choice(words) => {
                let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
                match quoted.split_last() {
                    Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
                    _ => quoted.concat(),
                }
            }
            Self::Whole(least, i64::MAX) => format!("a whole number of at least {least}"),
            Self::Whole(least, most) => format!("a whole number from {least} to {most}"),
            Self::WholeOr(least, most, fields) => {
                let keys: Vec<String> =
                    fields.iter().map(|field| format!("{} = {}", field.key, field.example)).collect();
                format!("a whole number from {least} to {most}, or a table such as {{ {} }}", keys.join(", "))
            }
            Self::Factor(least, most) => {
                format!("a number from {} to {}", f64::from(*least) / 1000.0, f64::from(*most) / 1000.0)
            }
            Self::Flag => "true or false".into(),
            Self::Duration(..) => "a duration such as \"90s\" or \"1h30m\"".into(),
            Self::Size(_) => "a size such as \"512MiB\"".into(),
            Self::Path => "an absolute path".into(),
            Self::Url => "an http:// or https:// address".into(),
            Self::Mailbox => "a mail address such as \"ops@example.com\"".into(),
            Self::Socket => "an IP address and a port such as \"127.0.0.1:7077\"".into(),
            Self::Zone => "an IANA time zone such as \"Europe/Berlin\"".into(),
            Self::Cron => "a cron expression such as \"0 2 * * *\"".into(),
            Self::Moment => "a date and a time such as \"2026-12-01T02:00\"".into(),
            Self::Timer => "the name of a systemd timer such as \"export.timer\"".into(),
            Self::Secret => "a secret reference such as { env = \"NAME\" }".into(),
            Self::OrSecret(open) => format!("{} or a secret reference", open.expecting()),
            Self::List(of, _) => format!("an array (each item {})", of.expecting()),
            Self::Table(_) => "a table".into(),
            Self::Tables(..) => "an array of tables".into(),
            Self::Json => "a table or an array".into(),
            Self::Captures(_) => "a table of names and what is captured".into(),
            Self::Map(of) => format!("a table, each value {}", of.expecting()),
            Self::Regex => "a regular expression".into(),
            Self::Glob => "an absolute path, which may have *, ? and […] in it".into(),
            Self::WordOr(word, of) => format!("\"{word}\" or {}", of.expecting()),
            Self::OneOrMany(of) => format!("{} or an array of such", of.expecting()),
            Self::Assertions(terms) => {
                let example = terms.first().map_or("", |term| term.example);
                format!("an array of assertions such as [\"{example}\"]")
            }
        }
    }

    /// One or two words for the reference page.
    pub fn word(&self) -> String {
        match self {
            Self::Text => "text".into(),
            Self::Choice(_) => "choice".into(),
            Self::Whole(..) => "whole number".into(),
            Self::WholeOr(..) => "whole number or table".into(),
            Self::Factor(..) => "number".into(),
            Self::Flag => "true or false".into(),
            Self::Duration(..) => "duration".into(),
            Self::Size(_) => "size".into(),
            Self::Path => "path".into(),
            Self::Url => "URL".into(),
            Self::Mailbox => "mail address".into(),
            Self::Socket => "address and port".into(),
            Self::Zone => "time zone".into(),
            Self::Cron => "cron expression".into(),
            Self::Moment => "date and time".into(),
            Self::Timer => "systemd timer".into(),
            Self::Secret => "secret reference".into(),
            Self::OrSecret(open) => format!("{} or secret reference", open.word()),
            Self::List(of, _) => format!("array of {}", of.word()),
            Self::Table(_) => "table".into(),
            Self::Tables(..) => "array of tables".into(),
            Self::Json => "table or array".into(),
            Self::Captures(_) => "table of captures".into(),
            Self::Map(of) => format!("table of {}", of.word()),
            Self::Regex => "regular expression".into(),
            Self::Glob => "path with wildcards".into(),
            Self::WordOr(word, of) => format!("`\"{word}\"` or {}", of.word()),
            Self::OneOrMany(of) => format!("{} or array of such", of.word()),
            Self::Assertions(_) => "array of assertions".into(),
        }
    }
}
