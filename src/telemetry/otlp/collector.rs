//! Requests to the collector: the exporter's thread has no runtime, so they run on the daemon's.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt as _};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use reqwest::redirect;
use rustls::ClientConfig;
use tokio::runtime::Handle;

use crate::http::causes;

/// The client, and what became of its last request.
#[derive(Clone, Debug)]
pub(super) struct Collector {
    http: reqwest::Client,
    runtime: Handle,
    /// Why the last request got no answer: the exporter tells only that it got none.
    fault: Arc<Mutex<Option<String>>>,
}

impl Collector {
    /// A client on this runtime; connects to nobody yet.
    ///
    /// # Errors
    /// What of it cannot be.
    pub(super) fn new(tls: ClientConfig, timeout: Duration) -> Result<Self, String> {
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .timeout(timeout)
            // Whoever answers at another address was not given the headers.
            .redirect(redirect::Policy::none())
            // As for schema registries.
            .no_proxy()
            .build()
            .map_err(|error| causes(&error))?;
        Ok(Self { http, runtime: Handle::current(), fault: Arc::default() })
    }

    /// Why the last request got no answer, if so.
    pub(super) fn fault(&self) -> Option<String> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl HttpClient for Collector {
    fn send_bytes<'a, 'b>(&'a self, mut request: Request<Bytes>) -> BoxFuture<'b, Result<Response<Bytes>, HttpError>>
    where
        'a: 'b,
        Self: 'b,
    {
        // What shows a request shows none of their values.
        request.headers_mut().values_mut().for_each(|value| value.set_sensitive(true));
        let http = self.http.clone();
        let sent = self.runtime.spawn(async move { http.send_bytes(request).await });
        async move {
            let answer = sent.await?;
            let fault = answer.as_ref().err().map(|error| match error.downcast_ref::<reqwest::Error>() {
                Some(error) => causes(error),
                None => error.to_string(),
            });
            *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
            answer
        }
        .boxed()
    }
}
