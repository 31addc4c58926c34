//! The command that takes the folder to another host.

use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

use crate::program::Program;

/// The longest that it may take.
pub(crate) const WITHIN: Duration = Duration::from_secs(50);

/// Runs the command, `{folder}` in its words replaced.
///
/// # Errors
/// What went wrong, in one line.
pub(crate) async fn carry(words: &[String], folder: &Path, within: Duration) -> Result<(), String> {
    let folder = folder.to_string_lossy();
    let words: Vec<String> = words.iter().map(|word| word.replace("{folder}", &folder)).collect();
    let Some((program, words)) = words.split_first() else { return Err("the command is empty".to_owned()) };
    let words: Vec<&OsStr> = words.iter().map(OsStr::new).collect();
    let ended = Program { path: OsStr::new(program), words: &words, within, output: 0 }.run().await?;
    if ended.status.success() { Ok(()) } else { Err(ended.words(program)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[tokio::test]
    async fn the_folder_is_named_and_a_failure_says_why() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(from.path().join("index.html"), "page").unwrap();
        let target = to.path().to_string_lossy().into_owned();
        carry(&words(&["cp", "-r", "{folder}/.", &target]), from.path(), WITHIN).await.unwrap();
        assert_eq!(std::fs::read_to_string(to.path().join("index.html")).unwrap(), "page");
        let failed = carry(&words(&["sh", "-c", "echo no route >&2; exit 3"]), from.path(), WITHIN).await;
        assert_eq!(failed, Err("sh: exit 3: no route".to_owned()));
        let absent = carry(&words(&["/nowhere/rsync"]), from.path(), WITHIN).await;
        assert!(absent.unwrap_err().starts_with("/nowhere/rsync could not be started"));
    }
}
