//! The loop between source and sink: the only `select!` of the data path.
//!
//! It owns the order: batches are taken one by one, their messages are written in that order, and their deliveries resolve
//! in that order. Deliveries are told to the [`super::saver`], which saves; the pump never waits for a save.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt, OptionFuture};
use futures::stream::{FuturesOrdered, StreamExt};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::ConnectorError;
use super::dead_letter::Surroundings;
use super::pipeline::{Made, Pipeline};
use super::spans::{Spans, Walk};
use super::stopping::Stopping;
use super::topics::{Seen, Topics};
use crate::budget::Share;
use crate::event::{Batch, Position};
use crate::metrics::Meters;
use crate::sink::{Message, Sink, SinkError};
use crate::source::Progress;

/// How much may be on its way.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Batches between source and pump.
    pub batches_queued: usize,
    /// Batches between pump and acknowledgement.
    pub batches_in_flight: usize,
    /// How long a stop may take.
    pub stopping: Stopping,
}

impl Default for Limits {
    fn default() -> Self {
        Self { batches_queued: 8, batches_in_flight: 64, stopping: Stopping::default() }
    }
}

/// How often the pump shows that it turns, whatever it waits for.
const BEAT: Duration = Duration::from_secs(5);

/// The pump's ends.
pub(super) struct Pump {
    pub(super) pipeline: Pipeline,
    pub(super) sink: Box<dyn Sink>,
    pub(super) delivered: watch::Sender<Option<Position>>,
    pub(super) meters: Arc<Meters>,
    pub(super) topics: Arc<Topics>,
    pub(super) seen: Seen,
    /// While it is set nothing more is taken; what is on its way goes on.
    pub(super) paused: watch::Receiver<bool>,
    pub(super) rooms: Rooms,
    pub(super) limits: Limits,
    /// Makes spans of batches, where somebody collects them.
    pub(super) spans: Option<Spans>,
    /// `--once`: the pump ends when the source has caught up and all of it is durable.
    pub(super) once: Option<watch::Receiver<Progress>>,
}

/// The connector's shares of the memory that all of them have.
pub(super) struct Rooms {
    /// Of batches that wait; the source takes of it.
    pub(super) queued: Arc<Share>,
    /// Of messages that are not acknowledged.
    pub(super) in_flight: Share,
}

/// A batch that is durable.
struct Durable {
    /// Where to resume behind it.
    position: Position,
    /// The topics that were not seen before it.
    fresh: Vec<Arc<str>>,
    /// How many messages it was.
    messages: usize,
    walk: Walk,
}

type Delivered = Result<Durable, SinkError>;

/// What writing a batch gives: its delivery.
type Written = Result<BoxFuture<'static, Delivered>, ConnectorError>;

impl Pump {
    /// Ends when `stop` is asked for or the source has ended, with nothing left in flight.
    pub(super) async fn run(
        mut self,
        inbox: mpsc::Receiver<Batch>,
        stop: CancellationToken,
    ) -> Result<(), ConnectorError> {
        let ended = self.take_all(inbox, stop).await;
        // The sink stays until the end: dropping it gives up what it still holds. A client that closes its connections
        // takes its time, and not that of the thread that serves the other connectors.
        let span = tracing::Span::current();
        let Self { sink, .. } = self;
        if let Err(error) = tokio::task::spawn_blocking(move || span.in_scope(|| drop(sink))).await {
            tracing::error!(%error, "the sink did not close well");
        }
        ended
    }

    async fn take_all(
        &mut self,
        mut inbox: mpsc::Receiver<Batch>,
        stop: CancellationToken,
    ) -> Result<(), ConnectorError> {
        let mut in_flight = FuturesOrdered::new();
        let Limits { batches_in_flight, stopping, .. } = self.limits;
        let too_late = too_late(&stop, stopping.drain()).shared();
        let mut beat = tokio::time::interval(BEAT);
        let written = loop {
            if self.is_done(&inbox) && in_flight.is_empty() {
                break Ok(());
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => break Ok(()),
                Some(delivered) = in_flight.next() => self.told().publish(delivered)?,
                Ok(()) = self.paused.changed() => {}
                _ = beat.tick() => self.meters.line.beats(),
                batch = inbox.recv(), if in_flight.len() < batches_in_flight && !*self.paused.borrow() => {
                    let Some(batch) = batch else { break Ok(()) };
                    let passed = self.meters.flow.taken();
                    let walk = self.spans.as_ref().map_or(Walk::none(), |spans| spans.begin(&batch, passed));
                    // A sink or a registry that is away must not keep a stop waiting; what was not written is read again.
                    match self.write_meanwhile((batch, walk), &mut in_flight, too_late.clone()).await? {
                        Some(Ok(delivery)) => in_flight.push_back(delivery),
                        Some(Err(error)) => break Err(error),
                        None => break Err(stopping.undelivered(in_flight.len() + 1)),
                    }
                }
                Some(_) = OptionFuture::from(self.once.as_mut().map(watch::Receiver::changed)) => {}
            }
        };
        let patience =
            async { if stop.is_cancelled() { too_late.await } else { tokio::time::sleep(stopping.drain()).await } };
        let left = drain(self.told(), in_flight, patience).await?;
        // What failed before tells more than what could not be delivered after it.
        if left > 0 { written.and(Err(stopping.undelivered(left))) } else { written }
    }

    /// Writes a batch. Meanwhile, which may be long, deliveries are told. `None` when it is too late for it.
    ///
    /// # Errors
    /// The outer one ends the run at once; with the inner one, of the records, what is in flight can still be delivered, so
    /// that it is not repeated.
    async fn write_meanwhile(
        &mut self,
        batch: (Batch, Walk),
        in_flight: &mut FuturesOrdered<BoxFuture<'static, Delivered>>,
        mut too_late: impl Future<Output = ()> + Unpin,
    ) -> Result<Option<Written>, ConnectorError> {
        let Self { pipeline, sink, delivered: newest, meters, topics, seen, rooms, spans, .. } = self;
        let told = Told { newest, meters, topics, rooms, spans: spans.as_ref() };
        let writing = write(pipeline, &mut **sink, told, |messages| seen.fresh(messages, topics), batch);
        tokio::pin!(writing);
        let mut beat = tokio::time::interval(BEAT);
        loop {
            tokio::select! {
                biased;
                written = &mut writing => return match written {
                    Err(ConnectorError::Sink(error)) if !error.is_foreseen() => Err(error.into()),
                    written => Ok(Some(written)),
                },
                Some(done) = in_flight.next() => told.publish(done)?,
                _ = beat.tick() => meters.line.beats(),
                () = &mut too_late => return Ok(None),
            }
        }
    }

    fn told(&self) -> Told<'_> {
        let Self { delivered: newest, meters, topics, rooms, spans, .. } = self;
        Told { newest, meters, topics, rooms, spans: spans.as_ref() }
    }

    fn is_done(&self, inbox: &mpsc::Receiver<Batch>) -> bool {
        self.once.as_ref().is_some_and(|progress| progress.borrow().caught_up) && inbox.is_empty()
    }
}

/// Makes messages of a batch and enqueues them. What comes back resolves when all of them are durable.
async fn write(
    pipeline: &mut Pipeline,
    sink: &mut dyn Sink,
    Told { meters, rooms, .. }: Told<'_>,
    fresh: impl FnOnce(&[Message]) -> Vec<Arc<str>>,
    (batch, mut walk): (Batch, Walk),
) -> Written {
    let Batch { events, position, .. } = batch;
    let around = Surroundings { sink: &mut *sink, counts: &meters.line, position: &position };
    // Its state is large, for the sake of records that fail.
    let Made { messages, records } = walk.noted(Box::pin(pipeline.messages(events, around)).await)?;
    walk.made(records, &messages);
    // The rows are gone. Their messages take room of their own; deliveries, told meanwhile, make it.
    rooms.queued.give_back();
    rooms.in_flight.take(messages.iter().map(memory_of).sum()).await;
    let count = messages.len();
    tracing::debug!(records, messages = count, "writing a batch");
    meters.line.write(records, count);
    let fresh = fresh(&messages);
    let delivery = walk.noted(sink.write(messages).await)?;
    walk.enqueued();
    let durable = move |done| {
        walk.noted(done)?;
        walk.durable();
        Ok(Durable { position, fresh, messages: count, walk })
    };
    Ok(delivery.map(durable).boxed())
}

/// About how much memory a message takes; its shared headers are those of many.
fn memory_of(message: &Message) -> usize {
    let bytes = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, Bytes::len);
    bytes(&message.key) + bytes(&message.value) + 128
}

/// To whom a delivery is told.
#[derive(Clone, Copy)]
struct Told<'a> {
    newest: &'a watch::Sender<Option<Position>>,
    meters: &'a Meters,
    topics: &'a Topics,
    rooms: &'a Rooms,
    spans: Option<&'a Spans>,
}

impl Told<'_> {
    fn publish(self, delivered: Delivered) -> Result<(), ConnectorError> {
        let Durable { position, fresh, messages, walk } = delivered?;
        self.rooms.in_flight.give_back();
        self.topics.delivered(fresh);
        self.meters.flow.delivered();
        self.meters.line.deliver(messages);
        if let Some(spans) = self.spans {
            spans.delivered(&position, walk);
        }
        self.newest.send_replace(Some(position));
        Ok(())
    }
}

/// Waits for what is in flight, but not for ever: how many batches were not delivered in time.
async fn drain(
    told: Told<'_>,
    mut in_flight: FuturesOrdered<impl Future<Output = Delivered> + Send>,
    too_late: impl Future<Output = ()>,
) -> Result<usize, ConnectorError> {
    tokio::pin!(too_late);
    loop {
        tokio::select! {
            biased;
            delivered = in_flight.next() => match delivered {
                Some(delivered) => told.publish(delivered)?,
                None => return Ok(0),
            },
            () = &mut too_late => return Ok(in_flight.len()),
        }
    }
}

/// A stop was asked for, and has waited long enough.
async fn too_late(stop: &CancellationToken, patience: Duration) {
    stop.cancelled().await;
    tokio::time::sleep(patience).await;
}
