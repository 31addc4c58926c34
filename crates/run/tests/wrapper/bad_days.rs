//! Full disks, read-only disks, closed and stuck outputs, endless output. The job's own result never changes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use muster_core::signal::{Ending, Report, TAIL_LIMIT};
use muster_host::spool::{Bounds, Spool};
use muster_host::state::Layout;

use crate::world::{World, appears, finish, ran, words};

/// A tmpfs that goes away with the value.
struct Mount(PathBuf);

impl Mount {
    fn new(path: PathBuf, options: &str) -> Self {
        fs::create_dir_all(&path).expect("made");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(&path);
        assert!(mount.status().expect("mount").success(), "mount");
        Self(path)
    }

    fn fill(&self) {
        // Byte by byte at the end, so that not one page is left.
        let mut ballast = fs::File::create(self.0.join("ballast")).expect("made");
        while std::io::Write::write_all(&mut ballast, &[1; 4096]).is_ok() {}
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(&self.0).status().expect("umount");
    }
}

/// Takes what was reported, so that nothing stays in memory when the test is over.
fn take(world: &World) -> Vec<Report> {
    let spool = Spool::new(&world.layout);
    let batch = spool.read(Bounds::default()).expect("read");
    for record in &batch.records {
        spool.forget(record).expect("forgotten");
    }
    batch.records.into_iter().map(|record| record.signal.expect("a signal").report).collect()
}

fn with_state(path: &Path) -> World {
    let mut world = World::new();
    world.layout = Layout::new(path);
    world
}

pub(crate) fn a_full_disk_changes_nothing_for_the_job_and_the_outcome_arrives() {
    let folder = tempfile::tempdir().expect("a folder");
    let mount = Mount::new(folder.path().join("small"), "size=2m");
    for reserve in [true, false] {
        let world = with_state(&mount.0.join(format!("state-{reserve}")));
        fs::create_dir(world.layout.root()).expect("made");
        if reserve {
            world.layout.create().expect("made");
        }
        mount.fill();
        let result = world.sh(&[], "echo one; echo two >&2; exit 3");
        fs::remove_file(mount.0.join("ballast")).expect("removed");
        assert_eq!((result.code, result.out.as_str()), (Some(3), "one\n"), "{}", result.err);
        assert!(result.err.starts_with("muster run: a:") && result.err.contains("two\n"), "{}", result.err);
        let reports = take(&world);
        let [Report::Start { .. }, Report::Failure(outcome)] = reports.as_slice() else {
            panic!("{reports:?}")
        };
        assert_eq!(outcome.ending, Ending::Exit { code: 3 });
        assert!(outcome.tail.contains("one") && outcome.tail.contains("two"), "{outcome:?}");
        assert!(outcome.notes.iter().any(|note| note.contains("cannot be written")), "{outcome:?}");
    }
}

pub(crate) fn a_disk_that_fills_up_during_the_run_keeps_the_tail() {
    let folder = tempfile::tempdir().expect("a folder");
    let mount = Mount::new(folder.path().join("small"), "size=2m");
    let world = with_state(&mount.0.join("state"));
    world.layout.create().expect("made");
    let result = world.sh(&["-q"], "i=0; while [ $i -lt 30000 ]; do echo 'line '$i' of many that fill a small disk up to its end'; i=$((i+1)); done; exit 5");
    assert_eq!(result.code, Some(5));
    let reports = take(&world);
    let Some(Report::Failure(outcome)) = reports.last() else { panic!("{reports:?}") };
    assert!(outcome.tail.ends_with("line 29999 of many that fill a small disk up to its end"));
    assert!(outcome.notes.iter().any(|note| note.contains("log")), "{outcome:?}");
}

pub(crate) fn a_read_only_disk_changes_nothing_for_the_job() {
    let folder = tempfile::tempdir().expect("a folder");
    let mount = Mount::new(folder.path().join("frozen"), "size=1m,ro");
    let world = with_state(&mount.0.join("state"));
    assert_eq!(world.sh(&[], "exit 3").code, Some(3));
    assert_eq!(take(&world).len(), 2);
}

pub(crate) fn a_state_directory_that_cannot_be_made_changes_nothing_for_the_job() {
    let world = with_state(Path::new("/proc/muster/state"));
    let result = world.sh(&[], "echo out; exit 3");
    assert_eq!((result.code, result.out.as_str()), (Some(3), "out\n"), "{}", result.err);
    assert_eq!(take(&world).len(), 2, "in memory");
}

pub(crate) fn a_reader_that_goes_away_does_not_stop_the_job() {
    let world = World::new();
    let mut command = world
        .command(&words(&[], "until [ -e gone ]; do sleep 0.02; done; seq 100000; echo end > done; exit 3"));
    let mut child = command.spawn().expect("started");
    drop(child.stdout.take());
    fs::write(world.path("gone"), "").expect("written");
    assert_eq!(child.wait().expect("ended").code(), Some(3));
    appears(&world.path("done"));
    let outcome = world.outcome();
    assert!(outcome.tail.ends_with("100000"));
    assert!(outcome.notes.iter().any(|note| note.contains("standard output")), "{outcome:?}");
}

pub(crate) fn closed_outputs_do_not_stop_the_job() {
    let world = World::new();
    let wrapped = world.command(&words(&[], "echo words; echo more >&2; exit 3"));
    let mut shell = Command::new("sh");
    shell
        .arg("-c")
        .arg("exec \"$0\" \"$@\" <&- >&- 2>&-")
        .arg(wrapped.get_program())
        .args(wrapped.get_args());
    let result = ran(shell.env("MUSTER_STATE", world.layout.root()).output().expect("started"));
    assert_eq!(result.code, Some(3));
    assert!(world.outcome().tail.contains("words"));
}

pub(crate) fn a_full_device_as_output_does_not_stop_the_job() {
    let world = World::new();
    let full = || fs::OpenOptions::new().write(true).open("/dev/full").expect("opened");
    let mut command = world.command(&words(&[], "set -e; echo words; echo more; exit 3"));
    assert_eq!(command.stdout(full()).stderr(full()).status().expect("started").code(), Some(3));
    assert!(world.outcome().notes.iter().any(|note| note.contains("could not be written")));
}

pub(crate) fn a_slow_reader_gets_every_byte() {
    let world = World::new();
    let mut command = world.command(&words(&[], "seq 300000; echo the end >&2"));
    let mut child = command.stderr(Stdio::null()).spawn().expect("started");
    let mut reader = Command::new("sh")
        .arg("-c")
        .arg("sleep 0.3; head -c 300000 | wc -c; sleep 0.3; wc -c")
        .stdin(child.stdout.take().expect("piped"))
        .stdout(Stdio::piped())
        .spawn()
        .expect("started");
    assert_eq!(child.wait().expect("ended").code(), Some(0));
    let mut counted = String::new();
    std::io::Read::read_to_string(reader.stdout.as_mut().expect("piped"), &mut counted).expect("read");
    reader.wait().expect("ended");
    let total: usize =
        counted.split_ascii_whitespace().map(|word| word.parse::<usize>().expect("a number")).sum();
    assert_eq!(total, (1..=300_000).map(|n: u32| n.to_string().len() + 1).sum::<usize>());
}

pub(crate) fn fifty_megabytes_of_output_take_little_memory_and_a_bounded_log() {
    let world = World::new();
    let script = "yes 'a line of some output that goes on and on' | head -c 50m; : > ready; until [ -e go ]; do sleep 0.02; done";
    let child = world.start(&["-q"], script);
    appears(&world.path("ready"));
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).expect("read");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().expect("a number");
    assert!(peak <= 8 << 10, "{peak} kB");
    fs::write(world.path("go"), "").expect("written");
    assert_eq!(finish(child).code, Some(0));
    let outcome = world.outcome();
    assert!(outcome.tail.len() <= TAIL_LIMIT && outcome.tail.len() > TAIL_LIMIT / 2);
    assert!(outcome.notes.iter().any(|note| note.contains("16 MiB")), "{outcome:?}");
    let size = fs::metadata(outcome.log.expect("a log")).expect("there").len();
    assert!(size <= 16 << 20 && size > 15 << 20, "{size}");
}
