//! The loop between source and sink: the only `select!` of the data path.
//!
//! It owns the order: batches are taken one by one, their messages are written in that order, and their deliveries resolve
//! in that order. Deliveries are told to the [`super::saver`], which saves; the pump never waits for a save.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{FutureExt, OptionFuture};
use futures::stream::{FuturesOrdered, StreamExt};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::ConnectorError;
use super::pipeline::Pipeline;
use super::status::Counters;
use crate::event::{Batch, Position};
use crate::sink::{Sink, SinkError};
use crate::source::Progress;

/// How much may be on its way.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Batches between source and pump.
    pub batches_queued: usize,
    /// Batches between pump and acknowledgement.
    pub batches_in_flight: usize,
    /// How long a stop waits for what is in flight, in milliseconds.
    pub drain_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { batches_queued: 8, batches_in_flight: 64, drain_ms: 5000 }
    }
}

/// The pump's ends.
pub(super) struct Pump {
    pub(super) pipeline: Pipeline,
    pub(super) sink: Box<dyn Sink>,
    pub(super) delivered: watch::Sender<Option<Position>>,
    pub(super) counters: Arc<Counters>,
    pub(super) limits: Limits,
    /// `--once`: the pump ends when the source has caught up and all of it is durable.
    pub(super) once: Option<watch::Receiver<Progress>>,
}

type Delivered = Result<Position, SinkError>;

impl Pump {
    /// Ends when `stop` is asked for or the source has ended, with nothing left in flight.
    pub(super) async fn run(
        mut self,
        mut inbox: mpsc::Receiver<Batch>,
        stop: CancellationToken,
    ) -> Result<(), ConnectorError> {
        let mut in_flight = FuturesOrdered::new();
        let Limits { batches_in_flight, drain_ms, .. } = self.limits;
        loop {
            if self.is_done(&inbox) && in_flight.is_empty() {
                break;
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(delivered) = in_flight.next() => publish(&self.delivered, delivered)?,
                batch = inbox.recv(), if in_flight.len() < batches_in_flight => {
                    let Some(batch) = batch else { break };
                    let written = tokio::select! {
                        biased;
                        written = self.write(batch) => written?,
                        // A sink that is away must not keep a stop waiting; what was not written is read again.
                        () = drained(&stop, drain_ms) => break,
                    };
                    in_flight.push_back(written);
                }
                Some(_) = OptionFuture::from(self.once.as_mut().map(watch::Receiver::changed)) => {}
            }
        }
        // The sink stays until the end: dropping it gives up what it still holds.
        let Self { delivered, sink: _sink, .. } = self;
        drain(&delivered, in_flight, drain_ms).await
    }

    /// Makes messages of a batch and enqueues them. What comes back resolves when all of them are durable.
    async fn write(&mut self, batch: Batch) -> Result<impl Future<Output = Delivered> + Send + use<>, ConnectorError> {
        let Batch { events, position } = batch;
        let messages = self.pipeline.messages(events).await?;
        self.counters.written(messages.len());
        let delivery = self.sink.write(messages).await?;
        Ok(delivery.map(|done| done.map(|()| position)))
    }

    fn is_done(&self, inbox: &mpsc::Receiver<Batch>) -> bool {
        self.once.as_ref().is_some_and(|progress| progress.borrow().caught_up) && inbox.is_empty()
    }
}

fn publish(position: &watch::Sender<Option<Position>>, delivered: Delivered) -> Result<(), ConnectorError> {
    position.send_replace(Some(delivered?));
    Ok(())
}

/// Waits for what is in flight, but not for ever.
async fn drain(
    position: &watch::Sender<Option<Position>>,
    mut in_flight: FuturesOrdered<impl Future<Output = Delivered> + Send>,
    drain_ms: u64,
) -> Result<(), ConnectorError> {
    let deadline = tokio::time::sleep(Duration::from_millis(drain_ms));
    tokio::pin!(deadline);
    loop {
        tokio::select! {
            biased;
            delivered = in_flight.next() => match delivered {
                Some(delivered) => publish(position, delivered)?,
                None => return Ok(()),
            },
            () = &mut deadline => {
                tracing::warn!(batches = in_flight.len(), "stopped before all was delivered; it will be read again");
                return Ok(());
            }
        }
    }
}

/// A stop was asked for, and has waited long enough.
async fn drained(stop: &CancellationToken, drain_ms: u64) {
    stop.cancelled().await;
    tokio::time::sleep(Duration::from_millis(drain_ms)).await;
}
