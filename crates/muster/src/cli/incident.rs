//! `muster incident`.

use muster_core::notice::Notice;
use muster_core::time::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::exit_code::ExitCode;
use crate::refusal::Refusal;
use crate::say;
use crate::say::paper::Paper;
use crate::world::World;

/// What customers are told on the status page
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    /// Lists what customers are told, with what was said about it: what goes on, and the last 90 days
    List {
        /// Prints JSON
        #[arg(long)]
        json: bool,
    },
    /// Says something about an incident, for everybody to read
    ///
    /// What muster saw itself is over when it is seen to be over; only what a person opened is ended with `resolved`.
    Update {
        /// Its id, as `muster incident list` shows it
        id: String,
        /// How far you are
        #[arg(long, value_parser = ["investigating", "identified", "monitoring", "resolved"])]
        stage: String,
        /// In words that customers understand
        words: String,
    },
    /// Tells customers of something that no check sees
    New {
        /// A component of the status page; may be given more than once
        #[arg(long = "component", value_name = "NAME", required = true)]
        components: Vec<String>,
        /// What it is called
        title: String,
        /// What is known
        words: String,
    },
    /// Keeps an incident off the status page, the feed and the JSON; the state of the components stays as it is seen
    Hide {
        /// Its id
        id: String,
    },
    /// Shows an incident that was hidden
    Show {
        /// Its id
        id: String,
    },
    /// Lists who has all that mailed to them, or takes somebody off the list
    Subscribers {
        /// Takes this address off the list, with the mails that wait for it
        #[arg(long, value_name = "ADDRESS", conflicts_with = "json")]
        remove: Option<String>,
        /// Prints JSON
        #[arg(long)]
        json: bool,
    },
}

/// The answer of `GET subscribers`.
#[derive(Debug, Deserialize)]
pub(crate) struct Subscribers {
    pub(crate) items: Vec<Subscriber>,
    pub(crate) mails: Mails,
}

/// One of them.
#[derive(Debug, Deserialize)]
pub(crate) struct Subscriber {
    pub(crate) address: String,
    pub(crate) since: Timestamp,
    /// Mails in a row that were refused for good.
    pub(crate) refused: u32,
}

/// How the queue of mails stands.
#[derive(Debug, Deserialize)]
pub(crate) struct Mails {
    pub(crate) waiting: u64,
    pub(crate) taken: u64,
    pub(crate) given_up: u64,
    pub(crate) dropped: u64,
}

/// One item of `GET incidents`.
#[derive(Debug, Deserialize)]
pub(crate) struct Item {
    #[serde(flatten)]
    pub(crate) notice: Notice,
    /// How far it is.
    pub(crate) stage: String,
}

#[derive(Debug, Deserialize)]
struct Items {
    items: Vec<Item>,
}

pub(crate) fn execute(world: &World, verb: Verb) -> Result<ExitCode, Refusal> {
    match verb {
        Verb::List { json } => list(world, json),
        Verb::Update { id, stage, words } => {
            let body = json!({ "stage": stage, "words": words });
            tell(world, &id, "update", &body)?;
            world.say(&format!("{id} is {stage}; the status page follows within seconds.\n"))?;
            Ok(ExitCode::Fine)
        }
        Verb::New { components, title, words } => {
            let body = json!({ "components": components, "title": title, "words": words });
            let answer = world.tell_agent("incidents", &body)?;
            let id = answer.get("id").and_then(Value::as_str).unwrap_or_default();
            world.say(&format!(
                "Customers are told as {id}. When it is over: muster incident update {id} --stage resolved \"…\"\n"
            ))?;
            Ok(ExitCode::Fine)
        }
        Verb::Hide { id } => {
            tell(world, &id, "hide", &json!({}))?;
            world.say(&format!(
                "{id} is kept off the status page; `muster incident show {id}` takes that back.\n"
            ))?;
            Ok(ExitCode::Fine)
        }
        Verb::Show { id } => {
            tell(world, &id, "show", &json!({}))?;
            world.say(&format!("{id} is on the status page.\n"))?;
            Ok(ExitCode::Fine)
        }
        Verb::Subscribers { remove: Some(address), json: _ } => {
            world.tell_agent("subscribers/remove", &json!({ "address": address }))?;
            world.say(&format!("{address} is mailed nothing more.\n"))?;
            Ok(ExitCode::Fine)
        }
        Verb::Subscribers { remove: None, json: true } => {
            let answer: Value = world.ask_agent("subscribers")?;
            world.say(&say::json::versioned(&answer))?;
            Ok(ExitCode::Fine)
        }
        Verb::Subscribers { remove: None, json: false } => {
            let all: Subscribers = world.ask_agent("subscribers")?;
            world.say(&say::incidents::subscribers(&all, &world.clock(), &Paper::of_stdout()))?;
            Ok(ExitCode::Fine)
        }
    }
}

fn tell(world: &World, id: &str, act: &str, body: &Value) -> Result<(), Refusal> {
    if muster_core::notice::NoticeId::read(id).is_none() {
        return Err(Refusal::usage(format!("{id:?} is no id of an incident"))
            .help("`muster incident list` shows them, such as mi9w3k2f"));
    }
    world.tell_agent(&format!("incidents/{id}/{act}"), body).map(drop)
}

fn list(world: &World, json: bool) -> Result<ExitCode, Refusal> {
    if json {
        let answer: Value = world.ask_agent("incidents")?;
        world.say(&say::json::versioned(&answer))?;
        return Ok(ExitCode::Fine);
    }
    let Items { items } = world.ask_agent("incidents")?;
    world.say(&say::incidents::list(&items, &world.clock(), &Paper::of_stdout()))?;
    Ok(ExitCode::Fine)
}
