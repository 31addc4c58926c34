//! Looks at the keys of peers before they are used: what can be seen to be wrong is said where the file is read, and not
//! by a page minutes later. A key that cannot be had now may be there later; that is the agent's matter.

use muster_agent::peers::KEY_BYTES;
use muster_config::plan::Plan;
use muster_config::secret::SecretRef;
use muster_host::secret;

use crate::catalogue::{Part, Probe};
use crate::exit_code::ExitCode;
use crate::refusal::Refusal;

/// Refuses a plan with a key that is too short. Programs that print a key are not run for this.
///
/// # Errors
/// [`Refusal`] that names the peer, and never shows the key.
pub(crate) fn refuse_short(plan: &Plan<Part, Probe>) -> Result<(), Refusal> {
    for peer in &plan.peers {
        if matches!(peer.key, SecretRef::Command(_)) {
            continue;
        }
        let Ok(key) = secret::resolve(&peer.key) else { continue };
        let length = key.expose().len();
        if length < KEY_BYTES {
            let what = format!(
                "the key of [peer.{}], {}, has {length} bytes, and at least {KEY_BYTES} are needed",
                peer.name, peer.key
            );
            return Err(Refusal::new(ExitCode::Usage, what)
                .help("`openssl rand -hex 32` makes one; put the same one on both hosts"));
        }
    }
    Ok(())
}

/// Keys that others on this host can read, a sentence each.
pub(crate) fn exposed(plan: &Plan<Part, Probe>) -> Vec<String> {
    let say = |name: &str, why: String| format!("the key of [peer.{name}] {why}\n");
    plan.peers.iter().filter_map(|peer| Some(say(&peer.name, secret::exposed(&peer.key)?))).collect()
}
