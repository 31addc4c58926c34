//! The reference of the command line as Markdown, made from the same definitions as `--help`.

use clap::Command;

/// The whole page.
pub(crate) fn reference(command: &mut Command) -> String {
    command.build();
    let mut page = String::from(
        "# Command line\n\nGenerated from the program by `cargo xtask generate`; do not edit.\n",
    );
    section(command, &mut page);
    page
}

fn section(command: &mut Command, page: &mut String) {
    let title = command.get_bin_name().unwrap_or_else(|| command.get_name()).to_owned();
    let help = command.render_long_help().to_string();
    let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    page.push_str(&format!("\n## `{title}`\n\n```text\n{}\n```\n", lines.join("\n").trim_end()));
    for verb in command.get_subcommands_mut() {
        if !verb.is_hide_set() && verb.get_name() != "help" {
            section(verb, page);
        }
    }
}
