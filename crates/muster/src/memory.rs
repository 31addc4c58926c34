//! What was last written down on this host, for people who ask while no agent runs. Nobody knows how things stand now,
//! so every condition is unknown.

use std::collections::{BTreeMap, BTreeSet};

use muster_core::board::{Board, Fault, Snapshot};
use muster_core::effect::Condition;
use muster_core::expectation::{Expectation, Rhythm};
use muster_core::ids::ExpectationId;
use muster_core::roll_call::{RollCall, StoredRow};
use muster_core::time::{Now, Span};
use muster_host::state::Layout;
use muster_store::contract::StoreError;
use muster_store::sqlite::Archive;

/// The roll as last written down. `plan` tells the rhythms of those that the configuration still names.
pub(crate) fn recall(layout: &Layout, plan: Vec<Expectation>, now: Now) -> Snapshot {
    let mut faults = Vec::new();
    let board = match rows(layout) {
        Ok(rows) => board(rows, plan, now),
        Err(error) => {
            faults.push(Fault {
                code: error.code().to_owned(),
                what: error.to_string(),
                help: error.help().to_owned(),
                since: now.wall,
            });
            Board { at: now.wall, lines: Vec::new() }
        }
    };
    Snapshot { board, faults, ..Snapshot::default() }
}

fn rows(layout: &Layout) -> Result<Vec<StoredRow>, StoreError> {
    let Some(archive) = Archive::open(&layout.db())? else { return Ok(Vec::new()) };
    // A row of another version is shown by the agent's own start, which says what became of it.
    Ok(archive.load()?.rows.iter().filter_map(|(_, text)| serde_json::from_str(text).ok()).collect())
}

fn board(rows: Vec<StoredRow>, plan: Vec<Expectation>, now: Now) -> Board {
    let mut expected: BTreeMap<ExpectationId, Expectation> =
        plan.into_iter().map(|expectation| (expectation.id.clone(), expectation)).collect();
    let remembered: BTreeSet<ExpectationId> = rows.iter().map(|row| row.id().clone()).collect();
    expected.retain(|id, _| remembered.contains(id));
    for id in remembered {
        let bare = || Expectation::new(id.clone(), Rhythm::OnReport, Span::ZERO);
        expected.entry(id.clone()).or_insert_with(bare);
    }
    // A roll call of its own, of which only the view is used: nothing that it decides is carried out.
    let mut roll = RollCall::restore(rows, None);
    roll.expect(expected.into_values().collect(), now);
    let mut board = roll.board(now);
    for line in &mut board.lines {
        line.condition = Condition::Unknown { why: "the agent is not running".to_owned() };
        line.running.clear();
    }
    board
}
