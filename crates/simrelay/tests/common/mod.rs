//! Running the real program.

use std::process::{Command, Output};

/// The program with these arguments and none of the caller's settings.
pub(crate) fn simrelay(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_simrelay"));
    for variable in ["SIMRELAY_URL", "SIMRELAY_TOKEN", "SIMRELAY_TOKEN_FILE", "SIMRELAY_CA"] {
        command.env_remove(variable);
    }
    command.args(arguments);
    command
}

/// Runs it to its end.
pub(crate) fn run(arguments: &[&str]) -> Output {
    simrelay(arguments).output().expect("the program starts")
}

/// What it wrote to standard output.
pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

/// What it wrote to standard error.
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}
