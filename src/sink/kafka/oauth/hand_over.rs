//! A token on its way into librdkafka. The binding only takes one from a client that is polled, which clients for
//! administration are not, and takes no extensions of SASL.
//!
//! It owns one of the two calls of a foreign function in this crate.

use std::ffi::{CStr, CString, c_char};
use std::ptr;

use rdkafka::client::{Client, ClientContext};
use rdkafka::types::RDKafkaRespErr;

use super::Token;

/// The longest reason that is taken from librdkafka.
const REASON_BYTES: usize = 512;

/// Gives a client its token (`rd_kafka_oauthbearer_set_token`).
#[expect(unsafe_code, reason = "the binding offers no such call")]
pub(super) fn hand_over<C: ClientContext>(client: &Client<C>, token: &Token) -> Result<(), String> {
    let text = |what: &str, text: &str| CString::new(text).map_err(|_| format!("the {what} holds a zero byte"));
    let value = text("token", token.value.reveal())?;
    let principal = text("token's principal", &token.principal)?;
    let pairs = token.extensions.iter().flat_map(|(name, value)| [name, value]);
    let extensions = pairs.map(|part| text("extension", part)).collect::<Result<Vec<_>, _>>()?;
    let mut pointers: Vec<*const c_char> = extensions.iter().map(|part| part.as_ptr()).collect();
    let extensions_pointer = if pointers.is_empty() { ptr::null_mut() } else { pointers.as_mut_ptr() };
    let mut reason = [0_u8; REASON_BYTES];
    // SAFETY: the client is valid while it is borrowed here; librdkafka copies the texts, which end with zero and outlive the
    // call, and writes at most so many bytes of a reason; the function may be called from any thread.
    let answer = unsafe {
        rdkafka::bindings::rd_kafka_oauthbearer_set_token(
            client.native_ptr(),
            value.as_ptr(),
            token.ends_ms,
            principal.as_ptr(),
            extensions_pointer,
            pointers.len(),
            reason.as_mut_ptr().cast(),
            reason.len(),
        )
    };
    if answer == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
        return Ok(());
    }
    // It would show a token with characters that it does not like; such a one does not come this far.
    let reason = CStr::from_bytes_until_nul(&reason).map(CStr::to_string_lossy).unwrap_or_default();
    Err(format!("librdkafka does not take the token: {reason}"))
}
