//! `muster run` alone, for the tests of this crate and for its benchmark: the same code as in the command, without the rest.

use std::process::ExitCode;

fn main() -> ExitCode {
    let code = muster_run::main(std::env::args_os().skip(1), &mut std::io::stdout(), &mut std::io::stderr());
    ExitCode::from(code)
}
