//! The stream that we open to another zone server. It knows no ghosts and repeats nothing.

use std::time::Duration;

use prost::Message as _;
use proto::{self as p, gateway_message::Kind as Say};
use store::directory::ZoneServer;
use tokio::sync::mpsc;
use tonic::{Status, Streaming, transport::Endpoint};

use super::{super::Invalid, ask::written_ask, told::read, word::written_word, written};
use crate::peers::{News, ToPeer};

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Both sides of a silent stream ask each other this often whether they live, and give up after [`KEEP_ALIVE_TIMEOUT`], as gateways do.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(1);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(2);
/// Bytes that may be on their way to us unread: a snapshot of a crowded region comes without waiting for acknowledgements.
const WINDOW_BYTES: u32 = 4 << 20;
/// The largest batch that is understood: a batch of a single message may be larger than those that are filled.
const BATCH_BYTES_MAX: usize = 64 << 20;
/// A batch is closed when it has this many bytes. What one message adds to it is bounded by a client's request.
const BATCH_BYTES: usize = 1 << 20;
/// Batches that wait for the network. One: more messages gather in the queue before it, where they make larger batches.
const BATCHES_MAX: usize = 1;

/// Why there is no stream, or not any more.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Nobody is at the address, or it is none.
    #[error("nobody answers")]
    Connect(#[source] tonic::transport::Error),
    /// The other server has refused or ended it.
    #[error("the stream failed")]
    Status(#[source] Box<Status>),
    /// It says what it must not.
    #[error("it says what it must not")]
    Invalid(#[source] Invalid),
}

impl From<Status> for Error {
    fn from(status: Status) -> Self {
        Self::Status(Box::new(status))
    }
}

/// Opens a stream to a server, and says who we are.
pub(crate) async fn open(to: &ZoneServer, me: &ZoneServer) -> Result<(Outgoing, Incoming), Error> {
    let endpoint = Endpoint::from_shared(to.address.clone()).map_err(Error::Connect)?;
    let channel = endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(2 * WINDOW_BYTES)
        .connect()
        .await
        .map_err(Error::Connect)?;
    let (outgoing, mut batches) = mpsc::channel(BATCHES_MAX + 1);
    let hello = Say::Hello(p::Hello {
        gateway: me.address.clone(),
        kind: p::hello::Kind::ZoneServer.into(),
        incarnation: me.incarnation.0,
    });
    let hello = p::GatewayBatch {
        messages: vec![p::GatewayMessage { kind: Some(hello) }],
    };
    // The channel is new and has room for it.
    let _has_room = outgoing.try_send(hello);
    let said = futures::stream::poll_fn(move |context| batches.poll_recv(context));
    let mut client = p::zone_client::ZoneClient::new(channel)
        .max_decoding_message_size(BATCH_BYTES_MAX)
        .max_encoding_message_size(BATCH_BYTES_MAX);
    let incoming = tokio::time::timeout(CONNECT_TIMEOUT, client.link(said))
        .await
        .map_err(|_| Status::deadline_exceeded("no answer to the call"))??
        .into_inner();
    Ok((Outgoing(outgoing), Incoming(incoming)))
}

/// What we say.
#[derive(Debug)]
pub(crate) struct Outgoing(mpsc::Sender<p::GatewayBatch>);

impl Outgoing {
    /// Sends messages, in as many batches as they need, each as soon as the one before it is on its way. False: the stream has ended.
    pub(crate) async fn send(&self, messages: impl IntoIterator<Item = ToPeer>) -> bool {
        let mut batch = p::GatewayBatch::default();
        let mut byte_count = 0;
        for message in messages {
            let message = p::GatewayMessage {
                kind: Some(said(message)),
            };
            byte_count += message.encoded_len();
            batch.messages.push(message);
            if byte_count >= BATCH_BYTES {
                byte_count = 0;
                if self.0.send(std::mem::take(&mut batch)).await.is_err() {
                    return false;
                }
            }
        }
        batch.messages.is_empty() || self.0.send(batch).await.is_ok()
    }
}

fn said(message: ToPeer) -> Say {
    match message {
        ToPeer::Subscribe(region) => Say::Subscribe(p::Subscribe {
            region: Some(written(region)),
        }),
        ToPeer::Unsubscribe(region) => Say::Unsubscribe(p::Unsubscribe {
            region: Some(written(region)),
        }),
        ToPeer::Ask {
            gateway,
            ask,
            region,
            traceparent,
        } => Say::Ask(written_ask(&gateway, &ask, region, traceparent)),
        ToPeer::Arriving { region, key } => Say::Arriving(p::Arriving {
            name: key,
            region: Some(written(region)),
        }),
        ToPeer::Held { region, epoch } => Say::Held(p::Held {
            region: Some(written(region)),
            epoch,
        }),
        ToPeer::Word { to, word } => Say::Creature(written_word(to, &word)),
    }
}

/// What we are told.
#[derive(Debug)]
pub(crate) struct Incoming(Streaming<p::ZoneBatch>);

impl Incoming {
    /// The next batch; None: the other server has ended the stream. May be dropped and called again.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<News>>, Error> {
        let Some(batch) = self.0.message().await? else {
            return Ok(None);
        };
        let news: Result<Vec<News>, Invalid> = batch.messages.into_iter().map(read).collect();
        news.map(Some).map_err(Error::Invalid)
    }
}
