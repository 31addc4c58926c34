//! What runs a job besides its own file: the interpreter, the modules beside it, and when they last changed.

use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use muster_core::time::Timestamp;
use muster_doctor::facts::Facts;
use muster_doctor::facts::own::Tool;
use muster_host::discover::command::{Reading, basename};

/// Where programs are looked for.
const FOLDERS: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
/// Programs that run scripts, without their version.
const INTERPRETERS: [&str; 7] = ["python", "node", "nodejs", "php", "ruby", "perl", "java"];
/// Folders above a script in which its modules may be.
const ABOVE: usize = 4;

/// What crontabs and units give to `muster run NAME --`, by name.
pub(crate) fn commands(facts: &Facts) -> BTreeMap<String, Vec<String>> {
    let lines = facts.cron.known().into_iter().flat_map(|cron| &cron.tables).flat_map(|table| &table.lines);
    let starts = facts
        .services
        .known()
        .into_iter()
        .flat_map(|services| &services.units)
        .flat_map(|unit| unit.all("Service", "ExecStart"));
    let texts = lines.map(|line| line.shell.as_str()).chain(starts.map(|(_, start)| start.value.as_str()));
    let mut found = BTreeMap::new();
    for text in texts.filter(|text| text.contains("muster")) {
        let reading = Reading::of(text);
        let work = reading.wrapped().and_then(|inner| inner.commands().last().cloned());
        if let (Some(name), Some(words)) = (reading.covered(), work) {
            found.entry(name.to_owned()).or_insert(words);
        }
    }
    found
}

/// What runs this command.
pub(crate) fn of(command: &[String]) -> Vec<Tool> {
    let mut tools = Vec::new();
    for words in Reading::of_words(command).commands() {
        let Some(program) = words.first().and_then(|word| found(word)) else { continue };
        let (interpreter, script) = match is_interpreter(&program) {
            true => {
                (Some(program), words.iter().skip(1).find(|word| word.starts_with('/')).map(PathBuf::from))
            }
            false => (asked(&program), Some(program)),
        };
        if let Some(interpreter) = interpreter.filter(|path| is_interpreter(path)) {
            tools.extend(changed(&interpreter, true));
            tools.extend(site_packages(&interpreter).and_then(|path| changed(&path, false)));
        }
        if let Some(script) = script {
            let lists = script.ancestors().skip(1).take(ABOVE);
            let mut lists = lists.map(|folder| folder.join("node_modules/.package-lock.json"));
            tools.extend(lists.find_map(|path| changed(&path, false)));
        }
    }
    tools
}

/// A program by its path or its name.
fn found(word: &str) -> Option<PathBuf> {
    if word.starts_with('/') {
        return Some(PathBuf::from(word)).filter(|path| path.is_file());
    }
    let is_name = !word.contains('/');
    FOLDERS.iter().filter(|_| is_name).map(|folder| Path::new(folder).join(word)).find(|path| path.is_file())
}

fn is_interpreter(path: &Path) -> bool {
    let name = path.to_string_lossy();
    let bare = basename(&name).trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    INTERPRETERS.contains(&bare)
}

/// What `#!` asks for.
fn asked(script: &Path) -> Option<PathBuf> {
    let mut head = [0_u8; 256];
    let read = std::fs::File::open(script).ok()?.read(&mut head).ok()?;
    let line = head.get(..read)?.split(|byte| *byte == b'\n').next()?.strip_prefix(b"#!")?;
    let line = String::from_utf8_lossy(line).into_owned();
    let mut words = line.split_whitespace();
    let program = words.next()?;
    match basename(program) {
        "env" => words.find(|word| !word.starts_with('-') && !word.contains('=')).and_then(found),
        _ => found(program),
    }
}

/// The modules of a virtual environment of Python: its folder changes when one is put in, replaced or taken out.
fn site_packages(interpreter: &Path) -> Option<PathBuf> {
    let home = interpreter.parent()?.parent()?;
    if !home.join("pyvenv.cfg").is_file() {
        return None;
    }
    let mut versions = std::fs::read_dir(home.join("lib")).ok()?.flatten().take(20);
    versions.find_map(|version| Some(version.path().join("site-packages")).filter(|path| path.is_dir()))
}

/// When it changed. A package gives its programs the time at which they were built, so for those the time counts at which
/// they were put there.
fn changed(path: &Path, program: bool) -> Option<Tool> {
    let path = path.canonicalize().ok()?;
    let about = path.metadata().ok()?;
    let seconds = if program { about.ctime() } else { about.mtime() };
    Some(Tool { path: path.display().to_string(), changed: Timestamp::from_seconds(seconds) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_virtual_environment_and_its_interpreter_are_found() {
        let root = tempfile::tempdir().expect("a folder");
        let home = root.path().canonicalize().expect("there");
        for folder in ["venv/bin", "venv/lib/python3.11/site-packages", "node_modules"] {
            std::fs::create_dir_all(home.join(folder)).expect("a folder");
        }
        let python = home.join("venv/bin/python");
        std::fs::write(&python, "").expect("written");
        std::fs::write(home.join("venv/pyvenv.cfg"), "").expect("written");
        std::fs::write(home.join("node_modules/.package-lock.json"), "").expect("written");
        let script = home.join("run.py");
        std::fs::write(&script, format!("#!{}\n", python.display())).expect("written");
        let paths = |command: &[&str]| {
            let words: Vec<String> = command.iter().map(|word| (*word).to_owned()).collect();
            of(&words).into_iter().map(|tool| tool.path).collect::<Vec<_>>()
        };
        let (python, script) = (python.display().to_string(), script.display().to_string());
        let modules = home.join("venv/lib/python3.11/site-packages").display().to_string();
        let list = home.join("node_modules/.package-lock.json").display().to_string();
        assert_eq!(paths(&[&script]), [python.clone(), modules.clone(), list.clone()]);
        assert_eq!(paths(&[&python, "-u", &script]), [python, modules, list]);
        assert!(paths(&["/nonexistent/x", "y"]).is_empty() && paths(&[]).is_empty());
    }
}
