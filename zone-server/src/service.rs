//! Gateways' streams: what a gateway says goes into the mailboxes of regions, and what is queued for it goes out in batches. What a message means is
//! for regions to say, and how it is written for [`protobuf`].

mod protobuf;

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures::{Stream, StreamExt};
use runtime::shutdown::Shutdown;
use tokio::{net::TcpListener, task::JoinHandle};
use tonic::transport::server::TcpIncoming;
use tracing::{Instrument, Span};
use world::{
    region::{Command, Enter, Input, LinkId, Message, Update},
    region_id::RegionId,
};

use crate::{
    Config,
    actor::Mail,
    answer::{elsewhere, enter_again},
    links::{End, Queue},
    server::Server,
};

/// How much a gateway may send ahead of what is read: several of the largest batches, so that a batch never waits for the window.
const STREAM_WINDOW_BYTES: u32 = 16 << 20;
/// The same for all streams of a connection. There is one.
const CONNECTION_WINDOW_BYTES: u32 = 32 << 20;

/// What a gateway says.
#[derive(Debug)]
enum Said {
    /// Who it is.
    Hello { gateway: String },
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
    /// A player's request that no region need be asked about: this is the answer.
    Refused(Message),
    /// It wants to hear of a region.
    Subscribe(RegionId),
    /// It does not want to any more.
    Unsubscribe(RegionId),
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
        // A gateway that does not read need not be told what it has missed.
        if matches!(self.queue.end(), Some(End::Slow)) {
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
        queue,
        listening: Listening(tokio::spawn(task)),
    }
}

/// Closes the link, however the task that listens to it ends.
struct Closing {
    server: Arc<Server>,
    link: LinkId,
}

impl Drop for Closing {
    fn drop(&mut self) {
        self.server.links.close(self.link, End::Gone);
    }
}

async fn listen<S>(server: Arc<Server>, link: LinkId, batches: S)
where
    S: Stream<Item = Result<Vec<Said>, Invalid>> + Unpin,
{
    let closing = Closing { server, link };
    let server = &closing.server;
    match hear(server, link, batches).await {
        Ok(()) => tracing::info!("a gateway has gone"),
        Err(invalid @ Invalid::Broken(_)) => {
            tracing::info!(reason = %invalid, "a gateway has gone");
            server.links.close(link, End::Invalid(invalid));
        }
        Err(invalid) => {
            tracing::error!(reason = %invalid, "a gateway says what it must not; its link is cut");
            server.links.close(link, End::Invalid(invalid));
        }
    }
}

async fn hear<S>(server: &Arc<Server>, link: LinkId, mut batches: S) -> Result<(), Invalid>
where
    S: Stream<Item = Result<Vec<Said>, Invalid>> + Unpin,
{
    let mut has_begun = false;
    while let Some(batch) = batches.next().await {
        for said in batch? {
            match said {
                Said::Hello { .. } if has_begun => return Err(Invalid::HelloAgain),
                Said::Hello { gateway } => {
                    has_begun = true;
                    tracing::info!(gateway, "a gateway has come");
                }
                _ if !has_begun => return Err(Invalid::NoHello),
                said => pass(server, link, said).await,
            }
        }
        if !server.links.is_linked(link) {
            return Ok(());
        }
    }
    Ok(())
}

/// Puts something into a region's mailbox. A full one is waited for, and the gateway with it: that keeps the order of what each session says.
async fn pass(server: &Arc<Server>, link: LinkId, said: Said) {
    match said {
        Said::Hello { .. } => {}
        Said::Refused(message) => server.links.tell(link, message),
        Said::Enter {
            enter,
            region,
            traceparent,
        } => {
            let session = enter.session;
            let span = request_span("enter", region, &traceparent);
            if send(server, region, Input::Enter(enter), span)
                .await
                .is_err()
            {
                server.links.tell(link, nearest(server, session, region));
            }
        }
        Said::Leave { leave, region } => {
            let there = server.whereabouts.of(&leave.key).unwrap_or(region);
            // A region that has ended has let go of everybody.
            let _ended = send(server, there, Input::Leave(leave), Span::none()).await;
        }
        Said::Command {
            command,
            region,
            traceparent,
        } => {
            let (session, counter, attempt) =
                (command.session, command.id.counter, command.attempt);
            let span = request_span(command.body.kind(), region, &traceparent);
            if send(server, region, Input::Command(command), span)
                .await
                .is_err()
            {
                server
                    .links
                    .tell(link, elsewhere(session, counter, attempt));
            }
        }
        Said::Subscribe(region) => {
            server.links.listen(link, region);
            if send(server, region, Input::Subscribe(link), Span::none())
                .await
                .is_err()
            {
                server.links.tell(link, nothing(server, region));
            }
        }
        Said::Unsubscribe(region) => {
            server.links.ignore(link, region);
            let _ended = send(server, region, Input::Unsubscribe(link), Span::none()).await;
        }
    }
}

/// The region is not here.
struct NotHere;

async fn send(server: &Server, region: RegionId, input: Input, span: Span) -> Result<(), NotHere> {
    let mailbox = server.regions.mailbox(region).ok_or(NotHere)?;
    let mail = Mail { input, span };
    mailbox.send(mail).await.map_err(|_ended| NotHere)
}

/// The answer to who would enter in a region that is not here: where no map is, the start is meant.
fn nearest(server: &Server, session: world::region::Session, region: RegionId) -> Message {
    let home = server.scene.load().home(region);
    if home == region {
        return enter_again(session);
    }
    Message::Elsewhere {
        session: session.number,
        counter: 0,
        attempt: 0,
        region: Some(home),
    }
}

/// All that there is in a region where no map is.
fn nothing(server: &Server, region: RegionId) -> Message {
    Message::Snapshot(Arc::new(Update {
        region,
        epoch: server.clock.now_ms(),
        changed: Vec::new(),
        departed: Vec::new(),
    }))
}

/// The span of a request whose trace is recorded.
fn request_span(kind: &'static str, region: RegionId, traceparent: &str) -> Span {
    if traceparent.is_empty() {
        return Span::none();
    }
    let span = tracing::debug_span!(parent: None, "command", kind, %region);
    runtime::trace::follow(&span, traceparent);
    span
}
