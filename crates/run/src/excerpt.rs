//! The part of a configuration that concerns one job. A run lives for a millisecond, and reading a long file for a few
//! lines would double that. The places of the lines stay the same.

use muster_config::nearest::nearest;

/// The file with the lines of other tables left empty; none if that cannot be told for sure, or the job might be meant
/// by another spelling: then the whole file is to be read.
pub(crate) fn of_job(text: &str, job: &str) -> Option<String> {
    // Inside of texts over several lines anything may look like a header.
    if text.contains("\"\"\"") || text.contains("'''") {
        return None;
    }
    let mut excerpt = String::with_capacity(text.len());
    let mut names: Vec<String> = Vec::new();
    // What stands before the first header may speak of any table.
    let mut keep = true;
    for line in text.split_inclusive('\n') {
        if line.trim_start().starts_with('[') {
            let path = header(line)?;
            let mut parts = path.split('.');
            keep = match (parts.next(), parts.next()) {
                (Some("muster"), _) | (Some("job"), None) => true,
                (Some("job"), Some(name)) => {
                    names.push(name.to_owned());
                    name == job
                }
                _ => false,
            };
        }
        if keep {
            excerpt.push_str(line);
        } else if line.ends_with('\n') {
            excerpt.push('\n');
        }
    }
    let there = names.iter().any(|name| name == job);
    // A name with dots stands in quotation marks, which the split above does not understand.
    let doubtful = || text.contains(job) || nearest(job, names.iter().map(String::as_str)).is_some();
    if there || !doubtful() { Some(excerpt) } else { None }
}

/// The path of `[path]` or `[[path]]`, without blanks and quotation marks.
fn header(line: &str) -> Option<String> {
    let line = line.trim();
    let (open, close) = if line.starts_with("[[") { ("[[", "]]") } else { ("[", "]") };
    let (path, rest) = line.strip_prefix(open)?.split_once(close)?;
    let rest = rest.trim_start();
    let plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '@' | ' ' | '"' | '\'');
    if !(rest.is_empty() || rest.starts_with('#')) || path.is_empty() || !path.chars().all(plain) {
        return None;
    }
    Some(path.chars().filter(|c| !matches!(c, ' ' | '"' | '\'')).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
[muster]
state = \"/s\"
[notify.x]   # people
to = [
  \"a\",
]
[job.b]
command = [\"b\"]
[ job . \"a\" ]
command = [\"a\"]
[job.a.timeout]
hard = \"1h\"
[[check.s.step]]
get = \"/\"
";

    #[test]
    fn only_the_jobs_own_lines_are_left_and_stay_where_they_were() {
        let excerpt = of_job(FILE, "a").expect("sure");
        let lines: Vec<(usize, &str)> =
            excerpt.lines().enumerate().filter(|(_, line)| !line.is_empty()).collect();
        let kept = [0, 1, 8, 9, 10, 11].map(|at| (at, FILE.lines().nth(at).unwrap_or_default()));
        assert_eq!(lines, kept);
        assert_eq!(excerpt.lines().count(), FILE.lines().count());
    }

    #[test]
    fn a_job_that_is_not_there_leaves_the_state_only() {
        assert_eq!(of_job(FILE, "nightly-export").expect("sure").trim(), "[muster]\nstate = \"/s\"");
    }

    #[test]
    fn in_doubt_the_whole_file_is_read() {
        for (file, job) in [
            ("[job.nightly]\n", "nihgtly"),
            ("job = { a = { command = [\"x\"] } }\n[job]\n", "a"),
            ("[job.\"a.b\"]\n", "a.b"),
            ("x = \"\"\"\n[job.a]\n\"\"\"\n[job.a]\n", "a"),
            ("[job.a]\nlist = [\n[1, 2],\n]\n", "a"),
            ("[job.a\n", "a"),
        ] {
            assert_eq!(of_job(file, job), None, "{file:?}");
        }
    }
}
