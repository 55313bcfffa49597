//! One connector: the line from source to sink, and the acknowledgement back.
//!
//! Three tasks: the source pushes batches; the pump writes them to the sink in order; the saver saves what the sink has
//! durably, and tells the source. Invariant: acknowledged to the database ≤ saved ≤ durable in the sink.

pub mod contract;
pub mod dead_letter;
pub mod definition;
pub mod keys;
pub mod kind;
mod parts;
pub mod pipeline;
pub mod plan;
pub mod policy;
mod pump;
mod saver;
pub mod spans;
pub mod status;
pub mod stopping;
pub mod supervise;
pub mod topics;
pub mod vitals;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::budget::{Budget, Share};
use crate::config::Problems;
use crate::convert::ConvertError;
use crate::event::Position;
use crate::metrics::Meters;
use crate::offset::{OffsetError, OffsetStore};
use crate::sink::{Sink, SinkError};
use crate::source::{Outbox, Progress, Source, SourceError, batcher};
use crate::transform::TransformError;
use pipeline::Pipeline;
use policy::Verdict;
pub use pump::Limits;
use pump::{Pump, Rooms};
use saver::Saver;
use spans::Spans;
use stopping::Phases;
use topics::{Seen, Topics};

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
    /// A stop took all the time that it may take.
    #[error(
        "{batches} batches were not delivered within {limit:?} (task.shutdown.graceful.timeout.ms); they are read again"
    )]
    Undelivered {
        /// How many were on their way.
        batches: usize,
        /// The share of the time that delivering has.
        limit: Duration,
    },
    /// The same, of the last save.
    #[error(
        "the position was not saved within {limit:?} (task.shutdown.graceful.timeout.ms); what it covers is read again"
    )]
    Unsaved {
        /// How long was waited.
        limit: Duration,
    },
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
    /// Makes spans of batches, where somebody collects them.
    pub spans: Option<Spans>,
}

/// How the parts of a connector are joined.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How much may be on its way.
    pub limits: Limits,
    /// The shortest time between two saves of the position.
    pub save_interval: Duration,
    /// How large a source's batches may become.
    pub batch: batcher::Limits,
    /// Whether the sink wants the offset of every single record.
    pub record_offsets: bool,
    /// `--once`: end when the source has caught up and all of it is durable.
    pub once: bool,
    /// The memory that it shares with other connectors; `None`: no limit but its own.
    pub budget: Option<Budget>,
}

/// Where a running connector tells of itself.
#[derive(Clone)]
pub struct Telltale {
    /// The saved position.
    pub saved: watch::Sender<Option<Position>>,
    /// What the source does.
    pub progress: Arc<watch::Sender<Progress>>,
    /// What is counted and measured.
    pub meters: Arc<Meters>,
    /// The topics that were written.
    pub topics: Arc<Topics>,
    /// Whether the pump is to take nothing more for the moment.
    pub paused: Arc<watch::Sender<bool>>,
}

impl Default for Telltale {
    fn default() -> Self {
        Self {
            saved: watch::Sender::new(None),
            progress: Arc::new(watch::Sender::new(Progress::default())),
            meters: Arc::default(),
            topics: Arc::default(),
            paused: Arc::new(watch::Sender::new(false)),
        }
    }
}

/// Runs until `stop`, or the first error. The source outlives the sink, so that it can acknowledge the last saved position,
/// and never outlives this function: a restarted connector cannot meet its own old replication slot.
///
/// # Errors
/// The first error of any part.
pub async fn run(connector: Connector, telltale: &Telltale, stop: CancellationToken) -> Result<(), ConnectorError> {
    let Connector { source, pipeline, mut sink, mut offsets, settings, spans } = connector;
    let meters = &telltale.meters;
    meters.run_begins();
    pipeline.observe(meters);
    sink.observe(meters);
    let start = offsets.load().await?;
    telltale.saved.send_replace(start.clone());
    telltale.progress.send_replace(Progress::default());
    let (batches, inbox) = mpsc::channel(settings.limits.batches_queued);
    let (delivered, delivered_seen) = watch::channel(start.clone());
    let (source_stop, hurry) = (CancellationToken::new(), CancellationToken::new());
    // Whatever ends this function, be it a panic: the source must not go on, and hold its slot.
    let _source_ends = source_stop.clone().drop_guard();
    let rooms =
        Rooms { queued: Arc::new(Share::of(settings.budget.clone())), in_flight: Share::of(settings.budget.clone()) };
    let outbox = Outbox {
        batches,
        saved: telltale.saved.subscribe(),
        progress: Arc::clone(&telltale.progress),
        stop: source_stop.clone(),
        record_offsets: settings.record_offsets,
        limits: settings.batch,
        meters: Arc::clone(meters),
        room: Arc::clone(&rooms.queued),
    };
    let saver = Saver {
        store: offsets,
        delivered: delivered_seen,
        saved: telltale.saved.clone(),
        topics: Arc::clone(&telltale.topics),
        interval: settings.save_interval,
        hurry: hurry.clone(),
        meters: Arc::clone(meters),
        spans: spans.clone(),
    };
    let pump = Pump {
        pipeline,
        sink,
        delivered,
        meters: Arc::clone(meters),
        topics: Arc::clone(&telltale.topics),
        seen: Seen::default(),
        paused: telltale.paused.subscribe(),
        rooms,
        limits: settings.limits,
        spans,
        once: settings.once.then(|| telltale.progress.subscribe()),
    };
    let mut source = tokio::spawn(source.run(start, outbox).in_current_span());
    let saver = tokio::spawn(saver.run().in_current_span());
    let mut phases = Phases::new(settings.limits.stopping);
    let pumped = pump_and_save(pump.run(inbox, stop.clone()), saver, (&stop, &hurry), &mut phases).await;
    source_stop.cancel();
    let sourced = match phases.confirming() {
        None => joined(&mut source, "source").await,
        Some(limit) => tokio::time::timeout(limit, joined(&mut source, "source")).await.unwrap_or_else(|_| {
            tracing::warn!(?limit, "the source took too long to tell its database; the position is saved all the same");
            source.abort();
            Ok(())
        }),
    };
    phases.confirmed();
    meters.run_ended();
    ended(pumped, sourced, &stop)
}

fn ended(
    pumped: Result<(), ConnectorError>,
    sourced: Result<(), ConnectorError>,
    stop: &CancellationToken,
) -> Result<(), ConnectorError> {
    match sourced {
        // Nothing more is read anyway, and what was read is delivered and saved: the next start tells the database.
        Err(error) if stop.is_cancelled() && policy::judge(&error) == Verdict::Transient => {
            tracing::warn!(%error, "stopped while the database was away; the position is saved all the same");
            pumped
        }
        // A source that broke off ends the pump in peace, so its error is the one that tells.
        sourced => pumped.and(sourced),
    }
}

async fn pump_and_save(
    pump: impl Future<Output = Result<(), ConnectorError>>,
    mut saver: JoinHandle<Result<(), OffsetError>>,
    (stop, hurry): (&CancellationToken, &CancellationToken),
    phases: &mut Phases,
) -> Result<(), ConnectorError> {
    tokio::pin!(pump);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled(), if !phases.asked() => phases.begin(),
            pumped = &mut pump => {
                phases.drained();
                hurry.cancel();
                let saved = match phases.saving() {
                    None => joined(&mut saver, "saver").await,
                    Some(limit) => tokio::time::timeout(limit, joined(&mut saver, "saver"))
                        .await
                        .unwrap_or(Err(ConnectorError::Unsaved { limit })),
                };
                phases.saved();
                return pumped.and(saved);
            }
            // The saver ends before the pump only with an error, or when the pump can deliver nothing more.
            saved = &mut saver => {
                saved.map_err(|_| ConnectorError::Panicked { task: "saver" })??;
                return pump.await;
            }
        }
    }
}

async fn joined<E: Into<ConnectorError>>(
    task: &mut JoinHandle<Result<(), E>>,
    name: &'static str,
) -> Result<(), ConnectorError> {
    task.await.map_err(|_| ConnectorError::Panicked { task: name })?.map_err(Into::into)
}
