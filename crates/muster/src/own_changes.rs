//! What a verb changes on this host at somebody's word is accepted with it: nobody is paged as of a drift about what they
//! asked for. Where that cannot be done, people are told of the drift, and nothing worse.

use std::path::{Path, PathBuf};

use muster_config::plan::WatchItem;
use muster_drift::ground::Ground;
use muster_drift::own::{self, Before};
use muster_host::state::Layout;

use crate::world::World;

/// What stood before a verb changes something.
pub(crate) struct OwnChanges {
    root: PathBuf,
    layout: Layout,
    watch: Vec<WatchItem>,
    ground: Ground,
    before: Before,
}

impl OwnChanges {
    /// Looks at what differs already; none where nothing is held against an accepted state.
    pub(crate) fn begin(world: &World, root: &Path) -> Option<Self> {
        let layout = world.layout().ok()?;
        let watch = world.configuration().ok()??.judge().0?.drift?.watch;
        let ground = Ground::new(root).ok()?;
        let before = own::before(&layout, &watch, &ground).ok()??;
        Some(Self { root: root.to_owned(), layout, watch, ground, before })
    }

    /// Accepts these files as the verb left them, if they were as accepted before.
    pub(crate) fn end<'p>(self, world: &World, written: impl Iterator<Item = &'p Path>, verb: &str) {
        let below = |path: &Path| {
            let inside = path.strip_prefix(&self.root).ok()?;
            Some(Path::new("/").join(inside).display().to_string())
        };
        let written: Vec<String> = written.filter_map(below).collect();
        let (by, at) = (muster_host::user::own(), world.now().wall);
        let accepted =
            own::after(&self.layout, &self.watch, &self.ground, (&self.before, &written), (&by, verb), at);
        if let Err(error) = accepted {
            world.warn(&format!(
                "{error}; what was changed will be told as drift until `muster drift accept`"
            ));
        }
    }
}
