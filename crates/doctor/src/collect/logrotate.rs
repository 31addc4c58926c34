//! logrotate's configuration: which files it reads, in which order, and what stands in them (`logrotate(8)`, 3.21).

use super::ground::Ground;
use super::{Collector, Put, WITHIN};
use crate::facts::Fact;
use crate::facts::files::Kind;
use crate::facts::logrotate::{ConfigFile, Directive, Logrotate, Stanza, State};

pub(super) const COLLECTOR: Collector = Collector {
    name: "logrotate",
    within: WITHIN,
    read,
    blind: |facts, why| facts.logrotate = Fact::unknown(why),
};

/// Endings of names that it passes over in an included folder.
const TABOO: [&str; 18] = [
    ",v",
    ".bak",
    ".cfsaved",
    ".disabled",
    ".dpkg-bak",
    ".dpkg-del",
    ".dpkg-dist",
    ".dpkg-new",
    ".dpkg-old",
    ".dpkg-tmp",
    ".rpmnew",
    ".rpmorig",
    ".rpmsave",
    ".swp",
    ".ucf-dist",
    ".ucf-new",
    ".ucf-old",
    "~",
];
/// Most files.
const FILES: usize = 500;
/// Where it keeps what it remembers.
const STATES: [&str; 2] = ["/var/lib/logrotate/status", "/var/lib/logrotate/logrotate.status"];

fn read(ground: &Ground) -> Put {
    let mut reader = Reader {
        ground,
        seen: Logrotate {
            files: Vec::new(),
            stanzas: Vec::new(),
            state: state(ground),
            hourly: hourly(ground),
            unseen: Vec::new(),
        },
        defaults: Vec::new(),
        taboo: TABOO.iter().map(|&ending| ending.to_owned()).collect(),
    };
    reader.file("/etc/logrotate.conf", 0);
    let seen = reader.seen;
    // Folders of logs and owners of them: rules ask what stands there.
    for stanza in &seen.stanzas {
        for pattern in &stanza.patterns {
            if let Some((folder, _)) = pattern.rsplit_once('/')
                && !folder.contains(['*', '?', '['])
            {
                ground.entry(if folder.is_empty() { "/" } else { folder });
            }
        }
    }
    let is_there = !seen.files.is_empty() || !seen.unseen.is_empty();
    let fact = if is_there { Fact::Known(seen) } else { Fact::nothing("logrotate is not installed") };
    Box::new(|facts| facts.logrotate = fact)
}

fn state(ground: &Ground) -> Fact<State> {
    for path in STATES {
        let Fact::Known(entry) = ground.entry(path) else { continue };
        return match ground.read(path) {
            Ok(Some(text)) => {
                let known = text.lossy().lines().filter(|line| line.starts_with('"')).count();
                Fact::Known(State { written: entry.modified, known })
            }
            Ok(None) => Fact::nothing("it has never run"),
            Err(why) => Fact::unknown(format!("{path}: {why}")),
        };
    }
    Fact::nothing("it has never run")
}

/// Something starts it each hour.
fn hourly(ground: &Ground) -> bool {
    let text = |path: &str| ground.read(path).ok().flatten().map(|text| text.lossy()).unwrap_or_default();
    let often = |path: &str| {
        text(path).lines().any(|line| {
            let when = line.trim().strip_prefix("OnCalendar=").unwrap_or_default();
            when == "hourly" || when.starts_with("*:") || when.contains(" *:") || when.contains("/1:")
        })
    };
    let names = |folder: &str| ground.list(folder).ok().flatten().unwrap_or_default();
    let folder = "/etc/systemd/system/logrotate.timer.d";
    often("/etc/systemd/system/logrotate.timer")
        || names(folder).iter().any(|name| often(&format!("{folder}/{name}")))
        || names("/etc/cron.hourly").iter().any(|name| {
            name.contains("logrotate") || text(&format!("/etc/cron.hourly/{name}")).contains("logrotate")
        })
}

struct Reader<'g> {
    ground: &'g Ground,
    seen: Logrotate,
    defaults: Vec<Directive>,
    taboo: Vec<String>,
}

impl Reader<'_> {
    fn include(&mut self, path: &str, depth: usize) {
        let path = path.trim_end_matches('/');
        let is_folder = matches!(self.ground.entry(path), Fact::Known(entry) if entry.kind == Kind::Folder);
        if !is_folder {
            return self.file(path, depth);
        }
        match self.ground.list(path) {
            Err(why) => self.seen.unseen.push((path.to_owned(), why)),
            Ok(names) => {
                names.unwrap_or_default().iter().for_each(|name| self.file(&format!("{path}/{name}"), depth))
            }
        }
    }

    fn file(&mut self, path: &str, depth: usize) {
        if depth > 3 || self.seen.files.len() >= FILES {
            return;
        }
        let text = match self.ground.read(path) {
            Ok(Some(text)) => text,
            Ok(None) => return,
            Err(why) => return self.seen.unseen.push((path.to_owned(), why)),
        };
        let taboo = self.taboo.iter().find(|ending| depth > 0 && path.ends_with(ending.as_str())).cloned();
        let package = self.ground.package(path);
        let is_read = taboo.is_none();
        self.seen.files.push(ConfigFile {
            path: path.to_owned(),
            mode: text.mode,
            uid: text.uid,
            package: package.clone(),
            taboo,
        });
        if is_read {
            self.text(path, &text.lossy(), package.as_deref(), depth);
        }
    }

    fn text(&mut self, path: &str, text: &str, package: Option<&str>, depth: usize) {
        let mut stanza: Option<Stanza> = None;
        let (mut patterns, mut first, mut in_script, mut at) = (String::new(), 0, false, 0);
        for (line, whole) in (1_u32..).zip(text.split_inclusive('\n')) {
            let begins = at + (whole.len() - whole.trim_start().len());
            at += whole.len();
            let said = whole.trim();
            if in_script {
                in_script = said != "endscript";
                continue;
            }
            if said.is_empty() || said.starts_with('#') {
                continue;
            }
            let is_pattern = stanza.is_none()
                && (!patterns.is_empty() || said.starts_with(['/', '"', '\'', '~', '{', '*']));
            if is_pattern {
                first = if patterns.is_empty() { line } else { first };
                let (names, after) =
                    said.split_once('{').map_or((said, None), |(names, after)| (names, Some(after)));
                patterns.push_str(names);
                patterns.push(' ');
                if let Some(after) = after {
                    let mut begun = self.stanza(path, first, &std::mem::take(&mut patterns), package);
                    // `/a { daily }` in one line is not taken by logrotate either, but the bracket ends it.
                    let inner = after.trim().trim_end_matches('}').trim();
                    begun.options.extend((!inner.is_empty()).then(|| directive(line, begins, inner)));
                    match after.contains('}') {
                        true => self.seen.stanzas.push(begun),
                        false => stanza = Some(begun),
                    }
                }
                continue;
            }
            if said.starts_with('}') {
                self.seen.stanzas.extend(stanza.take());
                continue;
            }
            let directive = directive(line, begins, said);
            match (directive.name.as_str(), &mut stanza) {
                ("prerotate" | "postrotate" | "firstaction" | "lastaction" | "preremove", _) => {
                    in_script = true
                }
                ("include", None) => self.include(&directive.value, depth + 1),
                ("tabooext", None) => self.taboo(&directive.value),
                (_, Some(stanza)) => stanza.options.push(directive),
                (_, None) => self.defaults.push(directive),
            }
        }
        // What is not closed counts as well: logrotate takes it.
        self.seen.stanzas.extend(stanza);
    }

    fn stanza(&self, path: &str, line: u32, patterns: &str, package: Option<&str>) -> Stanza {
        Stanza {
            file: path.to_owned(),
            line,
            patterns: words(patterns),
            options: Vec::new(),
            defaults: self.defaults.clone(),
            package: package.map(str::to_owned),
        }
    }

    fn taboo(&mut self, value: &str) {
        let (adds, list) = value.strip_prefix('+').map_or((false, value), |list| (true, list));
        if !adds {
            self.taboo.clear();
        }
        let endings = list.split([',', ' ']).map(str::trim).filter(|ending| !ending.is_empty());
        self.taboo.extend(endings.map(str::to_owned));
    }
}

fn directive(line: u32, at: usize, said: &str) -> Directive {
    let end = said.find(|c: char| c.is_whitespace() || c == '=').unwrap_or(said.len());
    let value = said[end..].trim_start_matches(|c: char| c.is_whitespace() || c == '=');
    Directive { line, at: at as u64, name: said[..end].to_owned(), value: value.trim().to_owned() }
}

/// Paths, quotes taken away.
fn words(text: &str) -> Vec<String> {
    let (mut found, mut word, mut quote) = (Vec::new(), String::new(), None);
    for letter in text.chars() {
        match (letter, quote) {
            ('"' | '\'', None) => quote = Some(letter),
            (mark, Some(open)) if mark == open => quote = None,
            (blank, None) if blank.is_whitespace() => {
                found.extend((!word.is_empty()).then(|| std::mem::take(&mut word)));
            }
            _ => word.push(letter),
        }
    }
    found.extend((!word.is_empty()).then_some(word));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The facts of a tree with these files.
    fn read_tree(files: &[(&str, &str)]) -> Logrotate {
        let root = tempfile::tempdir().expect("a folder");
        for (path, text) in files {
            let place = root.path().join(path.trim_start_matches('/'));
            std::fs::create_dir_all(place.parent().expect("a parent")).expect("a folder");
            std::fs::write(place, text).expect("a file");
        }
        let ground = Ground::new(root.path(), false);
        let wanted = crate::facts::Vantage { root: String::new(), live: false, uid: 0 };
        let mut facts =
            crate::facts::Facts::blank(String::new(), muster_core::time::Timestamp::from_seconds(0), wanted);
        read(&ground)(&mut facts);
        match facts.logrotate {
            Fact::Known(logrotate) => logrotate,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_said_for_all_counts_in_the_files_that_come_later() {
        // As logrotate 3.21 says with -d: `b` is rotated 3 times and has a maxsize.
        let seen = read_tree(&[
            ("/etc/logrotate.conf", "weekly\ninclude /etc/logrotate.d\n/x {\n}\n"),
            ("/etc/logrotate.d/a", "rotate 3\nmaxsize 5M\n/var/log/a.log {\n  daily\n}\n"),
            ("/etc/logrotate.d/b", "\"/var/log/b c.log\" /var/log/d.log\n/var/log/e.log\n{\n  size=10M\n}\n"),
            ("/etc/logrotate.d/c.dpkg-old", "/var/log/a.log {\n}\n"),
        ]);
        let files: Vec<_> =
            seen.files.iter().map(|file| (file.path.as_str(), file.taboo.is_some())).collect();
        assert_eq!(
            files,
            [
                ("/etc/logrotate.conf", false),
                ("/etc/logrotate.d/a", false),
                ("/etc/logrotate.d/b", false),
                ("/etc/logrotate.d/c.dpkg-old", true)
            ]
        );
        let [a, b, x] = &seen.stanzas[..] else { panic!("{seen:?}") };
        assert_eq!((a.line, a.patterns.as_slice()), (3, &["/var/log/a.log".to_owned()][..]));
        assert_eq!(b.patterns, ["/var/log/b c.log", "/var/log/d.log", "/var/log/e.log"]);
        let value = |stanza: &Stanza, name: &str| stanza.option(name).map(|option| option.value.clone());
        assert_eq!(value(b, "maxsize").as_deref(), Some("5M"));
        assert_eq!((value(b, "size").as_deref(), b.options[0].at), (Some("10M"), 53));
        assert_eq!(value(x, "rotate").as_deref(), Some("3"));
        assert!(value(b, "weekly").is_some() && value(b, "daily").is_none());
    }

    #[test]
    fn scripts_are_no_options() {
        let seen = read_tree(&[(
            "/etc/logrotate.conf",
            "/a {\n  postrotate\n    if x; then { size 1; }\n    fi\n  endscript\n  rotate 2\n}\n/b { daily }\n",
        )]);
        let [a, b] = &seen.stanzas[..] else { panic!("{seen:?}") };
        assert_eq!(a.options.iter().map(|option| option.name.as_str()).collect::<Vec<_>>(), ["rotate"]);
        assert_eq!(b.patterns, ["/b"]);
    }
}
