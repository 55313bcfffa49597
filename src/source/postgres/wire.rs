//! The replication connection: start-up, authentication, simple queries, and the stream of `START_REPLICATION`.
//!
//! It owns the bytes on the socket and the standby's answers; what the stream's messages mean is `pgoutput`'s business. It
//! exists because `tokio-postgres` cannot open a replication connection. Invariant: [`Reader::next`] never waits, so all
//! that has arrived can be taken before anything is waited for.
//!
//! Theory: <https://www.postgresql.org/docs/current/protocol-flow.html>,
//! <https://www.postgresql.org/docs/current/protocol-replication.html>.
#![deny(clippy::indexing_slicing)]

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{self, ChannelBinding, ScramSha256};
use postgres_protocol::message::backend::{DataRowBody, ErrorResponseBody, Message};
use postgres_protocol::message::frontend;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::cursor::{Cursor, Malformed};
use super::pgoutput::EPOCH_OFFSET_US;
use super::server::Server;
use crate::source::gate;

/// How much is asked of the socket at once: many small messages in one system call.
const READ_BYTES: usize = 256 * 1024;
/// The byte that starts a `CopyBothResponse`, which `postgres-protocol` does not know.
const COPY_BOTH_RESPONSE: u8 = b'W';

/// What the server said instead of doing it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Refusal {
    /// SQLSTATE.
    pub(super) code: String,
    /// Its message.
    pub(super) message: String,
    /// Its details and hints, if any.
    pub(super) detail: Option<String>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, message, detail } = self;
        match detail {
            Some(detail) => write!(f, "{message} ({detail}) [SQLSTATE {code}]"),
            None => write!(f, "{message} [SQLSTATE {code}]"),
        }
    }
}

/// Why the replication connection failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum WireError {
    /// The network.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The server refused.
    #[error("{0}")]
    Refused(Refusal),
    /// TLS could not be made as asked for.
    #[error("{0}")]
    Tls(String),
    /// The server said what the protocol does not allow.
    #[error("{0}")]
    Malformed(#[from] Malformed),
    /// The server asks for an authentication that we don't have.
    #[error("the server asks for {0} authentication, which is not supported")]
    Authentication(String),
}

fn closed() -> WireError {
    WireError::Io(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection"))
}

/// Either kind of connection.
trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Socket for T {}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Replication commands, and the stream.
    Replication,
    /// `COPY`: nothing but SQL.
    Copy,
}

/// A connection that is not streaming.
pub(super) struct Connection {
    socket: Box<dyn Socket>,
    input: BytesMut,
    output: BytesMut,
}

/// A row of a simple query, as text.
pub(super) type TextRow = Vec<Option<String>>;

impl Connection {
    /// Connects and authenticates, with TLS as the mode says.
    pub(super) async fn open(server: &Server, purpose: Purpose) -> Result<Self, WireError> {
        let mut attempts = server.tls.mode.attempts().iter().peekable();
        while let Some(&encrypted) = attempts.next() {
            match Self::attempt(server, purpose, encrypted).await {
                // Without or with TLS the server may let us in: pg_hba.conf tells the two apart.
                Err(WireError::Refused(refusal)) if refusal.code.starts_with("28") && attempts.peek().is_some() => {}
                done => return done,
            }
        }
        Err(closed())
    }

    async fn attempt(server: &Server, purpose: Purpose, encrypted: bool) -> Result<Self, WireError> {
        let _turn = gate::turn(&server.host, server.port).await;
        let connecting = TcpStream::connect((server.host.as_str(), server.port));
        let timed_out = |_| io::Error::new(io::ErrorKind::TimedOut, "no answer");
        let socket = timeout(server.connect_timeout, connecting).await.map_err(timed_out)??;
        socket.set_nodelay(true)?;
        server.keep_alive(&socket)?;
        let socket = if encrypted { encrypt(server, socket).await? } else { Box::new(socket) };
        let mut connection = Self { socket, input: BytesMut::new(), output: BytesMut::new() };
        timeout(server.connect_timeout, connection.start(server, purpose)).await.map_err(timed_out)??;
        Ok(connection)
    }

    async fn start(&mut self, server: &Server, purpose: Purpose) -> Result<(), WireError> {
        let mut parameters = vec![("user", server.user.as_str()), ("database", &server.database)];
        if purpose == Purpose::Replication {
            parameters.push(("replication", "database"));
        }
        parameters.extend(Server::SESSION);
        frontend::startup_message(parameters, &mut self.output)?;
        self.flush().await?;
        loop {
            match self.receive().await? {
                Message::AuthenticationOk => break,
                Message::AuthenticationCleartextPassword => {
                    frontend::password_message(server.password().as_bytes(), &mut self.output)?;
                }
                Message::AuthenticationMd5Password(body) => {
                    let hash = md5_hash(server.user.as_bytes(), server.password().as_bytes(), body.salt());
                    frontend::password_message(hash.as_bytes(), &mut self.output)?;
                }
                Message::AuthenticationSasl(body) => {
                    use tokio_postgres::fallible_iterator::FallibleIterator as _;
                    if !body.mechanisms().any(|mechanism| Ok(mechanism == sasl::SCRAM_SHA_256))? {
                        return Err(WireError::Authentication("SASL, not by SCRAM-SHA-256,".to_owned()));
                    }
                    self.scram(server.password()).await?;
                }
                Message::AuthenticationGss | Message::AuthenticationKerberosV5 | Message::AuthenticationSspi => {
                    return Err(WireError::Authentication("GSSAPI".to_owned()));
                }
                _ => return Err(Malformed("an unexpected answer to the start-up").into()),
            }
            self.flush().await?;
        }
        while !matches!(self.receive().await?, Message::ReadyForQuery(_)) {}
        Ok(())
    }

    async fn scram(&mut self, password: &str) -> Result<(), WireError> {
        let mut scram = ScramSha256::new(password.as_bytes(), ChannelBinding::unsupported());
        frontend::sasl_initial_response(sasl::SCRAM_SHA_256, scram.message(), &mut self.output)?;
        self.flush().await?;
        let Message::AuthenticationSaslContinue(body) = self.receive().await? else {
            return Err(Malformed("SCRAM does not go on").into());
        };
        scram.update(body.data())?;
        frontend::sasl_response(scram.message(), &mut self.output)?;
        self.flush().await?;
        let Message::AuthenticationSaslFinal(body) = self.receive().await? else {
            return Err(Malformed("SCRAM does not end").into());
        };
        Ok(scram.finish(body.data())?)
    }

    /// Runs a statement by the simple protocol; its rows as text.
    pub(super) async fn query(&mut self, statement: &str) -> Result<Vec<TextRow>, WireError> {
        frontend::query(statement, &mut self.output)?;
        self.flush().await?;
        let mut rows = Vec::new();
        let mut refused = None;
        loop {
            match self.next_message().await? {
                Message::DataRow(body) => rows.push(text_row(&body)?),
                Message::ErrorResponse(body) => refused = Some(refusal(&body)),
                Message::ReadyForQuery(_) => break,
                _ => {}
            }
        }
        refused.map_or(Ok(rows), |refusal| Err(WireError::Refused(refusal)))
    }

    /// Starts a `COPY … TO STDOUT`; [`Connection::copied`] gives what comes.
    pub(super) async fn copy(&mut self, statement: &str) -> Result<(), WireError> {
        frontend::query(statement, &mut self.output)?;
        self.flush().await?;
        match self.receive().await {
            Ok(Message::CopyOutResponse(_)) => Ok(()),
            Ok(_) => Err(Malformed("an unexpected answer to COPY").into()),
            Err(error) => Err(error),
        }
    }

    /// The next part of what is copied; `None` at its end.
    pub(super) async fn copied(&mut self) -> Result<Option<Bytes>, WireError> {
        if let Message::CopyData(body) = self.receive().await? {
            return Ok(Some(body.into_bytes()));
        }
        // CopyDone and CommandComplete come before it.
        while !matches!(self.receive().await?, Message::ReadyForQuery(_)) {}
        Ok(None)
    }

    /// Runs `START_REPLICATION`; from then on the connection is a stream in both directions.
    pub(super) async fn stream(mut self, statement: &str) -> Result<(Reader, Writer), WireError> {
        frontend::query(statement, &mut self.output)?;
        self.flush().await?;
        loop {
            while self.input.first() != Some(&COPY_BOTH_RESPONSE) {
                if let Some(message) = Message::parse(&mut self.input)? {
                    if let Message::ErrorResponse(body) = message {
                        return Err(WireError::Refused(refusal(&body)));
                    }
                } else {
                    self.fill().await?;
                }
            }
            let length = self.input.get(1..5).and_then(|length| <[u8; 4]>::try_from(length).ok());
            let whole = length.map(|length| u32::from_be_bytes(length) as usize + 1);
            match whole {
                Some(whole) if self.input.len() >= whole => {
                    self.input.advance(whole);
                    break;
                }
                _ => self.fill().await?,
            }
        }
        let (read, write) = tokio::io::split(self.socket);
        Ok((Reader { socket: read, input: self.input }, Writer { socket: write, output: self.output }))
    }

    /// The next message; an error response is an error.
    async fn receive(&mut self) -> Result<Message, WireError> {
        match self.next_message().await? {
            Message::ErrorResponse(body) => Err(WireError::Refused(refusal(&body))),
            message => Ok(message),
        }
    }

    async fn next_message(&mut self) -> Result<Message, WireError> {
        loop {
            match Message::parse(&mut self.input)? {
                Some(Message::NoticeResponse(_)) => {}
                Some(message) => return Ok(message),
                None => self.fill().await?,
            }
        }
    }

    async fn fill(&mut self) -> Result<(), WireError> {
        make_room(&mut self.input);
        if self.socket.read_buf(&mut self.input).await? == 0 { Err(closed()) } else { Ok(()) }
    }

    async fn flush(&mut self) -> Result<(), WireError> {
        self.socket.write_all_buf(&mut self.output).await?;
        Ok(self.socket.flush().await?)
    }
}

async fn encrypt(server: &Server, mut socket: TcpStream) -> Result<Box<dyn Socket>, WireError> {
    let mut request = BytesMut::new();
    frontend::ssl_request(&mut request);
    socket.write_all(&request).await?;
    let mut answer = [0];
    socket.read_exact(&mut answer).await?;
    if answer != *b"S" {
        return match server.tls.mode {
            super::tls::SslMode::Prefer => Ok(Box::new(socket)),
            _ => Err(WireError::Tls(
                "the server does not offer TLS; set ssl=on there, or another database.sslmode".into(),
            )),
        };
    }
    let config = server.tls.client_config().map_err(WireError::Tls)?;
    let name = ServerName::try_from(server.host.clone()).map_err(|error| WireError::Tls(error.to_string()))?;
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let encrypted = connector.connect(name, socket).await.map_err(|error| WireError::Tls(error.to_string()))?;
    Ok(Box::new(encrypted))
}

/// Room for the next read. What is still in use of the old buffer keeps it alive; a new one is made only when it is full.
fn make_room(input: &mut BytesMut) {
    if input.capacity() - input.len() < READ_BYTES / 4 {
        input.reserve(READ_BYTES);
    }
}

fn text_row(body: &DataRowBody) -> Result<TextRow, WireError> {
    let mut data = Cursor(body.buffer());
    let mut row = Vec::new();
    while !data.0.is_empty() {
        let length = data.i32()?;
        row.push(match usize::try_from(length) {
            Ok(length) => Some(String::from_utf8_lossy(data.bytes(length)?).into_owned()),
            Err(_) => None,
        });
    }
    Ok(row)
}

fn refusal(body: &ErrorResponseBody) -> Refusal {
    use tokio_postgres::fallible_iterator::FallibleIterator as _;
    let mut refusal = Refusal::default();
    let mut details = Vec::new();
    let mut fields = body.fields();
    while let Ok(Some(field)) = fields.next() {
        let value = String::from_utf8_lossy(field.value_bytes()).into_owned();
        match field.type_() {
            b'C' => refusal.code = value,
            b'M' => refusal.message = value,
            b'D' | b'H' => details.push(value),
            _ => {}
        }
    }
    refusal.detail = (!details.is_empty()).then(|| details.join("; "));
    refusal
}

/// A message of the replication stream.
#[derive(Debug)]
pub(super) enum Frame {
    /// A message of the plug-in.
    Data {
        /// Where in the log it is.
        lsn: u64,
        /// The message.
        payload: Bytes,
    },
    /// Nothing new up to this place in the log.
    KeepAlive {
        /// The end of the log, as far as the server has sent it.
        end: u64,
        /// Whether the server wants an answer now.
        reply: bool,
    },
    /// The server ended the stream.
    Done,
}

/// The half that reads the stream.
pub(super) struct Reader {
    socket: ReadHalf<Box<dyn Socket>>,
    input: BytesMut,
}

impl Reader {
    /// Waits until something has arrived.
    pub(super) async fn fill(&mut self) -> Result<(), WireError> {
        make_room(&mut self.input);
        if self.socket.read_buf(&mut self.input).await? == 0 { Err(closed()) } else { Ok(()) }
    }

    /// The next message, if it has arrived whole.
    pub(super) fn next(&mut self) -> Result<Option<Frame>, WireError> {
        loop {
            match Message::parse(&mut self.input)? {
                None => return Ok(None),
                Some(Message::CopyData(body)) => return frame(&body.into_bytes()).map(Some),
                Some(Message::ErrorResponse(body)) => return Err(WireError::Refused(refusal(&body))),
                Some(Message::CopyDone | Message::CommandComplete(_) | Message::ReadyForQuery(_)) => {
                    return Ok(Some(Frame::Done));
                }
                Some(_) => {}
            }
        }
    }
}

fn frame(bytes: &Bytes) -> Result<Frame, WireError> {
    let mut data = Cursor(bytes);
    match data.u8()? {
        b'w' => {
            let lsn = data.u64()?;
            // The end of the log and the server's clock follow.
            data.bytes(16)?;
            Ok(Frame::Data { lsn, payload: bytes.slice_ref(data.0) })
        }
        b'k' => {
            let end = data.u64()?;
            let _clock = data.i64()?;
            Ok(Frame::KeepAlive { end, reply: data.u8()? == 1 })
        }
        _ => Err(Malformed("the stream holds neither data nor a keepalive").into()),
    }
}

/// What a standby tells the server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Status {
    /// All up to here has arrived.
    pub(super) received: u64,
    /// All up to here may be forgotten by the server.
    pub(super) confirmed: u64,
    /// Our clock: microseconds since the epoch.
    pub(super) now_us: i64,
    /// Whether the server should answer with a keepalive.
    pub(super) reply: bool,
}

/// The half that answers.
pub(super) struct Writer {
    socket: WriteHalf<Box<dyn Socket>>,
    output: BytesMut,
}

impl Writer {
    /// A standby status update.
    pub(super) async fn confirm(&mut self, status: Status) -> Result<(), WireError> {
        let Status { received, confirmed, now_us, reply } = status;
        self.output.put_u8(b'd');
        self.output.put_i32(4 + 1 + 3 * 8 + 8 + 1);
        self.output.put_u8(b'r');
        self.output.put_u64(received.max(confirmed));
        self.output.put_u64(confirmed);
        self.output.put_u64(confirmed);
        self.output.put_i64(now_us.saturating_sub(EPOCH_OFFSET_US));
        self.output.put_u8(reply.into());
        self.flush().await
    }

    /// Ends the stream: the slot is free as soon as the server has read this.
    pub(super) async fn finish(&mut self) -> Result<(), WireError> {
        frontend::copy_done(&mut self.output);
        frontend::terminate(&mut self.output);
        self.flush().await
    }

    async fn flush(&mut self) -> Result<(), WireError> {
        self.socket.write_all_buf(&mut self.output).await?;
        Ok(self.socket.flush().await?)
    }
}

/// Reads the stream to its end and forgets it, for so long at most: the server has let go of the slot when it closes.
pub(super) async fn drain(reader: &mut Reader, limit: Duration) {
    let to_the_end = async {
        loop {
            reader.input.clear();
            if reader.fill().await.is_err() {
                break;
            }
        }
    };
    let _ = timeout(limit, to_the_end).await;
}
