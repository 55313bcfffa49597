//! Messages as lines of JSON: what the sinks without Kafka write.
//!
//! It owns the form of a line, which other programs rely on:
//! `{"topic","partition","key","value","headers":[{"key","value"}],"timestamp","source_offset"}`. What a converter made as
//! JSON stands in the line as it is, text as a JSON string, anything else as base64 in a JSON string.

use std::io::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Message;

/// What a converter makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// JSON, always whole and valid.
    Json,
    /// Text in UTF-8 that need not be JSON.
    Text,
    /// Anything.
    Binary,
}

/// What the three converters of a connector make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encodings {
    /// The key converter.
    pub key: Encoding,
    /// The value converter.
    pub value: Encoding,
    /// The header converter.
    pub header: Encoding,
}

impl Encodings {
    /// Writes a message and a line feed behind what `line` holds.
    pub(super) fn write(self, message: &Message, line: &mut Vec<u8>) {
        line.extend_from_slice(br#"{"topic":"#);
        write_text(&message.topic, line);
        // Without Kafka there is one partition, whatever a transform chose; a chosen one is shown.
        line.extend_from_slice(br#","partition":"#);
        line.extend_from_slice(itoa::Buffer::new().format(message.partition.unwrap_or(0)).as_bytes());
        line.extend_from_slice(br#","key":"#);
        self.key.write(message.key.as_deref(), line);
        line.extend_from_slice(br#","value":"#);
        self.value.write(message.value.as_deref(), line);
        line.extend_from_slice(br#","headers":["#);
        for (index, (name, value)) in message.headers.iter().enumerate() {
            line.extend_from_slice(if index == 0 { br#"{"key":"#.as_slice() } else { br#",{"key":"#.as_slice() });
            write_text(name, line);
            line.extend_from_slice(br#","value":"#);
            self.header.write(value.as_deref(), line);
            line.push(b'}');
        }
        line.extend_from_slice(br#"],"timestamp":"#);
        line.extend_from_slice(itoa::Buffer::new().format(message.ts_ms.unwrap_or_else(now_ms)).as_bytes());
        line.extend_from_slice(br#","source_offset":"#);
        line.extend_from_slice(message.offset.as_deref().unwrap_or("null").as_bytes());
        line.extend_from_slice(b"}\n");
    }

    /// These messages, a line each.
    pub(super) fn lines(self, messages: &[Message]) -> Vec<u8> {
        let bytes = |part: &Option<bytes::Bytes>| part.as_ref().map_or(4, bytes::Bytes::len);
        let size = messages.iter().map(|message| 256 + bytes(&message.key) + bytes(&message.value)).sum();
        let mut lines = Vec::with_capacity(size);
        for message in messages {
            self.write(message, &mut lines);
        }
        lines
    }
}

impl Encoding {
    fn write(self, part: Option<&[u8]>, line: &mut Vec<u8>) {
        match (part, self) {
            (None, _) => line.extend_from_slice(b"null"),
            (Some(json), Self::Json) => line.extend_from_slice(json),
            (Some(text), Self::Text) => write_text(&String::from_utf8_lossy(text), line),
            (Some(bytes), Self::Binary) => {
                line.push(b'"');
                line.extend_from_slice(STANDARD.encode(bytes).as_bytes());
                line.push(b'"');
            }
        }
    }
}

/// A JSON string.
fn write_text(text: &str, line: &mut Vec<u8>) {
    // Writing to a vector cannot fail, and text is always JSON.
    let written = serde_json::to_writer(line.by_ref(), text);
    debug_assert!(written.is_ok());
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;

    use super::*;
    use crate::record::Headers;

    const JSON: Encodings = Encodings { key: Encoding::Json, value: Encoding::Json, header: Encoding::Json };

    fn message() -> Message {
        Message {
            topic: Arc::from("cdc.shop.orders"),
            partition: None,
            key: Some(Bytes::from_static(br#"{"id":1}"#)),
            value: Some(Bytes::from_static(b"{\"a\":1.0}")),
            headers: Headers {
                first: vec![(Arc::from("h"), Some(Bytes::from_static(b"\"x\"")))],
                shared: Some(Arc::from([(Arc::from("n"), None)])),
                last: Vec::new(),
            },
            ts_ms: Some(1_700_000_000_000),
            offset: Some(Arc::from(r#"{"lsn":5}"#)),
        }
    }

    fn line(encodings: Encodings, message: &Message) -> String {
        String::from_utf8(encodings.lines(std::slice::from_ref(message))).unwrap()
    }

    #[test]
    fn json_stands_in_the_line_as_it_is() {
        assert_eq!(
            line(JSON, &message()),
            concat!(
                r#"{"topic":"cdc.shop.orders","partition":0,"key":{"id":1},"value":{"a":1.0},"#,
                r#""headers":[{"key":"h","value":"x"},{"key":"n","value":null}],"timestamp":1700000000000,"#,
                r#""source_offset":{"lsn":5}}"#,
                "\n"
            )
        );
    }

    #[test]
    fn text_is_a_string_and_bytes_are_base64() {
        let encodings = Encodings { key: Encoding::Text, value: Encoding::Binary, header: Encoding::Text };
        let mut message = message();
        message.topic = Arc::from("a\"b");
        message.partition = Some(3);
        message.key = Some(Bytes::from_static("quote \" and \u{1}é".as_bytes()));
        message.value = Some(Bytes::from_static(&[0, 255, 7]));
        message.offset = None;
        let line: serde_json::Value = serde_json::from_str(&line(encodings, &message)).unwrap();
        assert_eq!(line["topic"], "a\"b");
        assert_eq!(line["partition"], 3);
        assert_eq!(line["key"], "quote \" and \u{1}é");
        assert_eq!(line["value"], "AP8H");
        assert_eq!(line["headers"][0]["value"], "\"x\"");
        assert_eq!(line["source_offset"], serde_json::Value::Null);
    }

    #[test]
    fn a_tombstone_is_null_and_gets_the_time() {
        let before = now_ms();
        let message = Message { value: None, ts_ms: None, ..message() };
        let line: serde_json::Value = serde_json::from_str(&line(JSON, &message)).unwrap();
        assert_eq!(line["value"], serde_json::Value::Null);
        assert!(line["timestamp"].as_i64().unwrap() >= before);
    }
}
