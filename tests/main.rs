//! The tests that need more than one module, in one binary.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod golden;
