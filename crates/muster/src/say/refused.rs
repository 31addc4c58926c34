//! Why a verb did not do what it was asked: the sentence, the causes, what to try.

use super::paper::Paper;
use crate::refusal::Refusal;

/// Lines for standard error.
pub(crate) fn refused(refusal: &Refusal, paper: &Paper) -> String {
    let mut text = format!("{} {}\n", paper.strong("error:"), visible(&refusal.what));
    for cause in &refusal.causes {
        text.push_str(&format!("  because: {}\n", visible(cause)));
    }
    for help in &refusal.help {
        text.push_str(&format!("{} {}\n", paper.strong("help:"), visible(help)));
    }
    text
}

/// Keeps line breaks, which some causes have, and drops every other control character.
fn visible(text: &str) -> String {
    text.trim_end().chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit_code::ExitCode;

    #[test]
    fn a_refusal_says_what_why_and_what_to_try() {
        let refusal = Refusal::new(ExitCode::NotFound, "nothing is called \"x\"")
            .because_of("a\x1b[0m")
            .help("`muster status` lists all names");
        assert_eq!(
            refused(&refusal, &Paper::PLAIN),
            "error: nothing is called \"x\"\n  because: a [0m\nhelp: `muster status` lists all names\n"
        );
    }
}
