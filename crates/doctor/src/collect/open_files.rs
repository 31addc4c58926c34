//! Logs that processes write to, and removed files that they still hold.

use std::os::unix::fs::MetadataExt;

use muster_core::time::Timestamp;

use super::descriptors::{self, Descriptor};
use super::ground::Ground;
use super::{Collector, Put, WITHIN, sqlite};
use crate::facts::Fact;
use crate::facts::logs::OpenFile;

pub(super) const COLLECTOR: Collector = Collector {
    name: "open_files",
    within: WITHIN,
    read,
    blind: |facts, why| facts.open_files = Fact::unknown(why),
};

/// Most files that are told.
const FILES: usize = 2_000;
/// What the kernel writes behind the path of a file that was removed.
const REMOVED: &str = " (deleted)";

fn read(ground: &Ground) -> Put {
    if !ground.live {
        return Box::new(|facts| facts.open_files = Fact::nothing("only files were read"));
    }
    let mut files: Vec<OpenFile> = Vec::new();
    let mut databases = sqlite::Writers::new();
    let why = descriptors::each(|descriptor| {
        sqlite::note(&mut databases, descriptor);
        if files.len() < FILES
            && let Some(file) = written(descriptor)
            && !files.iter().any(|other| other.pid == file.pid && other.path == file.path)
        {
            files.push(file);
        }
    });
    // Without rights only our own processes are seen: then nobody looked at those that matter.
    let files = match why {
        Some(why) => Fact::unknown(why),
        None => Fact::Known(files),
    };
    let databases = sqlite::open(ground, databases);
    Box::new(|facts| {
        facts.open_files = files;
        facts.sqlite = Fact::Known(databases);
    })
}

fn written(descriptor: &Descriptor<'_>) -> Option<OpenFile> {
    let path = descriptor.target.strip_suffix(REMOVED).unwrap_or(descriptor.target);
    let deleted = path.len() < descriptor.target.len();
    if path.starts_with("/memfd:") || (!deleted && !is_log(path)) {
        return None;
    }
    let flags = descriptor.flags();
    // O_WRONLY or O_RDWR.
    if flags & 0o3 == 0 {
        return None;
    }
    let about = descriptor.about().ok().filter(|about| about.is_file())?;
    // A path of a container is not one of the host.
    let is_ours = |host: std::fs::Metadata| host.ino() == about.ino() && host.dev() == about.dev();
    if !deleted && !std::fs::metadata(path).is_ok_and(is_ours) {
        return None;
    }
    Some(OpenFile {
        path: path.to_owned(),
        pid: descriptor.pid,
        program: descriptors::program(descriptor.pid),
        deleted,
        appends: flags & 0o2000 != 0,
        size: about.blocks() * 512,
        modified: Timestamp::from_millis(about.mtime().saturating_mul(1000)),
    })
}

/// A path by whose name it is a log.
fn is_log(path: &str) -> bool {
    path.contains("/log/") || path.contains("/logs/") || path.contains(".log") || path.ends_with(".out")
}
