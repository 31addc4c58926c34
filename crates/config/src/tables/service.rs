//! `[service.NAME]`: what is deployed, where to, and how.

use std::ops::Range;

use muster_core::expectation::{Expectation, Hearing, Rhythm};
use muster_core::ids::ExpectationId;
use muster_core::time::Span;

use crate::codes;
use crate::field::{DAY, Field, NO_TIME, SECOND, Shape};
use crate::plan::{HostPlan, RestartSpec, RuntimeSpec, ServicePlan, ServiceSpec, Strategy, Switch, Then};
use crate::secret::{MaybeSecret, SecretRef};
use crate::section::Section;
use crate::shape::{is_variable, shown};
use crate::tables::host::Hosts;
use crate::tables::{Form, TableRow, safe};

mod credentials;
pub mod health;
mod hooks;
mod source;
mod tools;

/// The row of the table.
pub const ROW: TableRow = TableRow {
    name: "service",
    doc: "Something that `muster deploy NAME` puts in front of users without losing a request, and that `muster rollback \
          NAME` takes back: a container, or a service of systemd, behind the nginx that is there. Each deploy is expected \
          to come to an end, as `deploy.NAME`.",
    form: Form::Named,
    fields: FIELDS,
    example: "[service.api]\nhosts = [\"ams1\", \"fra1\"]\nimage = \"ghcr.io/acme/api\"\ndomains = [\"api.example.com\"]\n\
              port = 8080\nhealth = { path = \"/health\", expect = [\"status == 200\"] }\nenv_file = \"/opt/api/.env\"\n\
              required_env = [\"DATABASE_URL\"]\nnotify = [\"ops\"]\n\n[host.ams1]\nssh = \"deploy@203.0.113.10\"\n\n\
              [host.fra1]\nssh = \"deploy@203.0.113.11\"\n",
};

/// Most services of a file.
pub const SERVICE_LIMIT: usize = 200;

/// Most hosts of a service.
const SPREAD_LIMIT: usize = 32;

/// Most names of a list of names.
const NAMES_LIMIT: usize = 100;

/// The least memory that Docker takes.
const LEAST_MEMORY: u64 = 6 << 20;

/// How long all of a deploy may take that has no key of its own: to fetch, build and migrate.
const UNHURRIED: Span = Span::minutes(30);

pub(crate) const FIELDS: &[Field] = &[
    Field::new(
        "hosts",
        Shape::List(&Shape::Text, 1),
        "The [host] tables of the machines that it runs on; else this machine.",
        "[\"ams1\", \"fra1\"]",
    ),
    Field::new(
        "image",
        Shape::Text,
        "The repository of its image, which Docker runs; with a tag, that is deployed when nobody names another.",
        "\"ghcr.io/acme/api\"",
    ),
    Field::new(
        "git",
        Shape::Table(source::GIT),
        "The repository of its code, which the hosts clone and systemd runs.",
        "{ url = \"git@github.com:acme/api.git\", branch = \"main\" }",
    ),
    Field::new(
        "artifact",
        Shape::Path,
        "A tar archive (`.tar`, `.tar.gz`, `.tgz`) or a single program on the machine that deploys, which is sent to the \
         hosts and systemd runs.",
        "\"/srv/build/api.tar.gz\"",
    ),
    Field::new(
        "runtime",
        Shape::Choice(&["docker", "systemd", "swarm"]),
        "What runs it: Docker an `image`, systemd what comes by `git` or `artifact`. `swarm` is not done yet.",
        "\"docker\"",
    ),
    Field::new(
        "command",
        Shape::List(&Shape::Text, 1),
        "Program and arguments, started without a shell: for systemd in the folder of the release; for Docker in place of \
         the image's own command.",
        "[\"./api\", \"--workers\", \"4\"]",
    ),
    Field::new(
        "build",
        Shape::List(&Shape::Text, 1),
        "With systemd: program and arguments that run once in the fresh folder of a release, such as one that installs what \
         it needs. Ten minutes at most.",
        "[\"npm\", \"ci\", \"--omit=dev\"]",
    ),
    Field::new(
        "volumes",
        Shape::List(&Shape::Text, 0),
        "With Docker: folders and volumes as `docker run --volume` takes them.",
        "[\"/srv/api/data:/data\", \"/etc/api:/etc/api:ro\"]",
    ),
    Field::new(
        "domains",
        Shape::List(&Shape::Text, 1),
        "Names that users reach it by; a release is looked at through them before it counts as good.",
        "[\"api.example.com\"]",
    ),
    Field::new(
        "port",
        Shape::Whole(1, 65_535),
        "Where it listens inside its container; a service of systemd is told where by the environment variable `PORT`. Without \
         it nobody asks it anything: a worker.",
        "8080",
    ),
    Field::new("health", Shape::Table(health::FIELDS), "When a release is well.", "{ path = \"/health\", within = \"60s\" }")
        .default("{}"),
    Field::new(
        "env_file",
        Shape::Path,
        "A file on the hosts with its environment, one `NAME=value` a line; each release keeps a copy of its own.",
        "\"/opt/api/.env\"",
    ),
    Field::new(
        "secrets",
        Shape::Map(&Shape::Secret),
        "Further values of its environment, from this machine: they travel inside ssh and are never an argument.",
        "{ DATABASE_URL = { env = \"DATABASE_URL\" } }",
    )
    .default("{}"),
    Field::new(
        "required_env",
        Shape::List(&Shape::Text, 0),
        "Names that must have a value in its environment, or nothing is started.",
        "[\"DATABASE_URL\", \"GEMINI_KEY\"]",
    ),
    Field::new(
        "tools",
        Shape::Map(&Shape::Text),
        "Programs that its hosts must have, each with the least version that will do: nothing is started where one is missing \
         or too old. Each is asked `--version`, as the user of the service with systemd; with Docker on the host and not in \
         the image. They are looked for in `/usr/local/sbin`, `/usr/local/bin`, `/usr/sbin`, `/usr/bin`, `/sbin` and `/bin`.",
        "{ node = \">= 20\", psql = \">= 15.2\" }",
    )
    .default("{}"),
    Field::new(
        "credentials",
        Shape::Map(&Shape::Path),
        "With systemd 247 or newer: files on its hosts, mode 600, that systemd hands to it under these names in the folder \
         `$CREDENTIALS_DIRECTORY`, where nobody else can read them; to `pre_deploy` as well.",
        "{ db_password = \"/etc/web/db.key\" }",
    )
    .default("{}"),
    Field::new(
        "user",
        Shape::Text,
        "The user that it runs as, which systemd must be told; for Docker else that of the image, and `user:group` too.",
        "\"api\"",
    ),
    Field::new("memory", Shape::Size(LEAST_MEMORY), "The most memory that it may use.", "\"512MiB\""),
    Field::new(
        "restart",
        Shape::Table(RESTART),
        "How often it may be started again by itself when it ends.",
        "{ max = 5, per = \"10m\" }",
    )
    .default("{}"),
    Field::new(
        "pre_deploy",
        Shape::List(&Shape::Text, 1),
        "Program and arguments that run once per deploy, on one host, in the new release and before it starts anywhere, such \
         as a migration. When it fails nothing was changed. Five minutes at most.",
        "[\"./manage\", \"migrate\"]",
    ),
    Field::new(
        "hooks",
        Shape::Table(hooks::FIELDS),
        "What the deploying machine runs itself, without a shell, for each deploy and rollback; five minutes at most each. In \
         the environment are MUSTER_SERVICE, MUSTER_RELEASE (its number), MUSTER_HOSTS (with blanks between), MUSTER_STEP \
         (`before`, `after`, or the step that failed) and MUSTER_BY. What it last said is kept under `hooks/` of the state \
         directory.",
        "{ before = [\"./announce\", \"begins\"], failed = [\"./announce\", \"failed\"] }",
    )
    .default("{}"),
    Field::new(
        "switch",
        Shape::Choice(&["flag", "reload"]),
        "How nginx is led to a new release. `flag`: by a file that it looks for with each request, and nothing is reloaded. \
         `reload`, where no `if` may stand in its files: they are written anew, tested and read again. A reload closes kept \
         connections, and a request that a client sends in that moment may be cut.",
        "\"reload\"",
    )
    .default("\"flag\""),
    Field::new(
        "drain",
        Shape::Duration(NO_TIME, 3600 * SECOND),
        "The longest that requests of the old release are waited for.",
        "\"30s\"",
    )
    .default("\"30s\""),
    Field::new(
        "keep_warm",
        Shape::Duration(NO_TIME, 7 * DAY),
        "How long the old release goes on running after that, so that a rollback takes no time. Else 10m; none for a worker \
         and with `stop_first`.",
        "\"10m\"",
    ),
    Field::new(
        "keep_releases",
        Shape::Whole(2, 100),
        "How many releases a host keeps, with the one in front.",
        "5",
    )
    .default("5"),
    Field::new(
        "stop_first",
        Shape::Flag,
        "The old release is stopped before the new one starts, because of data that only one can have: it is away for so \
         long. Else that is so for a worker and for what has `volumes` that are not `:ro`; with `false` workers of the old \
         and the new release work beside each other for a while.",
        "true",
    ),
    Field::new(
        "stop_timeout",
        Shape::Duration(NO_TIME, 600 * SECOND),
        "How long it may take to end in order (TERM) before it is killed.",
        "\"10s\"",
    )
    .default("\"10s\""),
    Field::new(
        "irreversible",
        Shape::Flag,
        "Its releases change data in a way that the code before them cannot read. Each release is kept with this word, and a \
         rollback from it asks first, whatever the file says by then.",
        "true",
    )
    .default("false"),
    Field::new(
        "strategy",
        Shape::Table(STRATEGY),
        "In which order its hosts lead users to a new release. When one fails, all go back.",
        "{ canary = \"ams1\", hold = \"10s\", then = \"parallel\" }",
    )
    .default("{}"),
    Field::new(
        "notify",
        Shape::List(&Shape::Text, 0),
        "Whom to tell of a deploy that failed or did not end; else `notify` of [defaults].",
        "[\"ops\"]",
    ),
    Field::new(
        "escalate",
        Shape::Text,
        "The [escalation] table that says who is told, in place of `notify`; as for jobs and checks.",
        "\"default\"",
    ),
];

const RESTART: &[Field] = &[
    Field::new("max", Shape::Whole(0, 1000), "So often at most, 0 for never.", "5").default("5"),
    Field::new("per", Shape::Duration(SECOND, DAY), "Within this time.", "\"10m\"").default("\"10m\""),
];

const STRATEGY: &[Field] = &[
    Field::new(
        "canary",
        Shape::Text,
        "The host that goes first, alone; else the first of several.",
        "\"ams1\"",
    ),
    Field::new(
        "hold",
        Shape::Duration(NO_TIME, 3600 * SECOND),
        "For how long the canary is watched before the others follow.",
        "\"10s\"",
    )
    .default("\"10s\""),
    Field::new(
        "then",
        Shape::Choice(&["parallel", "rolling"]),
        "How the others follow: all at once, or one after the other.",
        "\"rolling\"",
    )
    .default("\"parallel\""),
];

/// Reads the table. The second part is what is expected of its deploys; whom to tell is resolved later.
pub(crate) fn read(
    section: &Section<'_>,
    name: &str,
    id: &ExpectationId,
    hosts: &Hosts,
) -> Option<(ServicePlan, Expectation)> {
    let runtime = source::read(section);
    let on = if section.has("hosts") { on(section, hosts) } else { Some(vec![hosts.here()]) };
    let port = if section.has("port") { Some(u16::try_from(section.whole("port")?).ok()?) } else { None };
    let domains = domains(section, port.is_some());
    let health = health::read(section, port.is_some());
    let (secrets, required_env) = (secrets(section), variables(section));
    let user = user(section);
    let (mut hosts, runtime) = (on?, runtime?);
    let strategy = strategy(section, &mut hosts)?;
    let stop_first = stop_first(section, &runtime, port.is_some())?;
    if port.is_none() && section.has("drain") {
        section
            .no_effect("drain", "`drain` has no effect without `port`: there are no connections to wait for");
    }
    let health = health?;
    if health.heartbeat.is_some() && !stop_first {
        section.contradiction(
            "stop_first",
            "with the old worker beside the new one, nobody can tell whose `heartbeat` it was",
            "take `stop_first` out, or `heartbeat` out of `health`",
        );
        return None;
    }
    let domains = domains?;
    if domains.is_empty() && section.has("switch") {
        section.no_effect("switch", "`switch` has no effect without `domains`: nginx leads nobody to it");
    }
    let switch = if section.choice("switch")? == "reload" { Switch::Reload } else { Switch::Flag };
    let restart = section.table("restart")?;
    let (tools, credentials) = (tools::read(section)?, credentials::read(section, &runtime)?);
    let spec = ServiceSpec {
        service: name.to_owned(),
        runtime,
        tools,
        credentials,
        domains,
        switch,
        port,
        health,
        env_file: section.path_to("env_file"),
        required_env: required_env?,
        user: user?,
        memory: section.size("memory"),
        restart: RestartSpec { max: restart.count("max")?, per: restart.duration("per")? },
        pre_deploy: section.texts("pre_deploy"),
        drain: section.duration("drain")?,
        keep_warm: keep_warm(section, stop_first, port.is_some())?,
        keep_releases: section.count("keep_releases")?,
        stop_timeout: section.duration("stop_timeout")?,
        stop_first,
        irreversible: section.flag("irreversible")?,
    };
    let expectation = expectation(id, &spec, &strategy, hosts.len());
    let (name, secrets) = (name.to_owned(), secrets?);
    let hooks = hooks::read(section)?;
    Some((ServicePlan { name, hosts, spec, secrets, strategy, hooks }, expectation))
}

/// What is expected of the deploys of a service. They come when they come; one that began must end in time, and well.
fn expectation(id: &ExpectationId, spec: &ServiceSpec, strategy: &Strategy, hosts: usize) -> Expectation {
    let mut expectation = Expectation::new(id.clone(), Rhythm::OnReport, Span::minutes(5));
    let each = spec.health.within + spec.drain + spec.stop_timeout;
    expectation.max_runtime = Some(UNHURRIED + strategy.hold + each.times(hosts as u64));
    expectation.hearing = Hearing::Spooled;
    expectation
}

/// The hosts that the table names.
fn on(section: &Section<'_>, hosts: &Hosts) -> Option<Vec<HostPlan>> {
    let items = section.items("hosts");
    if let Some((_, place)) = items.get(SPREAD_LIMIT) {
        let what = format!("{} hosts, and at most {SPREAD_LIMIT} go together", items.len());
        section.reading().error(codes::TOO_MANY, place, what);
        return None;
    }
    hosts.of(section.reading(), &items).filter(|found| !found.is_empty())
}

/// Reads `strategy`, and puts the canary first.
fn strategy(section: &Section<'_>, hosts: &mut [HostPlan]) -> Option<Strategy> {
    let table = section.table("strategy")?;
    let canary = if table.has("canary") {
        let name = table.text("canary")?;
        let Some(at) = hosts.iter().position(|host| host.name == name) else {
            let known: Vec<&str> = hosts.iter().map(|host| host.name.as_str()).collect();
            table
                .reading()
                .error(
                    codes::UNKNOWN_NAME,
                    &table.place("canary"),
                    format!("\"{}\" is not one of the hosts of [{}]", shown(&name), section.path()),
                )
                .help(format!("its hosts are {}", known.join(", ")));
            return None;
        };
        hosts[..=at].rotate_right(1);
        Some(name)
    } else {
        hosts.first().filter(|_| hosts.len() > 1).map(|host| host.name.clone())
    };
    let then = match table.choice("then")? {
        "rolling" => Then::Rolling,
        _ => Then::Parallel,
    };
    Some(Strategy { canary, hold: table.duration("hold")?, then })
}

/// Whether only one release may run at a time.
fn stop_first(section: &Section<'_>, runtime: &RuntimeSpec, listens: bool) -> Option<bool> {
    if section.has("stop_first") {
        return section.flag("stop_first");
    }
    let writes = match runtime {
        RuntimeSpec::Docker { volumes, .. } => volumes.iter().any(|text| safe::volume(text) == Some(true)),
        RuntimeSpec::Systemd { .. } => false,
    };
    Some(writes || !listens)
}

fn keep_warm(section: &Section<'_>, stop_first: bool, listens: bool) -> Option<Span> {
    if !section.has("keep_warm") {
        return Some(if stop_first || !listens { Span::ZERO } else { Span::minutes(10) });
    }
    let span = section.duration("keep_warm")?;
    if stop_first && span > Span::ZERO {
        section.no_effect("keep_warm", "`keep_warm` has no effect where only one release may run at a time");
        return Some(Span::ZERO);
    }
    Some(span)
}

fn domains(section: &Section<'_>, listens: bool) -> Option<Vec<String>> {
    if section.has("domains") && !listens {
        section.contradiction(
            "domains",
            "users cannot be led to it: nobody knows where it listens",
            "add `port`, or take `domains` out",
        );
        return None;
    }
    names(section, "domains", |text| match text.strip_prefix("*.") {
        Some(_) => {
            Err(("a release cannot be looked at through a wildcard", "write names that can be asked for"))
        }
        None if safe::is_domain(text) => Ok(text.to_ascii_lowercase()),
        None => {
            Err(("this is no name of a host", "write it without scheme, port and path: \"api.example.com\""))
        }
    })
}

fn variables(section: &Section<'_>) -> Option<Vec<String>> {
    names(section, "required_env", |text| match is_variable(text) {
        true => Ok(text.to_owned()),
        false => Err((
            "this is no name of an environment variable",
            "write letters, digits and `_`, no digit first",
        )),
    })
}

/// The items of an array of names, each of which `judge` takes; none after a fault.
fn names(
    section: &Section<'_>,
    key: &str,
    judge: impl Fn(&str) -> Result<String, (&'static str, &'static str)>,
) -> Option<Vec<String>> {
    let items = section.items(key);
    let mut found: Vec<String> = Vec::new();
    let refuse = |place: &Range<usize>, what: &str, help: &str| {
        section.reading().error(codes::BAD_VALUE, place, what.to_owned()).help(help.to_owned());
    };
    for (text, place) in &items {
        match judge(text) {
            Err((what, help)) => refuse(place, what, help),
            Ok(name) if found.contains(&name) => {
                refuse(place, "this stands here twice", "take one of them out")
            }
            Ok(name) if found.len() < NAMES_LIMIT => found.push(name),
            Ok(_) => refuse(place, "more names than are read", "keep it to a hundred"),
        }
    }
    (found.len() == items.len()).then_some(found)
}

fn secrets(section: &Section<'_>) -> Option<Vec<(String, SecretRef)>> {
    let written = section.table_keys("secrets");
    let mut is_good = true;
    for (name, place) in &written {
        if !is_variable(name) {
            is_good = false;
            section
                .reading()
                .error(codes::BAD_NAME, place, "this is no name of an environment variable".into())
                .help("write letters, digits and `_`, no digit first".into());
        }
    }
    let found = section.map("secrets").into_iter().filter_map(|(name, value)| match value {
        MaybeSecret::Secret(reference) => Some((name, reference)),
        MaybeSecret::Plain(_) => None,
    });
    is_good.then(|| found.collect())
}

/// The user, if the table names one.
#[expect(clippy::option_option, reason = "a fault is not the same as no user")]
fn user(section: &Section<'_>) -> Option<Option<String>> {
    if !section.has("user") {
        return Some(None);
    }
    let user = section.text("user")?;
    if !safe::is_user(&user, section.has("image")) {
        section.refuse("user", "this is no name of a user", "write letters, digits, `-`, `_` and `.`");
        return None;
    }
    Some(Some(user))
}
