//! Jobs of ordinary users, heard by an agent that runs as root.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;
use std::process::Command;

use muster_core::expectation::Rhythm;
use muster_core::host_roll::{HostRoll, Scheduled, Starter};
use muster_core::signal::Signal;
use muster_core::time::Span;
use muster_host::spool::users::Users;

use crate::house::{
    House, expects, failure, on_one_thread, records, signal, success, until, until_board, word,
};

const DEPLOY: u32 = 51_237;

/// A house with a user in it, whose home has a spool.
fn house(names: &[&str]) -> House {
    let expectations = names.iter().map(|name| expects(name, Rhythm::OnReport)).collect();
    let mut house = House::new(expectations);
    let root = house.folder.path().join("root");
    let mut folder = root.join("home/deploy");
    for name in ["", ".local", "state", "muster", "spool"] {
        folder = folder.join(name);
        fs::create_dir_all(&folder).unwrap();
        chown(&folder, Some(DEPLOY), Some(DEPLOY)).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
    }
    fs::create_dir(root.join("etc")).unwrap();
    fs::write(root.join("etc/passwd"), format!("deploy:x:{DEPLOY}:{DEPLOY}::/home/deploy:/bin/sh\n"))
        .unwrap();
    house.users = Some(Users::new(root));
    *house.host.lock().unwrap() = HostRoll { name: "here".into(), ..HostRoll::default() };
    house
}

fn spool(house: &House) -> PathBuf {
    house.folder.path().join("root/home/deploy/.local/state/muster/spool")
}

/// Leaves a record as the wrapper of this user does.
fn leave(house: &House, signal: &Signal) {
    let folder = spool(house);
    let half = folder.join(".half");
    fs::write(&half, serde_json::to_vec(signal).unwrap()).unwrap();
    chown(&half, Some(DEPLOY), Some(DEPLOY)).unwrap();
    fs::rename(half, folder.join(format!("{}.2.json", signal.id))).unwrap();
}

pub(crate) fn heard() {
    on_one_thread(async {
        let house = house(&["job.export"]);
        let agent = house.start().await;
        until_board(&agent.handle(), "the spool is read", |it| word(it, "duty.spool") == "ok").await;
        let began = std::time::Instant::now();
        leave(&house, &signal("job.export", Some("r1"), failure()));
        until("the page", || house.receiver.about("job.export") == ["opened"]).await;
        assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
        until("the record is gone", || records(&spool(&house)) == 0).await;
        leave(&house, &signal("job.export", Some("r2"), success()));
        until("the end", || house.receiver.about("job.export") == ["opened", "resolved"]).await;
        agent.stop().await.unwrap();
    });
}

pub(crate) fn judged() {
    on_one_thread(async {
        let house = house(&["job.backup", "job.export"]);
        let runs = |job: &str, user: &str| Scheduled {
            name: job.to_owned(),
            by: Starter::Cron,
            source: "/etc/crontab:3".into(),
            schedule: "0 * * * *".into(),
            cron: Some("0 * * * *".into()),
            user: user.to_owned(),
            command: format!("muster run {job} -- true"),
            covered: Some(crate::house::id(&format!("job.{job}"))),
            odd: Vec::new(),
        };
        house.host.lock().unwrap().scheduled = vec![runs("backup", "root"), runs("export", "deploy")];
        // They lie there before the agent has looked at the host.
        leave(&house, &signal("job.backup", Some("r1"), success()));
        leave(&house, &signal("job.export", Some("r2"), success()));
        leave(&house, &signal("duty.spool", None, failure()));
        let agent = house.start().await;
        until_board(&agent.handle(), "theirs is heard", |it| word(it, "job.export") == "ok").await;
        until("all are taken away", || records(&spool(&house)) == 0).await;
        let board = agent.handle().board();
        assert_eq!(word(&board.borrow(), "job.backup"), "new", "root's backup has not reported");
        until("the duty goes on", || {
            agent.handle().duties().iter().any(|duty| duty.name == "spool" && duty.performed > 1)
        })
        .await;
        assert_eq!(word(&agent.handle().board().borrow(), "duty.spool"), "ok");
        agent.stop().await.unwrap();
    });
}

pub(crate) fn caught_up() {
    on_one_thread(async {
        let mut house = house(&[]);
        house.plan.expectations = vec![expects("job.sync", Rhythm::Every(Span::hours(1)))];
        let agent = house.start().await;
        leave(&house, &signal("job.sync", None, success()));
        until_board(&agent.handle(), "heard", |it| word(it, "job.sync") == "ok").await;
        agent.stop().await.unwrap();
        house.clock.forward(Span::minutes(100));
        let mut late = signal("job.sync", None, success());
        late.at = late.at + Span::minutes(50);
        leave(&house, &late);
        let agent = house.start().await;
        until("it is heard", || records(&spool(&house)) == 0).await;
        until_board(&agent.handle(), "silence is judged", |it| word(it, "duty.audit") == "ok").await;
        assert!(house.receiver.about("job.sync").is_empty(), "{:?}", house.receiver.all());
        agent.stop().await.unwrap();
    });
}

pub(crate) fn hung() {
    on_one_thread(async {
        let house = house(&["job.export"]);
        // Opening a pipe that nobody writes takes as long as a home on a server that has gone.
        let list = house.folder.path().join("root/etc/passwd");
        fs::remove_file(&list).unwrap();
        assert!(Command::new("mkfifo").arg(&list).status().unwrap().success());
        let agent = house.start().await;
        until("it is told", || house.receiver.about("duty.spool") == ["opened"]).await;
        house.spool(&signal("job.export", Some("r1"), failure()));
        until("ours is heard", || house.receiver.about("job.export") == ["opened"]).await;
        fs::write(&list, "").unwrap();
        until("the end", || house.receiver.about("duty.spool") == ["opened", "resolved"]).await;
        agent.stop().await.unwrap();
    });
}
