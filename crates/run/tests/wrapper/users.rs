//! A job in a user's own crontab: what it leaves at home reaches an agent that runs as root.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::process::Command;

use muster_core::signal::Report;
use muster_host::spool::Bounds;
use muster_host::spool::users::Users;

use crate::world::{World, ran, wrapper};

const DEPLOY: u32 = 51_236;

pub(crate) fn a_run_of_a_user_reaches_root() {
    let world = World::new();
    let root = world.folder.path();
    for (folder, owner) in [("etc", 0), ("home/deploy", DEPLOY)] {
        fs::create_dir_all(world.path(folder)).expect("made");
        chown(world.path(folder), Some(owner), Some(owner)).expect("given");
    }
    fs::set_permissions(root, fs::Permissions::from_mode(0o755)).expect("open");
    let home = world.path("home/deploy");
    fs::write(world.path("etc/passwd"), format!("deploy:x:{DEPLOY}:{DEPLOY}::/home/deploy:/bin/sh\n"))
        .expect("written");
    // The build may lie where a user cannot go.
    fs::copy(wrapper(), world.path("run")).expect("copied");
    let output = Command::new("setpriv")
        .args([format!("--reuid={DEPLOY}"), format!("--regid={DEPLOY}"), "--clear-groups".to_owned()])
        .arg(world.path("run"))
        .args(["nightly", "--", "sh", "-c", "echo done by $(id -u); exit 3"])
        .current_dir(&home)
        .env_clear()
        .env("HOME", &home)
        .env("PATH", "/usr/bin:/bin")
        .output();
    let result = ran(output.expect("started"));
    assert_eq!((result.code, result.out), (Some(3), format!("done by {DEPLOY}\n")), "{}", result.err);

    let spools = Users::new(root).find().expect("listed");
    let [spool] = spools.as_slice() else { panic!("{spools:?}") };
    let batch = spool.read(Bounds::default());
    let reports: Vec<_> =
        batch.records.iter().map(|record| record.signal.as_ref().expect("a signal")).collect();
    let [start, end] = reports.as_slice() else { panic!("{batch:?}") };
    assert_eq!(start.about.as_str(), "job.nightly");
    assert!(matches!(&start.report, Report::Start { process: Some(_) }), "{start:?}");
    let Report::Failure(outcome) = &end.report else { panic!("{end:?}") };
    let log = outcome.log.as_ref().expect("a log");
    assert!(log.starts_with(&*home.to_string_lossy()) && outcome.tail.contains("done by"), "{outcome:?}");
}
