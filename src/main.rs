//! The program: arguments, and what they ask for.

use std::process::ExitCode;

use clap::Parser;
use rowtide::cli::Cli;

/// Rows are allocated by one thread and freed by another, many times a batch.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    Cli::parse().execute()
}
