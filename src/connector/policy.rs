//! What an error means: whether it can pass by itself. One exhaustive match: a new variant does not compile until someone
//! decides.

#![deny(clippy::wildcard_enum_match_arm)]

use super::ConnectorError;
use crate::convert::ConvertError;
use crate::offset::OffsetError;
use crate::sink::SinkError;
use crate::source::SourceError;
use crate::transform::TransformError;

/// What to do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Wait, and build everything again from the saved position.
    Transient,
    /// Stop, and wait for a person: the same would happen again.
    Definite,
}

/// Whether the error can pass by itself.
#[must_use]
pub const fn judge(error: &ConnectorError) -> Verdict {
    match error {
        ConnectorError::Source(error) => source(error),
        ConnectorError::Sink(error) => sink(error),
        // The state's disk may be full for a while; nothing is lost meanwhile, since nothing is acknowledged.
        ConnectorError::Offset(OffsetError::State { .. }) => Verdict::Transient,
        ConnectorError::Transform(TransformError::MissingField { .. } | TransformError::Unsuitable { .. })
        | ConnectorError::Convert(ConvertError::Mismatch { .. })
        | ConnectorError::Configuration(_)
        | ConnectorError::Panicked { .. } => Verdict::Definite,
    }
}

const fn source(error: &SourceError) -> Verdict {
    match error {
        // A slot is held until the server notices that its reader died, which takes wal_sender_timeout.
        SourceError::Connect { .. } | SourceError::Disconnected { .. } | SourceError::SlotInUse { .. } => {
            Verdict::Transient
        }
        SourceError::Sql { transient, .. } => {
            if *transient {
                Verdict::Transient
            } else {
                Verdict::Definite
            }
        }
        SourceError::Authentication { .. }
        | SourceError::Tls { .. }
        | SourceError::Preflight(_)
        | SourceError::PositionLost { .. }
        | SourceError::BadPosition { .. }
        | SourceError::Undecodable { .. }
        | SourceError::UnsupportedType { .. }
        | SourceError::NameCollision { .. } => Verdict::Definite,
    }
}

const fn sink(error: &SinkError) -> Verdict {
    match error {
        SinkError::Unavailable { .. } => Verdict::Transient,
        SinkError::Refused { .. } | SinkError::Closed { .. } | SinkError::Configuration { .. } => Verdict::Definite,
    }
}
