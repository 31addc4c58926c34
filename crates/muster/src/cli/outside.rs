//! Has a peer connect to the ports of this host, for `muster doctor --from`.

use std::time::Duration;

use muster_doctor::facts::outside::{Dialled, Live, Outside, PORTS};
use muster_doctor::facts::{Fact, Facts};
use muster_doctor::firewall::outside::doors;
use serde::Deserialize;
use serde_json::json;

use crate::client::{Client, Unanswered};
use crate::exit_code::ExitCode;
use crate::refusal::Refusal;
use crate::say::count::counted;
use crate::world::World;

/// From asking our agent to its answer: the peer takes ten seconds at most, and the way there and back.
const PATIENCE: Duration = Duration::from_secs(25);

#[derive(Deserialize)]
struct Answer {
    dialled: Dialled,
}

/// What the peer saw. Says on standard error what it did.
///
/// # Errors
/// [`Refusal`] when it could not be asked: nobody looked from outside, and the report would read as if somebody had.
pub(super) fn look(world: &World, facts: &Facts, peer: &str) -> Result<Fact<Outside>, Refusal> {
    let Some(firewall) = facts.firewall.known() else {
        let why = facts.firewall.why_unknown().unwrap_or("there is none here");
        let what = format!("which ports {peer} is to try cannot be told");
        return Err(Refusal::new(ExitCode::Refused, what).because_of(why).help("try again as root"));
    };
    let all = doors(firewall);
    if all.is_empty() {
        world.complain(&format!("nothing here listens for others, so {peer} was not asked\n"));
        return Ok(Fact::nothing("nothing on this host listens for others"));
    }
    let ports = all.get(..PORTS).unwrap_or(&all);
    let client = Client::new(world.layout()?.socket()).patient(PATIENCE);
    let (path, body) = (format!("/api/v1/peers/{}/dial", encoded(peer)), json!({ "ports": ports }));
    let asked = client.post(&path, &body);
    let Answer { dialled } = world.runtime()?.block_on(asked).map_err(refused)?;
    world.complain(&told(peer, &dialled, all.len()));
    Ok(Fact::Known(Outside { peer: peer.to_owned(), at: world.now().wall, dialled }))
}

/// Every refusal of the doctor is one, whatever the agent calls it: none of them is a report.
fn refused(error: Unanswered) -> Refusal {
    let refusal = match error {
        // An agent that knows the question names the peer.
        Unanswered::Said { status: 404, ref what, .. } if !what.contains("[peer.") => {
            Refusal::new(ExitCode::Refused, "the agent that runs here is older than this muster")
                .because(&error)
                .help("restart it: `systemctl restart muster`")
        }
        error => Refusal::from(error),
    };
    Refusal { code: ExitCode::Refused, ..refusal }
}

/// One line: what was tried, by which protocol, and what was not.
fn told(peer: &str, dialled: &Dialled, all: usize) -> String {
    let count = |what: fn(&Live) -> bool| dialled.ports.iter().filter(|tried| what(&tried.live)).count();
    let (own, other) = if dialled.target.is_ipv4() { ("IPv4", "IPv6") } else { ("IPv6", "IPv4") };
    let mut parts: Vec<String> = [
        (count(|live| *live == Live::Open), "open"),
        (count(|live| *live == Live::Refused), "refused"),
        (count(|live| *live == Live::Silent), "silent"),
        (count(|live| matches!(live, Live::Unreachable { .. })), "unreachable"),
        (count(|live| matches!(live, Live::Untried { .. })), "not tried"),
    ]
    .iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, word)| format!("{count} {word}"))
    .collect();
    if all > dialled.ports.len() {
        parts.push(format!("{} not asked for", all - dialled.ports.len()));
    }
    format!(
        "{peer} tried {} at {}: {}; {other} was not tried, because {peer} hears this host by {own}\n",
        counted(dialled.ports.len(), "port"),
        dialled.target,
        parts.join(", ")
    )
}

/// A name as a part of an address.
fn encoded(name: &str) -> String {
    let one = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    name.bytes().map(one).collect()
}

#[cfg(test)]
mod tests {
    use muster_doctor::facts::outside::Tried;

    use super::*;

    #[test]
    fn what_was_tried_and_what_was_not_is_told_in_one_line() {
        let tried = |port, live| Tried { port, live };
        let ports = vec![tried(22, Live::Open), tried(443, Live::Open), tried(5432, Live::Silent)];
        let dialled = Dialled { target: [203, 0, 113, 1].into(), source: None, ports };
        assert_eq!(
            told("fra1", &dialled, 4),
            "fra1 tried 3 ports at 203.0.113.1: 2 open, 1 silent, 1 not asked for; IPv6 was not tried, because fra1 hears this \
             host by IPv4\n"
        );
    }

    #[test]
    fn no_name_leaves_its_place_in_an_address() {
        assert_eq!(encoded("fra-1.eu"), "fra-1.eu");
        assert_eq!(encoded("../x?y z"), "..%2Fx%3Fy%20z");
    }
}
