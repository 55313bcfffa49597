//! The program: arguments, and what they ask for.

use std::process::ExitCode;

use clap::Parser;
use rowtide::cli::Cli;

fn main() -> ExitCode {
    Cli::parse().execute()
}
