//! Releases in containers of a real engine.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use muster_config::plan::RuntimeSpec;
use muster_deploy::release::Side;
use muster_deploy::runtime::docker::Docker;
use muster_deploy::runtime::{Runtime, Standing, State};
use muster_host::state::Layout;

use crate::runtime::bench::{SERVER, answer, port, release, soon, spec, wait};
use crate::runtime::registry::Registry;

/// What the testbed's servers are made of: a shell and Perl are in it.
const IMAGE: &str = "muster-testbed:2";

/// A service, its state and its containers, which are gone when it is dropped.
struct Bench {
    docker: Docker,
    service: String,
    state: tempfile::TempDir,
}

impl Bench {
    fn new(name: &str, image: &str, memory: Option<u64>) -> Self {
        let service = format!("{name}-{}", std::process::id());
        let runtime =
            RuntimeSpec::Docker { image: image.to_owned(), command: Vec::new(), volumes: Vec::new() };
        let mut spec = spec(&service, runtime);
        spec.memory = memory.or(spec.memory);
        let state = tempfile::tempdir().expect("a folder");
        let docker = Docker::new(&spec, image, &[], &Layout::new(state.path()));
        Self { docker, service, state }
    }

    fn standing(&self, side: Side) -> Option<Standing> {
        self.docker.look(side).expect("seen")
    }

    fn state(&self, side: Side) -> Option<State> {
        self.standing(side).map(|standing| standing.state)
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        for end in ["blue", "green", "once"] {
            drop(try_docker(&["rm", "--force", &format!("muster-{}-{end}", self.service)]));
        }
    }
}

fn try_docker(words: &[&str]) -> (bool, String) {
    let done = Command::new("docker").args(words).stdin(Stdio::null()).output().expect("docker runs");
    (done.status.success(), String::from_utf8_lossy(&done.stdout).trim().to_owned())
}

fn docker(words: &[&str]) -> String {
    let (is_good, said) = try_docker(words);
    assert!(is_good, "docker {words:?}");
    said
}

/// A further image, told apart from others by its label.
fn image(name: &str) -> String {
    let holder = docker(&["create", IMAGE, "true"]);
    let id = docker(&["commit", "--change", &format!("LABEL test={name}"), &holder, name]);
    docker(&["rm", &holder]);
    id
}

fn blue_env(state: &Path, colour: &str) -> Option<std::path::PathBuf> {
    let file = state.join("env");
    std::fs::write(&file, format!("COLOUR={colour}\n")).expect("written");
    Some(file)
}

pub(crate) fn starts_stops_and_resumes() {
    let bench = Bench::new("turns", IMAGE, None);
    let on = &bench.docker;
    assert_eq!(on.objections(), []);
    assert_eq!(bench.standing(Side::Blue), None);
    let (port, env) = (port(), blue_env(bench.state.path(), r#"a "b" #c $d"#));
    let first = release(1, IMAGE, env, &["perl", "-e", SERVER]);
    on.start(&first, Side::Blue, port, soon()).expect("started");
    assert_eq!(wait("an answer", || answer(port)), r#"1 a "b" #c $d"#);
    on.start(&first, Side::Blue, port, soon()).expect("started already");
    let running = Standing { release: 1, state: State::Running, restarts: 0 };
    assert_eq!(bench.standing(Side::Blue), Some(running.clone()));
    assert!(on.listens(Side::Blue, port).expect("seen"));
    let words = wait("both lines", || Some(on.words(Side::Blue, 5)).filter(|lines| lines.len() == 2));
    assert!(words.contains(&"release 1 listens".to_owned()), "{words:?}");
    assert!(words.contains(&" [31mand complains".to_owned()), "{words:?}");
    let name = format!("muster-{}-blue", bench.service);
    let told = docker(&[
        "inspect",
        "--format",
        "{{.HostConfig.RestartPolicy.Name}} {{.HostConfig.Memory}} {{.HostConfig.SecurityOpt}} {{.Config.Env}}",
        &name,
    ]);
    assert!(told.starts_with("always 67108864 [no-new-privileges]"), "{told}");

    let second = release(2, IMAGE, None, &["perl", "-e", SERVER]);
    let taken = on.start(&second, Side::Blue, port, soon()).expect_err("taken");
    assert_eq!(taken.what, format!("release 1 runs in {name}"));
    on.stop(Side::Blue, Duration::from_secs(5)).expect("stopped");
    on.stop(Side::Blue, Duration::from_secs(5)).expect("stopped twice");
    on.stop(Side::Green, Duration::from_secs(5)).expect("nothing to stop");
    assert_eq!(bench.state(Side::Blue), Some(State::Stopped));
    assert!(!on.listens(Side::Blue, port).expect("seen"));
    assert_eq!(docker(&["inspect", "--format", "{{.HostConfig.RestartPolicy.Name}}", &name]), "no");
    on.resume(Side::Blue, soon()).expect("resumed");
    on.resume(Side::Blue, soon()).expect("resumed twice");
    assert!(wait("an answer", || answer(port)).starts_with("1 "));
    assert_eq!(bench.standing(Side::Blue), Some(running));
    assert!(on.resume(Side::Green, soon()).is_err());

    on.stop(Side::Blue, Duration::from_secs(5)).expect("stopped");
    on.start(&second, Side::Blue, port, soon()).expect("in its place");
    assert_eq!(wait("an answer", || answer(port)), "2 ");
}

pub(crate) fn tells_apart_how_it_ends() {
    let bench = Bench::new("ends", IMAGE, Some(32 << 20));
    let on = &bench.docker;
    let start = |number: u64, command: &[&str]| {
        on.stop(Side::Blue, Duration::from_secs(1)).expect("stopped");
        on.start(&release(number, IMAGE, None, command), Side::Blue, port(), soon())
    };
    let ended = |why: &str| {
        // An old kernel does not tell who was killed for memory: then it is only likely.
        let is_so = |state: &State| matches!(state, State::Ended(told) if told.ends_with(why));
        let ends = || bench.standing(Side::Blue).filter(|seen| is_so(&seen.state));
        wait(&format!("{why}, again"), || ends().filter(|seen| seen.restarts >= 2)).release
    };
    start(1, &["sh", "-c", "echo odd; exit 3"]).expect("started");
    assert_eq!(ended("exit 3"), 1);
    assert_eq!(on.words(Side::Blue, 1), ["odd"]);
    start(2, &["perl", "-e", "my $all = 'x' x (200 << 20); sleep 9"]).expect("started");
    assert_eq!(ended("for memory (32 MiB)"), 2);
    start(3, &["true"]).expect("started");
    assert_eq!(ended("exit 0"), 3);
    on.stop(Side::Blue, Duration::from_secs(1)).expect("stopped while it crashes");
    assert_eq!(bench.state(Side::Blue), Some(State::Stopped));
    // Docker's small init is what starts then; it tells that there is nothing to run.
    match start(4, &["/no-such-program"]) {
        Err(trouble) => assert!(trouble.what.contains("no-such-program"), "{trouble}"),
        Ok(()) => assert_eq!(ended("exit 127"), 4),
    }
    let none = on.start(&release(5, "muster-no-such-image:1", None, &[]), Side::Green, port(), soon());
    assert!(none.expect_err("no image").what.contains("muster-no-such-image:1"));
    assert_eq!(bench.standing(Side::Green), None);
}

pub(crate) fn knows_its_own_port() {
    let bench = Bench::new("ports", IMAGE, None);
    let on = &bench.docker;
    let neighbour = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = neighbour.local_addr().expect("an address").port();
    let server = release(1, IMAGE, None, &["perl", "-e", SERVER]);
    let refused = on.start(&server, Side::Blue, taken, soon()).expect_err("taken");
    assert!(refused.what.contains(&format!("(process {})", std::process::id())), "{refused}");
    assert_eq!(bench.standing(Side::Blue), None);
    let own = port();
    on.start(&server, Side::Blue, own, soon()).expect("started");
    wait("an answer", || answer(own));
    assert_eq!((on.listens(Side::Blue, own), on.listens(Side::Blue, taken)), (Ok(true), Ok(false)));
    assert_eq!((on.listens(Side::Green, own), on.listens(Side::Green, taken)), (Ok(false), Ok(false)));
    // Its port is taken by another while it is down: the port answers, and it is not the release.
    on.stop(Side::Blue, Duration::from_secs(5)).expect("stopped");
    let thief = wait("the port", || TcpListener::bind(("127.0.0.1", own)).ok());
    assert_eq!(on.listens(Side::Blue, own), Ok(false));
    assert!(on.resume(Side::Blue, soon()).is_err());
    assert_eq!(bench.state(Side::Blue), Some(State::Stopped));
    drop(thief);
    on.resume(Side::Blue, soon()).expect("resumed");
    wait("an answer", || answer(own));
}

pub(crate) fn runs_a_command_once() {
    let bench = Bench::new("once", IMAGE, None);
    let on = &bench.docker;
    let release = release(4, IMAGE, blue_env(bench.state.path(), "red"), &["true"]);
    let output = bench.state.path().join("output");
    let command = |script: &str| ["sh", "-c", script].map(str::to_owned).to_vec();
    let script = "echo $COLOUR $MUSTER_RELEASE; echo bad >&2; exit 7";
    assert_eq!(on.once(&release, &command(script), &output, soon()), Ok(7));
    let wrote = std::fs::read_to_string(&output).expect("kept");
    assert!(wrote.contains("red 4\n") && wrote.contains("bad\n"), "{wrote}");
    let until = Instant::now() + Duration::from_secs(10);
    let hung = on.once(&release, &command("echo begun; sleep 600"), &output, until).expect_err("killed");
    assert!(hung.what.contains("did not end within"), "{hung}");
    assert_eq!(std::fs::read_to_string(&output).expect("kept"), "begun\n");
    let name = format!("name=muster-{}-once", bench.service);
    assert_eq!(docker(&["ps", "--all", "--quiet", "--filter", &name]), "");
    let missing = crate::runtime::bench::release(5, "muster-no-such-image:1", None, &[]);
    assert!(on.once(&missing, &command("true"), &output, soon()).is_err());
}

pub(crate) fn brings_by_content() {
    let registry = Registry::start("acme/api");
    let repository = format!("127.0.0.1:{}/acme/api", registry.port());
    let bench = Bench::new("brings", &format!("{repository}:v1"), None);
    let on = &bench.docker;
    let pinned = format!("{repository}@{}", registry.digest());
    assert_eq!(on.fetch("v1", soon()), Ok(pinned.clone()));
    // The same content by its digest, without asking anybody.
    let asked = registry.asked();
    assert_eq!(on.fetch(registry.digest(), soon()), Ok(pinned.clone()));
    assert_eq!(registry.asked(), asked);
    let unknown = on.fetch("v9", soon()).expect_err("no such tag");
    assert!(unknown.what.contains("docker pull: exit 1"), "{unknown:?}");
    assert!(on.fetch("--all-tags", soon()).is_err());
    drop(registry);
    assert_eq!(on.fetch("v1", soon()), Ok(pinned.clone()), "it is here, and the registry is away");
    assert!(on.fetch("v2", soon()).is_err());
    assert_eq!(on.prune(&[]), Ok(vec![pinned.clone()]));
    assert!(!try_docker(&["image", "inspect", &pinned]).0);

    let local = format!("muster-test-local-{}", std::process::id());
    let id = image(&format!("{local}:v1"));
    let built = Bench::new("built", &local, None);
    let fetched = built.docker.fetch("v1", soon());
    assert_eq!(fetched, Ok(id.clone()));
    assert_eq!(built.docker.fetch(&id, soon()), Ok(id.clone()));
    assert_eq!(built.docker.prune(&[]), Ok(vec![id]));
}

pub(crate) fn removes_what_nobody_needs() {
    let repository = format!("muster-test-prune-{}", std::process::id());
    let bench = Bench::new("prune", &repository, None);
    let on = &bench.docker;
    let ids: Vec<String> = (1..=5).map(|tag| image(&format!("{repository}:v{tag}"))).collect();
    docker(&["tag", &ids[3], &format!("{repository}-of-another:v4")]);
    for tag in 1..=4 {
        on.fetch(&format!("v{tag}"), soon()).expect("here");
    }
    let used = release(1, &ids[0], None, &["sleep", "600"]);
    on.start(&used, Side::Blue, port(), soon()).expect("started");
    on.stop(Side::Blue, Duration::from_secs(5)).expect("stopped");
    let kept = release(3, &ids[2], None, &[]);
    assert_eq!(on.prune(std::slice::from_ref(&kept)), Ok(vec![ids[1].clone()]));
    let is_here = |at: usize| try_docker(&["image", "inspect", &ids[at]]).0;
    // In use, gone, wanted, somebody else's as well, never ours.
    assert_eq!([is_here(0), is_here(1), is_here(2), is_here(3), is_here(4)], [true, false, true, true, true]);
    assert_eq!(on.prune(&[kept]), Ok(Vec::new()));
    drop(bench);
    for at in [0, 2, 3, 4] {
        docker(&["image", "rm", "--force", &ids[at]]);
    }
}
