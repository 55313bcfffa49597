//! One connector: the line from source to sink, and the acknowledgement back.
//!
//! Three tasks: the source pushes batches; the pump writes them to the sink in order; the saver saves what the sink has
//! durably, and tells the source. Invariant: acknowledged to the database ≤ saved ≤ durable in the sink.

pub mod keys;
pub mod kind;
mod parts;
pub mod pipeline;
pub mod plan;
pub mod policy;
mod pump;
mod saver;
pub mod status;
pub mod supervise;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::config::Problems;
use crate::convert::ConvertError;
use crate::event::Position;
use crate::offset::{OffsetError, OffsetStore};
use crate::sink::{Sink, SinkError};
use crate::source::{Outbox, Progress, Source, SourceError};
use crate::transform::TransformError;
use pipeline::Pipeline;
pub use pump::Limits;
use pump::Pump;
use saver::Saver;
use status::Counters;

/// Why a connector ended.
#[derive(Debug, thiserror::Error)]
pub enum ConnectorError {
    /// The source's reason.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A transform's reason.
    #[error(transparent)]
    Transform(#[from] TransformError),
    /// A converter's reason.
    #[error(transparent)]
    Convert(#[from] ConvertError),
    /// The sink's reason.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// The state's reason.
    #[error(transparent)]
    Offset(#[from] OffsetError),
    /// The configuration is wrong in a way that showed only when it was used.
    #[error(transparent)]
    Configuration(#[from] Problems),
    /// A fault of ours.
    #[error("the {task} panicked; this is a fault of the program, please report it with the log")]
    Panicked {
        /// Which part.
        task: &'static str,
    },
}

/// The parts of a connector, ready to run.
pub struct Connector {
    /// Reads the database's log.
    pub source: Box<dyn Source>,
    /// Makes messages of events.
    pub pipeline: Pipeline,
    /// Takes the messages.
    pub sink: Box<dyn Sink>,
    /// Keeps the position.
    pub offsets: Box<dyn OffsetStore>,
    /// How the parts are joined.
    pub settings: Settings,
}

/// How the parts of a connector are joined.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How much may be on its way.
    pub limits: Limits,
    /// The shortest time between two saves of the position.
    pub save_interval: Duration,
    /// Whether the sink wants the offset of every single record.
    pub record_offsets: bool,
    /// `--once`: end when the source has caught up and all of it is durable.
    pub once: bool,
}

/// Where a running connector tells of itself.
#[derive(Clone)]
pub struct Telltale {
    /// The saved position.
    pub saved: watch::Sender<Option<Position>>,
    /// What the source does.
    pub progress: Arc<watch::Sender<Progress>>,
    /// What went through.
    pub counters: Arc<Counters>,
}

impl Default for Telltale {
    fn default() -> Self {
        Self {
            saved: watch::Sender::new(None),
            progress: Arc::new(watch::Sender::new(Progress::default())),
            counters: Arc::default(),
        }
    }
}

/// Runs until `stop`, or the first error. The source outlives the sink, so that it can acknowledge the last saved position,
/// and never outlives this function: a restarted connector cannot meet its own old replication slot.
///
/// # Errors
/// The first error of any part.
pub async fn run(connector: Connector, telltale: &Telltale, stop: CancellationToken) -> Result<(), ConnectorError> {
    let Connector { source, pipeline, sink, mut offsets, settings } = connector;
    let start = offsets.load().await?;
    telltale.saved.send_replace(start.clone());
    telltale.progress.send_replace(Progress::default());
    let (batches, inbox) = mpsc::channel(settings.limits.batches_queued);
    let (delivered, delivered_seen) = watch::channel(start.clone());
    let (source_stop, hurry) = (CancellationToken::new(), CancellationToken::new());
    let outbox = Outbox {
        batches,
        saved: telltale.saved.subscribe(),
        progress: Arc::clone(&telltale.progress),
        stop: source_stop.clone(),
        record_offsets: settings.record_offsets,
    };
    let saver = Saver {
        store: offsets,
        delivered: delivered_seen,
        saved: telltale.saved.clone(),
        interval: settings.save_interval,
        hurry: hurry.clone(),
    };
    let pump = Pump {
        pipeline,
        sink,
        delivered,
        counters: Arc::clone(&telltale.counters),
        limits: settings.limits,
        once: settings.once.then(|| telltale.progress.subscribe()),
    };
    let source = tokio::spawn(source.run(start, outbox).in_current_span());
    let saver = tokio::spawn(saver.run().in_current_span());
    let pumped = pump_and_save(pump.run(inbox, stop), saver, &hurry).await;
    source_stop.cancel();
    let sourced = joined(source, "source").await;
    // A source that broke off ends the pump in peace, so its error is the one that tells.
    pumped.and(sourced)
}

async fn pump_and_save(
    pump: impl Future<Output = Result<(), ConnectorError>>,
    mut saver: JoinHandle<Result<(), OffsetError>>,
    hurry: &CancellationToken,
) -> Result<(), ConnectorError> {
    tokio::select! {
        pumped = pump => {
            hurry.cancel();
            pumped.and(joined(saver, "saver").await)
        }
        // The saver ends before the pump only with an error.
        saved = &mut saver => saved.map_err(|_| ConnectorError::Panicked { task: "saver" })?.map_err(Into::into),
    }
}

async fn joined<E: Into<ConnectorError>>(
    task: JoinHandle<Result<(), E>>,
    name: &'static str,
) -> Result<(), ConnectorError> {
    task.await.map_err(|_| ConnectorError::Panicked { task: name })?.map_err(Into::into)
}
