//! The one test binary: one link, modules below.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod api;
mod api_refused;
mod cli;
mod examples;
mod golden;
mod line;
mod live;
mod manifests;
mod support;
mod tidy;
