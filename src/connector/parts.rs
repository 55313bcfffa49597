//! Which sources and which sinks there are: what a file and the worker's settings say of them, and how one is made.
//!
//! A new source is an arm in each match of [`SourceParts`], a new sink one in those of [`SinkConfig`].

use std::path::PathBuf;

use super::kind::Kind;
use crate::config::worker::SinkKind;
use crate::config::{Key, Problems, Properties, Warning, Worker};
use crate::sink::file::AppendFile;
use crate::sink::kafka::{Kafka, KafkaConfig};
use crate::sink::lines::Encodings;
use crate::sink::stdout::Stdout;
use crate::sink::{Sink, SinkError};
use crate::source::Source;
use crate::source::common::Common;
use crate::source::mysql::{self, MySql, MySqlConfig};
use crate::source::postgres::{self, Postgres, PostgresConfig};

/// A source, as its file says, ready to run.
pub(super) struct SourceParts {
    /// What all sources read from their files.
    pub(super) common: Common,
    pub(super) source: Box<dyn Source>,
}

impl SourceParts {
    /// The keys of this source, beside those that all have.
    pub(super) const fn keys(kind: Kind) -> &'static [Key] {
        match kind {
            Kind::MySql | Kind::MariaDb => mysql::config::KEYS,
            Kind::Postgres => postgres::KEYS,
        }
    }

    pub(super) fn read(kind: Kind, properties: &Properties) -> Result<Self, Problems> {
        match kind {
            Kind::MySql | Kind::MariaDb => {
                let config = MySqlConfig::read(properties)?;
                Ok(Self { common: config.common.clone(), source: Box::new(MySql::new(config)) })
            }
            Kind::Postgres => {
                let config = PostgresConfig::read(properties)?;
                Ok(Self { common: config.common.clone(), source: Box::new(Postgres::new(config)) })
            }
        }
    }
}

/// A sink, as the worker's settings and the connector's overrides say.
pub(super) enum SinkConfig {
    Kafka(Box<KafkaConfig>),
    Stdout,
    File(PathBuf),
}

impl SinkConfig {
    pub(super) fn read(worker: &Worker, connector: &Properties) -> Result<Self, Problems> {
        Ok(match &worker.sink {
            SinkKind::Kafka(_) => Self::Kafka(Box::new(KafkaConfig::read(&worker.properties, connector)?)),
            SinkKind::Stdout => Self::Stdout,
            SinkKind::File(path) => Self::File(path.clone()),
        })
    }

    pub(super) fn warnings(&self) -> &[Warning] {
        match self {
            Self::Kafka(config) => &config.warnings,
            Self::Stdout | Self::File(_) => &[],
        }
    }

    pub(super) fn build(self, encodings: Encodings) -> Result<Box<dyn Sink>, SinkError> {
        Ok(match self {
            Self::Kafka(config) => Box::new(Kafka::new(&config)?),
            Self::Stdout => Box::new(Stdout::new(encodings)),
            Self::File(path) => Box::new(AppendFile::open(&path, encodings)?),
        })
    }
}
