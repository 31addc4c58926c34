//! An agent that is killed.

use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;

use muster_agent::agent::Agent;
use muster_agent::clock::HostClock;
use muster_agent::parts::Parts;
use muster_core::expectation::{Expectation, Rhythm};
use muster_core::host_roll::HostRoll;
use muster_core::time::Span;
use muster_host::atomic::Durability;
use muster_host::spool::Spool;
use muster_host::state::Layout;

use crate::faults::{absent, appear};
use crate::house::{expects, failure, on_one_thread, opener, records, signal, success, until};

/// Set for the child: the state directory.
pub(crate) const ROOT: &str = "MUSTER_AGENT_TEST_ROOT";

/// Set for the child: where the receiver is.
const RECEIVER: &str = "MUSTER_AGENT_TEST_RECEIVER";

/// The child: an agent that lives until it is killed.
pub(crate) fn live(root: &Path) -> ExitCode {
    let address = std::env::var(RECEIVER).unwrap().parse().unwrap();
    on_one_thread(async {
        let layout = Layout::new(root);
        let plan = crate::house::plan_to_address(address, expectations());
        let parts = Parts {
            starter: None,
            examiner: None,
            open: opener(layout.db()),
            layout,
            users: None,
            plan,
            boot: muster_host::clock::boot_id().unwrap(),
            clock: Arc::new(HostClock),
            survey: Arc::new(HostRoll::default),
            config: None,
        };
        let mut agent = Agent::start(parts).await.unwrap();
        let broken = agent.ended().await;
        panic!("{broken}");
    });
    ExitCode::FAILURE
}

/// One that is reported on, and forty-nine like those of a small host.
fn expectations() -> Vec<Expectation> {
    let quiet = (1..50).map(|n| expects(&format!("job.q{n}"), Rhythm::Every(Span::hours(1))));
    std::iter::once(expects("job.a", Rhythm::OnReport)).chain(quiet).collect()
}

fn start(root: &Path, address: std::net::SocketAddr) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .env(ROOT, root)
        .env(RECEIVER, address.to_string())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

pub(crate) fn kill_9() {
    on_one_thread(async {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path().join("state"));
        layout.create().unwrap();
        let spool = Spool::new(&layout);
        let address = absent();
        let mut child = start(layout.root(), address);
        spool.write(&signal("job.a", Some("r1"), failure()), Durability::Disk).unwrap();
        until("the agent has it", || records(&layout.spool()) == 0).await;
        child.kill().unwrap();
        child.wait().unwrap();
        // Killed again and again, with and without news.
        for _ in 0..3 {
            let mut child = start(layout.root(), address);
            until("it lives", || layout.datagram().exists()).await;
            child.kill().unwrap();
            child.wait().unwrap();
            drop(std::fs::remove_file(layout.datagram()));
        }
        let receiver = appear(address);
        let mut child = start(layout.root(), address);
        until("the page arrives", || !receiver.about("job.a").is_empty()).await;
        spool.write(&signal("job.a", Some("r2"), success()), Durability::Disk).unwrap();
        until("and its end", || receiver.about("job.a").len() > 1).await;
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(receiver.about("job.a"), ["opened", "resolved"], "nothing lost, nothing twice");
    });
}
