//! `muster notify`.

use muster_core::ids::ChannelName;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::exit_code::ExitCode;
use crate::name::Name;
use crate::refusal::Refusal;
use crate::say;
use crate::say::paper::harmless;
use crate::world::World;

/// The ways to tell people
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    /// Sends one test page and says whether it was accepted
    ///
    /// Exit code 0: accepted. 1: it was not, and why.
    Test {
        /// A channel as named under [notify] in the configuration
        name: ChannelName,
        /// Prints JSON
        #[arg(long)]
        json: bool,
    },
}

pub(crate) fn execute(world: &World, verb: Verb) -> Result<ExitCode, Refusal> {
    match verb {
        Verb::Test { name, json } => test(world, &name, json),
    }
}

#[derive(Debug, Deserialize, Serialize)]
struct Accepted {
    receipt: String,
}

fn test(world: &World, name: &ChannelName, json: bool) -> Result<ExitCode, Refusal> {
    let on_roll: Name = format!("channel.{name}")
        .parse()
        .map_err(|error| Refusal::usage(format!("{name} is no name of a channel")).because(&error))?;
    world.expectation(&on_roll)?;
    let answer = world.tell_agent(&format!("channels/{name}/test"), &json!({})).map_err(|refusal| {
        match refusal.code {
            ExitCode::BadNews => Refusal {
                help: vec!["correct [notify] in the configuration and try again".into()],
                ..refusal
            },
            _ => refusal,
        }
    })?;
    let accepted: Accepted = serde_json::from_value(answer).map_err(|error| {
        Refusal::new(ExitCode::Unknown, "the agent's answer holds no receipt").because(&error)
    })?;
    let text = if json {
        say::json::versioned(&accepted)
    } else {
        format!(
            "{name} accepted the test page: {}\nNow see whether it arrived.\n",
            harmless(&accepted.receipt)
        )
    };
    world.say(&text)?;
    Ok(ExitCode::Fine)
}
