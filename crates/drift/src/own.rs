//! What muster itself changes is accepted with it: nobody is paged about a change that they asked muster for. A file
//! that was not as accepted before stays a difference.

use std::collections::BTreeMap;

use muster_config::plan::WatchItem;
use muster_core::time::Timestamp;
use muster_host::state::Layout;

use crate::differ::differences;
use crate::ground::Ground;
use crate::look::{Budget, Sight, look};
use crate::record::{Record, RecordError};
use crate::thing::Thing;

/// What stood in the way of muster's own change being accepted, taken before it is made.
#[derive(Debug)]
pub struct Before {
    /// By item, what differed already.
    differed: BTreeMap<String, Vec<String>>,
}

/// Which differences there are before muster changes something; none where nothing was ever accepted.
///
/// # Errors
/// When the record cannot be read.
pub fn before(layout: &Layout, watch: &[WatchItem], ground: &Ground) -> Result<Option<Before>, RecordError> {
    let Some(record) = Record::read(layout)? else { return Ok(None) };
    let mut differed = BTreeMap::new();
    each(&record, watch, ground, 0, |item, accepted, sight| {
        let found = differences(accepted, &sight.things);
        differed.insert(item.text.clone(), found.iter().map(|one| one.name.to_owned()).collect());
    });
    Ok(Some(Before { differed }))
}

/// Accepts what differs now and did not before, of the files in `written` and the folders that they lie in. How many
/// things that were.
///
/// # Errors
/// When the record cannot be read or written.
pub fn after(
    layout: &Layout,
    watch: &[WatchItem],
    ground: &Ground,
    (before, written): (&Before, &[String]),
    by: (&str, &str),
    at: Timestamp,
) -> Result<usize, RecordError> {
    let held = Record::hold(layout)?;
    let Some(mut record) = Record::read(layout)? else { return Ok(0) };
    let mut fresh: Vec<(String, Vec<String>, Sight)> = Vec::new();
    each(&record, watch, ground, usize::MAX, |item, accepted, sight| {
        // An item that could not be seen before may differ for another reason.
        let Some(already) = before.differed.get(&item.text) else { return };
        let found = differences(accepted, &sight.things);
        let is_own = |name: &str| {
            let holds = |path: &String| path.strip_prefix(name).is_some_and(|rest| rest.starts_with('/'));
            written.iter().any(|path| path == name || holds(path))
        };
        let names = found.iter().map(|one| one.name.to_owned());
        let names: Vec<String> = names.filter(|name| is_own(name) && !already.contains(name)).collect();
        if !names.is_empty() {
            fresh.push((item.text.clone(), names, sight));
        }
    });
    let mut count = 0;
    for (item, names, sight) in &fresh {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        record.accept(item, &names, sight, by, at);
        count += names.len();
    }
    if count > 0 {
        record.write(layout, fresh.iter().flat_map(|(_, _, sight)| sight.texts.values()), &held)?;
    }
    Ok(count)
}

/// Shows each item that was accepted and can be seen.
fn each(
    record: &Record,
    watch: &[WatchItem],
    ground: &Ground,
    texts: usize,
    mut show: impl FnMut(&WatchItem, &BTreeMap<String, Thing>, Sight),
) {
    let mut budget = Budget::default();
    for item in watch {
        if let Some(accepted) = record.of(&item.text)
            && let Ok(sight) = look(ground, item, accepted, texts, &mut budget)
        {
            show(item, accepted, sight);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use muster_config::plan::Watch;
    use muster_core::ids::ExpectationId;

    use super::*;

    #[test]
    fn what_muster_changed_is_accepted_and_what_somebody_else_changed_is_not() {
        let root = tempfile::tempdir().unwrap();
        let layout = Layout::new(root.path().join("state"));
        fs::create_dir_all(root.path().join("etc")).unwrap();
        for name in ["a", "b", "c"] {
            fs::write(root.path().join("etc").join(name), "old\n").unwrap();
        }
        let watch = [WatchItem {
            id: ExpectationId::new("drift.etc").unwrap(),
            text: "/etc".to_owned(),
            what: Watch::Path("/etc".to_owned()),
        }];
        let ground = Ground::new(root.path()).unwrap();
        assert!(before(&layout, &watch, &ground).unwrap().is_none(), "nothing was accepted");
        let sight = look(&ground, &watch[0], &BTreeMap::new(), usize::MAX, &mut Budget::default()).unwrap();
        let names: Vec<&str> = sight.things.keys().map(String::as_str).collect();
        let mut record = Record::default();
        let at = Timestamp::from_seconds(1_795_000_000);
        record.accept("/etc", &names, &sight, ("muster", "first seen"), at);
        record.write(&layout, sight.texts.values(), &Record::hold(&layout).unwrap()).unwrap();

        fs::write(root.path().join("etc/a"), "theirs\n").unwrap();
        let known = before(&layout, &watch, &ground).unwrap().unwrap();
        for name in ["a", "b", "c", "d/e"] {
            let path = root.path().join("etc").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "ours\n").unwrap();
        }
        let written = ["/etc/a", "/etc/b", "/etc/d/e"].map(str::to_owned);
        let by = ("root", "muster jobs adopt");
        let count = after(&layout, &watch, &ground, (&known, &written), by, at).unwrap();
        assert_eq!(count, 3, "b, d and d/e");
        let record = Record::read(&layout).unwrap().unwrap();
        let now = look(&ground, &watch[0], &record.items["/etc"], 0, &mut Budget::default()).unwrap();
        let left: Vec<&str> =
            differences(&record.items["/etc"], &now.things).iter().map(|one| one.name).collect();
        assert_eq!(left, ["/etc/a", "/etc/c"]);
        assert_eq!(record.last("/etc").unwrap().names, ["/etc/b", "/etc/d", "/etc/d/e"]);
        let b = record.items["/etc"]["/etc/b"].content().unwrap().text.clone().unwrap();
        assert_eq!(crate::record::text(&layout, &b).unwrap(), "ours\n");
        // The lock, and the four texts that are still accepted: old and ours.
        assert_eq!(fs::read_dir(layout.drift_texts()).unwrap().count(), 3);
    }
}
