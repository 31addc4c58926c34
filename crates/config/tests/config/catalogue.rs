//! Sample kinds, so that the tests of the reader depend on no real channel.

use muster_config::assertion::Assertion;
use muster_config::assertion::term::{Takes, Term, Type};
use muster_config::field::{Field, Shape};
use muster_config::kind::{Catalogue, Kind};
use muster_config::secret::{MaybeSecret, SecretRef};
use muster_config::section::Section;

/// What the sample kinds make of their tables.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Sample {
    Letter { to: Vec<String>, host: String, port: i64, password: Option<SecretRef> },
    Hook { url: MaybeSecret, headers: Vec<(String, MaybeSecret)>, expect: Vec<Assertion> },
}

pub(crate) const CATALOGUE: Catalogue<Sample, ()> = Catalogue { channels: KINDS, checks: CHECKS };

/// A kind of check.
const CHECKS: &[Kind<()>] = &[Kind {
    name: "door",
    sentence: "Knocks at a door.",
    example: "[check.door]\nkind = \"door\"\naddress = \"door:80\"\nevery = \"20s\"\n",
    fields: &[Field::new("address", Shape::Text, "Where it is.", "\"door:80\"").required()],
    read: |section| section.text("address").map(drop),
}];

pub(crate) const KINDS: &[Kind<Sample>] = &[
    Kind {
        name: "letter",
        sentence: "Sends a letter.",
        example: "[notify.ops]\nkind = \"letter\"\nto = [\"Ops <ops@example.com>\"]\nfallback = \"ops2\"\n\
                  smtp = { host = \"smtp.example.com\", password = { env = \"SMTP_PASSWORD\" } }\n",
        fields: LETTER,
        read: letter,
    },
    Kind {
        name: "hook",
        sentence: "Calls an address.",
        example: "[notify.chat]\nkind = \"hook\"\nurl = { env = \"HOOK\" }\nheaders = { x-team = \"ops\", authorization = { file = \"/etc/hook\" } }\n\
                  expect = [\"status == 200\", { that = \"time.total < 800ms\", severity = \"warn\" }]\n",
        fields: HOOK,
        read: hook,
    },
    Kind {
        name: "email",
        sentence: "Sends mail.",
        example: "[notify.mail]\nkind = \"email\"\nto = [\"ops@example.com\"]\nsmtp = { host = \"smtp.example.com\" }\n",
        fields: LETTER,
        read: letter,
    },
];

const LETTER: &[Field] = &[
    Field::new("to", Shape::List(&Shape::Mailbox, 1), "Whom.", "[\"ops@example.com\"]").required(),
    Field::new("smtp", Shape::Table(SMTP), "By which server.", "{ host = \"smtp.example.com\" }").required(),
];

const SMTP: &[Field] = &[
    Field::new("host", Shape::Text, "Its name.", "\"smtp.example.com\"").required(),
    Field::new("port", Shape::Whole(1, 65_535), "Its port.", "587").default("587"),
    Field::new("tls", Shape::Choice(&["starttls", "tls", "none"]), "How it is secured.", "\"tls\"")
        .default("\"starttls\""),
    Field::new("password", Shape::Secret, "Its password.", "{ env = \"SMTP_PASSWORD\" }"),
];

/// Words of every sort.
pub(crate) const TERMS: &[Term] = &[
    term("status", Takes::Nothing, Type::Number, "The status code.", "status == 200"),
    term("time.total", Takes::Nothing, Type::Time, "How long it took.", "time.total < 800ms"),
    term("cert.expires_in", Takes::Nothing, Type::Time, "How long it is valid.", "cert.expires_in > 14d"),
    term("size", Takes::Nothing, Type::Size, "How large the body is.", "size < 1MiB"),
    term("body", Takes::Nothing, Type::Text, "The body.", "body contains 'ok' or body matches '^up|well$'"),
    term("resumed", Takes::Nothing, Type::Flag, "It was resumed.", "not resumed"),
    term("dns.answers", Takes::Nothing, Type::List, "The addresses.", "dns.answers contains '192.0.2.1'"),
    term("header", Takes::Text, Type::Text, "A header.", "header('x-csrf') exists"),
    term("json", Takes::JsonPath, Type::Any, "A part of the body.", "json('$.database') == 'ok'"),
    term("value", Takes::Nothing, Type::Any, "What the query gave.", "value < 3600"),
];

const fn term(
    name: &'static str,
    takes: Takes,
    gives: Type,
    doc: &'static str,
    example: &'static str,
) -> Term {
    Term { name, takes, gives, doc, example }
}

const HOOK: &[Field] = &[
    Field::new("url", Shape::OrSecret(&Shape::Url), "The address.", "\"https://example.com/hook\"")
        .required(),
    Field::new(
        "headers",
        Shape::Map(&Shape::OrSecret(&Shape::Text)),
        "More headers.",
        "{ x-team = \"ops\" }",
    ),
    Field::new("expect", Shape::Assertions(TERMS), "What must be true of the answer.", "[\"status == 200\"]")
        .default("[\"status < 400\"]"),
    Field::new("verify", Shape::Flag, "Looks at the certificate.", "true").default("true"),
];

fn letter(section: &Section<'_>) -> Option<Sample> {
    let smtp = section.table("smtp")?;
    if smtp.choice("tls") == Some("none") && smtp.has("password") {
        smtp.contradiction("tls", "a password would go over the wire in the open", "use tls = \"starttls\"");
    }
    Some(Sample::Letter {
        to: section.texts("to"),
        host: smtp.text("host")?,
        port: smtp.whole("port")?,
        password: smtp.secret("password"),
    })
}

fn hook(section: &Section<'_>) -> Option<Sample> {
    section.flag("verify")?;
    Some(Sample::Hook {
        url: section.maybe_secret("url")?,
        headers: section.map("headers"),
        expect: section.assertions("expect"),
    })
}

/// Stand-ins for the real kinds, as far as the file of later releases uses them.
pub(crate) const FUTURE: Catalogue<(), ()> = Catalogue { channels: FUTURE_KINDS, checks: CHECKS };

const FUTURE_KINDS: &[Kind<()>] = &[
    Kind { name: "email", sentence: "Mail.", example: "", fields: EMAIL, read: |_| Some(()) },
    Kind {
        name: "ntfy",
        sentence: "Push.",
        example: "",
        fields: &[
            Field::new("url", Shape::OrSecret(&Shape::Url), "The address.", "\"https://ntfy.sh/x\""),
            Field::new("priority", Shape::Text, "How urgent.", "\"urgent\""),
        ],
        read: |_| Some(()),
    },
    Kind {
        name: "slack",
        sentence: "Chat.",
        example: "",
        fields: &[Field::new("url", Shape::OrSecret(&Shape::Url), "The address.", "\"https://example.com\"")],
        read: |_| Some(()),
    },
];

const EMAIL: &[Field] = &[
    Field::new("to", Shape::List(&Shape::Mailbox, 1), "Whom.", "[\"ops@example.com\"]"),
    Field::new("from", Shape::Mailbox, "From whom.", "\"muster@example.com\""),
    Field::new(
        "smtp",
        Shape::Table(&[
            Field::new("host", Shape::Text, "Its name.", "\"smtp.example.com\""),
            Field::new("port", Shape::Whole(1, 65_535), "Its port.", "587"),
            Field::new("tls", Shape::Choice(&["starttls", "tls", "none"]), "How it is secured.", "\"tls\""),
            Field::new("user", Shape::Text, "Its user.", "\"ops\""),
            Field::new("password", Shape::Secret, "Its password.", "{ env = \"SMTP_PASSWORD\" }"),
        ]),
        "By which server.",
        "{ host = \"smtp.example.com\" }",
    ),
];
