//! The stream to one zone server: made again when it breaks, told what we listen to, and read into the ghosts.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use runtime::shutdown::Shutdown;
use store::directory::ZoneServer;
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};
use world::region_id::RegionId;

use super::ToPeer;
use crate::{
    answer::try_again,
    server::Server,
    service::protobuf::{self, Incoming, Outgoing},
};

/// How long after a stream has broken a new one is tried; doubled each time that it fails.
const BACK_OFF: Duration = Duration::from_millis(50);
/// The longest that it is doubled to, as gateways do.
const BACK_OFF_MAX: Duration = Duration::from_millis(800);
/// How many messages are taken from the queue at once. More follow in the next batch.
const BATCH_COUNT_MAX: usize = 1_024;

/// Who keeps the stream.
pub(super) struct Keeper {
    pub(super) server: Arc<Server>,
    /// The one at the other end.
    pub(super) other: ZoneServer,
    /// Whether there is a stream.
    pub(super) is_up: Arc<AtomicBool>,
    pub(super) messages: mpsc::Receiver<ToPeer>,
    /// The regions that we listen to.
    pub(super) wants: watch::Receiver<BTreeSet<RegionId>>,
}

impl Keeper {
    /// Keeps it until the other one is gone.
    pub(super) async fn run(mut self, gone: &Shutdown) {
        let address = self.other.address.clone();
        let mut back_off = BACK_OFF;
        while !gone.is_triggered() {
            let me = self.server.standing.get();
            let opened = tokio::select! {
                () = gone.triggered() => break,
                opened = protobuf::open(&self.other, &me) => opened,
            };
            let result = match opened {
                Ok(stream) => {
                    back_off = BACK_OFF;
                    tracing::info!(address, "stream to a zone server is up");
                    self.converse(stream, gone).await
                }
                Err(error) => Err(error),
            };
            match result {
                Ok(()) => tracing::info!(address, "stream to a zone server has ended"),
                Err(error @ protobuf::Error::Invalid(_)) => tracing::error!(
                    error = &error as &dyn std::error::Error,
                    address,
                    "a zone server says what it must not; its stream is cut"
                ),
                // Whether it lives is for the directory to say.
                Err(error) => tracing::info!(
                    error = &error as &dyn std::error::Error,
                    address,
                    "no stream to a zone server"
                ),
            }
            tokio::select! {
                () = gone.triggered() => break,
                () = tokio::time::sleep(back_off) => back_off = (back_off * 2).min(BACK_OFF_MAX),
            }
        }
        self.messages.close();
        self.give_up();
    }

    /// Speaks and listens until the stream ends, the other one is gone, or we are not trusted.
    async fn converse(
        &mut self,
        (outgoing, mut incoming): (Outgoing, Incoming),
        gone: &Shutdown,
    ) -> Result<(), protobuf::Error> {
        let server = Arc::clone(&self.server);
        self.is_up.store(true, Ordering::Release);
        let result = tokio::select! {
            () = gone.triggered() => Ok(()),
            () = self.speak(&outgoing) => Ok(()),
            result = listen(&server, &mut incoming) => result,
        };
        self.is_up.store(false, Ordering::Release);
        self.give_up();
        result
    }

    async fn speak(&mut self, outgoing: &Outgoing) {
        let server = Arc::clone(&self.server);
        let mut told = BTreeSet::new();
        let mut waiting = Vec::new();
        self.wants.mark_changed();
        loop {
            tokio::select! {
                biased;
                Ok(()) = self.wants.changed() => {
                    let wanted = self.wants.borrow_and_update().clone();
                    let ended = told.difference(&wanted).copied().map(ToPeer::Unsubscribe);
                    let begun = wanted.difference(&told).copied().map(ToPeer::Subscribe);
                    waiting.extend(ended.chain(begun));
                    told = wanted;
                }
                count = self.messages.recv_many(&mut waiting, BATCH_COUNT_MAX) => if count == 0 {
                    return;
                }
            }
            // What our regions have decided may not count any more.
            if !server.trust.is_trusted() || !outgoing.send(waiting.drain(..)).await {
                return;
            }
        }
    }

    /// What has not gone out by a stream that has ended is sent again by the gateways.
    fn give_up(&mut self) {
        while let Ok(message) = self.messages.try_recv() {
            if let ToPeer::Ask { ask, .. } = message {
                let link = ask.asker.session.link;
                self.server.links.tell(link, try_again(&ask.asker));
            }
        }
    }
}

/// Until the stream ends.
async fn listen(server: &Server, incoming: &mut Incoming) -> Result<(), protobuf::Error> {
    while let Some(batch) = incoming.next().await? {
        let now = Instant::now();
        let mut ghosts = server.peers.ghosts.lock();
        for news in batch {
            ghosts.apply(news, now);
        }
    }
    Ok(())
}
