//! What a row passes through between source and sink: event → records → transforms → bytes → messages.

use std::sync::Arc;

use super::ConnectorError;
use crate::convert::{ConvertError, Converter, Converters, HeaderConverter};
use crate::event::Event;
use crate::record::{Header, Headers, Record, Records};
use crate::sink::{Message, MessageHeader};
use crate::transform::{self, Transform};

/// The parts between source and sink.
pub struct Pipeline {
    records: Records,
    transforms: Vec<Box<dyn Transform>>,
    key: Converter,
    value: Converter,
    headers: HeaderEncoder,
}

impl Pipeline {
    /// The parts, put together.
    #[must_use]
    pub fn new(records: Records, transforms: Vec<Box<dyn Transform>>, converters: Converters) -> Self {
        let Converters { key, value, header } = converters;
        Self { records, transforms, key, value, headers: HeaderEncoder { converter: header, shared: None } }
    }

    /// The messages of a batch's events, in order.
    pub(super) async fn messages(&mut self, events: Vec<Event>) -> Result<Vec<Message>, ConnectorError> {
        let mut messages = Vec::with_capacity(events.len());
        let mut records = Vec::with_capacity(4);
        for event in events {
            self.records.push(event, &mut records);
            for record in records.drain(..) {
                let Some(record) = transform::apply_all(&mut self.transforms, record)? else { continue };
                let Record { topic, partition, key, value, headers, ts_ms, offset } = record;
                let headers = self.headers.encode(&topic, &headers)?;
                let key = self.key.encode(&topic, key.as_ref()).await?;
                let value = self.value.encode(&topic, value.as_ref()).await?;
                messages.push(Message { topic, partition, key, value, headers, ts_ms, offset });
            }
        }
        Ok(messages)
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
