//! Requests that nginx could not get an answer for, counted from its own error log between two moments.
//!
//! A line counts that is of the level `error` or worse and names one of the two ports of the service as its upstream: nginx
//! writes one for each request that a release refused, cut off or left without an answer. An answer of the release itself,
//! whatever its status, is none; nor is a stream that was cut after it had been upgraded. What the deploy asks through nginx
//! counts like what users ask: the log does not tell them apart.
//!
//! Where the log cannot tell, the number is unknown, and never 0.

use std::fs::{self, File, Metadata};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use muster_host::nginx::{Configuration, Directive, each};

use super::server::Nginx;
use super::{claims, program};
use crate::front::{Failures, Ports};

/// The longest that nginx may take to say what it was built with.
const WITHIN: Duration = Duration::from_secs(5);
/// Most bytes that are read of what came meanwhile, of each log.
const MOST: u64 = 32 << 20;
/// nginx cuts a line at 2048 bytes (`NGX_MAX_ERROR_STR`); one of this length may lack what it was about.
const CUT: usize = 2000;
/// Most open files of nginx that are looked at.
const OPEN: usize = 4096;
/// What a line says of its level if a request failed.
const LEVELS: [&str; 4] = [" [error] ", " [crit] ", " [alert] ", " [emerg] "];

/// Where the error logs end that tell of a service; or why nobody knows.
#[derive(Debug, Clone)]
pub struct Mark(Result<Vec<Spot>, String>);

#[derive(Debug, Clone)]
struct Spot {
    path: PathBuf,
    device: u64,
    inode: u64,
    length: u64,
}

impl Spot {
    fn is_of(&self, data: &Metadata) -> bool {
        (data.dev(), data.ino()) == (self.device, self.inode)
    }
}

/// Where the logs end now.
pub(super) fn mark(nginx: &Nginx) -> Mark {
    Mark(spots(nginx))
}

/// How many requests failed since.
pub(super) fn since(mark: &Mark, ports: Ports) -> Failures {
    let count = || -> Result<u64, String> {
        let spots = mark.0.as_ref().map_err(String::clone)?;
        spots.iter().map(|spot| count(spot, ports)).sum()
    };
    count().map_or_else(Failures::Unknown, Failures::Counted)
}

fn spots(nginx: &Nginx) -> Result<Vec<Spot>, String> {
    let conf = Configuration::read(&nginx.place.conf);
    if let Some((path, why)) = conf.unseen.first() {
        return Err(format!("{}: {why}", path.display()));
    }
    let blocks = logs(&conf, nginx);
    let is_absolute = |one: &&Directive| one.word().starts_with('/');
    let is_whole = blocks.iter().all(|block| !block.is_empty() && block.iter().all(is_absolute));
    // Requests are about to be led elsewhere: nginx is not asked what its files say already.
    let built =
        match is_whole && conf.tree.iter().filter(|one| one.name == "pid").any(|one| is_absolute(&one)) {
            true => program::Built::default(),
            false => program::built(&nginx.place, Instant::now() + WITHIN).map_err(|trouble| trouble.what)?,
        };
    let paths = chosen(&blocks, &|told| program::absolute(&nginx.place, &built, told), &built)?;
    let master = program::master(&nginx.place, &conf, &built)
        .ok_or("the first process of nginx is not found, so nobody knows what it writes to")?;
    let spot = |path: PathBuf| {
        let shown = path.display();
        let data = fs::metadata(&path).map_err(|error| format!("{shown}: {error}"))?;
        if !data.is_file() {
            return Err(format!("nginx writes its errors to {shown}, which is no file"));
        }
        if !has_open(master, &data)? {
            return Err(format!(
                "nginx does not write to {shown}, which was replaced behind its back: `nginx -s reopen`"
            ));
        }
        let (device, inode, length) = (data.dev(), data.ino(), data.len());
        Ok(Spot { device, inode, length, path })
    };
    paths.into_iter().map(spot).collect()
}

/// The directives in force for each server block that leads to the service: those of the innermost level that has any.
fn logs<'c>(conf: &'c Configuration, nginx: &Nginx) -> Vec<Vec<&'c Directive>> {
    let of = |directives: &'c [Directive]| {
        let mut found = Vec::new();
        each(directives, &mut |outer: &[&Directive], one: &'c Directive| {
            if outer.is_empty() && one.name == "error_log" {
                found.push(one);
            }
        });
        found
    };
    let main = of(&conf.tree);
    let mut all = Vec::new();
    each(&conf.tree, &mut |outer: &[&'c Directive], block: &'c Directive| {
        let Some(http) = outer.first().filter(|_| block.name == "server" && outer.len() == 1) else { return };
        if http.name != "http" || !claims::has_include(&block.inner, nginx.place.folder(), &nginx.snippet()) {
            return;
        }
        let levels = [of(&block.inner), of(&http.inner), main.clone()];
        all.push(levels.into_iter().find(|level| !level.is_empty()).unwrap_or_default());
    });
    // Before the first release no block leads anywhere yet.
    if all.is_empty() { vec![main] } else { all }
}

/// One file for each block, so that no line is counted twice: a block may write to several.
fn chosen(
    blocks: &[Vec<&Directive>],
    absolute: &dyn Fn(&str) -> PathBuf,
    built: &program::Built,
) -> Result<Vec<PathBuf>, String> {
    let mut blocks: Vec<Result<Vec<PathBuf>, String>> = blocks
        .iter()
        .map(|block| {
            if block.is_empty() {
                return Ok(vec![absolute(built.log())]);
            }
            let read: Vec<Result<PathBuf, String>> =
                block.iter().map(|one| file_of(one).map(absolute)).collect();
            let files: Vec<PathBuf> = read.iter().flatten().cloned().collect();
            match read.into_iter().find_map(Result::err) {
                Some(why) if files.is_empty() => Err(why),
                _ => Ok(files),
            }
        })
        .collect();
    blocks.sort_by_key(|block| block.as_ref().map_or(0, Vec::len));
    let mut paths: Vec<PathBuf> = Vec::new();
    for block in blocks {
        let block = block?;
        if !block.iter().any(|path| paths.contains(path)) {
            paths.extend(block.into_iter().next());
        }
    }
    Ok(paths)
}

/// The file of an `error_log`; or why failed requests are not in it.
fn file_of(directive: &Directive) -> Result<&str, String> {
    let told = directive.word();
    let says = |why: &str| Err(format!("`error_log {}` of nginx {why}", directive.words.join(" ")));
    match (told, directive.words.get(1).map(String::as_str)) {
        ("stderr", _) => says("writes to no file"),
        ("off" | "/dev/null", _) => says("keeps nothing"),
        (other, _) if other.starts_with("syslog:") => says("writes to syslog"),
        (other, _) if other.starts_with("memory:") => says("keeps its lines in memory"),
        (_, Some("crit" | "alert" | "emerg")) => says("leaves out requests that failed"),
        (path, _) => Ok(path),
    }
}

/// Whether a process has a file open: after somebody moved a log, nginx goes on with the old one.
fn has_open(pid: u32, data: &Metadata) -> Result<bool, String> {
    let folder = format!("/proc/{pid}/fd");
    let entries = fs::read_dir(&folder).map_err(|error| format!("{folder}: {error}"))?;
    let open = entries.flatten().take(OPEN).filter_map(|entry| fs::metadata(entry.path()).ok());
    Ok(open.into_iter().any(|it| (it.dev(), it.ino()) == (data.dev(), data.ino())))
}

fn count(spot: &Spot, ports: Ports) -> Result<u64, String> {
    let shown = spot.path.display();
    let wrong = |error: std::io::Error| format!("{shown}: {error}");
    let mut file = File::open(&spot.path).map_err(wrong)?;
    let data = file.metadata().map_err(wrong)?;
    if !spot.is_of(&data) || data.len() < spot.length {
        return Err(format!("{shown} was turned over meanwhile"));
    }
    let came = data.len() - spot.length;
    if came > MOST {
        return Err(format!("{} MiB came into {shown} meanwhile, which is too much to read", came >> 20));
    }
    file.seek(SeekFrom::Start(spot.length)).map_err(wrong)?;
    let mut lines = BufReader::new(file.take(came));
    let (mut failed, mut line) = (0, Vec::new());
    while lines.read_until(b'\n', &mut line).map_err(wrong)? > 0 {
        match judge(&String::from_utf8_lossy(&line), ports) {
            Line::Failed => failed += 1,
            Line::Cut => return Err(format!("a line of {shown} is too long to tell what it is about")),
            Line::Other => {}
        }
        line.clear();
    }
    Ok(failed)
}

/// What a line is.
#[derive(Debug, PartialEq, Eq)]
enum Line {
    Failed,
    /// Of a request that failed somewhere, cut off before it says where.
    Cut,
    Other,
}

fn judge(line: &str, ports: Ports) -> Line {
    let is_bad = LEVELS.iter().any(|level| line.contains(level));
    // The answer had come, and what was cut was a stream.
    if !is_bad || line.contains(" while proxying upgraded connection,") {
        return Line::Other;
    }
    let names = |port: u16| {
        let upstream = format!("upstream: \"http://127.0.0.1:{port}");
        let mut places = line.match_indices(&upstream);
        places.any(|(at, found)| {
            let rest = line.get(at + found.len()..).unwrap_or_default();
            !rest.starts_with(|c: char| c.is_ascii_digit())
        })
    };
    match names(ports.blue) || names(ports.green) {
        true => Line::Failed,
        false if line.len() >= CUT && line.contains("upstream") && !line.contains(", upstream: \"") => {
            Line::Cut
        }
        false => Line::Other,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use muster_host::nginx::parse;

    use super::*;

    const PORTS: Ports = Ports { blue: 20_001, green: 20_002 };

    #[test]
    fn a_line_counts_if_a_request_to_one_of_the_sides_failed() {
        let line = |level: &str, what: &str, upstream: &str| {
            format!(
                "2026/11/22 10:00:00 [{level}] 7#7: *45 {what}, client: 127.0.0.1, server: api.test, \
                 request: \"GET / HTTP/1.1\", {upstream}host: \"api.test\"\n"
            )
        };
        let refused = "connect() failed (111: Connection refused) while connecting to upstream";
        let cut = "upstream prematurely closed connection while reading response header from upstream";
        let ours = "upstream: \"http://127.0.0.1:20001/\", ";
        for (level, what, upstream, is) in [
            ("error", refused, ours, Line::Failed),
            ("error", cut, "upstream: \"http://127.0.0.1:20002/a?b\", ", Line::Failed),
            ("crit", "connect() to 127.0.0.1:20001 failed (99)", ours, Line::Failed),
            ("error", refused, "upstream: \"http://127.0.0.1:20001\", ", Line::Failed),
            ("error", refused, "upstream: \"http://127.0.0.1:200011/\", ", Line::Other),
            ("error", refused, "upstream: \"http://10.0.0.1:20001/\", ", Line::Other),
            ("warn", "an upstream response is buffered to a temporary file", ours, Line::Other),
            ("info", "client prematurely closed connection", ours, Line::Other),
            ("error", "open() \"/x\" failed (2: No such file)", "", Line::Other),
            ("error", "recv() failed (104) while proxying upgraded connection", ours, Line::Other),
        ] {
            assert_eq!(judge(&line(level, what, upstream), PORTS), is, "{level} {what} {upstream}");
        }
        let long = line("error", refused, "").replace("GET / ", &format!("GET /{} ", "x".repeat(2100)));
        assert_eq!(judge(long.get(..2048).unwrap_or_default(), PORTS), Line::Cut);
    }

    /// What is read for a service, of a first file with these words.
    fn read(text: &str) -> Result<Vec<PathBuf>, String> {
        let nginx = claims::tests::api();
        let conf = Configuration { files: vec!["/x".into()], tree: parse(text, 0), unseen: Vec::new() };
        let absolute = |told: &str| Path::new("/p").join(told);
        chosen(&logs(&conf, &nginx), &absolute, &program::Built::of_log("logs/error.log"))
    }

    #[test]
    fn the_log_in_force_is_the_innermost_one() {
        let block = |inner: &str| format!("server {{ include muster/api.conf; {inner} }}");
        let (plain, own) = (block(""), block("error_log own.log warn;"));
        let (both, stray) = (block("error_log a; error_log own.log;"), "server { error_log stray; }");
        for (text, paths) in [
            (format!("http {{ {plain} }}"), vec!["/p/logs/error.log"]),
            (format!("error_log m; http {{ {plain} }}"), vec!["/p/m"]),
            (format!("error_log m crit; http {{ error_log /h error; {plain} {stray} }}"), vec!["/h"]),
            (format!("error_log m; http {{ {plain} {own} }}"), vec!["/p/m", "/p/own.log"]),
            (format!("http {{ {both} {own} }}"), vec!["/p/own.log"]),
            ("error_log m; http { }".to_owned(), vec!["/p/m"]),
            (format!("error_log syslog:server=x; error_log m; http {{ {plain} }}"), vec!["/p/m"]),
        ] {
            let expected: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
            assert_eq!(read(&text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_log_that_says_nothing_of_failed_requests_is_unknown() {
        for told in ["off", "/dev/null", "stderr", "syslog:server=x error", "memory:1m", "m crit", "m emerg"]
        {
            let text =
                format!("error_log good; http {{ error_log {told}; server {{ include muster/api.conf; }} }}");
            let why = read(&text).expect_err("unknown");
            assert!(why.starts_with(&format!("`error_log {told}`")), "{why}");
        }
    }

    #[test]
    fn what_came_since_is_counted_and_a_turned_log_is_unknown() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("error.log");
        let bad = "x [error] 1#1: *1 y, upstream: \"http://127.0.0.1:20001/\", host: \"a\"\n";
        fs::write(&path, bad).expect("written");
        let data = fs::metadata(&path).expect("there");
        let spot = Spot { device: data.dev(), inode: data.ino(), length: data.len(), path: path.clone() };
        let mark = Mark(Ok(vec![spot]));
        assert_eq!(since(&mark, PORTS), Failures::Counted(0));
        fs::write(&path, bad.repeat(3)).expect("written");
        assert_eq!(since(&mark, PORTS), Failures::Counted(2));
        fs::write(&path, "").expect("written");
        let turned = Failures::Unknown(format!("{} was turned over meanwhile", path.display()));
        assert_eq!(since(&mark, PORTS), turned, "shorter than before");
        fs::rename(&path, folder.path().join("error.log.1")).expect("moved");
        fs::write(&path, bad.repeat(3)).expect("written");
        assert_eq!(since(&mark, PORTS), turned, "another file");
        fs::remove_file(&path).expect("gone");
        assert!(matches!(since(&mark, PORTS), Failures::Unknown(_)));
    }
}
