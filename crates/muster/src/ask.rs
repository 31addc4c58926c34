//! Asks the person at the terminal.

use std::io::{IsTerminal, Write};

use crate::exit_code::ExitCode;
use crate::refusal::Refusal;
use crate::world::World;

/// Asks a person. Without one nothing is done.
pub(crate) fn agreed(world: &World, question: &str) -> Result<bool, Refusal> {
    agreed_or(world, question, "--dry-run")
}

/// The same for a verb that has another word for only showing it.
pub(crate) fn agreed_or(world: &World, question: &str, only_shows: &str) -> Result<bool, Refusal> {
    if !std::io::stdin().is_terminal() {
        return Err(Refusal::new(ExitCode::Refused, "nobody is here to be asked, and nothing was changed")
            .help(format!("--yes does it without asking, {only_shows} only shows it")));
    }
    world.say(&format!("\n{question} [y/N] "))?;
    drop(std::io::stdout().flush());
    let mut answer = String::new();
    std::io::stdin()
        .read_line(&mut answer)
        .map_err(|error| Refusal::system("standard input cannot be read", &error))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
