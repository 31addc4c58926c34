//! Where something runs: folders of projects that processes are in, or that units and crontabs speak of.

use std::collections::BTreeMap;

use muster_host::process::read_small;

use super::replaced::Process;
use crate::collect::ground::Ground;
use crate::collect::projects::HOMES;

/// Most folders.
const FOLDERS: usize = 200;
/// Deepest folder below that of projects.
const DEPTH: usize = 6;
/// Most files of units and crontabs.
const FILES: usize = 500;
/// Programs that a person starts somewhere, and that are no work of that place.
const VISITORS: [&str; 24] = [
    "bash",
    "sh",
    "zsh",
    "fish",
    "dash",
    "vim",
    "vi",
    "nvim",
    "nano",
    "emacs",
    "less",
    "more",
    "man",
    "tmux",
    "tmux: server",
    "tmux: client",
    "screen",
    "git",
    "ssh",
    "sshd",
    "sudo",
    "su",
    "top",
    "htop",
];
/// A process that is younger, in seconds, may be a build or a person's.
const SETTLED: u64 = 600;

/// Folders in which something runs, those above it among them, with what it is.
pub(super) fn folders(
    ground: &Ground,
    processes: &[Process],
    unseen: &mut Vec<(String, String)>,
) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    of_processes(processes, &mut found);
    of_files(ground, &mut found, unseen);
    found
}

/// Adds a path and the folders above it, as far as they are inside of a project.
fn add(found: &mut BTreeMap<String, String>, path: &str, runs: &str) {
    let least = match HOMES.iter().chain(&["/root"]).find(|home| crate::facts::projects::under(path, home)) {
        Some(&home) => home.matches('/').count() + if home == "/home" { 2 } else { 1 },
        None => return,
    };
    if path.contains("/../") || path.contains(['$', '*', '%', '`']) {
        return;
    }
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    for length in least..=parts.len().min(least + DEPTH) {
        let folder = format!("/{}", parts.get(..length).unwrap_or_default().join("/"));
        if found.len() < FOLDERS {
            found.entry(folder).or_insert_with(|| runs.to_owned());
        }
    }
}

fn of_processes(processes: &[Process], found: &mut BTreeMap<String, String>) {
    for process in processes {
        let is_session = process.group.contains("/user.slice/") && process.group.contains("/session-");
        if process.age < SETTLED || is_session || VISITORS.contains(&process.name.as_str()) {
            continue;
        }
        let runs = format!("{} (process {})", process.name, process.pid);
        let link = |name: &str| std::fs::read_link(format!("/proc/{}/{name}", process.pid)).ok();
        for path in [link("exe"), link("cwd")].into_iter().flatten() {
            add(found, &path.to_string_lossy(), &runs);
        }
        // An interpreter is told by its script.
        let line = read_small(&format!("/proc/{}/cmdline", process.pid)).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        line.split('\0').skip(1).take(4).filter(|word| word.starts_with('/')).for_each(|word| {
            add(found, word, &runs);
        });
    }
}

fn of_files(ground: &Ground, found: &mut BTreeMap<String, String>, unseen: &mut Vec<(String, String)>) {
    let mut files = vec!["/etc/crontab".to_owned()];
    for (folder, ending) in
        [("/etc/systemd/system", ".service"), ("/etc/cron.d", ""), ("/var/spool/cron/crontabs", "")]
    {
        match ground.list(folder) {
            Ok(names) => {
                let names = names.unwrap_or_default();
                let fitting = names.iter().filter(|name| name.ends_with(ending));
                files.extend(fitting.map(|name| format!("{folder}/{name}")));
            }
            Err(why) => unseen.push((folder.to_owned(), why)),
        }
    }
    for path in files.iter().take(FILES) {
        let Ok(Some(text)) = ground.read(path) else { continue };
        let text = text.lossy();
        let lines = text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';']));
        for word in lines.flat_map(|line| line.split([' ', '\t', '=', '"', '\'', ';', '|', '>', '<', '&'])) {
            let word = word.trim_start_matches(['-', '+', '!', '@', ':', '(']);
            if word.starts_with('/') {
                add(found, word, path);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folders_of_a_project_are_told_from_those_that_hold_projects() {
        let mut found = BTreeMap::new();
        for path in
            ["/opt/shop/bin/serve", "/home/app/x/y", "/etc/nginx", "/srv", "/root/z/run.sh", "/opt/$X/a"]
        {
            add(&mut found, path, "a unit");
        }
        let folders: Vec<&str> = found.keys().map(String::as_str).collect();
        assert_eq!(
            folders,
            [
                "/home/app/x",
                "/home/app/x/y",
                "/opt/shop",
                "/opt/shop/bin",
                "/opt/shop/bin/serve",
                "/root/z",
                "/root/z/run.sh"
            ]
        );
    }
}
