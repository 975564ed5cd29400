//! Gateways' streams: what a gateway says goes into the mailboxes of regions, and what is queued for it goes out in batches. What a message means is
//! for regions to say, and how it is written for [`protobuf`].

mod listen;
pub(crate) mod protobuf;

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures::Stream;
use runtime::shutdown::Shutdown;
use store::entities::Incarnation;
use tokio::{net::TcpListener, task::JoinHandle};
use tonic::transport::server::TcpIncoming;
use tracing::Instrument;
use world::{
    region::{Ask, Command, Enter, LinkId, Message, Word},
    region_id::RegionId,
};

use crate::{
    Config,
    links::{End, Queue},
    server::Server,
};
use listen::listen;

/// How much a gateway may send ahead of what is read: several of the largest batches, so that a batch never waits for the window.
const STREAM_WINDOW_BYTES: u32 = 16 << 20;
/// The same for all streams of a connection. There is one.
const CONNECTION_WINDOW_BYTES: u32 = 32 << 20;

/// What a gateway says.
#[derive(Debug)]
enum Said {
    /// Who it is: a gateway.
    Hello { gateway: String },
    /// Who it is: another zone server, which has no sessions.
    HelloPeer {
        address: String,
        incarnation: Incarnation,
    },
    /// A session wants to speak for a character.
    Enter {
        enter: Enter,
        region: RegionId,
        traceparent: String,
    },
    /// A session's player has gone.
    Leave { leave: Enter, region: RegionId },
    /// A player's request.
    Command {
        command: Command,
        region: RegionId,
        traceparent: String,
    },
    /// It wants to hear of a region.
    Subscribe(RegionId),
    /// It does not want to any more.
    Unsubscribe(RegionId),
    /// A command whose author a peer has checked. Its session's link is the peer's, until that of the gateway is looked up.
    Ask {
        gateway: String,
        ask: Box<Ask>,
        region: RegionId,
        traceparent: String,
    },
    /// A row was released for a region.
    Arriving { region: RegionId, key: String },
    /// A region was given to us.
    Held { region: RegionId, epoch: u64 },
    /// What a region of a peer says of a creature to one of ours.
    Word { to: RegionId, word: Box<Word> },
}

/// Why a gateway is not listened to any more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Invalid {
    /// The stream begins with something else.
    #[error("the first message must be Hello")]
    NoHello,
    /// The stream has begun already.
    #[error("Hello comes only first")]
    HelloAgain,
    /// Zone servers have no sessions, and gateways pass nothing on.
    #[error("{0} is not for {1} to say")]
    NotTheirs(&'static str, &'static str),
    /// A message, or an oneof in it, of a kind that this server does not know.
    #[error("{0} is missing or unknown")]
    Missing(&'static str),
    /// A text or value that no client can have sent.
    #[error("{0} is longer than {1} bytes")]
    TooLong(&'static str, usize),
    /// Bytes that are no pickle of what they should be.
    #[error("{0} is no pickle of {1}")]
    Pickle(&'static str, &'static str),
    /// No message could be read.
    #[error("the stream broke: {0}")]
    Broken(String),
}

/// Serves links until told to stop, and until they have ended.
pub(crate) async fn serve(
    listener: TcpListener,
    server: Arc<Server>,
    config: Config,
    stop: Shutdown,
) -> anyhow::Result<()> {
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    tonic::transport::Server::builder()
        .http2_keepalive_interval(Some(Duration::from_millis(config.keep_alive_interval_ms)))
        .http2_keepalive_timeout(Some(Duration::from_millis(config.keep_alive_timeout_ms)))
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .add_service(protobuf::service(server))
        .serve_with_incoming_shutdown(incoming, async move { stop.triggered().await })
        .await?;
    Ok(())
}

/// One gateway's stream, as the side that speaks sees it. It owns the task that listens, which ends with it.
#[derive(Debug)]
struct Speaking {
    server: Arc<Server>,
    link: LinkId,
    queue: Queue,
    listening: Listening,
}

/// The task that reads what a gateway says.
#[derive(Debug)]
struct Listening(JoinHandle<()>);

/// Why a stream ends otherwise than it should.
#[derive(Debug, thiserror::Error)]
enum Ended {
    /// The gateway does not read.
    #[error("the gateway does not read its messages fast enough")]
    Slow,
    /// The gateway says what it must not.
    #[error("{0}")]
    Invalid(Invalid),
    /// A region has failed.
    #[error("a region has failed; all sessions must enter again")]
    Forgotten,
    /// We may have lost our regions.
    #[error("the database does not acknowledge this zone server")]
    Suspended,
    /// The task that listens has panicked.
    #[error("the zone server has failed at reading the stream")]
    Failed,
}

impl Speaking {
    /// Waits for what is queued; nothing: the link has ended.
    fn poll_messages(
        &mut self,
        context: &mut Context<'_>,
        messages: &mut Vec<Message>,
        count_max: usize,
    ) -> Poll<usize> {
        // What is queued may not be true any more, even if nobody has noticed that yet.
        if !self.server.trust.is_trusted() {
            self.server.links.close(self.link, End::Suspended);
        }
        // A gateway that does not read need not be told what it has missed.
        if matches!(self.queue.end(), Some(End::Slow | End::Suspended)) {
            return Poll::Ready(0);
        }
        self.queue.poll_take(context, messages, count_max)
    }

    /// Waits for the reason of the end.
    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Ended>> {
        Poll::Ready(match self.queue.end() {
            Some(End::Slow) => Err(Ended::Slow),
            Some(End::Invalid(invalid)) => Err(Ended::Invalid(invalid.clone())),
            Some(End::Forgotten) => Err(Ended::Forgotten),
            Some(End::Suspended) => Err(Ended::Suspended),
            Some(End::Stopping) | None => Ok(()),
            Some(End::Gone) => match ready!(Pin::new(&mut self.listening.0).poll(context)) {
                Ok(()) => Ok(()),
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "the task of a link failed"
                    );
                    Err(Ended::Failed)
                }
            },
        })
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Begins a link. Of what the gateway says, `parse` makes batches; it is told the name of the link.
fn begin<S>(
    server: &Arc<Server>,
    from: Option<SocketAddr>,
    parse: impl FnOnce(LinkId) -> S,
) -> Speaking
where
    S: Stream<Item = Result<Vec<Said>, Invalid>> + Send + Unpin + 'static,
{
    let (link, queue) = server.links.open();
    let batches = parse(link);
    let span = tracing::info_span!(
        "link",
        id = link.0,
        from = from.map(tracing::field::display)
    );
    let task = listen(Arc::clone(server), link, batches).instrument(span);
    Speaking {
        server: Arc::clone(server),
        link,
        queue,
        listening: Listening(tokio::spawn(task)),
    }
}
