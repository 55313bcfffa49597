//! `https://` listeners: handshakes, and certificates that are renewed while they listen.
//!
//! Handshakes run beside each other, so that a client that does not speak holds up nobody.

mod settings;

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use self::settings::{Current, Settings, Texts};
use super::access::{Identity, Peer};
use crate::config::{Problem, Worker};

/// How long a client has for its handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How many handshakes run at a time.
const HANDSHAKES: usize = 64;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// What a listener for TLS needs. Invariant: what it serves with was read as a whole and found good.
pub struct Tls {
    settings: Settings,
    current: RwLock<Current>,
    /// Of what is served with.
    digest: [u8; 32],
    /// Whether every client has a certificate that was verified.
    pub is_mutual: bool,
    /// Whether clients are asked for one.
    pub(super) asks: bool,
}

/// As the settings say.
///
/// # Errors
/// What is missing or wrong, by its key.
pub(super) fn read(worker: &Worker) -> Result<Tls, Problem> {
    let settings = Settings::of(worker);
    let texts = settings.read()?;
    let current = texts.build()?;
    Ok(Tls {
        settings,
        is_mutual: current.is_mutual,
        asks: current.asks,
        current: RwLock::new(current),
        digest: texts.digest(),
    })
}

impl Tls {
    /// Takes renewed certificates over for as long as the process runs. Their files are read, not watched: so a link that
    /// leads elsewhere, as in volumes of Kubernetes, is a change like any other.
    pub async fn renew(self: Arc<Self>) {
        // What was looked at last, whether it was good or not: each change is told once.
        let mut seen = Ok(self.digest);
        loop {
            tokio::time::sleep(LOOK).await;
            let tls = Arc::clone(&self);
            let before = seen.clone();
            let looked = tokio::task::spawn_blocking(move || tls.look(&before)).await;
            if let Ok(now) = looked {
                seen = now;
            }
        }
    }

    /// Looks at the files once; gives what they hold, or why they cannot be read.
    fn look(&self, before: &Result<[u8; 32], String>) -> Result<[u8; 32], String> {
        let texts = self.settings.read().map_err(|problem| problem.to_string());
        let now = texts.as_ref().map(Texts::digest).map_err(Clone::clone);
        if now == *before {
            return now;
        }
        // Files that are replaced between two reads make a mixture; what is there twice is whole.
        let again = self.settings.read().map(|texts| texts.digest()).map_err(|problem| problem.to_string());
        if again != now {
            return before.clone();
        }
        let built = texts.and_then(|texts| texts.build().map_err(|problem| problem.to_string()));
        match built {
            Ok(current) => {
                let expires = current.expires.and_then(|end| jiff::Timestamp::from_second(end).ok());
                tracing::info!(
                    expires = expires.map(tracing::field::display),
                    "the REST API's certificates were renewed"
                );
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = current;
            }
            Err(reason) => tracing::warn!(reason, "the REST API keeps its certificates: the files cannot be used"),
        }
        now
    }

    /// When its certificate ends, in seconds since 1970.
    pub(super) fn expires(&self) -> Option<i64> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).expires
    }

    fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner).config))
    }
}

/// Accepts connections whose handshake is done.
pub struct TlsListener {
    accepted: mpsc::Receiver<(TlsStream<TcpStream>, Peer)>,
    address: SocketAddr,
}

impl TlsListener {
    /// Starts to accept.
    ///
    /// # Errors
    /// The listener has no address.
    pub fn start(listener: TcpListener, tls: &Arc<Tls>) -> std::io::Result<Self> {
        let address = listener.local_addr()?;
        let (sender, accepted) = mpsc::channel(1);
        tokio::spawn(accept(listener, Arc::clone(tls), sender));
        Ok(Self { accepted, address })
    }
}

async fn accept(mut listener: TcpListener, tls: Arc<Tls>, sender: mpsc::Sender<(TlsStream<TcpStream>, Peer)>) {
    let turns = Arc::new(Semaphore::new(HANDSHAKES));
    while let Ok(turn) = Arc::clone(&turns).acquire_owned().await {
        let (stream, address) = Listener::accept(&mut listener).await;
        let (acceptor, sender) = (tls.acceptor(), sender.clone());
        tokio::spawn(async move {
            match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => {
                    drop(turn);
                    let identity = identity(&stream);
                    let _ = sender.send((stream, Peer { address, is_tls: true, identity })).await;
                }
                Ok(Err(error)) => tracing::debug!(who = %address, %error, "a TLS handshake failed"),
                Err(_) => tracing::debug!(who = %address, "a TLS handshake took too long"),
            }
        });
    }
}

/// Whom the client's certificate is for.
fn identity(stream: &TlsStream<TcpStream>) -> Option<Arc<Identity>> {
    let certificate = stream.get_ref().1.peer_certificates()?.first()?;
    Identity::of(certificate).map(Arc::new)
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = Peer;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.accepted.recv().await {
            Some(accepted) => accepted,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        Ok(Peer { address: self.address, is_tls: true, identity: None })
    }
}

impl Connected<IncomingStream<'_, TlsListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, TlsListener>) -> Self {
        stream.remote_addr().clone()
    }
}

impl Connected<IncomingStream<'_, TcpListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, TcpListener>) -> Self {
        Self { address: *stream.remote_addr(), is_tls: false, identity: None }
    }
}
