//! Listening to a gateway: each thing that it says goes into the mailbox of the region that it is for, in order.

use std::sync::Arc;

use futures::{Stream, StreamExt};
use tracing::Span;
use world::{
    region::{Input, LinkId, Message, Session, Update},
    region_id::RegionId,
};

use super::{Invalid, Said};
use crate::{
    actor::Mail,
    answer::{elsewhere, enter_again},
    links::End,
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
