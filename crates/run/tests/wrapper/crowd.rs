//! Ten jobs that write at full speed into a small file system: the cap on all logs together, and what is left of the disk.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use muster_core::signal::Report;
use muster_host::spool::{Bounds, Spool};
use muster_host::state::Layout;

use crate::world::{World, eventually};

const MIB: u64 = 1 << 20;
const CAP: u64 = 128 * MIB;
const JOBS: usize = 10;
const RUNS: usize = 3;

/// A file system of 1 GiB in a file; it goes away with the value.
struct Disk(PathBuf);

impl Disk {
    fn new(folder: &Path) -> Self {
        let (image, place) = (folder.join("image"), folder.join("disk"));
        let file = fs::File::create(&image).expect("made");
        file.set_len(1 << 30).expect("sparse");
        fs::create_dir(&place).expect("made");
        let run =
            |command: &mut Command| assert!(command.status().expect("started").success(), "{command:?}");
        run(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&image));
        run(Command::new("mount").args(["-o", "loop"]).arg(&image).arg(&place));
        Self(place)
    }

    /// Bytes that ordinary users may still write.
    fn free(&self) -> u64 {
        let there = rustix::fs::statvfs(&self.0).expect("looked at");
        there.f_bavail * there.f_frsize
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(&self.0).status().expect("umount");
    }
}

/// What `du` says: the blocks of everything below, folders too.
fn occupied(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let below = entries.filter_map(|entry| {
        // It may have gone since it was listed.
        let there = fs::symlink_metadata(entry.path()).ok()?;
        Some(if there.is_dir() { occupied(&entry.path()) } else { there.blocks() * 512 })
    });
    fs::symlink_metadata(folder).map_or(0, |there| there.blocks() * 512) + below.sum::<u64>()
}

/// Ends the sampling, also when the test fails: a thread is waited for.
struct Stops<'a>(&'a AtomicBool);

impl Drop for Stops<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn talk(world: &World, job: &str, mib: u64) -> Command {
    let script = format!("yes 'a line of some output that goes on and on' | head -c {mib}m");
    world.command(&["-q", job, "--", "sh", "-c", &script])
}

pub(crate) fn ten_jobs_at_full_speed_keep_the_cap_and_leave_room_on_the_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    let disk = Disk::new(folder.path());
    let mut world = World::new();
    world.layout = Layout::new(disk.0.join("state"));
    world.layout.create().expect("made");
    fs::write(world.path("muster.toml"), format!("[muster]\nkeep = {{ logs = \"{}MiB\" }}\n", CAP / MIB))
        .expect("written");
    let (runs, over, most) = (world.layout.runs(), AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|threads| {
        let sampler = threads.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                most.fetch_max(occupied(&runs), Ordering::Relaxed);
            }
        });
        let writers: Vec<_> = (0..JOBS)
            .map(|n| {
                let world = &world;
                threads.spawn(move || {
                    for _ in 0..RUNS {
                        let ended = talk(world, &format!("job{n}"), 9).output().expect("started");
                        assert_eq!(ended.status.code(), Some(0), "{ended:?}");
                    }
                })
            })
            .collect();
        let stops = Stops(&over);
        // Writers that are killed take nothing with them for good.
        for n in 0..3 {
            let job = format!("killed{n}");
            let mut child = talk(&world, &job, 64).spawn().expect("started");
            eventually("it writes", || (occupied(&runs.join(&job)) >= 64 << 10).then_some(()));
            child.kill().expect("killed");
            child.wait().expect("waited");
        }
        let ended: Vec<bool> = writers.into_iter().map(|writer| writer.join().is_ok()).collect();
        drop(stops);
        sampler.join().expect("sampled");
        assert!(ended.iter().all(|ended| *ended), "a job did not end as it should");
    });
    let most = most.into_inner();
    println!(
        "cap {} MiB, at most {} KiB occupied: {} KiB over",
        CAP / MIB,
        most >> 10,
        (most >> 10).saturating_sub(CAP >> 10)
    );
    assert!(most <= CAP + 8 * MIB, "{most} of {CAP}");
    assert!(most >= CAP / 2, "the cap was never near: {most}");
    let batch = Spool::new(&world.layout).read(Bounds { records: 1000, ..Bounds::default() }).expect("read");
    let ends = batch.records.iter().filter(|record| {
        record.signal.as_ref().is_ok_and(|signal| matches!(signal.report, Report::Success(_)))
    });
    assert_eq!(ends.count(), JOBS * RUNS, "every outcome is there");
    for n in 0..JOBS {
        assert!(occupied(&runs.join(format!("job{n}"))) >= MIB, "the newest log of job{n} stays");
    }

    // Somebody else fills the disk.
    let before = occupied(&runs);
    let floor = 50 * MIB;
    let ballast = fs::File::create(disk.0.join("ballast")).expect("made");
    let size = disk.free() - 30 * MIB;
    rustix::fs::fallocate(&ballast, rustix::fs::FallocateFlags::empty(), 0, size).expect("room");
    assert!(disk.free() < 31 * MIB);
    // The newest log of each job is left, and there is more than that now.
    assert_eq!(talk(&world, "job0", 4).status().expect("started").code(), Some(0));
    let after = occupied(&runs);
    assert!(after < before, "logs shrink: {before}, {after}");
    let one_each = (JOBS as u64 + 3) * 8 * MIB + 8 * MIB;
    assert!(disk.free() >= floor - 4 * MIB || after <= one_each, "{} free, {after}", disk.free());
}
