//! Listening to a gateway: each thing that it says goes into the mailbox of the region that it is for, in order.

use std::sync::Arc;

use futures::{Stream, StreamExt};
use tracing::Span;
use world::{
    region::{Ask, Input, LinkId, Message, NOBODY, Session, Update},
    region_id::RegionId,
};

use super::{Invalid, Said};
use crate::{
    actor::Mail,
    answer::{elsewhere, enter_again, try_again},
    links::End,
    peers::NO_GATEWAY,
    server::Server,
};

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

/// Listens until the gateway has gone, or has said what it must not.
pub(super) async fn listen<S>(server: Arc<Server>, link: LinkId, batches: S)
where
    S: Stream<Item = Result<Vec<Said>, Invalid>> + Unpin,
{
    let closing = Closing { server, link };
    let server = &closing.server;
    match hear(server, link, batches).await {
        Ok(()) => tracing::info!("a link has ended"),
        Err(invalid @ Invalid::Broken(_)) => {
            tracing::info!(reason = %invalid, "a link has ended");
            server.links.close(link, End::Invalid(invalid));
        }
        Err(invalid) => {
            tracing::error!(reason = %invalid, "a link says what it must not; it is cut");
            server.links.close(link, End::Invalid(invalid));
        }
    }
}

async fn hear<S>(server: &Arc<Server>, link: LinkId, mut batches: S) -> Result<(), Invalid>
where
    S: Stream<Item = Result<Vec<Said>, Invalid>> + Unpin,
{
    let mut speaker = None;
    while let Some(batch) = batches.next().await {
        for said in batch? {
            match (said, speaker) {
                (Said::Hello { .. } | Said::HelloPeer { .. }, Some(_)) => {
                    return Err(Invalid::HelloAgain);
                }
                (Said::Hello { gateway }, None) => {
                    tracing::info!(gateway, "a gateway has come");
                    server.links.name(link, gateway);
                    speaker = Some(Speaker::Gateway);
                }
                (
                    Said::HelloPeer {
                        address,
                        incarnation,
                    },
                    None,
                ) => {
                    tracing::info!(address, %incarnation, "a zone server has come");
                    speaker = Some(Speaker::Peer);
                }
                (_, None) => return Err(Invalid::NoHello),
                (said, Some(speaker)) => {
                    speaker.check(&said)?;
                    pass(server, link, said).await;
                }
            }
        }
        if !server.links.is_linked(link) {
            return Ok(());
        }
    }
    Ok(())
}

/// Who is at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Speaker {
    Gateway,
    Peer,
}

impl Speaker {
    /// Whether it may say that.
    fn check(self, said: &Said) -> Result<(), Invalid> {
        let what = match (self, said) {
            (Self::Gateway, Said::Ask { .. }) => "Ask",
            (Self::Gateway, Said::Arriving { .. }) => "Arriving",
            (Self::Gateway, Said::Held { .. }) => "Held",
            (Self::Gateway, Said::Word { .. }) => "CreatureWord",
            (Self::Peer, Said::Enter { .. }) => "Enter",
            (Self::Peer, Said::Leave { .. }) => "Leave",
            (Self::Peer, Said::Command { .. }) => "Command",
            _ => return Ok(()),
        };
        Err(Invalid::NotTheirs(
            what,
            match self {
                Self::Gateway => "a gateway",
                Self::Peer => "a zone server",
            },
        ))
    }
}

/// Puts something into a region's mailbox. A full one is waited for, and the gateway with it: that keeps the order of what each session says.
async fn pass(server: &Arc<Server>, link: LinkId, said: Said) {
    match said {
        Said::Hello { .. } | Said::HelloPeer { .. } => {}
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
            let told = send(server, region, Input::Subscribe(link), Span::none()).await;
            // A region that has a map is somewhere else, or begins here soon: then it tells its listeners.
            if told.is_err() && !server.scene.load().terrain.regions().contains(&region) {
                server.links.tell(link, nothing(region));
            }
        }
        Said::Unsubscribe(region) => {
            server.links.ignore(link, region);
            let _ended = send(server, region, Input::Unsubscribe(link), Span::none()).await;
        }
        Said::Ask {
            gateway,
            ask,
            region,
            traceparent,
        } => take_ask(server, &gateway, *ask, region, &traceparent),
        Said::Arriving { region, key } => server.peers.arrivals().add(region, key),
        Said::Held { region, epoch } => {
            tracing::debug!(%region, epoch, "a region is given to us");
            server.holdings.look();
        }
        Said::Word { to, word } => {
            // It must not hold the peer up. If the region is not here, or full, what matters is said again.
            if let Some(mailbox) = server.regions.mailbox(to) {
                let _told = mailbox.try_send(Input::Said(word).into());
            }
        }
    }
}

/// A command that a peer has passed on. It must not hold the peer up: if the region is not here, or full, the gateway sends the command again. A gateway
/// that has no stream to us hears nothing, and does so as well.
fn take_ask(server: &Server, gateway: &str, mut ask: Ask, region: RegionId, traceparent: &str) {
    // What is nobody's at a gateway is what a creature does.
    let link = match gateway {
        NO_GATEWAY => Some(NOBODY.link),
        _ => server.links.link_of(gateway),
    };
    let Some(link) = link else {
        return tracing::debug!(gateway, "a command of a gateway that has no link here");
    };
    ask.asker.session.link = link;
    let again = try_again(&ask.asker);
    let mail = Mail {
        span: request_span(ask.asker.kind, region, traceparent),
        input: Input::Ask(ask),
    };
    let mailbox = server.regions.mailbox(region);
    let is_taken = mailbox.is_some_and(|mailbox| mailbox.try_send(mail).is_ok());
    if !is_taken {
        server.links.tell(link, again);
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
fn nearest(server: &Server, session: Session, region: RegionId) -> Message {
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

/// All that there is in a region where no map is. Whatever a server says that has the region, if there is ever one, counts for more.
fn nothing(region: RegionId) -> Message {
    Message::Snapshot(Arc::new(Update {
        region,
        epoch: 0,
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
