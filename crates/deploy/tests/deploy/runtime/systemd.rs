//! Releases under a real systemd, on a server that is thrown away afterwards.

use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use muster_config::plan::{RuntimeSpec, Source};
use muster_deploy::release::Side;
use muster_deploy::runtime::systemd::Systemd;
use muster_deploy::runtime::{Runtime, Standing, State};
use muster_host::state::Layout;

use crate::runtime::bench::{SERVER, answer, port, release, soon, spec, wait};

/// A service with a user of its own name, and its state.
struct Bench {
    systemd: Systemd,
    service: String,
    work: tempfile::TempDir,
}

impl Bench {
    fn new(service: &str, source: Source, build: &[&str]) -> Self {
        let work = tempfile::tempdir().expect("a folder");
        let state = work.path().join("state");
        Self::with_state(service, source, build, work, &state)
    }

    fn with_state(
        service: &str,
        source: Source,
        build: &[&str],
        work: tempfile::TempDir,
        state: &Path,
    ) -> Self {
        shell(&format!("id {service} 2>/dev/null || useradd --system {service}"));
        let build: Vec<String> = build.iter().map(|word| (*word).to_owned()).collect();
        let runtime =
            RuntimeSpec::Systemd { source: source.clone(), command: Vec::new(), build: build.clone() };
        let mut spec = spec(service, runtime);
        spec.user = Some(service.to_owned());
        let systemd = Systemd::new(&spec, &source, &build, &Layout::new(state));
        Self { systemd, service: service.to_owned(), work }
    }

    /// A release that is a single program, here already.
    fn of_program(service: &str) -> (Self, String) {
        let bench = Self::new(service, Source::Artifact(PathBuf::from("server")), &[]);
        let place = bench.fetch_program();
        (bench, place)
    }

    fn fetch_program(&self) -> String {
        let program = self.work.path().join("server");
        std::fs::write(&program, format!("#!/usr/bin/perl\n{SERVER}")).expect("written");
        self.systemd.fetch(program.to_str().expect("text"), soon()).expect("fetched")
    }

    fn env(&self, lines: &str) -> Option<PathBuf> {
        let file = self.work.path().join("env");
        std::fs::write(&file, lines).expect("written");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("set");
        Some(file)
    }

    fn unit(&self, side: Side) -> String {
        format!("muster-{}@{}.service", self.service, side.word())
    }

    fn standing(&self, side: Side) -> Option<Standing> {
        self.systemd.look(side).expect("seen")
    }
}

fn shell(script: &str) -> String {
    let done = Command::new("sh").args(["-c", script]).output().expect("a shell");
    let said = String::from_utf8_lossy(&done.stdout).trim().to_owned();
    assert!(done.status.success(), "{script}: {said} {}", String::from_utf8_lossy(&done.stderr));
    said
}

fn is_enabled(unit: &str) -> bool {
    Command::new("systemctl").args(["--quiet", "is-enabled", unit]).status().expect("runs").success()
}

pub(crate) fn starts_stops_and_resumes() {
    let (bench, place) = Bench::of_program("turns");
    let on = &bench.systemd;
    assert_eq!(on.objections(), []);
    assert_eq!(bench.standing(Side::Blue), None);
    let (port, env) = (port(), bench.env("COLOUR= a \"b\" 'c' #d $HOME \\ `e` 100%\nSECRET=hidden\n"));
    let first = release(1, &place, env, &["./server"]);
    on.start(&first, Side::Blue, port, soon()).expect("started");
    assert_eq!(wait("an answer", || answer(port)), "1  a \"b\" 'c' #d $HOME \\ `e` 100%");
    on.start(&first, Side::Blue, port, soon()).expect("started already");
    let running = Standing { release: 1, state: State::Running, restarts: 0 };
    assert_eq!(bench.standing(Side::Blue), Some(running.clone()));
    assert_eq!(on.listens(Side::Blue, port), Ok(true));
    let unit = bench.unit(Side::Blue);
    assert!(is_enabled(&unit));
    // Whatever is asked, no secret is told; its own user cannot change its code.
    let told = shell(&format!("systemctl show '{unit}'; systemctl cat '{unit}'; cat /proc/[0-9]*/cmdline"));
    assert!(told.contains("MemoryMax=67108864") && !told.contains("hidden"), "{told}");
    let pid = shell(&format!("systemctl show -P MainPID '{unit}'"));
    assert_eq!(shell(&format!("stat -c %U /proc/{pid}")), "turns");
    assert_ne!(shell(&format!("su -s /bin/sh turns -c 'touch {place}/new' || echo refused")), "");
    let words = wait("its words", || Some(on.words(Side::Blue, 20)).filter(|lines| lines.len() > 1));
    assert!(words.contains(&"release 1 listens".to_owned()), "{words:?}");

    let second = release(2, &place, None, &["./server"]);
    let taken = on.start(&second, Side::Blue, port, soon()).expect_err("taken");
    assert_eq!(taken.what, format!("release 1 runs in {unit}"));
    on.stop(Side::Blue, Duration::from_secs(5)).expect("stopped");
    on.stop(Side::Blue, Duration::from_secs(5)).expect("stopped twice");
    on.stop(Side::Green, Duration::from_secs(5)).expect("nothing to stop");
    assert_eq!(bench.standing(Side::Blue).map(|seen| seen.state), Some(State::Stopped));
    assert_eq!((on.listens(Side::Blue, port), is_enabled(&unit)), (Ok(false), false));
    on.resume(Side::Blue, soon()).expect("resumed");
    on.resume(Side::Blue, soon()).expect("resumed twice");
    assert!(wait("an answer", || answer(port)).starts_with("1 "));
    assert_eq!((bench.standing(Side::Blue), is_enabled(&unit)), (Some(running), true));
    assert!(on.resume(Side::Green, soon()).is_err());

    on.stop(Side::Blue, Duration::from_secs(5)).expect("stopped");
    on.start(&second, Side::Blue, port, soon()).expect("in its place");
    assert_eq!(wait("an answer", || answer(port)), "2 ");
    let words = wait("its words", || Some(on.words(Side::Blue, 20)).filter(|lines| lines.len() > 1));
    assert!(!words.iter().any(|line| line.contains("release 1 listens")), "{words:?}");
    // A program that does not end when it is asked to is killed in time.
    let deaf = release(3, &place, None, &["sh", "-c", "trap '' TERM; while :; do sleep 1; done"]);
    on.start(&deaf, Side::Green, crate::runtime::bench::port(), soon()).expect("started");
    let began = Instant::now();
    on.stop(Side::Green, Duration::from_secs(1)).expect("killed");
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    assert_eq!(bench.standing(Side::Green).map(|seen| seen.state), Some(State::Stopped));
    on.stop(Side::Blue, Duration::from_secs(5)).expect("stopped");
}

pub(crate) fn tells_apart_how_it_ends() {
    let (bench, place) = Bench::of_program("ends");
    let on = &bench.systemd;
    let start = |number: u64, command: &[&str]| {
        on.stop(Side::Blue, Duration::from_secs(1)).expect("stopped");
        on.start(&release(number, &place, None, command), Side::Blue, port(), soon())
    };
    let gives_up = |why: &str| {
        let seen = || bench.standing(Side::Blue).filter(|seen| seen.state == State::Ended(why.to_owned()));
        let up = || shell(&format!("systemctl show -P ActiveState '{}'", bench.unit(Side::Blue)));
        let last = wait(why, || seen().filter(|_| up() == "failed"));
        (last.release, last.restarts)
    };
    // Systemd may have seen it end before it says that it started.
    drop(start(1, &["sh", "-c", "echo odd; sleep 0.3; exit 3"]));
    let (number, restarts) = gives_up("exit 3");
    // Systemd counts the one that it refused as well.
    assert!(number == 1 && (2..=3).contains(&restarts), "{restarts}");
    let odd = || on.words(Side::Blue, 50).iter().filter(|line| *line == "odd").count();
    wait("three starts", || (odd() == 3).then_some(()));
    start(2, &["sh", "-c", "sleep 0.3; kill -SEGV $$"]).expect("started");
    assert_eq!(gives_up("killed by signal 11").0, 2);
    start(3, &["perl", "-e", "my $all = 'x' x (200 << 20); sleep 60"]).expect("started");
    let (number, restarts) = {
        let is_memory =
            |state: &State| matches!(state, State::Ended(why) if why.contains("for memory (64 MiB)"));
        let seen = wait("its end", || bench.standing(Side::Blue).filter(|seen| is_memory(&seen.state)));
        (seen.release, seen.restarts)
    };
    assert!(number == 3 && restarts <= 2);
    start(4, &["sh", "-c", "sleep 0.3"]).expect("started");
    let ended = State::Ended("exit 0".to_owned());
    wait("its end", || bench.standing(Side::Blue).filter(|seen| seen.release == 4 && seen.state == ended));
    let missing = start(5, &["./no-such-program"]).expect_err("not there");
    assert!(missing.lines.join(" ").contains("no-such-program"), "{missing:?}");
    assert!(!is_enabled(&bench.unit(Side::Blue)));
    let gone = release(6, "/opt/ends/releases/none", None, &["true"]);
    on.stop(Side::Blue, Duration::from_secs(1)).expect("stopped");
    assert!(on.start(&gone, Side::Blue, port(), soon()).is_err());
    on.stop(Side::Blue, Duration::from_secs(1)).expect("stopped");
}

pub(crate) fn knows_its_own_port() {
    let (bench, place) = Bench::of_program("ports");
    let on = &bench.systemd;
    let neighbour = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = neighbour.local_addr().expect("an address").port();
    let server = release(1, &place, None, &["./server"]);
    let refused = on.start(&server, Side::Blue, taken, soon()).expect_err("taken");
    assert!(refused.what.contains(&format!("(process {})", std::process::id())), "{refused}");
    let (blue, green) = (port(), port());
    on.start(&server, Side::Blue, blue, soon()).expect("started");
    on.start(&release(2, &place, None, &["sh", "-c", "sh -c ./server & wait"]), Side::Green, green, soon())
        .expect("started");
    wait("both answers", || answer(blue).zip(answer(green)));
    let listens = |side, port| on.listens(side, port).expect("seen");
    assert_eq!((listens(Side::Blue, blue), listens(Side::Green, green)), (true, true));
    assert_eq!((listens(Side::Blue, green), listens(Side::Green, blue)), (false, false));
    assert_eq!((listens(Side::Blue, taken), listens(Side::Blue, port())), (false, false));
    for side in Side::BOTH {
        on.stop(side, Duration::from_secs(5)).expect("stopped");
    }
}

pub(crate) fn runs_a_command_once() {
    let (bench, place) = Bench::of_program("once");
    let on = &bench.systemd;
    let release = release(4, &place, bench.env("COLOUR=$dark \"red\"\n"), &["true"]);
    let output = bench.work.path().join("output");
    let command = |script: &str, word: &str| ["sh", "-c", script, "sh", word].map(str::to_owned).to_vec();
    let script = "echo \"$COLOUR,$1,$MUSTER_RELEASE,$(id -un),$PWD\"; echo bad >&2; \
                  touch /opt/once/data/kept; touch /etc/mine; exit 7";
    assert_eq!(on.once(&release, &command(script, "$HOME 100%"), &output, soon()), Ok(7));
    let wrote = std::fs::read_to_string(&output).expect("kept");
    assert!(wrote.starts_with(&format!("$dark \"red\",$HOME 100%,4,once,{place}\nbad\n")), "{wrote}");
    assert!(Path::new("/opt/once/data/kept").exists() && !Path::new("/etc/mine").exists());
    assert_eq!(on.once(&release, &command("exit 0", ""), &output, soon()), Ok(0));
    assert_eq!(on.once(&release, &command("kill -9 $$", ""), &output, soon()), Ok(137));
    let until = Instant::now() + Duration::from_secs(3);
    let mark = "echo begun; setsid sleep 654 & wait";
    let hung = on.once(&release, &command(mark, ""), &output, until).expect_err("killed");
    assert!(hung.what.contains("did not end within"), "{hung}");
    assert_eq!(std::fs::read_to_string(&output).expect("kept"), "begun\n");
    wait("the end of all of it", || shell("pgrep -f 'sleep 65[4]' || true").is_empty().then_some(()));
    assert!(on.once(&release, &["./none".to_owned()], &output, soon()).is_err());
    let left = shell("systemctl list-units --all --plain --no-legend 'muster-once-*'");
    assert_eq!(left, "");
}

pub(crate) fn hands_over_credentials() {
    // As on a host: in a container systemd leaves its mounts private, so that what it hands over reaches nobody.
    shell("mount --make-rshared /");
    let (bench, place) = Bench::of_program("keeper");
    let key = bench.work.path().join("key");
    std::fs::write(&key, "hunter2").expect("written");
    let source = Source::Artifact(PathBuf::from("server"));
    let runtime = RuntimeSpec::Systemd { source: source.clone(), command: Vec::new(), build: Vec::new() };
    let mut spec = spec("keeper", runtime);
    spec.user = Some("keeper".to_owned());
    spec.credentials = vec![("db_password".to_owned(), key.clone())];
    let on = Systemd::new(&spec, &source, &[], &Layout::new(bench.work.path().join("state")));
    let told: Vec<String> = on.objections().into_iter().map(|trouble| trouble.what).collect();
    assert!(told.len() == 1 && told[0].ends_with("can be read by others (mode 644)"), "{told:?}");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).expect("set");
    assert_eq!(on.objections(), []);

    let script = "cat \"$CREDENTIALS_DIRECTORY/db_password\" > /opt/keeper/data/read && mv /opt/keeper/data/read \
                  /opt/keeper/data/done; exec sleep 600";
    on.start(&release(1, &place, None, &["sh", "-c", script]), Side::Blue, port(), soon()).expect("started");
    let read = wait("the secret", || std::fs::read_to_string("/opt/keeper/data/done").ok());
    assert_eq!(read, "hunter2");
    let unit = bench.unit(Side::Blue);
    let shown = shell(&format!("systemctl show '{unit}'; systemctl cat '{unit}'; cat /proc/[0-9]*/cmdline"));
    assert!(shown.contains("LoadCredential=db_password:") && !shown.contains("hunter2"), "{shown}");
    shell(&format!("systemd-analyze verify /etc/systemd/system/'{unit}'"));
    let output = bench.work.path().join("output");
    let once = ["sh", "-c", "cat $CREDENTIALS_DIRECTORY/db_password"].map(str::to_owned);
    assert_eq!(on.once(&release(1, &place, None, &["true"]), &once, &output, soon()), Ok(0));
    assert_eq!(std::fs::read_to_string(&output).expect("kept"), "hunter2");
    on.stop(Side::Blue, Duration::from_secs(5)).expect("stopped");
}

pub(crate) fn brings_a_commit_and_builds_it() {
    let origin = tempfile::tempdir().expect("a folder");
    let at = origin.path().display();
    let git = format!("git -C {at} -c user.name=a -c user.email=a@b");
    shell(&format!(
        "git init -q -b main {at} && cd {at} && echo one > text && printf 'text export-ignore\\n' > .gitattributes && \
         ln -s /etc/passwd link && printf '#!/bin/sh\\necho run' > run && chmod 777 run && {git} add . && \
         {git} commit -qm one && {git} tag v1 && echo two > text && {git} commit -qam two"
    ));
    let url = format!("file://{at}");
    let source = Source::Git { url, branch: "main".to_owned() };
    let build = ["sh", "-c", "id -un > built; echo $HOME >> built; touch /etc/mine 2>/dev/null; echo done"];
    let bench = Bench::new("brings", source.clone(), &build);
    let on = &bench.systemd;
    assert_eq!(on.objections(), []);
    let (one, two) = (on.fetch("v1", soon()).expect("a tag"), on.fetch("main", soon()).expect("a branch"));
    let head = shell(&format!("{git} rev-parse v1"));
    assert!(one.starts_with(&format!("/opt/brings/releases/{head}-")), "{one}");
    assert_eq!(on.fetch(&head[..9], soon()), Ok(one.clone()));
    let read = |place: &str, name: &str| std::fs::read_to_string(Path::new(place).join(name)).expect("there");
    assert_eq!((read(&one, "text"), read(&two, "text")), ("one\n".to_owned(), "two\n".to_owned()));
    assert_eq!(read(&one, "built"), "brings\n/var/cache/muster-brings\n");
    assert!(!Path::new("/etc/mine").exists());
    let owned = |name: &str| {
        let found = std::fs::symlink_metadata(Path::new(&one).join(name)).expect("there");
        (found.uid(), found.mode() & 0o7777)
    };
    assert_eq!((owned("run"), owned("built"), owned("link").0), ((0, 0o755), (0, 0o644), 0));
    assert_eq!(shell("stat -c '%U %G %a' /opt/brings/releases"), "root brings 750");
    assert!(on.fetch("v9", soon()).is_err() && on.fetch("--upload-pack=x", soon()).is_err());

    let bad = Bench::new("brings", source, &["sh", "-c", "echo no such module; exit 4"]);
    let failed = bad.systemd.fetch("v1", soon()).expect_err("not built");
    assert_eq!(
        (failed.what.as_str(), failed.lines.as_slice()),
        ("the build ended with exit 4", &["no such module".to_owned()][..])
    );
    // The origin is away: a commit that is here needs nobody, a name needs it.
    drop(origin);
    assert_eq!(on.fetch(&head, soon()), Ok(one.clone()));
    assert!(on.fetch("main", soon()).is_err());

    on.start(&release(1, &one, None, &["sleep", "600"]), Side::Blue, port(), soon()).expect("started");
    let mut removed = on.prune(&[]).expect("pruned");
    removed.sort();
    assert!(removed.contains(&two) && !removed.contains(&one) && Path::new(&one).exists(), "{removed:?}");
    assert!(!Path::new(&two).exists());
    on.stop(Side::Blue, Duration::from_secs(5)).expect("stopped");
}

pub(crate) fn brings_an_archive() {
    let bench = Bench::new("archive", Source::Artifact(PathBuf::from("a.tgz")), &[]);
    let work = bench.work.path();
    let at = work.display();
    shell(&format!(
        "cd {at} && mkdir bin && echo hello > bin/tool && chmod 4755 bin/tool && tar czf a.tgz bin"
    ));
    let archive = format!("{at}/a.tgz");
    let place = bench.systemd.fetch(&archive, soon()).expect("fetched");
    assert_eq!(bench.systemd.fetch(&archive, soon()), Ok(place.clone()));
    let sum = shell(&format!("sha256sum {archive} | cut -c1-64"));
    assert_eq!(place, format!("/opt/archive/releases/sha256-{sum}"));
    let tool = std::fs::metadata(format!("{place}/bin/tool")).expect("there");
    assert_eq!((tool.uid(), tool.mode() & 0o7777), (0, 0o755));
    shell(&format!("cd {at} && mknod bin/device c 1 3 && tar cf b.tar bin"));
    let odd = bench.systemd.fetch(&format!("{at}/b.tar"), soon()).expect_err("a device");
    assert!(odd.what.contains("bin/device is neither"), "{odd}");
    // Half of it is not taken for all of it the next time.
    assert!(bench.systemd.fetch(&format!("{at}/b.tar"), soon()).is_err());
    assert!(bench.systemd.fetch(&format!("{at}/none.tar"), soon()).is_err());
    assert_eq!(bench.systemd.prune(&[release(1, &place, None, &[])]).map(|gone| gone.len()), Ok(1));
}

pub(crate) fn objects_to_what_is_missing() {
    let bench = Bench::new("objects", Source::Artifact(PathBuf::from("a")), &[]);
    shell("mkdir -p /opt/objects; chown daemon /opt/objects");
    let refused = bench.systemd.fetch("/etc/passwd", soon()).expect_err("not its folder");
    assert!(refused.what.starts_with("others than root may write to /opt/objects"), "{refused}");
    assert_eq!(shell("stat -c %U /opt/objects"), "daemon");
    shell("userdel objects");
    let told: Vec<String> = bench.systemd.objections().into_iter().map(|trouble| trouble.what).collect();
    let expected = [
        "there is no user objects on this host",
        "others than root may write to /opt/objects, and could exchange its releases",
    ];
    assert_eq!(told, expected);
    assert!(bench.systemd.fetch("/etc/passwd", soon()).is_err());
}

/// A service whose state outlives a reboot.
fn lasting() -> Bench {
    let (source, work) = (Source::Artifact(PathBuf::from("server")), tempfile::tempdir().expect("a folder"));
    Bench::with_state("lasting", source, &[], work, Path::new("/var/lib/muster-lasting"))
}

pub(crate) fn before_a_reboot() {
    let bench = lasting();
    let place = bench.fetch_program();
    for (number, side) in [(1, Side::Blue), (2, Side::Green)] {
        let release = release(number, &place, bench.env("COLOUR=red\n"), &["./server"]);
        bench
            .systemd
            .start(&release, side, 8100 + u16::try_from(number).expect("small"), soon())
            .expect("started");
    }
    wait("both answers", || answer(8101).zip(answer(8102)));
    bench.systemd.stop(Side::Blue, Duration::from_secs(5)).expect("stopped");
}

pub(crate) fn after_a_reboot() {
    let bench = lasting();
    assert_eq!(wait("an answer", || answer(8102)), "2 red");
    let state = |side| bench.standing(side).map(|seen| (seen.release, seen.state));
    assert_eq!(state(Side::Green), Some((2, State::Running)));
    assert_eq!(state(Side::Blue), Some((1, State::Stopped)));
    bench.systemd.resume(Side::Blue, soon()).expect("resumed");
    assert_eq!(wait("an answer", || answer(8101)), "1 red");
}
