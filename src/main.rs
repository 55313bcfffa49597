//! The program: arguments, and what they ask for.

use std::process::ExitCode;

use clap::Parser;
use rowtide::cli::Cli;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    Cli::parse().execute()
}
