//! What an error means: whether it can pass by itself. One exhaustive match: a new variant does not compile until someone
//! decides.

#![deny(clippy::wildcard_enum_match_arm)]

use super::ConnectorError;
use crate::convert::ConvertError;
use crate::convert::registry::RegistryError;
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
    /// A person must mend something elsewhere, and nobody will tell: say that it failed, and look again now and then.
    Blocked,
    /// A person must mend a login: as when blocked, but more and more seldom, and it runs once it has connected.
    LockedOut,
    /// It could have been known before anything was sent: build everything again, and ask first. Where that was done
    /// already, and no progress was made since, it is definite.
    Unforeseen,
    /// What it needs is not there, which may be a matter of a moment: wait once as if it passed, then it is blocked.
    Missing,
}

impl Verdict {
    /// In one word, for the metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Definite => "definite",
            Self::Blocked => "blocked",
            Self::LockedOut => "locked out",
            Self::Unforeseen => "unforeseen",
            Self::Missing => "missing",
        }
    }
}

/// Whether the error is one event's, which others of its batch may precede.
#[must_use]
pub const fn is_of_an_event(error: &ConnectorError) -> bool {
    match error {
        ConnectorError::Source(error) => matches!(
            error,
            SourceError::Undecodable { .. } | SourceError::UnsupportedType { .. } | SourceError::NameCollision { .. }
        ),
        ConnectorError::Sink(error) => {
            matches!(error, SinkError::TooLarge { .. } | SinkError::InvalidTopic { .. } | SinkError::Refused { .. })
        }
        ConnectorError::Transform(_) => true,
        ConnectorError::Convert(error) => !matches!(error, ConvertError::Registry(RegistryError::Unavailable { .. })),
        ConnectorError::Offset(_)
        | ConnectorError::Undelivered { .. }
        | ConnectorError::Unsaved { .. }
        | ConnectorError::Configuration(_)
        | ConnectorError::Panicked { .. } => false,
    }
}

/// Whether the error can pass by itself.
#[must_use]
pub const fn judge(error: &ConnectorError) -> Verdict {
    match error {
        ConnectorError::Source(error) => source(error),
        ConnectorError::Sink(error) => sink(error),
        // The state's disk may be full for a while; nothing is lost meanwhile, since nothing is acknowledged.
        // And the end of a stop: whoever starts it again repeats what was not saved.
        ConnectorError::Offset(OffsetError::State { .. })
        | ConnectorError::Undelivered { .. }
        | ConnectorError::Unsaved { .. } => Verdict::Transient,
        ConnectorError::Convert(ConvertError::Registry(error)) => registry(error),
        ConnectorError::Transform(TransformError::MissingField { .. } | TransformError::Unsuitable { .. })
        | ConnectorError::Convert(ConvertError::Mismatch { .. })
        | ConnectorError::Configuration(_)
        | ConnectorError::Panicked { .. } => Verdict::Definite,
    }
}

const fn registry(error: &RegistryError) -> Verdict {
    match error {
        RegistryError::Unavailable { .. } => Verdict::Transient,
        // The schema is the table's, so it is the registry where something must change, or the table.
        RegistryError::Incompatible { .. } | RegistryError::Unregistered { .. } => Verdict::Blocked,
        RegistryError::Refused { .. } => Verdict::Definite,
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
        // A secret is read again for each try, so one that was changed is found without a restart.
        SourceError::Authentication { .. } => Verdict::LockedOut,
        SourceError::Tls { .. }
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
        // Nothing of the message's batch was sent, so looking again repeats nothing.
        SinkError::TooLarge { by_topic: true, .. } => Verdict::Blocked,
        SinkError::SizeRefused { .. } => Verdict::Unforeseen,
        SinkError::TopicMissing { .. } => Verdict::Missing,
        SinkError::Refused { .. }
        | SinkError::InvalidTopic { .. }
        | SinkError::TooLarge { by_topic: false, .. }
        | SinkError::Closed { .. }
        | SinkError::Configuration { .. } => Verdict::Definite,
    }
}

/// The error in one word, for the metrics; and whether it is a connection that was lost or could not be made.
#[must_use]
pub const fn cause(error: &ConnectorError) -> (&'static str, bool) {
    match error {
        ConnectorError::Source(error) => source_cause(error),
        ConnectorError::Sink(error) => match error {
            SinkError::Unavailable { .. } => ("sink_unavailable", true),
            SinkError::Closed { .. } => ("sink_closed", true),
            SinkError::Refused { .. }
            | SinkError::InvalidTopic { .. }
            | SinkError::TooLarge { .. }
            | SinkError::SizeRefused { .. }
            | SinkError::TopicMissing { .. } => ("message_refused", false),
            SinkError::Configuration { .. } => ("configuration", false),
        },
        ConnectorError::Offset(OffsetError::State { .. }) => ("state", false),
        ConnectorError::Convert(ConvertError::Registry(error)) => match error {
            RegistryError::Unavailable { .. } => ("registry_unavailable", true),
            RegistryError::Incompatible { .. } | RegistryError::Unregistered { .. } | RegistryError::Refused { .. } => {
                ("schema_refused", false)
            }
        },
        ConnectorError::Transform(_) | ConnectorError::Convert(ConvertError::Mismatch { .. }) => ("record", false),
        ConnectorError::Undelivered { .. } | ConnectorError::Unsaved { .. } => ("stop", false),
        ConnectorError::Configuration(_) => ("configuration", false),
        ConnectorError::Panicked { .. } => ("panic", false),
    }
}

const fn source_cause(error: &SourceError) -> (&'static str, bool) {
    match error {
        SourceError::Connect { .. } => ("database_unreachable", true),
        SourceError::Disconnected { .. } => ("database_disconnected", true),
        SourceError::SlotInUse { .. } => ("slot_in_use", true),
        SourceError::Authentication { .. } => ("database_authentication", true),
        SourceError::Tls { .. } => ("database_tls", true),
        SourceError::Sql { .. } => ("database_statement", false),
        SourceError::Preflight(_) => ("database_setup", false),
        SourceError::PositionLost { .. } | SourceError::BadPosition { .. } => ("position_lost", false),
        SourceError::Undecodable { .. } | SourceError::UnsupportedType { .. } | SourceError::NameCollision { .. } => {
            ("undecodable", false)
        }
    }
}
