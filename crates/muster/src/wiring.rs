//! Puts the agent and the web server together from a plan: real clock, real store, real channels.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use muster_agent::clock::HostClock;
use muster_agent::handle::Handle;
use muster_agent::parts::{
    AgentPlan, BadConfig, ConfigSource, Email, Examiner, Parts, Starter, StoreOpener, Survey,
};
use muster_config::fault::{Faults, Level};
use muster_config::plan::Plan;
use muster_host::discover::{Reach, discover};
use muster_host::secret;
use muster_host::spool::users::Users;
use muster_host::state::Layout;
use muster_store::contract::Store;
use muster_store::keep::Keep;
use muster_store::sqlite::Sqlite;
use muster_web::parts::{Password, Settings};

use crate::catalogue::{Part, Probe};
use crate::configuration::Configuration;
use crate::ear::{AgentEar, AgentEnvoy, AgentEye, AgentRegistry};
use crate::outside::Outside;
use crate::ping_key;
use crate::refusal::Refusal;
use crate::resident::Orders;

/// The parts of the agent.
///
/// # Errors
/// [`Refusal`] when `/proc` is not there.
pub(crate) fn agent(orders: Orders) -> Result<Parts, Refusal> {
    let Orders { source, plan, layout, .. } = orders;
    let outside = Outside::new();
    let boot = muster_host::clock::boot_id().map_err(|error| {
        Refusal::system("this boot cannot be told from another", &error).help("mount /proc")
    })?;
    let users = users(&layout, plan.muster.state.as_deref());
    let plan = agent_plan(&plan, &outside);
    let keep = plan.keep;
    let starter = starter(source.as_ref().map(|source| source.path.as_path()));
    let examiner = examiner(source.as_ref().map(|source| source.path.as_path()), &layout);
    let survey: Survey = Arc::new(|| discover(Path::new("/"), Reach::Machine));
    let config = source.map(|source| again(source, outside));
    let clock = Arc::new(HostClock);
    Ok(Parts {
        open: opener(&layout, keep),
        layout,
        users,
        plan,
        boot,
        clock,
        survey,
        config,
        starter,
        examiner,
    })
}

/// How jobs are started: by this very program, in the environment that cron gives, and with nothing of ours in it.
fn starter(config: Option<&Path>) -> Option<Starter> {
    let program = std::env::current_exe().ok()?;
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let root = rustix::process::geteuid().is_root();
    let home = set("HOME").unwrap_or_else(|| if root { "/root".into() } else { "/".into() });
    let user = set("USER").or_else(|| set("LOGNAME")).or_else(|| root.then(|| "root".into()));
    let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    let mut environment: Vec<(OsString, OsString)> =
        vec![("PATH".into(), path.into()), ("SHELL".into(), "/bin/sh".into()), ("HOME".into(), home.clone())];
    environment
        .extend(user.into_iter().flat_map(|user| [("USER".into(), user.clone()), ("LOGNAME".into(), user)]));
    environment.extend(["LANG", "LC_ALL", "TZ"].iter().filter_map(|name| Some((name.into(), set(name)?))));
    let folder = Some(PathBuf::from(home)).filter(|home| home.is_dir()).unwrap_or_else(|| "/".into());
    let config = config.and_then(|path| std::path::absolute(path).ok());
    Some(Starter { program, config, environment, folder })
}

/// What findings of the doctor hang on: packages, Docker, and what is written down for the services of a host.
const WATCHED: &[&str] = &[
    "/var/lib/dpkg/status",
    "/run/docker.pid",
    "/etc/docker",
    "/etc/ufw",
    "/etc/nftables.conf",
    "/etc/iptables",
    "/etc/sysctl.d",
    "/etc/systemd/system",
    "/etc/crontab",
    "/etc/cron.d",
    "/etc/cron.hourly",
    "/etc/cron.daily",
    "/etc/cron.weekly",
    "/etc/cron.monthly",
    "/var/spool/cron/crontabs",
    "/etc/logrotate.conf",
    "/etc/logrotate.d",
    "/etc/nginx",
    "/etc/nginx/conf.d",
    "/etc/nginx/sites-enabled",
    "/etc/ssh",
    "/etc/ssh/sshd_config.d",
    "/etc/fstab",
    "/etc/passwd",
    "/etc/resolv.conf",
];

/// How this host is examined: by this very program, with the same files.
fn examiner(config: Option<&Path>, layout: &Layout) -> Option<Examiner> {
    let program = std::env::current_exe().ok()?;
    let config = config.and_then(|path| std::path::absolute(path).ok());
    let mut words: Vec<OsString> = vec!["--state".into(), layout.root().into()];
    words.extend(config.iter().flat_map(|path| ["--config".into(), path.clone().into_os_string()]));
    words.extend(["doctor", "--json"].map(OsString::from));
    let watched = WATCHED.iter().map(PathBuf::from).chain(config).collect();
    Some(Examiner { program, words, watched })
}

/// The users whose jobs this agent hears. One with a state directory from the command line or the environment is a trial
/// beside the agent of the host, and would take that one's records away.
fn users(layout: &Layout, configured: Option<&Path>) -> Option<Users> {
    let of_the_host = layout.root() == configured.unwrap_or(Path::new("/var/lib/muster"));
    (of_the_host && rustix::process::geteuid().is_root()).then(|| Users::new("/"))
}

/// The agent's share of a plan, with channels that deliver.
fn agent_plan(plan: &Plan<Part, Probe>, outside: &Outside) -> AgentPlan {
    let beat = plan.muster.beat.as_ref().map(|beat| outside.beacon(&beat.url));
    AgentPlan::of(plan, outside.tellings(plan), beat, outside.peerings(plan), mail(plan))
}

/// The mail server of the channel that subscribers are mailed through.
fn mail(plan: &Plan<Part, Probe>) -> Option<Arc<Email>> {
    let subscribe = plan.status_page.as_ref()?.subscribe.as_ref()?;
    let channel = plan.channels.iter().find(|channel| channel.name == subscribe.notify)?;
    channel.part.mail().cloned().map(Arc::new)
}

fn opener(layout: &Layout, keep: Keep) -> StoreOpener {
    let path = layout.db();
    Arc::new(move || {
        let (engine, opened) = Sqlite::open(&path, &keep, muster_host::clock::now().wall)?;
        let engine: Arc<dyn Store> = Arc::new(engine);
        Ok((engine, opened))
    })
}

/// How the same file is read again.
fn again(source: Configuration, outside: Outside) -> ConfigSource {
    let (path, read_at) = (source.path.clone(), source.mark.clone());
    // Its text has been read; what is read again is the file.
    let source = source.with(&path, String::new());
    let read = move || {
        let fresh = source
            .again()
            .map_err(|refusal| BadConfig { what: refusal.what, help: refusal.help.join("; ") })?;
        let (plan, faults) = fresh.judge();
        plan.map(|plan| agent_plan(&plan, &outside)).ok_or_else(|| bad(&faults, &fresh.path))
    };
    ConfigSource { path, read_at, read: Arc::new(read) }
}

fn bad(faults: &Faults, path: &Path) -> BadConfig {
    let first = faults.list().iter().find(|fault| fault.level == Level::Error).map(ToString::to_string);
    BadConfig {
        what: first.unwrap_or_else(|| format!("{} cannot be used", path.display())),
        help: format!("muster config check {}", path.display()),
    }
}

/// What the web server needs to know, but where it is.
///
/// # Errors
/// [`Refusal`] when a secret is not to be had.
pub(crate) fn settings(orders: &Orders) -> Result<Settings, Refusal> {
    let plan = &orders.plan.muster;
    let password = match &plan.password {
        None => None,
        Some(reference) => {
            let secret = secret::resolve(reference)
                .map_err(|error| Refusal::system("the password of the web page is not to be had", &error))?;
            let text = secret.expose();
            let hashed = text.starts_with("$argon2");
            Some(if hashed { Password::Hash(text.to_owned()) } else { Password::Text(text.to_owned()) })
        }
    };
    Ok(Settings {
        name: plan.name.clone(),
        version: crate::cli::command::VERSION.to_owned(),
        zone: plan.zone.clone(),
        ping_key: Some(ping_key::find(plan.ping_key.as_ref(), &orders.layout)?),
        password,
        public: !orders.listen.ip().is_loopback(),
        origins: Vec::new(),
    })
}

/// The parts of the web server.
pub(crate) fn web(handle: &Handle, layout: Layout, settings: Settings) -> muster_web::Parts {
    muster_web::Parts {
        board: handle.board(),
        store: handle.store(),
        ear: Arc::new(AgentEar(handle.clone())),
        eye: Arc::new(AgentEye(handle.clone())),
        envoy: Arc::new(AgentEnvoy(handle.clone())),
        registry: Arc::new(AgentRegistry(handle.desk())),
        layout,
        settings,
    }
}
