//! Which sources and which sinks there are: what a file and the worker's settings say of them, and how one is made.
//!
//! A new source is an arm in each match of [`SourceConfig`], a new sink one in those of [`SinkConfig`].

use std::path::PathBuf;
use std::sync::Arc;

use super::kind::Kind;
use crate::config::worker::SinkKind;
use crate::config::{Key, Problems, Properties, Warning, Worker};
use crate::sink::file::AppendFile;
use crate::sink::kafka::{Kafka, KafkaConfig};
use crate::sink::lines::Encodings;
use crate::sink::stdout::Stdout;
use crate::sink::{Sink, SinkError};
use crate::source::common::Common;
use crate::source::describe::{DescribeError, Description, Script};
use crate::source::mysql::{self, MySql, MySqlConfig};
use crate::source::postgres::{self, Postgres, PostgresConfig};
use crate::source::{Source, SourceError};

/// A source, as its file says.
pub(super) enum SourceConfig {
    MySql(Arc<MySqlConfig>),
    Postgres(Box<PostgresConfig>),
}

impl SourceConfig {
    /// The keys of this source, beside those that all have.
    pub(super) const fn keys(kind: Kind) -> &'static [Key] {
        match kind {
            Kind::MySql => mysql::Flavor::MySql.keys(),
            Kind::MariaDb => mysql::Flavor::MariaDb.keys(),
            Kind::Postgres => postgres::KEYS,
        }
    }

    pub(super) fn read(kind: Kind, properties: &Properties) -> Result<Self, Problems> {
        let mysql = |flavor| MySqlConfig::read(flavor, properties).map(|config| Self::MySql(config.into()));
        match kind {
            Kind::MySql => mysql(mysql::Flavor::MySql),
            Kind::MariaDb => mysql(mysql::Flavor::MariaDb),
            Kind::Postgres => PostgresConfig::read(properties).map(|config| Self::Postgres(config.into())),
        }
    }

    /// What all sources read from their files.
    pub(super) fn common(&self) -> &Common {
        match self {
            Self::MySql(config) => &config.common,
            Self::Postgres(config) => &config.common,
        }
    }

    /// The database, where all tables are in one.
    pub(super) fn database(&self) -> Option<&str> {
        match self {
            Self::MySql(_) => None,
            Self::Postgres(config) => Some(config.database.as_str()),
        }
    }

    pub(super) fn build(self) -> Box<dyn Source> {
        match self {
            Self::MySql(config) => Box::new(MySql::new(config)),
            Self::Postgres(config) => Box::new(Postgres::new(*config)),
        }
    }

    /// Whether the database can be reached.
    pub(super) async fn reach(&self) -> Result<(), SourceError> {
        match self {
            Self::MySql(config) => mysql::reach(config).await,
            Self::Postgres(config) => postgres::reach(config).await,
        }
    }

    /// The captured tables, as they are now or would be after the script.
    pub(super) async fn describe(&self, script: Option<&Script>) -> Result<Description, DescribeError> {
        match self {
            Self::MySql(config) => mysql::describe(config, script).await,
            Self::Postgres(config) => postgres::describe(config, script).await,
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

    /// Creates the dead letter topic, if there are topics and it is missing.
    pub(super) fn create_dead_letters(&mut self, topic: &str, replication_factor: i32) {
        match self {
            Self::Kafka(config) => config.create_dead_letters(topic, replication_factor),
            Self::Stdout | Self::File(_) => {}
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
