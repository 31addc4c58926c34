//! `muster run` alone, for the tests of this crate and for its benchmark: the same code as in the command, without the rest.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1).peekable();
    // The command has it there, and starts itself with it.
    arguments.next_if(|word| word == "run");
    let code = muster_run::main(arguments, &mut std::io::stdout(), &mut std::io::stderr());
    ExitCode::from(code)
}
