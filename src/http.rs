//! What the clients of registries, token endpoints and collectors have in common: how a request's failure is told.

use std::error::Error;

/// An error of the HTTP client and its causes, on one line, without the address, which is told apart.
#[must_use]
pub fn causes(error: &reqwest::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if parts.last() != Some(&text) {
            parts.push(text);
        }
        cause = error.source();
    }
    if parts.is_empty() { "the request failed".to_owned() } else { parts.join(": ") }
}
