//! Exit codes, signals and limits, and what is reported about them.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use muster_core::signal::{Ending, Report};
use muster_core::time::Span;
use muster_host::process::is_alive;
use rustix::process::Signal;

use crate::world::{World, appears, eventually, finish, kill};

pub(crate) fn exit_codes_pass_through() {
    for code in [0, 1, 3, 75, 255] {
        let world = World::new();
        assert_eq!(world.sh(&[], &format!("exit {code}")).code, Some(code));
        let ending = Ending::Exit { code: u8::try_from(code).expect("small") };
        assert_eq!(world.outcome().ending, ending);
        let good = matches!(world.ends()[0], Report::Success(_));
        assert_eq!(good, code == 0);
    }
}

pub(crate) fn death_by_signal_is_128_and_the_signal() {
    for (signal, code) in [("KILL", 137), ("TERM", 143), ("SEGV", 139)] {
        let world = World::new();
        assert_eq!(world.sh(&[], &format!("ulimit -c 0; kill -{signal} $$")).code, Some(code));
        let Ending::Killed { signal, .. } = world.outcome().ending else { panic!("{:?}", world.outcome()) };
        assert_eq!(i32::from(signal) + 128, code);
    }
}

pub(crate) fn what_cannot_be_executed_is_126_and_what_is_not_there_127() {
    let world = World::new();
    // A folder in the tester's PATH that may not be searched would make it 126.
    let absent = world.command(&["a", "no-such-command-anywhere"]).env("PATH", "/usr/bin:/bin").output();
    assert_eq!(absent.expect("started").status.code(), Some(127));
    let plain = world.path("plain.txt");
    fs::write(&plain, "words").expect("written");
    assert_eq!(world.run(&["a".as_ref(), plain.as_os_str()]).code, Some(126));
    let endings = world.ends();
    assert!(
        endings.iter().all(|end| matches!(
            end,
            Report::Failure(outcome) if matches!(outcome.ending, Ending::NotStarted { .. })
        )),
        "{endings:?}"
    );
    assert_eq!(endings.len(), 2);
}

pub(crate) fn a_script_without_an_interpreter_line_runs_as_it_does_under_cron() {
    let world = World::new();
    let script = world.path("script");
    fs::write(&script, "exit 5\n").expect("written");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("set");
    assert_eq!(world.run(&["a".as_ref(), script.as_os_str()]).code, Some(5));
}

pub(crate) fn wrong_arguments_are_125_and_told() {
    let world = World::new();
    let ran = world.run(&["a"]);
    assert_eq!(ran.code, Some(125));
    assert!(ran.err.contains("no command"), "{}", ran.err);
    assert!(matches!(world.outcome().ending, Ending::NotStarted { .. }));
    assert_eq!(world.run(&[""; 0]).code, Some(125));
    let help = world.run(&["--help"]);
    assert!(help.code == Some(0) && help.out.contains("Usage: muster run"));
}

pub(crate) fn a_run_is_announced_before_it_starts_and_told_with_its_evidence() {
    let world = World::new();
    let script =
        format!("cp -r {} copy; echo out; echo err >&2; printf rest; exit 4", world.layout.spool().display());
    let ran = world.sh(&[], &script);
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("out\nrest", "err\n"));
    assert_eq!(
        fs::read_dir(world.path("copy")).expect("there").count(),
        1,
        "the start was there before the job"
    );
    let signals = world.signals();
    let Report::Start { process: Some(mark) } = &signals[0].report else { panic!("{signals:?}") };
    assert!(!is_alive(mark));
    assert!(signals[0].run.is_some() && signals[0].run == signals[1].run);
    assert_eq!(signals[1].about.as_str(), "job.a");
    let outcome = world.outcome();
    assert_eq!(outcome.ending, Ending::Exit { code: 4 });
    assert!(
        outcome.tail.contains("out\n") && outcome.tail.contains("err\n") && outcome.tail.contains("rest")
    );
    assert!(outcome.duration.is_some_and(|time| time < Span::seconds(60)));
    assert!(outcome.cpu.is_some() && outcome.peak_memory.is_some_and(|bytes| bytes > 100_000));
    assert!(outcome.host.is_some_and(|host| !host.is_empty()));
    assert_eq!(outcome.notes, [""; 0]);
    let log = fs::read_to_string(outcome.log.expect("a log")).expect("read");
    let tags: Vec<&str> = log.lines().filter_map(|line| line.split(' ').nth(1)).collect();
    assert!(tags.contains(&"out") && tags.contains(&"err") && tags.contains(&"out+"), "{log}");
    assert_eq!(tags.last(), Some(&"run"), "{log}");
}

pub(crate) fn signals_reach_the_job() {
    for (name, signal) in [
        ("HUP", Signal::HUP),
        ("INT", Signal::INT),
        ("TERM", Signal::TERM),
        ("QUIT", Signal::QUIT),
        ("USR1", Signal::USR1),
        ("USR2", Signal::USR2),
    ] {
        let world = World::new();
        let script =
            format!("trap 'echo got {name}; exit 9' {name}; : > ready; while :; do sleep 0.02; done");
        let child = world.start(&[], &script);
        appears(&world.path("ready"));
        kill(child.id(), signal);
        let ran = finish(child);
        assert_eq!((ran.code, ran.out.as_str()), (Some(9), format!("got {name}\n").as_str()));
    }
}

pub(crate) fn a_signal_that_was_ignored_stays_ignored() {
    let world = World::new();
    let mut command = std::process::Command::new("nohup");
    let wrapped =
        world.command(&["a", "--", "sh", "-c", ": > ready; until [ -e go ]; do sleep 0.02; done; exit 6"]);
    command.arg(wrapped.get_program()).args(wrapped.get_args()).current_dir(world.folder.path());
    command.env("MUSTER_STATE", world.layout.root()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().expect("started");
    appears(&world.path("ready"));
    kill(child.id(), Signal::HUP);
    kill(child.id(), Signal::USR1);
    // USR1 is not ignored and ends the shell, so it is known that both have arrived.
    assert_eq!(child.wait().expect("ended").code(), Some(128 + 10));
    assert_eq!(world.outcome().ending, Ending::Killed { signal: 10, core: false });
}

pub(crate) fn a_second_request_to_end_kills() {
    let world = World::new();
    let child = world.start(&["--grace", "1h"], "trap '' TERM INT; : > ready; while :; do sleep 0.02; done");
    appears(&world.path("ready"));
    kill(child.id(), Signal::TERM);
    // Two requests in one moment may be heard as one, so the first has to be seen to arrive.
    eventually("the first request is taken", || {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
        let sleeping = status.lines().any(|line| line.starts_with("State:\tS"));
        let pending = status.lines().any(|line| line.starts_with("ShdPnd:") && line.contains("4000"));
        (sleeping && !pending).then_some(())
    });
    kill(child.id(), Signal::INT);
    assert_eq!(finish(child).code, Some(137));
    assert_eq!(world.survivors(), [0_u32; 0]);
}

pub(crate) fn a_hard_limit_ends_the_run_and_a_soft_one_is_noted() {
    let world = World::new();
    let ran = world.sh(&["--soft", "20ms", "--timeout", "150ms"], "echo begun; sleep 60");
    assert_eq!((ran.code, ran.out.as_str()), (Some(124), "begun\n"));
    assert!(ran.err.contains("limit"), "{}", ran.err);
    let ends = world.ends();
    assert!(matches!(&ends[0], Report::Log { text } if text.contains("soft limit of 20ms")), "{ends:?}");
    let Report::Failure(outcome) = &ends[1] else { panic!("{ends:?}") };
    assert_eq!(outcome.ending, Ending::TimedOut { limit: Span::millis(150) });
    assert!(outcome.notes.iter().any(|note| note.contains("soft limit")));
    assert_eq!(world.survivors(), [0_u32; 0]);
}

pub(crate) fn a_job_that_ends_well_when_asked_at_its_limit_has_still_timed_out() {
    let world = World::new();
    let script = "trap 'exit 0' TERM; : > ready; while :; do sleep 0.02; done";
    assert_eq!(world.sh(&["--timeout", "150ms"], script).code, Some(124));
}

pub(crate) fn standard_input_is_empty_unless_asked_for() {
    for (options, expected) in [(&[][..], "[]\n"), (&["--stdin"][..], "[words]\n")] {
        let world = World::new();
        let mut command = world.command(&crate::world::words(options, "echo \"[$(cat)]\""));
        let mut child = command.stdin(Stdio::piped()).spawn().expect("started");
        // The job may not read it at all.
        child.stdin.take().expect("piped").write_all(b"words").ok();
        assert_eq!(finish(child).out, expected);
    }
}

pub(crate) fn quiet_keeps_the_output_in_the_log() {
    let world = World::new();
    let ran = world.sh(&["-q"], "echo words; echo more >&2");
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", ""));
    assert_eq!(world.outcome().tail.lines().count(), 2);
}

pub(crate) fn the_jobs_environment_is_the_callers() {
    let world = World::new();
    let ran = world.sh(&[], "umask; pwd; echo $MARK; ulimit -n; grep -E '^Sig(Blk|Ign)' /proc/self/status");
    let lines: Vec<&str> = ran.out.lines().collect();
    let here = world.folder.path().display().to_string();
    assert_eq!((lines[1], lines[2]), (here.as_str(), here.as_str()));
    assert_eq!(lines[4], "SigBlk:\t0000000000000000");
    let ignored = lines[5].strip_prefix("SigIgn:\t").and_then(|hex| u64::from_str_radix(hex, 16).ok());
    assert_eq!(ignored.map(|bits| bits & 1 << 12), Some(0), "SIGPIPE is back at its default");
}

pub(crate) fn a_configuration_says_what_to_run_and_options_win() {
    let world = World::new();
    let config = "[job.a]\ncommand = [\"sh\", \"-c\", \"echo from the file; sleep 60\"]\ntimeout = { hard = \"1s\" }\n";
    fs::write(world.path("muster.toml"), config).expect("written");
    let ran = world.run(&["a"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(124), "from the file\n"));
    let ran = world.run(&["a", "--timeout", "1h", "--", "sh", "-c", "sleep 0.1; exit 2"]);
    assert_eq!(ran.code, Some(2));
}

pub(crate) fn a_broken_configuration_runs_the_job_loudly() {
    let world = World::new();
    for config in ["[job.a\n= = =", "[job.a]\ntimeout = { hard = \"soon\" }\n", "\u{0}\u{1}"] {
        fs::write(world.path("muster.toml"), config).expect("written");
        let ran = world.sh(&[], "echo done; exit 3");
        assert_eq!((ran.code, ran.out.as_str()), (Some(3), "done\n"), "{config:?}");
        assert!(ran.err.contains("muster.toml"), "{}", ran.err);
    }
    let Some(Report::Failure(outcome)) = world.ends().pop() else { panic!("{:?}", world.ends()) };
    assert!(outcome.notes.iter().any(|note| note.contains("muster.toml")), "{outcome:?}");
    let ran = world.sh(&["--config", "/nonexistent.toml"], "exit 3");
    assert!(ran.code == Some(3) && ran.err.contains("/nonexistent.toml"));
}

pub(crate) fn a_wrong_option_and_a_wrong_name_run_the_job_loudly() {
    let world = World::new();
    let ran = world.run(&["my job!", "--nice", "--timeout", "soon", "--", "sh", "-c", "exit 3"]);
    assert_eq!(ran.code, Some(3), "{}", ran.err);
    assert_eq!(world.signals()[0].about.as_str(), "job.my-job-");
    assert!(ran.err.contains("--nice") && ran.err.contains("my job!"), "{}", ran.err);
}
