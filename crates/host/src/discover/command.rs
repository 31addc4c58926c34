//! What a command line runs. A small part of the shell's grammar, enough to find programs behind `cd`, `nice`, `flock`
//! and `sh -c`; nothing is expanded or run.

/// Shells within shells that are followed.
const DEPTH: usize = 4;

/// A command line, taken apart.
#[derive(Debug, Default)]
pub struct Reading {
    /// Simple commands in order, without assignments, redirections and wrappers.
    commands: Vec<Vec<String>>,
}

/// The file that does the work.
#[derive(Debug, PartialEq, Eq)]
pub enum Script {
    /// Started itself, so it must be executable.
    Started(String),
    /// Read by an interpreter.
    Interpreted(String),
}

/// Programs that start another: name, options that take a separate value, arguments before the command.
const WRAPPERS: [(&str, &[&str], usize); 20] = [
    ("env", &["-u", "-C", "--unset", "--chdir"], 0),
    ("nice", &["-n", "--adjustment"], 0),
    ("ionice", &["-c", "-n", "--class", "--classdata"], 0),
    ("chrt", &[], 1),
    ("taskset", &[], 1),
    ("timeout", &["-s", "-k", "--signal", "--kill-after"], 1),
    ("flock", &["-w", "-E", "--timeout", "--wait", "--conflict-exit-code"], 1),
    ("sudo", &["-u", "-g", "-h", "-C", "-D", "--user", "--group"], 0),
    ("runuser", &["-u", "-g", "-G", "--user", "--group"], 0),
    ("systemd-cat", &["-t", "-p", "--identifier", "--priority"], 0),
    ("systemd-run", &["-p", "-u", "-E", "--property", "--unit", "--setenv", "--uid", "--gid", "--slice"], 0),
    ("stdbuf", &["-i", "-o", "-e"], 0),
    ("nohup", &[], 0),
    ("setsid", &[], 0),
    ("exec", &[], 0),
    ("command", &[], 0),
    ("time", &["-f", "-o"], 0),
    ("chronic", &[], 0),
    ("cronic", &[], 0),
    ("busybox", &[], 0),
];
/// Programs that are shells.
pub const SHELLS: [&str; 6] = ["sh", "bash", "dash", "ash", "zsh", "ksh"];
const INTERPRETERS: [&str; 9] = ["python", "node", "php", "perl", "ruby", "Rscript", "deno", "bun", "lua"];
/// Wrappers that report to somebody else's watchman.
const WATCHERS: [&str; 6] =
    ["runitor", "cronitor", "sentry-cli", "healthchecks", "deadmanssnitch", "cronhub"];
/// Words that begin a compound command.
const KEYWORDS: [&str; 11] = ["{", "}", "!", "if", "then", "else", "elif", "fi", "do", "while", "until"];
/// Commands that prepare or test and are never the work itself.
const PREPARATION: [&str; 16] = [
    "cd", "test", "[", "[[", "sleep", ".", "source", "export", "set", "umask", "exit", "true", ":", "ulimit",
    "echo", "mkdir",
];
/// Names that say nothing without the folder they are in.
const VAGUE: [&str; 12] =
    ["run", "main", "start", "script", "index", "cron", "job", "app", "manage", "update", "sync", "code"];
const FOLDERS: [&str; 8] = ["bin", "sbin", "code", "src", "scripts", "script", "current", "libexec"];

impl Reading {
    /// Takes a command line apart.
    pub fn of(line: &str) -> Self {
        let mut reading = Self::default();
        reading.add(line, DEPTH);
        reading
    }

    /// Takes program and arguments apart.
    pub fn of_words(words: &[String]) -> Self {
        let mut reading = Self::default();
        reading.add_words(vec![words.to_vec()], DEPTH);
        reading
    }

    fn add(&mut self, line: &str, depth: usize) {
        self.add_words(split(line), depth);
    }

    fn add_words(&mut self, commands: Vec<Vec<String>>, depth: usize) {
        for words in commands {
            let mut words = &words[..];
            while let Some(first) = words.first() {
                let program = basename(first);
                if KEYWORDS.contains(&first.as_str()) || is_assignment(first) {
                    words = &words[1..];
                } else if let Some((_, options, arguments)) =
                    WRAPPERS.iter().find(|(name, ..)| *name == program)
                {
                    if let Some(inner) = inner_line(words).filter(|_| program == "flock" && depth > 0) {
                        self.add(inner, depth - 1);
                        words = &[];
                        break;
                    }
                    words = after_wrapper(&words[1..], options, *arguments);
                } else {
                    break;
                }
            }
            let Some(first) = words.first() else { continue };
            let program = basename(first);
            if (SHELLS.contains(&program) || program == "su")
                && depth > 0
                && let Some(inner) = inner_line(words)
                && !inner.trim().is_empty()
            {
                self.add(inner, depth - 1);
            } else {
                self.commands.push(words.to_vec());
            }
        }
    }

    /// The name after `muster run`, if the line is wrapped.
    pub fn covered(&self) -> Option<&str> {
        self.commands.iter().find_map(|words| {
            let (program, rest) = words.split_first()?;
            if basename(program) != "muster" {
                return None;
            }
            let mut plain = plain_words(rest);
            (plain.next() == Some("run")).then(|| plain.next()).flatten()
        })
    }

    /// Simple commands in order, without assignments, redirections and wrappers; none is empty.
    pub fn commands(&self) -> &[Vec<String>] {
        &self.commands
    }

    /// What `muster run NAME --` is given, if the line is wrapped.
    pub fn wrapped(&self) -> Option<Self> {
        self.covered()?;
        let words = self.commands.iter().find(|words| basename(&words[0]) == "muster")?;
        let at = words.iter().position(|word| word == "--")?;
        Some(Self::of_words(&words[at + 1..]))
    }

    /// The folder that `run-parts` runs, if that is what the line does.
    pub fn run_parts(&self) -> Option<&str> {
        self.commands.iter().find(|words| basename(&words[0]) == "run-parts")?.last().map(String::as_str)
    }

    /// Interpreters that have nothing to read but their standard input.
    pub fn without_script(&self) -> impl Iterator<Item = &str> {
        self.commands.iter().filter(|words| lacks_script(words)).map(|words| basename(&words[0]))
    }

    /// Programs with an empty argument, and which one it is, from 1.
    pub fn empty_arguments(&self) -> impl Iterator<Item = (&str, usize)> {
        self.commands.iter().filter_map(|words| {
            let program = basename(&words[0]);
            let place = words.iter().skip(1).position(String::is_empty)? + 1;
            (!PREPARATION.contains(&program)).then_some((program, place))
        })
    }

    /// The program of another watchman that the command reports to.
    pub fn watcher(&self) -> Option<&str> {
        let name =
            |words: &'_ Vec<String>| WATCHERS.iter().find(|name| **name == basename(&words[0])).copied();
        self.commands.iter().find_map(name)
    }

    /// Whether it begins by testing that something is there.
    pub fn is_guarded(&self) -> bool {
        self.commands.iter().any(|words| ["test", "[", "[["].contains(&basename(&words[0])))
    }

    /// The command that does the work.
    fn work(&self) -> Option<&Vec<String>> {
        // Debian's own crontabs spread the load with `perl -e 'sleep int(rand(43200))'`.
        let sleeps = |words: &Vec<String>| {
            words.get(2).is_some_and(|code| words[1] == "-e" && code.starts_with("sleep"))
        };
        let at_work = |words: &&Vec<String>| !PREPARATION.contains(&basename(&words[0])) && !sleeps(words);
        self.commands.iter().find(at_work).or(self.commands.last())
    }

    /// The file that does the work, where the line says plainly which it is.
    pub fn script(&self) -> Option<Script> {
        let words = self.work()?;
        let folder = self.folder();
        let plain = |path: &str| {
            let full = match (path.starts_with('/'), folder) {
                (true, _) => path.to_owned(),
                (false, Some(folder)) if path.contains('/') => {
                    format!("{}/{}", folder.trim_end_matches('/'), path.trim_start_matches("./"))
                }
                _ => return None,
            };
            (!full.contains(['$', '*', '?', '`', '~'])).then_some(full)
        };
        match script_argument(words) {
            Some(script) => plain(script).map(Script::Interpreted),
            None => plain(&words[0]).map(Script::Started),
        }
    }

    fn folder(&self) -> Option<&str> {
        let change = self.commands.iter().find(|words| words[0] == "cd")?;
        change.get(1).map(String::as_str).filter(|folder| folder.starts_with('/'))
    }

    /// A name made from the program or script, of letters, digits, `-` and `_` only.
    pub fn name(&self) -> String {
        let Some(words) = self.work() else { return "job".to_owned() };
        if let Some(folder) = self.run_parts() {
            return tidy(basename(folder));
        }
        let path = script_argument(words).unwrap_or(&words[0]);
        let stem = stem(basename(path));
        if !VAGUE.contains(&stem) {
            return tidy(stem);
        }
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let folders = [folder, self.folder().unwrap_or("")];
        let telling = folders
            .iter()
            .flat_map(|folder| folder.rsplit('/'))
            .find(|part| !part.is_empty() && !part.starts_with('.') && !FOLDERS.contains(part));
        match telling {
            Some(part) => tidy(&format!("{part}-{stem}")),
            None => tidy(stem),
        }
    }
}

/// The argument that an interpreter reads: `x.py` of `python3 -u x.py`, `pkg.mod` of `python -m pkg.mod`.
fn script_argument(words: &[String]) -> Option<&str> {
    if !is_interpreter(basename(&words[0])) {
        return None;
    }
    let mut rest = words[1..].iter().map(String::as_str);
    while let Some(word) = rest.next() {
        match word {
            "-m" => return rest.next(),
            "-c" | "-e" | "-r" => return None,
            "-W" | "-X" | "-d" | "-o" => _ = rest.next(),
            option if option.starts_with('-') => {}
            script => return Some(script),
        }
    }
    None
}

/// True for programs that start others or read scripts.
pub(super) fn starts_others(program: &str) -> bool {
    let program = basename(program);
    WRAPPERS.iter().any(|(name, ..)| *name == program) || is_interpreter(program) || program == "su"
}

fn is_interpreter(program: &str) -> bool {
    let bare = program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    INTERPRETERS.contains(&bare) || SHELLS.contains(&program)
}

/// True for an interpreter with options only. What takes its program from an option does not lack a script.
fn lacks_script(words: &[String]) -> bool {
    let program = basename(&words[0]);
    let is_shell = SHELLS.contains(&program);
    // `sh -c "$COMMAND"` with nothing in the variable.
    if is_shell && inner_line(words).is_some_and(|line| line.trim().is_empty()) {
        return true;
    }
    let is_program = |word: &String| match is_shell {
        true => word.starts_with('-') && !word.starts_with("--") && word.ends_with('c'),
        false => ["-c", "-e", "-m", "-r", "-p", "--eval", "--print", "--run"]
            .iter()
            .any(|start| word.starts_with(start)),
    };
    is_interpreter(program)
        && script_argument(words).is_none_or(str::is_empty)
        && !words.iter().skip(1).any(is_program)
}

/// What `-c` hands to a shell.
fn inner_line(words: &[String]) -> Option<&str> {
    let takes_line = |word: &String| word.starts_with('-') && !word.starts_with("--") && word.ends_with('c');
    let at = words.iter().position(takes_line)?;
    words.get(at + 1).map(String::as_str)
}

fn after_wrapper<'w>(mut words: &'w [String], options: &[&str], arguments: usize) -> &'w [String] {
    let mut left = arguments;
    while let Some(first) = words.first() {
        if first == "--" {
            return &words[1..];
        }
        if first.starts_with('-') {
            let skip = if options.contains(&first.as_str()) { 2 } else { 1 };
            words = words.get(skip..).unwrap_or(&[]);
        } else if left > 0 {
            left -= 1;
            words = &words[1..];
        } else {
            break;
        }
    }
    words
}

/// Words that are neither options nor the values of muster's own.
fn plain_words(words: &[String]) -> impl Iterator<Item = &str> {
    let mut words = words.iter().map(String::as_str);
    std::iter::from_fn(move || {
        loop {
            match words.next()? {
                "--" => return None,
                "--config" | "--state" | "-c" => _ = words.next(),
                option if option.starts_with('-') => {}
                word => return Some(word),
            }
        }
    })
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty()
            && !name.starts_with(|c: char| c.is_ascii_digit())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}

/// The last part of a path.
pub fn basename(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or(path)
}

fn stem(file: &str) -> &str {
    match file.rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() && ending.len() <= 4 => stem,
        _ => file,
    }
}

/// Only what may stand in a bare key of TOML and in an id; at most 60 bytes.
pub(super) fn tidy(text: &str) -> String {
    let mut name = String::new();
    for letter in text.chars() {
        match letter {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '_' => name.push(letter),
            _ if name.is_empty() || name.ends_with('-') => {}
            _ => name.push('-'),
        }
    }
    name.truncate(60);
    let name = name.trim_end_matches('-');
    if name.is_empty() { "job".to_owned() } else { name.to_owned() }
}

/// Simple commands of a line: words without quotes, without redirections.
fn split(line: &str) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    let mut word: Option<String> = None;
    let mut redirected = false;
    let mut letters = line.chars().peekable();
    let finish = |word: &mut Option<String>, redirected: &mut bool, commands: &mut Vec<Vec<String>>| {
        if let Some(word) = word.take()
            && !std::mem::take(redirected)
            && let Some(command) = commands.last_mut()
        {
            command.push(word);
        }
    };
    while let Some(letter) = letters.next() {
        match letter {
            ' ' | '\t' => finish(&mut word, &mut redirected, &mut commands),
            '\'' => word.get_or_insert_default().extend(letters.by_ref().take_while(|c| *c != '\'')),
            '"' => {
                let word = word.get_or_insert_default();
                while let Some(letter) = letters.next() {
                    match letter {
                        '"' => break,
                        '\\' if letters.peek().is_some_and(|c| "\"\\$`".contains(*c)) => {
                            word.extend(letters.next());
                        }
                        _ => word.push(letter),
                    }
                }
            }
            '\\' => word.get_or_insert_default().extend(letters.next()),
            '$' if letters.peek() == Some(&'(') => {
                let word = word.get_or_insert_default();
                word.push('$');
                let mut open = 0_u32;
                for letter in letters.by_ref() {
                    word.push(letter);
                    match letter {
                        '(' => open += 1,
                        ')' => open = open.saturating_sub(1),
                        _ => {}
                    }
                    if open == 0 {
                        break;
                    }
                }
            }
            '`' => {
                let word = word.get_or_insert_default();
                word.push('`');
                word.extend(letters.by_ref().take_while(|c| *c != '`'));
            }
            '#' if word.is_none() => break,
            '>' | '<' => {
                // The number of a stream is not a word.
                if word.as_ref().is_some_and(|word| word.bytes().all(|b| b.is_ascii_digit())) {
                    word = None;
                }
                finish(&mut word, &mut redirected, &mut commands);
                while letters.next_if(|c| "><&|".contains(*c)).is_some() {}
                redirected = true;
            }
            '&' if letters.peek() == Some(&'>') => {}
            ';' | '&' | '|' | '(' | ')' | '\n' => {
                finish(&mut word, &mut redirected, &mut commands);
                redirected = false;
                commands.push(Vec::new());
            }
            _ => word.get_or_insert_default().push(letter),
        }
    }
    finish(&mut word, &mut redirected, &mut commands);
    commands.retain(|command| !command.is_empty());
    commands
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrapped_line_is_recognised_wherever_muster_stands() {
        for (line, name) in [
            ("muster run nightly -- /opt/x.sh", Some("nightly")),
            ("/usr/local/bin/muster run nightly", Some("nightly")),
            (
                "cd /opt/x && FOO='a b' PATH=/x:/y nice -n 10 /opt/muster run --quiet nightly -- ./run.sh >/dev/null 2>&1",
                Some("nightly"),
            ),
            ("muster --config /etc/m.toml run --state=/x nightly --timeout 5m -- x", Some("nightly")),
            ("flock -n /tmp/l timeout -k 5 1h muster run a -- b", Some("a")),
            ("systemd-run --quiet --scope -p MemoryMax=20M muster run a -- b", Some("a")),
            ("bash -lc 'cd /x; muster run a -- b'", Some("a")),
            ("su - app -c \"muster run a -- b\"", Some("a")),
            ("flock -n /tmp/l -c 'muster run a'", Some("a")),
            ("test -x /usr/bin/muster && muster run a -- b || b", Some("a")),
            ("if true; then muster run a; fi", Some("a")),
            ("sudo -u app env X=1 muster run a", Some("a")),
            ("echo muster run a", None),
            ("/opt/x.sh muster run a", None),
            ("muster ping a", None),
            ("muster run -- x", None),
            ("muster-other run a", None),
            ("echo 'muster run a'; /opt/x.sh", None),
        ] {
            assert_eq!(Reading::of(line).covered(), name, "{line}");
        }
    }

    #[test]
    fn a_name_says_what_is_run() {
        for (line, name) in [
            ("/opt/backup/nightly.sh > /dev/null 2>&1", "nightly"),
            ("/opt/data_export/code/run.sh", "data_export-run"),
            ("cd /opt/shop && ./run.sh", "shop-run"),
            ("cd /opt/shop && /usr/bin/python3 -u manage.py cleanup", "shop-manage"),
            ("python3.11 -m app.tasks.report", "app-tasks-report"),
            ("test -x /usr/sbin/anacron || { cd / && run-parts --report /etc/cron.daily; }", "cron-daily"),
            ("[ -x /usr/bin/certbot ] && perl -e 'sleep int(rand(43200))' && certbot -q renew", "certbot"),
            ("curl -fsS https://example.com/x", "curl"),
            ("/opt/größe.sh", "gr-e"),
            ("DAY=$(date +%F) /opt/x.sh", "x"),
            ("& ; |", "job"),
            ("\"/opt/my scripts/do it.sh\"", "do-it"),
        ] {
            assert_eq!(Reading::of(line).name(), name, "{line}");
        }
    }

    #[test]
    fn the_script_is_named_only_where_it_is_plain() {
        for (line, script) in [
            ("/opt/x.sh a b", Some(Script::Started("/opt/x.sh".into()))),
            ("cd /opt/y && ./x.sh", Some(Script::Started("/opt/y/x.sh".into()))),
            ("python3 /opt/x.py", Some(Script::Interpreted("/opt/x.py".into()))),
            ("bash /opt/x.sh", Some(Script::Interpreted("/opt/x.sh".into()))),
            ("/opt/$X/x.sh", None),
            ("certbot renew", None),
            ("python3 -c 'print(1)'", None),
        ] {
            assert_eq!(Reading::of(line).script(), script, "{line}");
        }
        assert!(Reading::of("test -e /x && /x").is_guarded());
    }

    #[test]
    fn any_line_is_taken_apart_in_bounded_time() {
        let deep = "sh -c 'sh -c ".repeat(500);
        for line in ["'", "\"", "\\", "$(", "$((((", "`", ">", "<", "&>", "sh -c", "env", "flock", &deep] {
            let reading = Reading::of(line);
            assert!(!reading.name().is_empty());
            let _script = reading.script();
        }
    }
}
