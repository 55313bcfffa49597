//! The whole daemon against real servers, which the tests start themselves (`tests/stack`).

mod access;
mod broker;
mod columns;
mod crash;
mod heartbeat;
mod input;
mod kafka;
mod ledger;
mod lines;
mod lost;
mod outage;
mod quiet;
mod refused;
mod smoke;
mod writer;
