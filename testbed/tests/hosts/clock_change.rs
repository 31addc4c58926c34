//! The two nights a year in which the clock is changed, lived through by Debian's own cron: what it starts and when is
//! compared with what `core::schedule` says. libfaketime gives cron the night, a minute of it in half a second.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use muster_core::schedule::Schedule;
use muster_core::time::Timestamp;

const ZONE: &str = "Europe/Berlin";
/// How much faster than ours cron's clock runs.
const FASTER: u64 = 120;

/// Jobs inside the hour that is missing or comes twice, at its edges, and outside; fixed ones and ones that follow the
/// clock on the wall.
const SCHEDULES: [&str; 10] = [
    "30 2 * * *",
    "0 3 * * *",
    "0 2 * * *",
    "15 2,3 * * *",
    "10-40/10 2 * * *",
    "0 1-4 * * *",
    "*/20 * * * *",
    "5 * * * *",
    "25 */2 * * *",
    "45 1 * * *",
];

struct Night {
    name: &'static str,
    /// As faketime(1) reads it, in the zone.
    from: &'static str,
    /// The same moment.
    begins: Timestamp,
    hours: u64,
}

const NIGHTS: [Night; 2] = [
    Night {
        name: "spring",
        from: "2026-03-29 01:31:00",
        begins: Timestamp::from_seconds(1_774_744_260),
        hours: 2,
    },
    Night {
        name: "autumn",
        from: "2026-10-25 01:31:00",
        begins: Timestamp::from_seconds(1_792_884_660),
        hours: 4,
    },
];

/// Both nights at once.
pub(crate) fn agree() -> Result<(), String> {
    thread::scope(|scope| {
        let nights = NIGHTS.map(|night| scope.spawn(move || live_through(&night)));
        let wrong: Vec<String> = nights
            .into_iter()
            .filter_map(|night| night.join().unwrap_or_else(|_| Err("a night broke off".to_owned())).err())
            .collect();
        if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
    })
}

/// Ends cron when the value is dropped, and what it started with it.
struct Cron(Child);

impl Drop for Cron {
    fn drop(&mut self) {
        // Without `--` the kill(1) of procps 4.0.2 takes "-1234" for "-1", and ends every process there is.
        let group = format!("-{}", self.0.id());
        let _asked = Command::new("kill").args(["-TERM", "--", &group]).status();
        let _reaped = self.0.wait();
    }
}

fn live_through(night: &Night) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let place = folder.path().display().to_string();
    let mut crontab = String::new();
    for (number, schedule) in SCHEDULES.iter().enumerate() {
        // The job's own clock is ours: cron gives its jobs a fresh environment.
        crontab.push_str(&format!("{schedule} root echo \"{number} $(date +\\%s\\%3N)\" >>{place}/log\n"));
    }
    std::fs::write(folder.path().join("crontab"), crontab).map_err(|error| error.to_string())?;
    let mut cron = Cron(start(&place, night)?);
    // timeout(1) sees to it that this ends.
    let ended = cron.0.wait().map_err(|error| error.to_string())?.code();
    // 124 is how timeout(1) says that it ended the command.
    if ended != Some(124) {
        return Err(format!("{}: cron ended by itself: {ended:?}", night.name));
    }
    compare(night, folder.path())
}

/// cron with nothing but our crontab, in a mount namespace and a process group of its own.
fn start(place: &str, night: &Night) -> Result<Child, String> {
    use std::os::unix::process::CommandExt as _;
    let seconds = night.hours * 3600 / FASTER;
    let script = format!(
        "set -e; mount --make-rprivate /
         for folder in /var/spool/cron/crontabs /etc/cron.d /run; do mount -t tmpfs none $folder; done
         : >{place}/empty; mount --bind {place}/empty /etc/crontab
         cp {place}/crontab /etc/cron.d/night; chmod 644 /etc/cron.d/night
         date +%s%3N >{place}/began
         TZ={ZONE} exec timeout {seconds} faketime -f '@{} x{FASTER}' cron -f",
        night.from
    );
    Command::new("unshare")
        .args(["--mount", "sh", "-c", &script])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(|error| format!("unshare: {error}"))
}

/// Every start that should be was, no other was, and each within four minutes of the night (two seconds of ours).
fn compare(night: &Night, folder: &Path) -> Result<(), String> {
    let read = |name: &str| {
        std::fs::read_to_string(folder.join(name)).map_err(|error| format!("{}: {name}: {error}", night.name))
    };
    let number = |text: &str| text.trim().parse::<u64>().map_err(|error| format!("{text:?}: {error}"));
    let began = number(&read("began")?)?;
    let mut started: Vec<Vec<u64>> = vec![Vec::new(); SCHEDULES.len()];
    for line in read("log")?.lines() {
        let (which, at) = line.split_once(' ').ok_or_else(|| format!("odd line {line:?}"))?;
        let which = usize::try_from(number(which)?).map_err(|error| error.to_string())?;
        let minutes = (number(at)?.saturating_sub(began)) * FASTER / 60_000;
        started.get_mut(which).ok_or("a job that is not ours")?.push(minutes);
    }
    let mut wrong = Vec::new();
    for (text, mut started) in SCHEDULES.iter().zip(started) {
        // A job with several times in the missing hour is started as often, all at once: that is one slot.
        started.dedup();
        let planned = planned(night, text)?;
        let near = |(is, planned): (&u64, &u64)| (*planned..=planned + 4).contains(is);
        if started.len() != planned.len() || !started.iter().zip(&planned).all(near) {
            wrong.push(format!("{text}: cron started at {started:?}, planned were {planned:?}"));
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(format!("{}, in minutes after {}:\n{}", night.name, night.from, wrong.join("\n")))
}

/// Minutes after the beginning. Nothing is planned for the last few, in which cron may have been ended already.
fn planned(night: &Night, text: &str) -> Result<Vec<u64>, String> {
    let schedule = Schedule::parse(text, ZONE).map_err(|error| error.to_string())?;
    let last = night.begins.shifted(i64::try_from(night.hours * 3_600_000).unwrap_or(i64::MAX));
    let mut minutes = Vec::new();
    let mut at = night.begins;
    loop {
        at = schedule.next_after(at).map_err(|error| error.to_string())?;
        if at >= last {
            return Ok(minutes);
        }
        minutes.push(at.since(night.begins).as_millis() / 60_000);
    }
}
