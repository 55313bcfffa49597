//! What a row passes through between source and sink: event → records → transforms → bytes → messages.

use std::sync::Arc;

use bytes::Bytes;

use super::ConnectorError;
use crate::convert::{Converter, HeaderConverter};
use crate::event::Event;
use crate::record::{Header, Headers, Record, Records};
use crate::sink::Message;
use crate::transform::{self, Transform};

type EncodedHeaders = Vec<(Arc<str>, Option<Bytes>)>;

/// The parts between source and sink.
pub struct Pipeline {
    /// Makes records of events.
    pub records: Records,
    /// The connector's transforms, in order.
    pub transforms: Vec<Box<dyn Transform>>,
    /// `key.converter`
    pub key: Converter,
    /// `value.converter`
    pub value: Converter,
    /// `header.converter`
    pub header: HeaderConverter,
    /// The context headers of the run, encoded once.
    pub shared_headers: Option<(Arc<[Header]>, EncodedHeaders)>,
}

impl Pipeline {
    /// The messages of a batch's events, in order.
    pub(super) async fn messages(&mut self, events: Vec<Event>) -> Result<Vec<Message>, ConnectorError> {
        let mut messages = Vec::with_capacity(events.len());
        let mut records = Vec::with_capacity(4);
        for event in events {
            self.records.push(event, &mut records);
            for record in records.drain(..) {
                if let Some(record) = transform::apply_all(&mut self.transforms, record)? {
                    let headers = encode_headers(&mut self.header, &mut self.shared_headers, &record)?;
                    let Record { topic, partition, key, value, ts_ms, offset, .. } = record;
                    let key = self.key.encode(&topic, key.as_ref()).await?;
                    let value = self.value.encode(&topic, value.as_ref()).await?;
                    messages.push(Message { topic, partition, key, value, headers, ts_ms, offset });
                }
            }
        }
        Ok(messages)
    }
}
