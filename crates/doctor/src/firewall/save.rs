//! Reads what `iptables-save` and `ip6tables-save` print.
//!
//! Tests of single modules are in `modules`, targets in `targets`. A line that is not understood becomes a rule that may
//! do anything, so that no verdict leans on a guess.

use super::modules::{head, module};
use super::rule::{Action, Base, Chain, Hook, Purpose, Rule, Step, Table, Test};
use super::sets::Sets;
use super::targets::target;

/// The tables in a dump of one family.
///
/// # Errors
/// In words, if the dump is not whole.
pub(crate) fn read(text: &str, v6: bool, legacy: bool, sets: &Sets) -> Result<Vec<Table>, String> {
    let mut tables = Vec::new();
    let mut open: Option<(String, Table)> = None;
    for line in text.lines() {
        let line = line.trim();
        if let Some(name) = line.strip_prefix('*') {
            let family = if v6 { "ip6" } else { "ip" };
            let aside = if legacy { " (legacy)" } else { "" };
            let table = Table { name: format!("{family} {name}{aside}"), v4: !v6, v6, ..Table::default() };
            open = Some((name.to_owned(), table));
        } else if line == "COMMIT" {
            tables.extend(open.take().map(|(_, table)| table));
        } else if let Some((name, table)) = &mut open {
            if let Some(chain) = line.strip_prefix(':') {
                let mut words = chain.split_whitespace();
                let (Some(chain), Some(policy)) = (words.next(), words.next()) else {
                    return Err(format!("a chain is not understood: {line}"));
                };
                let base = base(name, chain, policy);
                table.chains.insert(chain.to_owned(), Chain { base, rules: Vec::new() });
            } else if !line.is_empty() && !line.starts_with('#') {
                add(table, line, v6, sets)?;
            }
        }
    }
    match open {
        Some((name, _)) => Err(format!("the dump breaks off in table {name}")),
        None => Ok(tables),
    }
}

/// How the kernel attaches a built-in chain.
fn base(table: &str, chain: &str, policy: &str) -> Option<Base> {
    let hook = match chain {
        "PREROUTING" => Hook::Prerouting,
        "INPUT" => Hook::Input,
        "FORWARD" => Hook::Forward,
        "OUTPUT" => Hook::Output,
        "POSTROUTING" => Hook::Postrouting,
        _ => return None,
    };
    if policy == "-" {
        return None;
    }
    let priority = match table {
        "raw" => -300,
        "mangle" => -150,
        "nat" if matches!(hook, Hook::Prerouting | Hook::Output) => -100,
        "nat" => 100,
        "security" => 50,
        _ => 0,
    };
    let purpose = if table == "nat" { Purpose::Translate } else { Purpose::Filter };
    Some(Base { hook, priority, purpose, drops: policy == "DROP" })
}

fn add(table: &mut Table, line: &str, v6: bool, sets: &Sets) -> Result<(), String> {
    let words = words(line);
    let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
    if words.first().is_some_and(|word| word.starts_with('[')) {
        words.remove(0);
    }
    let ["-A", chain, rest @ ..] = words.as_slice() else {
        return Err(format!("a line is not understood: {line}"));
    };
    let steps = steps(rest, v6, sets);
    let text = line.split_once(&format!("-A {chain} ")).map_or("", |(_, text)| text).to_owned();
    let chain = table.chains.entry((*chain).to_owned()).or_default();
    let number = chain.rules.len() + 1;
    chain.rules.push(Rule { number, text, steps });
    Ok(())
}

/// The rule's tests, in order, and then its target.
fn steps(words: &[&str], v6: bool, sets: &Sets) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut action = Action::Watch;
    let mut protocol = None;
    let starts = |word: &str| matches!(word, "-m" | "-j" | "-g" | "--jump" | "--goto" | "--match");
    let mut at = words.iter().position(|word| starts(word)).unwrap_or(words.len());
    let tests = |tests: Vec<Test>| tests.into_iter().map(Step::Test);
    steps.extend(tests(head(&words[..at], &mut protocol)));
    while at < words.len() {
        let end =
            words[at + 1..].iter().position(|word| starts(word)).map_or(words.len(), |more| at + 1 + more);
        match (words[at], &words[at + 1..end]) {
            ("-m" | "--match", [name, arguments @ ..]) => {
                steps.extend(tests(module(name, arguments, protocol, v6, sets)));
            }
            ("-j" | "--jump", [name, arguments @ ..]) => action = target(name, arguments),
            ("-g" | "--goto", [name, ..]) => action = Action::Goto((*name).to_owned()),
            (word, _) => action = Action::Unclear(format!("{word} without a name")),
        }
        at = end;
    }
    steps.push(Step::Act(action));
    steps
}

/// Words of a line; quoted ones may hold blanks.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut letters = line.chars();
    let mut word = String::new();
    let (mut quoted, mut begun) = (false, false);
    while let Some(letter) = letters.next() {
        match letter {
            '\\' if quoted => word.extend(letters.next()),
            '"' => (quoted, begun) = (!quoted, true),
            ' ' if !quoted => {
                if begun {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            other => {
                word.push(other);
                begun = true;
            }
        }
    }
    if begun {
        words.push(word);
    }
    words
}
