//! Where positions survive a restart; and, in the same file, connectors that were registered over the API.

pub mod sqlite;

use std::sync::Arc;

use futures::future::BoxFuture;

use crate::event::Position;

/// Why a position could not be loaded or saved.
#[derive(Debug, thiserror::Error)]
pub enum OffsetError {
    /// The state file cannot be used.
    #[error("state {path}: {reason}")]
    State {
        /// The file.
        path: String,
        /// What is wrong.
        reason: String,
    },
}

/// One connector's saved position.
pub trait OffsetStore: Send {
    /// What was saved last.
    fn load(&mut self) -> BoxFuture<'_, Result<Option<Position>, OffsetError>>;
    /// Saves durably: when this returns, a crash cannot take it back.
    fn save(&mut self, position: Position) -> BoxFuture<'_, Result<(), OffsetError>>;
    /// Notes that records of these topics are durable in the sink. Who keeps no such notes does nothing.
    fn wrote(&mut self, topics: Vec<Arc<str>>) -> BoxFuture<'_, Result<(), OffsetError>> {
        drop(topics);
        Box::pin(std::future::ready(Ok(())))
    }
}
