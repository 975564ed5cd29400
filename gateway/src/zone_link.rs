//! The stream to one zone server. Whatever is queued when it can be written goes out as one batch; what comes is given to the replica and to the
//! sessions that it is for, in its order, so an entity's change is there before the reply to the command that made it.
//!
//! A [`Link`] is one stream and ends with it; the next stream to the same zone server is another link.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use runtime::shutdown::Shutdown;
use tokio::sync::mpsc;

use crate::{
    grpc::{self, Batch, Incoming, Outgoing},
    registry::Registry,
    replica::Replica,
    zone_message::{FromZone, News, ToZone},
};

/// Messages that wait for the stream. A full queue makes connections stop reading their clients; nothing is lost.
const QUEUE_MAX: usize = 4_096;
/// Messages that are put into a batch at once. More follow in the next.
const BATCH_COUNT_MAX: usize = 1_024;
/// How long a stream has, when the gateway stops, to take the last words of its sessions.
const FAREWELL: Duration = Duration::from_secs(2);

/// One stream's number, never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct LinkId(pub(crate) u64);

/// A stream to a zone server. Clones share it.
#[derive(Clone)]
pub(crate) struct Link {
    id: LinkId,
    address: Arc<str>,
    queue: mpsc::Sender<ToZone>,
    is_ended: Arc<AtomicBool>,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.id.fmt(f)
    }
}

static NEXT: AtomicU64 = AtomicU64::new(1);

impl Link {
    /// A new link to the zone server at an address, and the messages that are to go out by it.
    pub(crate) fn new(address: &str) -> (Self, mpsc::Receiver<ToZone>) {
        let (queue, messages) = mpsc::channel(QUEUE_MAX);
        let link = Self {
            id: LinkId(NEXT.fetch_add(1, Ordering::Relaxed)),
            address: Arc::from(address),
            queue,
            is_ended: Arc::default(),
        };
        (link, messages)
    }

    /// Which one it is.
    pub(crate) fn id(&self) -> LinkId {
        self.id
    }

    /// Where it leads.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The queue before it.
    pub(crate) fn queue(&self) -> &mpsc::Sender<ToZone> {
        &self.queue
    }

    /// Sends a message, if there is room for it. One that a stream ends before is lost with it.
    pub(crate) fn try_send(&self, message: ToZone) -> bool {
        !matches!(
            self.queue.try_send(message),
            Err(mpsc::error::TrySendError::Full(_))
        )
    }

    /// Whether the stream has ended. Who begins to speak by it and asks afterwards misses no end.
    pub(crate) fn is_ended(&self) -> bool {
        self.is_ended.load(Ordering::SeqCst)
    }

    /// The stream has ended: everybody who speaks by it hears of it.
    pub(crate) fn end(&self, registry: &Registry) {
        self.is_ended.store(true, Ordering::SeqCst);
        registry.ended(self.id);
    }

    /// Gives a batch to whom it is for.
    fn deliver(&self, messages: Vec<FromZone>, replica: &Replica, registry: &Registry) {
        let mut news: Vec<News> = Vec::new();
        for message in messages {
            match message {
                FromZone::News(one) => news.push(one),
                FromZone::Session(number, event) => {
                    if !news.is_empty() {
                        replica.apply(self.id, std::mem::take(&mut news), Instant::now());
                    }
                    registry.tell(self.id, number, event);
                }
            }
        }
        if !news.is_empty() {
            replica.apply(self.id, news, Instant::now());
        }
    }
}

/// Carries messages both ways until the stream ends or, after the shutdown, everything has been said.
pub(crate) async fn run(
    stream: grpc::Stream,
    link: &Link,
    messages: mpsc::Receiver<ToZone>,
    replica: &Replica,
    registry: &Registry,
    shutdown: &Shutdown,
) -> Result<(), grpc::Error> {
    let (outgoing, mut incoming) = stream.split();
    let carrying = async {
        let mut reading = std::pin::pin!(read(&mut incoming, link, replica, registry));
        tokio::select! {
            result = &mut reading => return result,
            () = write(messages, outgoing, shutdown) => {}
        }
        // The zone server ends its half when it has heard all of ours.
        reading.await
    };
    let overdue = async {
        shutdown.triggered().await;
        tokio::time::sleep(FAREWELL).await;
    };
    tokio::select! {
        result = carrying => result,
        () = overdue => {
            tracing::warn!("a zone server did not take the last words");
            Ok(())
        }
    }
}

/// Until the stream has ended or, after the shutdown, the queue is empty.
async fn write(mut messages: mpsc::Receiver<ToZone>, outgoing: Outgoing, shutdown: &Shutdown) {
    let mut waiting = Vec::new();
    let mut is_closed = false;
    loop {
        let count = tokio::select! {
            biased;
            count = messages.recv_many(&mut waiting, BATCH_COUNT_MAX) => count,
            () = shutdown.triggered(), if !is_closed => {
                messages.close();
                is_closed = true;
                continue;
            }
        };
        if count == 0 {
            return;
        }
        let mut batch = Batch::default();
        for message in waiting.drain(..) {
            batch.push(&message);
            if batch.is_full() && !outgoing.send(std::mem::take(&mut batch)).await {
                return;
            }
        }
        if !outgoing.send(batch).await {
            return;
        }
    }
}

/// Until the stream ends.
async fn read(
    incoming: &mut Incoming,
    link: &Link,
    replica: &Replica,
    registry: &Registry,
) -> Result<(), grpc::Error> {
    while let Some(messages) = incoming.next().await? {
        link.deliver(messages, replica, registry);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use wire::Dialect;
    use world::{
        position::Position,
        region::{Shown, Update},
        region_id::RegionId,
    };

    use super::*;
    use crate::zone_message::{Event, SessionNumber};

    const REGION: RegionId = RegionId {
        level: 0,
        column: 0,
        row: 0,
    };

    #[test]
    fn a_change_is_there_before_the_reply_behind_it() {
        let (link, _messages) = Link::new("http://zone");
        let replica = Arc::new(Replica::new(8.0));
        let _eyes = replica.watch(Arc::from("anna"), REGION);
        let registry = Arc::new(Registry::default());
        let mut session = registry.register(SessionNumber(1));
        let attributes = wire::pickle::encode(&wire::Value::Dict(vec![]), Dialect::Four);
        let shown = |version| Shown {
            name: "Anna".to_owned(),
            own: 1,
            version,
            position: Position {
                x: 1.0,
                y: 1.0,
                z: 0,
            },
            is_player: true,
            attributes: Some(attributes.clone().into()),
        };
        let news = |changed| {
            FromZone::News(News::Changes(Update {
                region: REGION,
                epoch: 1,
                changed,
                departed: Vec::new(),
            }))
        };
        let moved = FromZone::Session(SessionNumber(1), Event::Moved(REGION));
        let batch = vec![news(vec![shown(1)]), moved, news(vec![])];
        link.deliver(batch, &replica, &registry);
        assert!(session.try_next().is_some());
        let name = replica.attribute("anna", "name", false);
        assert_ne!(name, crate::replica::Lookup::Unknown);
    }
}
