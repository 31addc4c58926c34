//! Programs that a host runs for a deploy, and waits for: never through a shell, each with a deadline, bounded in what is
//! kept of its words, and killed with all that it started when its time is over.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use muster_host::discover::blot::blot_line;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

use crate::trouble::Trouble;

/// Bytes of its complaints that are kept, the last ones.
const COMPLAINT: usize = 16 << 10;
/// How long what it left running may keep its pipes open after its own end.
const AFTER: Duration = Duration::from_millis(200);
/// The longest time between two looks at whether it has ended, where the kernel cannot tell.
const LOOK: Duration = Duration::from_millis(50);
/// The longest line that is told, in characters.
const LINE: usize = 400;
/// Lines of a complaint that a trouble carries.
const LINES: usize = 20;

/// What a program reads.
#[derive(Debug, Clone, Copy)]
pub enum Input<'a> {
    /// Nothing: it is at the end at once.
    Nothing,
    /// These bytes; a program that does not want them all is no trouble.
    Bytes(&'a [u8]),
    /// A file, from where it stands.
    File(&'a File),
}

/// What is run. It has the environment of this process, with these values on top; its words are in English.
#[derive(Debug, Clone, Copy)]
pub struct Program<'a> {
    /// The program and its arguments. No secret belongs here: everybody on the host may read them.
    pub words: &'a [&'a OsStr],
    /// Further values for its environment.
    pub env: &'a [(&'a str, &'a OsStr)],
    /// The longest that it may take.
    pub within: Duration,
    /// Bytes of its standard output that are kept, the first ones; the rest is read and thrown away.
    pub output: usize,
    /// What it reads.
    pub stdin: Input<'a>,
}

/// A program that came to its end.
#[derive(Debug)]
pub struct Ended {
    /// How.
    pub status: ExitStatus,
    /// What it wrote to its standard output, as far as it was wanted.
    pub out: Vec<u8>,
    /// The last of what it wrote to its standard error, at most 16 KiB.
    pub complaint: String,
    /// What it is called in a sentence: `docker pull`.
    name: String,
}

/// Where the words of a program go.
struct Kept<'a> {
    out: Vec<u8>,
    room: usize,
    complaint: Vec<u8>,
    file: Option<&'a mut File>,
    failed: Option<io::Error>,
}

impl Program<'_> {
    /// Runs it to its end.
    ///
    /// # Errors
    /// It could not be started or watched, or did not end in time and was killed.
    pub fn run(&self) -> Result<Ended, Trouble> {
        self.carry_out(false, None)
    }

    /// The same, and what it writes to its standard error stands among its output, in the order in which it was written.
    ///
    /// # Errors
    /// As for [`run`](Self::run).
    pub fn run_merged(&self) -> Result<Ended, Trouble> {
        self.carry_out(true, None)
    }

    /// The same into a file, as much as it may keep; the last of it is the complaint as well.
    ///
    /// # Errors
    /// As for [`run`](Self::run); the file cannot be written.
    pub fn run_into(&self, file: &mut File) -> Result<Ended, Trouble> {
        self.carry_out(true, Some(file))
    }

    fn carry_out(&self, merged: bool, file: Option<&mut File>) -> Result<Ended, Trouble> {
        let name = name(self.words);
        let until = Instant::now() + self.within;
        let watched = |error: io::Error| Trouble::new(format!("{name} could not be watched: {error}"));
        let mut command = self.command().map_err(watched)?;
        let mut pipes: Vec<OwnedFd> = Vec::new();
        let (from_out, out) = io::pipe().map_err(watched)?;
        if merged {
            command.stderr(out.try_clone().map_err(watched)?);
        } else {
            let (from_error, error) = io::pipe().map_err(watched)?;
            command.stderr(error);
            pipes.push(from_error.into());
        }
        command.stdout(out);
        pipes.insert(0, from_out.into());
        let child = command.spawn().map_err(|error| match error.kind() {
            ErrorKind::NotFound => Trouble::new(format!("{name}: the program is not installed")),
            _ => Trouble::new(format!("{name} could not be started: {error}")),
        })?;
        // It holds our copies of the ends of the pipes.
        drop(command);
        let mut kept = Kept { out: Vec::new(), room: self.output, complaint: Vec::new(), file, failed: None };
        let bytes = match self.stdin {
            Input::Bytes(bytes) => bytes,
            Input::Nothing | Input::File(_) => &[],
        };
        let status = see_out(child, pipes, bytes, until, merged, &mut kept).map_err(watched)?;
        if let Some(error) = kept.failed {
            return Err(Trouble::new(format!("the output of {name} cannot be kept: {error}")));
        }
        let complaint = String::from_utf8_lossy(&kept.complaint).into_owned();
        let Some(status) = status else {
            let seconds = self.within.as_secs_f32().ceil();
            return Err(Trouble::new(format!("{name} did not end within {seconds} s and was killed"))
                .lines(lines(&complaint, LINES)));
        };
        Ok(Ended { status, out: kept.out, complaint, name })
    }

    fn command(&self) -> io::Result<Command> {
        let Some((program, arguments)) = self.words.split_first() else {
            return Err(ErrorKind::InvalidInput.into());
        };
        let mut command = Command::new(program);
        command.args(arguments).env("LC_ALL", "C").envs(self.env.iter().copied()).process_group(0);
        command.stdin(match self.stdin {
            Input::Nothing => Stdio::null(),
            Input::Bytes(_) => Stdio::piped(),
            Input::File(file) => file.try_clone()?.into(),
        });
        Ok(command)
    }
}

impl Ended {
    /// What it wrote, if it ended well.
    ///
    /// # Errors
    /// It did not: its last words.
    pub fn good(self) -> Result<Vec<u8>, Trouble> {
        if self.status.success() { Ok(self.out) } else { Err(self.trouble()) }
    }

    /// How it ended in words, and the last lines of its complaint: `docker pull: exit 1: no such image`.
    pub fn trouble(&self) -> Trouble {
        let lines = lines(&self.complaint, LINES);
        let said = telling(&self.name, &lines);
        let how = match self.status.code() {
            Some(code) => format!("{}: exit {code}", self.name),
            None => format!("{} was killed by a signal", self.name),
        };
        let what = match said {
            Some(said) => format!("{how}: {said}"),
            None => how,
        };
        Trouble::new(what).lines(lines)
    }
}

/// The line that says why. Most programs say it last; git(1) goes on with advice after `fatal:`, and systemctl(1) begins with
/// the reason and ends with where to read more.
fn telling<'l>(name: &str, lines: &'l [String]) -> Option<&'l String> {
    let begins = |words: &'static [&'static str]| {
        lines.iter().rfind(move |line| words.iter().any(|word| line.starts_with(word)))
    };
    match name.split(' ').next() {
        Some("git") => begins(&["fatal: ", "ERROR: "]).or_else(|| begins(&["error: "])).or(lines.last()),
        Some("systemctl" | "systemd-run") => lines.first(),
        _ => lines.last(),
    }
}

/// The last lines of what a program wrote, for people elsewhere: what looks like a secret is blotted out, control characters
/// are blanks, each is at most 400 characters long, and none is empty.
pub(crate) fn lines(text: &str, most: usize) -> Vec<String> {
    let clean = |line: &str| {
        let blank = |c: char| if c.is_control() { ' ' } else { c };
        let shown: String = line.trim().chars().map(blank).take(LINE).collect();
        // It may have grown by its blots.
        blot_line(&shown).chars().take(LINE).collect::<String>()
    };
    let mut last: Vec<String> =
        text.lines().rev().map(clean).filter(|line| !line.is_empty()).take(most).collect();
    last.reverse();
    last
}

/// The program, and the word that says what it does.
fn name(words: &[&OsStr]) -> String {
    let word = |at: usize| words.get(at).map(|word| word.to_string_lossy().into_owned());
    let program = word(0).unwrap_or_default();
    let program = program.rsplit('/').next().unwrap_or_default().to_owned();
    let is_verb = |word: &String| word.starts_with(|c: char| c.is_ascii_lowercase()) && word.len() < 20;
    match word(1).filter(is_verb) {
        Some(verb) => format!("{program} {verb}"),
        None => program,
    }
}

/// Feeds it, hears it and waits for it. None if it was killed because its time was over.
fn see_out(
    mut child: Child,
    pipes: Vec<OwnedFd>,
    mut input: &[u8],
    until: Instant,
    merged: bool,
    kept: &mut Kept<'_>,
) -> io::Result<Option<ExitStatus>> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let end = pid.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
    let mut stdin = child.stdin.take();
    if let Some(stdin) = &stdin {
        rustix::io::ioctl_fionbio(stdin, true)?;
    }
    let mut pipes: Vec<Option<File>> = pipes.into_iter().map(|pipe| Some(File::from(pipe))).collect();
    let mut status = None;
    let mut until = until;
    loop {
        if input.is_empty() {
            stdin = None;
        }
        if status.is_none() {
            status = child.try_wait()?;
            if status.is_some() {
                until = until.min(Instant::now() + AFTER);
            }
        }
        if status.is_some() && pipes.iter().all(Option::is_none) {
            return Ok(status);
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        // Once it has ended its handle is always ready, and would make this loop a busy one.
        let end = end.as_ref().filter(|_| status.is_none());
        let ready = wait(&pipes, stdin.as_ref(), end, left.min(LOOK));
        for (at, pipe) in pipes.iter_mut().enumerate() {
            if ready.get(at) == Some(&true) && !hear(pipe, at == 1 || merged, at == 0, kept)? {
                *pipe = None;
            }
        }
        if ready.get(pipes.len()) == Some(&true) && !feed(&mut stdin, &mut input) {
            stdin = None;
        }
    }
    if status.is_none() {
        if let Some(pid) = pid {
            // Nobody left is what we want.
            _ = kill_process_group(pid, Signal::KILL);
        }
        child.wait()?;
    }
    Ok(status)
}

/// Which of the pipes, and then whether its input, can go on.
fn wait(
    pipes: &[Option<File>],
    stdin: Option<&ChildStdin>,
    end: Option<&OwnedFd>,
    most: Duration,
) -> Vec<bool> {
    let mut handles: Vec<(Option<usize>, PollFd<'_>)> = Vec::new();
    for (at, pipe) in pipes.iter().enumerate() {
        if let Some(pipe) = pipe {
            handles.push((Some(at), PollFd::new(pipe, PollFlags::IN)));
        }
    }
    if let Some(stdin) = stdin {
        handles.push((Some(pipes.len()), PollFd::new(stdin, PollFlags::OUT)));
    }
    if let Some(end) = end {
        handles.push((None, PollFd::new(end, PollFlags::IN)));
    }
    let (places, mut handles): (Vec<_>, Vec<_>) = handles.into_iter().unzip();
    let mut ready = vec![false; pipes.len() + 1];
    let most = Timespec::try_from(most).ok();
    // An interrupted wait is a short one.
    if poll(&mut handles, most.as_ref()).is_ok() {
        for (place, handle) in places.iter().zip(&handles) {
            if let Some(slot) = place.and_then(|place| ready.get_mut(place)) {
                *slot = !handle.revents().is_empty();
            }
        }
    }
    ready
}

/// Reads what a pipe has. False at its end.
fn hear(pipe: &mut Option<File>, complains: bool, tells: bool, kept: &mut Kept<'_>) -> io::Result<bool> {
    let Some(pipe) = pipe else { return Ok(false) };
    let mut block = [0; 16 << 10];
    let count = match pipe.read(&mut block) {
        Ok(0) => return Ok(false),
        Ok(count) => count,
        Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(true),
        Err(error) => return Err(error),
    };
    let heard = block.get(..count).unwrap_or_default();
    if complains {
        kept.complaint.extend_from_slice(heard);
        let over = kept.complaint.len().saturating_sub(COMPLAINT);
        kept.complaint.drain(..over);
    }
    if tells {
        let some = heard.get(..kept.room.min(count)).unwrap_or_default();
        kept.room -= some.len();
        match &mut kept.file {
            None => kept.out.extend_from_slice(some),
            // A full disk does not end a migration half-way: it is told afterwards.
            Some(file) if kept.failed.is_none() => kept.failed = file.write_all(some).err(),
            Some(_) => {}
        }
    }
    Ok(true)
}

/// Writes what a pipe takes. False when there is nobody to read it.
fn feed(stdin: &mut Option<ChildStdin>, input: &mut &[u8]) -> bool {
    let Some(pipe) = stdin else { return false };
    match pipe.write(input) {
        Ok(count) => {
            *input = input.get(count..).unwrap_or_default();
            true
        }
        Err(error) => matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, within: f32, output: usize, stdin: Input<'_>) -> Result<Ended, Trouble> {
        let words = ["sh", "-c", script].map(OsStr::new);
        let within = Duration::from_secs_f32(within);
        Program { words: &words, env: &[("ODD", OsStr::new("a b"))], within, output, stdin }.run()
    }

    #[test]
    fn what_it_writes_is_kept_within_bounds_and_does_not_stop_it() {
        let ended = shell("head -c 3000000 /dev/zero; echo $ODD >&2; exit 3", 20.0, 1000, Input::Nothing);
        let ended = ended.expect("ended");
        assert_eq!((ended.out.len(), ended.complaint.as_str()), (1000, "a b\n"));
        assert_eq!(ended.good().expect_err("not well").what, "sh: exit 3: a b");
        let much = shell("seq 1 100000 >&2", 20.0, 0, Input::Nothing).expect("ended");
        assert!(much.complaint.len() <= COMPLAINT && much.complaint.ends_with("100000\n"));
    }

    #[test]
    fn it_reads_what_it_is_given_and_need_not() {
        let much = vec![b'x'; 1 << 20];
        let ended = shell("wc -c", 20.0, 100, Input::Bytes(&much)).expect("ended");
        assert_eq!(ended.out.trim_ascii(), b"1048576");
        assert!(shell("exec <&-; echo", 20.0, 100, Input::Bytes(&much)).expect("ended").status.success());
        let file = tempfile::tempfile().expect("a file");
        rustix::io::pwrite(&file, b"filed", 0).expect("written");
        assert_eq!(shell("cat", 20.0, 100, Input::File(&file)).expect("ended").out, b"filed");
        assert_eq!(shell("cat", 20.0, 100, Input::Nothing).expect("ended").out, b"");
    }

    #[test]
    fn one_that_hangs_is_killed_with_what_it_started() {
        let folder = tempfile::tempdir().expect("a folder");
        let mark = folder.path().join("pid");
        let script = format!("echo first >&2; sleep 600 & echo $! > {}; wait", mark.display());
        let hung = shell(&script, 0.7, 0, Input::Nothing).expect_err("killed");
        assert_eq!(hung.what, "sh did not end within 1 s and was killed");
        assert_eq!(hung.lines, ["first"]);
        let pid: u32 = std::fs::read_to_string(&mark).expect("noted").trim().parse().expect("a number");
        let until = Instant::now() + Duration::from_secs(5);
        while muster_host::process::stat(pid).is_ok_and(|stat| !stat.is_dead()) {
            assert!(Instant::now() < until, "what it started lives");
            std::thread::yield_now();
        }
    }

    #[test]
    fn what_it_leaves_running_does_not_hold_us() {
        let began = Instant::now();
        let ended = shell("sleep 5 & echo done", 20.0, 100, Input::Nothing).expect("ended");
        assert_eq!(ended.out, b"done\n");
        assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    }

    #[test]
    fn both_streams_stand_in_a_file_in_their_order() {
        let mut file = tempfile::tempfile().expect("a file");
        let words = ["sh", "-c", "echo 1; echo 2 >&2; echo 3"].map(OsStr::new);
        let within = Duration::from_secs(20);
        let program = Program { words: &words, env: &[], within, output: 5, stdin: Input::Nothing };
        let ended = program.run_into(&mut file).expect("ended");
        let mut kept = [0; 20];
        let count = rustix::io::pread(&file, &mut kept, 0).expect("read");
        assert_eq!((&kept[..count], ended.complaint.as_str()), (&b"1\n2\n3"[..], "1\n2\n3\n"));
        assert_eq!(program.run_merged().expect("ended").out, b"1\n2\n3");
    }

    #[test]
    fn the_line_that_says_why_is_told_and_not_the_advice_behind_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let within = Duration::from_secs(20);
        if Command::new("git").arg("--version").output().is_ok() {
            let at = folder.path().as_os_str();
            let words = ["clone", "/no-such-folder/here", "there"].map(OsStr::new);
            let words = [&[OsStr::new("git"), OsStr::new("-C"), at][..], &words].concat();
            let program = Program { words: &words, env: &[], within, output: 0, stdin: Input::Nothing };
            let what = program.run().expect("ended").good().expect_err("not well").what;
            assert!(what.contains("fatal: ") && what.contains("does not exist"), "{what}");
        }
        let said = |name: &str, lines: &[&str]| {
            let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
            telling(name, &lines).cloned().unwrap_or_default()
        };
        let git = ["Cloning into 'x'...", "fatal: Could not read from remote repository.", "and exists."];
        assert_eq!(said("git fetch", &git), git[1]);
        assert_eq!(said("git fetch", &["a", "b"]), "b");
        let unit = ["Job for x.service failed because of a timeout.", "See \"journalctl -xeu x.service\"."];
        assert_eq!(said("systemctl start", &unit), unit[0]);
        assert_eq!(said("docker pull", &unit), unit[1]);
    }

    #[test]
    fn one_that_is_not_there_is_told() {
        let words = ["/no-such-folder/program", "pull"].map(OsStr::new);
        let within = Duration::from_secs(1);
        let program = Program { words: &words, env: &[], within, output: 0, stdin: Input::Nothing };
        assert_eq!(program.run().expect_err("none").what, "program pull: the program is not installed");
    }

    #[test]
    fn lines_for_people_are_short_and_clean() {
        let text = format!("a\n\n\x1b[31mred\tb\r\n{}\n", "x".repeat(1000));
        let lines = lines(&text, 2);
        assert_eq!((lines[0].as_str(), lines[1].len()), (" [31mred b", 400));
        let told = super::lines("cannot reach postgres://app:hunter2@db/app, DB_PASSWORD=hunter2", 1);
        assert!(told[0].starts_with("cannot reach") && !told[0].contains("hunter2"), "{told:?}");
    }
}
