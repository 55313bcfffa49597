//! The thread that hands messages to librdkafka, in rounds.
//!
//! An idempotent librdkafka (2.12) has one request at a time on its way for each partition, and while messages that are due
//! wait behind it, its broker thread does not sleep: `rd_kafka_toppar_producer_serve` works out when to wake up before it
//! sees that it may not send. That costs as much as all the rest of producing (1 of 2.5 µs for each message, where other
//! processes want the processor too). So nothing waits there: the thread hands over what fits in one request, within the
//! time that librdkafka lingers, and then waits until all of it is acknowledged. Meanwhile the next round gathers here, so
//! the longer the brokers take, the larger the requests get.
//!
//! It owns the producer's sending side and what is not handed over yet. Invariant: messages are handed over in the order of
//! the writes; after the first error none is.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer as _, PurgeConfig};

use super::super::{Message, MessageHeader};
use super::Producer;
use super::health::{Health, Refused};
use super::ticket::{Landing, Load, Ticket};
use crate::record::Headers;

/// How long the thread waits at its end for requests that are under way. The next producer must not meet them.
const LAST_REQUESTS: Duration = Duration::from_secs(1);

/// What the thread hears.
pub(super) enum Event {
    /// Messages of one write.
    Write(Vec<Message>, Arc<Ticket>),
    /// All of a round is acknowledged, or will never be.
    Landed,
    /// The sink is dropped.
    Close,
}

/// What a round may hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Round {
    /// `batch.size`
    pub(super) bytes: usize,
    /// `linger.ms`
    pub(super) time: Duration,
}

pub(super) struct Feeder {
    pub(super) producer: Producer,
    pub(super) health: Arc<Health>,
    pub(super) events: Receiver<Event>,
    /// The other end of `events`.
    pub(super) landed: Sender<Event>,
    pub(super) round: Round,
    pub(super) bytes_max: usize,
    pub(super) waiting: VecDeque<(Vec<Message>, Arc<Ticket>)>,
    pub(super) shared_headers: Option<(Arc<[MessageHeader]>, OwnedHeaders)>,
}

impl Feeder {
    /// Until the sink is dropped.
    pub(super) fn run(mut self) {
        let mut flying = false;
        while let Ok(event) = self.events.recv() {
            match event {
                Event::Write(messages, ticket) => self.waiting.push_back((messages, ticket)),
                Event::Landed => flying = false,
                Event::Close => break,
            }
            if !flying && !self.waiting.is_empty() {
                self.hand_over();
                flying = true;
            }
        }
    }

    /// Hands one round over.
    fn hand_over(&mut self) {
        let landing = Arc::new(Landing::new(self.landed.clone()));
        let begin = Instant::now();
        let mut bytes = 0;
        while let Some((messages, ticket)) = self.waiting.pop_front() {
            bytes += Load::of(&messages).bytes();
            ticket.fly(Arc::clone(&landing));
            if self.health.check().is_ok() && messages.iter().all(|message| self.enqueue(message, &ticket)) {
                ticket.handed_over();
            }
            // librdkafka sends when the first message has lingered. Half of that time was measured: no better.
            if bytes >= self.round.bytes || begin.elapsed() >= self.round.time {
                break;
            }
        }
    }

    /// Whether librdkafka took the message.
    fn enqueue(&mut self, message: &Message, ticket: &Arc<Ticket>) -> bool {
        let record = BaseRecord {
            topic: &message.topic,
            partition: message.partition,
            payload: message.value.as_deref(),
            key: message.key.as_deref(),
            timestamp: message.ts_ms,
            headers: self.headers(&message.headers),
            delivery_opaque: Arc::clone(ticket),
        };
        let Err((error, record)) = self.producer.send(record) else { return true };
        let bytes = record.key.map_or(0, <[u8]>::len) + record.payload.map_or(0, <[u8]>::len);
        let refused = Refused { topic: record.topic, partition: record.partition, bytes, bytes_max: self.bytes_max };
        self.health.undelivered(refused, &error);
        false
    }

    /// librdkafka's form of the headers. Those that all messages of a run share are made once and copied.
    fn headers(&mut self, headers: &Headers<MessageHeader>) -> Option<OwnedHeaders> {
        if headers.is_empty() {
            return None;
        }
        let Some(shared) = headers.shared.as_ref().filter(|_| headers.first.is_empty()) else {
            let all = OwnedHeaders::new_with_capacity(headers.len());
            return Some(headers.iter().fold(all, add));
        };
        let all = match &self.shared_headers {
            Some((known, made)) if Arc::ptr_eq(known, shared) => made.clone(),
            _ => {
                let made = shared.iter().fold(OwnedHeaders::new_with_capacity(shared.len()), add);
                self.shared_headers.insert((Arc::clone(shared), made)).1.clone()
            }
        };
        Some(headers.last.iter().fold(all, add))
    }
}

impl Drop for Feeder {
    /// What was not sent will be read again from the saved position, and sent by the next producer. What was sent must have
    /// arrived by then, so that it cannot land behind the repetition.
    fn drop(&mut self) {
        self.health.fail(self.health.unavailable("the producer was closed"));
        if self.producer.in_flight_count() > 0 {
            self.producer.purge(PurgeConfig::default().queue());
            if let Err(error) = self.producer.flush(LAST_REQUESTS) {
                tracing::debug!(%error, "closed with requests under way");
            }
        }
    }
}

fn add(headers: OwnedHeaders, (name, value): &MessageHeader) -> OwnedHeaders {
    headers.insert(Header { key: name, value: value.as_deref() })
}
