//! The whole daemon against real servers, which the tests start themselves (`tests/stack`).

mod crash;
mod ledger;
mod smoke;
mod writer;
