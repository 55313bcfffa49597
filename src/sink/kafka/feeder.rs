//! The thread that hands messages to librdkafka, in rounds.
//!
//! An idempotent librdkafka (2.12) has one request at a time on its way for each partition, and while messages that are due
//! wait behind it, its broker thread does not sleep: `rd_kafka_toppar_producer_serve` works out when to wake up before it
//! sees that it may not send. That can cost as much as all the rest of producing. So nothing is ever due there: librdkafka
//! lingers for longer than a round takes to hand over, the thread hands over what fits in one request, tells librdkafka to
//! send it, and waits until all of it is acknowledged. Meanwhile the next round gathers here, so the longer the brokers
//! take, the larger the requests get.
//!
//! It owns the producer's sending side and what is not handed over yet. Invariant: messages are handed over in the order of
//! the writes; after the first error none is.

use std::collections::VecDeque;
use std::iter::Peekable;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer as _, PurgeConfig};

use super::super::{Message, MessageHeader};
use super::Producer;
use super::admit::Part;
use super::flush::flush;
use super::health::{Health, Refused};
use super::oauth::{Token, log_in};
use super::ticket::Ticket;
use crate::record::Headers;

/// How long the thread waits at its end for requests that are under way. The next producer must not meet them.
const LAST_REQUESTS: Duration = Duration::from_secs(1);

/// How long the thread waits for acknowledgements before it looks whether the sink was dropped.
const LOOK_UP: Duration = Duration::from_millis(100);

/// What the thread hears.
pub(super) enum Event {
    /// Messages of one write, or of a part of it.
    Write(Part, Arc<Ticket>),
    /// What the producer logs in with from now on.
    Token(Token),
    /// The sink is dropped.
    Close,
}

/// What a round may hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Round {
    /// `batch.size`
    pub(super) bytes: usize,
    /// `linger.ms`: how long a round that is not full waits for more.
    pub(super) time: Duration,
}

pub(super) struct Feeder {
    pub(super) producer: Producer,
    pub(super) health: Arc<Health>,
    pub(super) events: Receiver<Event>,
    pub(super) round: Round,
    pub(super) bytes_max: usize,
    pub(super) waiting: VecDeque<Waiting>,
    pub(super) shared_headers: Option<SharedHeaders>,
}

/// Headers that all messages of a run share.
pub(super) struct SharedHeaders {
    known: Arc<[MessageHeader]>,
    /// librdkafka's form of them.
    made: OwnedHeaders,
    /// At most what they take in a request.
    bytes: usize,
}

/// What is left of a write.
pub(super) struct Waiting {
    messages: Peekable<std::vec::IntoIter<Message>>,
    ticket: Arc<Ticket>,
    /// Of the whole write.
    bytes: usize,
    /// Nothing else may be in its round.
    alone: bool,
}

/// The sink was dropped.
struct Closed;

impl Feeder {
    /// Until the sink is dropped.
    pub(super) fn run(mut self) {
        while self.send_round().is_ok() {}
    }

    fn send_round(&mut self) -> Result<(), Closed> {
        self.gather()?;
        self.hand_over();
        while !flush(&self.producer, LOOK_UP) {
            self.hear_all()?;
        }
        Ok(())
    }

    /// Waits for a write, and then for more until the round is full or has lingered.
    fn gather(&mut self) -> Result<(), Closed> {
        self.hear_all()?;
        if self.waiting.is_empty() {
            self.hear(Duration::MAX)?;
        }
        let begin = Instant::now();
        while self.waiting.iter().map(|write| write.bytes).sum::<usize>() < self.round.bytes {
            let left = self.round.time.saturating_sub(begin.elapsed());
            if left.is_zero() {
                return self.hear_all();
            }
            self.hear(left)?;
        }
        Ok(())
    }

    /// Takes all that is there.
    fn hear_all(&mut self) -> Result<(), Closed> {
        while self.hear(Duration::ZERO)? {}
        Ok(())
    }

    /// Whether something came in that time.
    fn hear(&mut self, patience: Duration) -> Result<bool, Closed> {
        match self.events.recv_timeout(patience) {
            Ok(Event::Write(Part { messages, alone }, ticket)) => {
                let bytes = messages.iter().map(|message| self.wire_bytes(message)).sum();
                self.waiting.push_back(Waiting { messages: messages.into_iter().peekable(), ticket, bytes, alone });
                Ok(true)
            }
            Ok(Event::Token(token)) => {
                if let Err(error) = log_in(self.producer.client(), Some(&token)) {
                    self.health.fail(self.health.unavailable(error.to_string()));
                }
                Ok(true)
            }
            Err(RecvTimeoutError::Timeout) => Ok(false),
            Ok(Event::Close) | Err(RecvTimeoutError::Disconnected) => Err(Closed),
        }
    }

    /// Hands one round over: what fits in one request, so that no message waits for another request of its partition.
    fn hand_over(&mut self) {
        let mut room = self.round.bytes;
        while let Some(mut write) = self.waiting.pop_front() {
            if write.alone && room < self.round.bytes {
                self.waiting.push_front(write);
                return;
            }
            let mut bytes = 0;
            while let Some(message) = write.messages.next_if(|message| {
                bytes = self.wire_bytes(message);
                bytes <= room || room == self.round.bytes
            }) {
                room = room.saturating_sub(bytes);
                if self.health.check().is_err() || !self.enqueue(&message, &write.ticket) {
                    // The ticket goes without its messages, and says so.
                    return;
                }
            }
            if write.messages.len() > 0 {
                self.waiting.push_front(write);
                return;
            }
            write.ticket.handed_over();
            if write.alone {
                return;
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
        let all = self.shared(shared).made.clone();
        Some(headers.last.iter().fold(all, add))
    }

    fn shared(&mut self, headers: &Arc<[MessageHeader]>) -> &SharedHeaders {
        if !self.shared_headers.as_ref().is_some_and(|shared| Arc::ptr_eq(&shared.known, headers)) {
            self.shared_headers = None;
        }
        self.shared_headers.get_or_insert_with(|| SharedHeaders {
            known: Arc::clone(headers),
            made: headers.iter().fold(OwnedHeaders::new_with_capacity(headers.len()), add),
            bytes: headers.iter().map(header_bytes).sum(),
        })
    }

    /// At most what a message takes in a request: its parts, and the numbers before them (Kafka's record format, version 2).
    fn wire_bytes(&mut self, message: &Message) -> usize {
        const NUMBERS: usize = 40;
        let Headers { first, shared, last } = &message.headers;
        let shared = shared.as_ref().map_or(0, |shared| self.shared(shared).bytes);
        let own = first.iter().chain(last).map(header_bytes).sum::<usize>();
        NUMBERS + length(message.key.as_ref()) + length(message.value.as_ref()) + shared + own
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

fn header_bytes((name, value): &MessageHeader) -> usize {
    const NUMBERS: usize = 10;
    NUMBERS + name.len() + length(value.as_ref())
}

fn length(bytes: Option<&Bytes>) -> usize {
    bytes.map_or(0, Bytes::len)
}

fn add(headers: OwnedHeaders, (name, value): &MessageHeader) -> OwnedHeaders {
    headers.insert(Header { key: name, value: value.as_deref() })
}
