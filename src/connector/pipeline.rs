//! What a row passes through between source and sink: event → records → transforms → bytes → messages.

use std::sync::Arc;

use bytes::Bytes;

use super::ConnectorError;
use super::dead_letter::{Failing, Origin, Stage, Surroundings};
use crate::convert::{ConvertError, Converter, Converters, HeaderConverter};
use crate::event::Event;
use crate::metrics::Meters;
use crate::record::{Header, Headers, Record, Records};
use crate::sink::{Message, MessageHeader};
use crate::transform::{self, Transform, TransformError};

/// The parts between source and sink.
pub struct Pipeline {
    records: Records,
    line: Line,
    failing: Option<Failing>,
}

impl Pipeline {
    /// The parts, put together. A record that fails ends the run.
    #[must_use]
    pub fn new(records: Records, transforms: Vec<Box<dyn Transform>>, converters: Converters) -> Self {
        let Converters { key, value, header, warnings: _ } = converters;
        let headers = HeaderEncoder { converter: header, shared: None };
        Self { records, line: Line { transforms, key, value, headers }, failing: None }
    }

    /// The same, with something else to do about a record that fails.
    #[must_use]
    pub fn failing(mut self, failing: Option<Failing>) -> Self {
        if failing.as_ref().is_some_and(Failing::retries) {
            self.line.key.ask_once();
            self.line.value.ask_once();
        }
        self.failing = failing;
        self
    }

    /// Counts calls of the schema registries there.
    pub(super) fn observe(&self, meters: &Arc<Meters>) {
        for converter in [&self.line.key, &self.line.value] {
            if let Some(framed) = converter.framed() {
                framed.registry().observe(meters);
            }
        }
    }

    /// From now on it is asked beforehand what topics take, so that what they would refuse is not sent.
    pub fn ask_first(&mut self) {
        self.failing.get_or_insert_with(Failing::asking).ask();
    }

    /// The messages of a batch's events, in order.
    pub(super) async fn messages(
        &mut self,
        events: Vec<Event>,
        mut around: Surroundings<'_>,
    ) -> Result<Made, ConnectorError> {
        let Self { records: maker, line, failing } = self;
        let mut made = Made { messages: Vec::with_capacity(events.len()), records: 0 };
        let mut records = Vec::with_capacity(4);
        let Some(failing) = failing else {
            for event in events {
                maker.push(event, &mut records);
                made.records += records.len();
                for record in records.drain(..) {
                    let message = line.message(record).await.inspect_err(|_| around.counts.failed())?;
                    made.messages.extend(message);
                }
            }
            return Ok(made);
        };
        failing.prepare(&mut around).await?;
        for event in events {
            let origin = Origin::of(&event);
            maker.push(event, &mut records);
            made.records += records.len();
            for record in records.drain(..) {
                made.messages.extend(failing.message(line, record, &origin, &mut around).await?);
            }
        }
        Ok(made)
    }
}

/// What was made of a batch.
#[derive(Debug, Default)]
pub(super) struct Made {
    pub(super) messages: Vec<Message>,
    /// How many records the events were, before transforms.
    pub(super) records: usize,
}

/// The bytes of a record's key, value and headers.
pub(super) type Parts = (Option<Bytes>, Option<Bytes>, Headers<MessageHeader>);

/// What a record passes through.
pub(super) struct Line {
    transforms: Vec<Box<dyn Transform>>,
    key: Converter,
    value: Converter,
    headers: HeaderEncoder,
}

impl Line {
    async fn message(&mut self, record: Record) -> Result<Option<Message>, ConnectorError> {
        let Some(record) = self.transform(record).map_err(|(_, error)| error)? else { return Ok(None) };
        let (key, value, headers) = self.bytes(&record).await.map_err(|(_, error)| error)?;
        let Record { topic, partition, ts_ms, offset, .. } = record;
        Ok(Some(Message { topic, partition, key, value, headers, ts_ms, offset }))
    }

    pub(super) fn has_transforms(&self) -> bool {
        !self.transforms.is_empty()
    }

    /// Sends a record through the chain, until it is dropped or out; an error comes with the transform's place.
    pub(super) fn transform(&mut self, record: Record) -> Result<Option<Record>, (usize, TransformError)> {
        transform::apply_each(&mut self.transforms, record)
    }

    /// The bytes of a record; an error comes with the stage.
    pub(super) async fn bytes(&mut self, record: &Record) -> Result<Parts, (Stage, ConvertError)> {
        let Record { topic, key, value, headers, .. } = record;
        let headers = self.headers.encode(topic, headers).map_err(|error| (Stage::HeaderConverter, error))?;
        let key = self.key.encode(topic, key.as_ref(), &headers).await.map_err(|error| (Stage::KeyConverter, error))?;
        let value =
            self.value.encode(topic, value.as_ref(), &headers).await.map_err(|error| (Stage::ValueConverter, error))?;
        Ok((key, value, headers))
    }
}

/// Encodes headers; those that records share only once.
struct HeaderEncoder {
    converter: HeaderConverter,
    shared: Option<Shared>,
}

struct Shared {
    known: Arc<[Header]>,
    encoded: Arc<[MessageHeader]>,
}

impl HeaderEncoder {
    fn encode(&mut self, topic: &str, headers: &Headers) -> Result<Headers<MessageHeader>, ConvertError> {
        Ok(Headers {
            first: self.encode_each(topic, &headers.first)?,
            shared: match &headers.shared {
                Some(shared) => Some(self.encode_shared(topic, shared)?),
                None => None,
            },
            last: self.encode_each(topic, &headers.last)?,
        })
    }

    fn encode_each(&mut self, topic: &str, headers: &[Header]) -> Result<Vec<MessageHeader>, ConvertError> {
        let mut encoded = Vec::with_capacity(headers.len());
        for header in headers {
            encoded.push((Arc::clone(&header.name), self.converter.encode(topic, &header.value)?));
        }
        Ok(encoded)
    }

    fn encode_shared(&mut self, topic: &str, headers: &Arc<[Header]>) -> Result<Arc<[MessageHeader]>, ConvertError> {
        if let Some(Shared { known, encoded }) = &self.shared
            && Arc::ptr_eq(known, headers)
        {
            return Ok(Arc::clone(encoded));
        }
        let encoded: Arc<[MessageHeader]> = self.encode_each(topic, headers)?.into();
        self.shared = Some(Shared { known: Arc::clone(headers), encoded: Arc::clone(&encoded) });
        Ok(encoded)
    }
}
