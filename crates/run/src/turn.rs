//! Turns of the agent's rota: what it means for a wrapper that nobody but the agent started it.

use muster_core::ids::RunId;
use muster_host::claim::{self, Claim};
use muster_host::state::Layout;
use rustix::fs::Mode;

/// Claims the run; none if somebody else has begun it. The agent tells a turn again when it died before it could know,
/// and then this is what keeps it from running twice.
pub(crate) fn take(layout: &Layout, job: &str, run: &RunId) -> Option<Claim> {
    claim::claim(layout, job, run)
}

/// Leaves behind what belongs to the agent and not to a job: its session, so that its end is not ours; the umask of a
/// service; its place among those whom the kernel spares when memory runs out.
pub(crate) fn stand_alone() {
    // It fails only for the leader of a process group, which has left the agent's group already.
    rustix::process::setsid().ok();
    rustix::process::umask(Mode::from_raw_mode(0o022));
    drop(std::fs::write("/proc/self/oom_score_adj", "0"));
}
