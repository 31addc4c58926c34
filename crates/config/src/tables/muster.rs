//! `[muster]`: this installation itself.

use crate::codes;
use crate::field::{DAY, Field, LONGEST, SECOND, Shape};
use crate::plan::{Beat, Keep, MusterPlan, TlsFiles};
use crate::section::Section;
use crate::tables::{Form, TableRow};

/// The row of the table.
pub const ROW: TableRow = TableRow {
    name: "muster",
    doc: "This installation: its name, where it listens, what it keeps.",
    form: Form::Single,
    fields: FIELDS,
    example: "[muster]\nname = \"acme\"\ntimezone = \"Europe/Berlin\"\nlisten = \"127.0.0.1:7077\"\n",
};

const FIELDS: &[Field] = &[
    Field::new(
        "name",
        Shape::Text,
        "Name of this installation, shown on every page; else the host's name.",
        "\"acme\"",
    ),
    Field::new(
        "timezone",
        Shape::Zone,
        "Time zone of every schedule that names none, and of the times that people are shown; else the host's zone.",
        "\"Europe/Berlin\"",
    ),
    Field::new(
        "listen",
        Shape::Socket,
        "Where the web page, the API and the ping URLs listen; off loopback only with `password` and `tls`.",
        "\"127.0.0.1:7077\"",
    )
    .default("\"127.0.0.1:7077\""),
    Field::new("password", Shape::Secret, "Password of the web page.", "{ env = \"MUSTER_PASSWORD\" }"),
    Field::new(
        "tls",
        Shape::Table(TLS),
        "Certificate of the listener.",
        "{ certificate = \"/etc/muster/tls.crt\", key = \"/etc/muster/tls.key\" }",
    ),
    Field::new(
        "ping_key",
        Shape::Secret,
        "The key in the ping URLs `/ping/<key>/<name>`; else one is made in the state directory.",
        "{ file = \"/etc/muster/ping.key\" }",
    ),
    Field::new(
        "state",
        Shape::Path,
        "Where the database, the logs of runs and the spool live; else `/var/lib/muster` for root and the XDG state \
         directory for others.",
        "\"/var/lib/muster\"",
    ),
    Field::new(
        "keep",
        Shape::Table(KEEP),
        "How long things are kept.",
        "{ runs = \"90d\", metrics = \"7d\", logs = \"1GiB\" }",
    )
    .default("{}"),
    Field::new(
        "beat",
        Shape::Table(BEAT),
        "An outside address that is asked for while muster itself is well, so that somebody outside notices its end.",
        "{ url = { env = \"OUTSIDE_HEARTBEAT_URL\" }, every = \"60s\" }",
    ),
    Field::new(
        "at_once",
        Shape::Whole(1, 1_000),
        "How many of the jobs that muster itself starts may run at the same time; the others wait for their turn.",
        "4",
    )
    .default("4"),
    Field::new(
        "canaries",
        Shape::List(&Shape::Socket, 0),
        "Who is asked whether this host still has a way out, when most checks outside go bad at once: addresses in networks \
         that have nothing to do with each other. An empty list asks nobody.",
        "[\"1.1.1.1:443\", \"9.9.9.9:443\"]",
    )
    .default("[\"1.1.1.1:443\", \"8.8.8.8:443\", \"9.9.9.9:443\"]"),
    Field::new(
        "store",
        Shape::Text,
        "Another place for what is remembered.",
        "{ postgres = { env = \"DATABASE_URL\" } }",
    )
    .not_yet(),
];

const TLS: &[Field] = &[
    Field::new("certificate", Shape::Path, "Certificate chain, PEM.", "\"/etc/muster/tls.crt\"").required(),
    Field::new("key", Shape::Path, "Private key, PEM.", "\"/etc/muster/tls.key\"").required(),
];

const KEEP: &[Field] = &[
    Field::new(
        "runs",
        Shape::Duration(DAY, LONGEST),
        "Runs, signals and history; at least a day.",
        "\"90d\"",
    )
    .default("\"90d\""),
    Field::new("metrics", Shape::Duration(DAY, LONGEST), "Measurements; at least a day.", "\"7d\"")
        .default("\"7d\""),
    Field::new(
        "logs",
        Shape::Size(1024 * 1024),
        "Logs of runs, altogether, in the blocks that they occupy; the oldest go first, and the newest of each job last.",
        "\"1GiB\"",
    )
    .default("\"1GiB\""),
    Field::new("logs_per_job", Shape::Whole(1, 100_000), "Logs of one job; the oldest go first.", "1000")
        .default("1000"),
];

const BEAT: &[Field] = &[
    Field::new("url", Shape::OrSecret(&Shape::Url), "The address.", "\"https://beat.example.com/abc\"")
        .required(),
    Field::new("every", Shape::Duration(10 * SECOND, DAY), "How often; at least every 10 s.", "\"60s\"")
        .default("\"60s\""),
];

/// Reads the table. `zone` and `host` are the host's own.
pub(crate) fn read(section: &Section<'_>, zone: &str, host: &str) -> Option<MusterPlan> {
    let listen = section.socket("listen")?;
    let lacking = match (section.has("password"), section.has("tls")) {
        (true, true) => None,
        (true, false) => Some("`tls`"),
        (false, true) => Some("`password`"),
        (false, false) => Some("`password` and `tls`"),
    };
    if let (false, Some(lacking)) = (listen.ip().is_loopback(), lacking) {
        section
            .reading()
            .error(
                codes::PUBLIC_LISTENER,
                &section.place("listen"),
                format!("{listen} can be reached from other machines, and [muster] lacks {lacking}"),
            )
            .help("listen on 127.0.0.1, or add both `password` and `tls`".into());
    }
    let keep = keep(&section.table("keep")?)?;
    let beat = section
        .table("beat")
        .and_then(|beat| Some(Beat { url: beat.maybe_secret("url")?, every: beat.duration("every")? }));
    let tls = section.table("tls").and_then(|tls| {
        Some(TlsFiles { certificate: tls.path_to("certificate")?, key: tls.path_to("key")? })
    });
    Some(MusterPlan {
        name: section.text("name").unwrap_or_else(|| host.to_owned()),
        zone: section.text("timezone").unwrap_or_else(|| zone.to_owned()),
        listen,
        state: section.path_to("state"),
        keep,
        at_once: section.count("at_once")?,
        beat,
        canaries: section.texts("canaries").iter().filter_map(|text| text.parse().ok()).collect(),
        password: section.secret("password"),
        tls,
        ping_key: section.secret("ping_key"),
    })
}

/// Reads `keep`.
pub(crate) fn keep(keep: &Section<'_>) -> Option<Keep> {
    Some(Keep {
        runs: keep.duration("runs")?,
        metrics: keep.duration("metrics")?,
        logs: keep.size("logs")?,
        logs_per_job: keep.count("logs_per_job")?,
    })
}
