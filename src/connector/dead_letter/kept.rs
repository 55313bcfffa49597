//! A dead letter as its topic keeps it, read back.

use std::sync::Arc;

use bytes::Bytes;

use super::letter;
use crate::convert::JsonReader;
use crate::event::{self, Ready};
use crate::sink::kafka::reader::Kept;

/// A dead letter, with what its headers say.
#[derive(Clone, Debug)]
pub struct Letter {
    message: Kept,
    /// Where the headers of ours begin.
    ours: usize,
}

impl Letter {
    /// The message, if it is a dead letter of that connector; topics may be shared.
    #[must_use]
    pub fn of(message: Kept, connector: &str) -> Option<Self> {
        let ours = message.headers.iter().rposition(|(name, _)| name == letter::CONNECTOR)?;
        let is_ours = message.headers.get(ours)?.1.as_deref() == Some(connector.as_bytes());
        is_ours.then_some(Self { message, ours })
    }

    /// As the topic has it.
    #[must_use]
    pub const fn message(&self) -> &Kept {
        &self.message
    }

    /// A header of ours, by its name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let ours = self.message.headers.get(self.ours..)?;
        let value = ours.iter().find(|(header, _)| header == name)?.1.as_deref()?;
        std::str::from_utf8(value).ok()
    }

    /// Each header from ours on: its name and its text.
    pub fn about(&self) -> impl Iterator<Item = (&str, std::borrow::Cow<'_, str>)> {
        let ours = self.message.headers.get(self.ours..).unwrap_or_default();
        ours.iter().map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_deref().unwrap_or_default())))
    }

    /// The record as an event, to be sent again.
    ///
    /// # Errors
    /// Why it cannot be: a part of it is missing here, or cannot be read.
    pub fn event(&self, reader: &mut JsonReader) -> Result<event::DeadLetter, String> {
        if let Some(omitted) = self.header(letter::OMITTED) {
            return Err(format!("the topic does not hold its {omitted}"));
        }
        let topic = self.header(letter::ORIGINAL_TOPIC).ok_or("it does not say where it was to go")?;
        let mut part = |bytes: &Option<Bytes>, what: &str| match bytes {
            Some(bytes) => reader.read(bytes).map(Some).map_err(|reason| format!("its {what} {reason}")),
            None => Ok(None),
        };
        let key = part(&self.message.key, "key")?;
        let value = part(&self.message.value, "value")?;
        let mut headers = Vec::new();
        for (name, bytes) in self.message.headers.get(..self.ours).unwrap_or_default() {
            if let Some(datum) = part(bytes, "header")? {
                headers.push((Arc::from(name.as_str()), datum));
            }
        }
        let number = |name: &str| self.header(name).and_then(|number| number.parse::<i64>().ok());
        Ok(event::DeadLetter {
            record: Ready {
                topic: topic.into(),
                partition: number(letter::ORIGINAL_PARTITION).and_then(|partition| i32::try_from(partition).ok()),
                key,
                value,
                context_headers: false,
                offset: self.header(letter::SOURCE_POSITION).map(Into::into),
            },
            headers,
            retries: number(letter::RETRY_COUNT).and_then(|count| u32::try_from(count).ok()).unwrap_or_default(),
            table: self.header(letter::SOURCE_TABLE).map(Into::into),
        })
    }
}
