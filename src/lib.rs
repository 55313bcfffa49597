//! Rowtide: change data capture from MySQL and PostgreSQL to Kafka, with Debezium's events and Kafka Connect's interface.
//!
//! A connector is a straight line with one acknowledgement back: a source reads a database's log and pushes batches; the
//! pump makes records of their events, sends them through the transforms and the converters, and hands the bytes to the
//! sink; when the sink has them durably the position is saved, and what is saved is acknowledged to the database.
#![doc = include_str!("ARCHITECTURE.md")]

pub mod api;
pub mod budget;
pub mod cli;
pub mod config;
pub mod connector;
pub mod convert;
pub mod daemon;
pub mod data;
pub mod event;
pub mod http;
pub mod loggers;
pub mod metrics;
pub mod offset;
pub mod record;
pub mod runtime;
pub mod sink;
pub mod source;
pub mod telemetry;
pub mod tls;
pub mod transform;
