//! `io.debezium.transforms.tracing.ActivateTracingSpan`: the trace that an application wrote into a column goes on in the
//! record's headers, `traceparent` and `tracestate` as W3C has them (<https://www.w3.org/TR/trace-context/>).
//!
//! The column holds what Debezium's agents write, the text of a `java.util.Properties` with these keys, or the bare
//! `traceparent`. Unlike Debezium's, no spans are made of single records: the context goes through as it is, and where there
//! is none nothing is added. A header of that name that the record has already stays, unless the column says something.

use std::convert::Infallible;
use std::sync::Arc;

use super::envelope::{envelope, low};
use super::{Built, SCHEMAS_MAX, Transform, TransformError};
use crate::config::{Key, KeyKind, Properties, Reader, java};
use crate::data::{Datum, Kind, PerSchema, Schema, Value};
use crate::record::{Header, Record};

/// The column, where none is named.
const COLUMN: &str = "tracingspancontext";

/// The options.
pub(in crate::transform) const KEYS: &[Key] = &[FIELD, OPERATION, ONLY];

/// `tracing.span.context.field`
pub(super) const FIELD: Key = Key {
    default: Some(COLUMN),
    ..low("tracing.span.context.field", KeyKind::String, "The column of the trace's context")
};
/// `tracing.operation.name`
pub(super) const OPERATION: Key =
    low("tracing.operation.name", KeyKind::String, "Accepted; no spans are made of single records");
/// `tracing.with.context.field.only`
pub(super) const ONLY: Key =
    low("tracing.with.context.field.only", KeyKind::Boolean, "Accepted; only those with a context are traced");

const PARENT: &str = "traceparent";
const STATE: &str = "tracestate";

/// What W3C allows in a `tracestate`, bytes.
const STATE_BYTES_MAX: usize = 512;

/// Carries contexts from a column into headers.
pub(super) struct TraceContext {
    column: String,
    text: Arc<Schema>,
    /// Where `after` is in the envelope, and the column in it.
    places: PerSchema<Option<(usize, usize)>>,
}

/// Makes one.
pub(in crate::transform) fn build(_name: &Arc<str>, options: &Properties) -> Built {
    let mut read = Reader::new(options, &[KEYS]);
    let transform: Box<dyn Transform> = Box::new(TraceContext::read(&mut read));
    read.finish(transform)
}

impl TraceContext {
    /// As the options say, which the reader must know.
    pub(super) fn read(read: &mut Reader<'_>) -> Self {
        let _ = (read.text_opt(OPERATION.name), read.text_opt(ONLY.name));
        let text = Arc::new(Schema::of(Kind::Text));
        Self { column: read.text(FIELD.name), text, places: PerSchema::new(SCHEMAS_MAX) }
    }

    /// Puts the context of an event's row into its headers, if there is one.
    pub(super) fn carry(&mut self, record: &mut Record) {
        let Some((schema, fields)) = envelope(record) else { return };
        let column = &self.column;
        let Ok(place) = self.places.get_or_make(schema, |schema| {
            let after = schema.index_of("after");
            let place = after.and_then(|after| Some((after, schema.fields().get(after)?.schema.index_of(column)?)));
            Ok::<_, Infallible>(place)
        });
        let row = place.and_then(|(after, column)| fields.get(after)?.as_struct()?.get(column));
        let Some(context) = row.and_then(Value::as_str).and_then(context) else { return };
        let headers = &mut record.headers;
        headers.retain(|header| ![PARENT, STATE].contains(&&*header.name));
        for (name, value) in [(PARENT, Some(context.parent)), (STATE, context.state)] {
            if let Some(value) = value {
                let value = Datum { schema: Arc::clone(&self.text), value: Value::text(value) };
                headers.push(Header { name: name.into(), value });
            }
        }
    }
}

impl Transform for TraceContext {
    fn apply(&mut self, mut record: Record) -> Result<Option<Record>, TransformError> {
        self.carry(&mut record);
        Ok(Some(record))
    }
}

struct Context {
    parent: String,
    state: Option<String>,
}

/// The context that a text holds; what is none is as if it were not there, as W3C asks.
fn context(text: &str) -> Option<Context> {
    let text = text.trim();
    if is_parent(text) {
        return Some(Context { parent: text.to_owned(), state: None });
    }
    let mut properties = java::parse(text);
    let parent = properties.remove(PARENT).filter(|parent| is_parent(parent))?;
    let is_state = |state: &String| {
        !state.is_empty() && state.len() <= STATE_BYTES_MAX && state.bytes().all(|byte| (b' '..=b'~').contains(&byte))
    };
    Some(Context { parent, state: properties.remove(STATE).filter(is_state) })
}

/// Whether a text is a `traceparent`: version, trace, span and flags in lower hexadecimal digits, neither id zero.
fn is_parent(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let is_hex = |part: &str, length| {
        part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    let is_id = |part: &str, length| is_hex(part, length) && part.bytes().any(|byte| byte != b'0');
    match parts.as_slice() {
        [version, trace, span, flags, rest @ ..] => {
            is_hex(version, 2)
                && *version != "ff"
                && is_id(trace, 32)
                && is_id(span, 16)
                && is_hex(flags, 2)
                // Only later versions may say more.
                && (rest.is_empty() || *version != "00")
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::test_records::{applied, built, event, headers, heartbeat, of, row, tombstone};

    const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn traced(text: Value, options: &[(&str, &str)]) -> Vec<(String, Value)> {
        let columns = [("id", of(Kind::Int32)), ("tracingspancontext", of(Kind::Text).optional())];
        let record = event("c", &columns, Value::Null, row([Value::Int32(1), text]));
        headers(&applied(&mut *built(build, options).unwrap(), record))
    }

    #[test]
    fn the_columns_context_becomes_headers() {
        let parent = vec![("traceparent".to_owned(), Value::text(TRACE))];
        assert_eq!(traced(Value::text(TRACE), &[]), parent);
        let agents = format!("#Wed Jan 03 10:00:00 UTC 2024\ntraceparent={TRACE}\n");
        assert_eq!(traced(Value::text(agents.clone()), &[]), parent);
        let both = traced(Value::text(format!("{agents}tracestate=vendor\\=1,other\\=2\n")), &[]);
        assert_eq!(both[1], ("tracestate".to_owned(), Value::text("vendor=1,other=2")));
        assert_eq!(traced(Value::text(TRACE), &[("tracing.span.context.field", "another")]), []);
    }

    #[test]
    fn what_is_no_context_is_not_there() {
        let zero = TRACE.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32));
        let long = format!("{TRACE}-more");
        for text in ["", "traceparent=", "a: b", "00-4bf9-00f0-01", &TRACE.to_uppercase(), &zero, &long] {
            assert_eq!(traced(Value::text(text.to_owned()), &[]), [], "{text:?}");
        }
        assert_eq!(traced(Value::Null, &[]), []);
        let mut transform = built(build, &[]).unwrap();
        assert_eq!(headers(&applied(&mut *transform, heartbeat())), []);
        assert_eq!(headers(&applied(&mut *transform, tombstone())), []);
    }

    #[test]
    fn a_header_stays_unless_the_column_says_something() {
        let columns = [("tracingspancontext", of(Kind::Text).optional())];
        let with_header = |text: Value| {
            let mut record = event("c", &columns, Value::Null, row([text]));
            let value = Datum { schema: of(Kind::Text).into(), value: Value::text("before") };
            record.headers.push(Header { name: "traceparent".into(), value });
            headers(&applied(&mut *built(build, &[]).unwrap(), record))
        };
        assert_eq!(with_header(Value::Null), [("traceparent".to_owned(), Value::text("before"))]);
        assert_eq!(with_header(Value::text(TRACE)), [("traceparent".to_owned(), Value::text(TRACE))]);
    }
}
