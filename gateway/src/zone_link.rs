//! The stream to one zone server. Whatever is queued when it can be written goes out as one batch; what comes is given to the replica and to the
//! sessions that it is for, in its order, so an entity's change is there before the reply to the command that made it.
//!
//! A [`Link`] is one stream and ends with it. Sessions hear of its end by the end of their [`Registration`], and the next stream is another link.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use runtime::shutdown::Shutdown;
use tokio::sync::mpsc;

use crate::{
    grpc::{self, Batch, Incoming, Outgoing},
    replica::Replica,
    zone_message::{Event, FromZone, News, SessionNumber, ToZone},
};

/// Messages that wait for the stream. A full queue makes connections stop reading their clients; nothing is lost.
const QUEUE_MAX: usize = 4_096;
/// Messages that are put into a batch at once. More follow in the next.
const BATCH_COUNT_MAX: usize = 1_024;
/// What one session may leave unheard: an answer to each of its commands, several times over. A session that leaves more is told that the
/// stream has ended, and enters again.
const EVENTS_MAX: usize = 1_024;
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
    sessions: Arc<Sessions>,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.id.fmt(f)
    }
}

/// Who hears of what comes. None: the stream has ended.
#[derive(Debug)]
struct Sessions(Mutex<Option<HashMap<SessionNumber, Listener>>>);

#[derive(Debug)]
struct Listener {
    registration: u64,
    events: mpsc::Sender<(SessionNumber, Event)>,
}

/// A session's ear at a stream; it is taken away when this is dropped.
#[derive(Debug)]
pub(crate) struct Registration {
    id: u64,
    number: SessionNumber,
    link: Link,
    events: mpsc::Receiver<(SessionNumber, Event)>,
}

/// Links and registrations are counted together.
static NEXT: AtomicU64 = AtomicU64::new(1);

impl Link {
    /// A new link to the zone server at an address, and the messages that are to go out by it.
    pub(crate) fn new(address: &str) -> (Self, mpsc::Receiver<ToZone>) {
        let (queue, messages) = mpsc::channel(QUEUE_MAX);
        let link = Self {
            id: LinkId(NEXT.fetch_add(1, Ordering::Relaxed)),
            address: Arc::from(address),
            queue,
            sessions: Arc::new(Sessions(Mutex::new(Some(HashMap::new())))),
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

    /// Sends a message when there is room for it. One that a stream ends before is lost with it.
    pub(crate) async fn send(&self, message: ToZone) {
        let _ended = self.queue.send(message).await;
    }

    /// Begins to hear what is said to a session; None: the stream has ended.
    pub(crate) fn register(&self, number: SessionNumber) -> Option<Registration> {
        let (sender, events) = mpsc::channel(EVENTS_MAX);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let listener = Listener {
            registration: id,
            events: sender,
        };
        self.sessions.0.lock().as_mut()?.insert(number, listener);
        Some(Registration {
            id,
            number,
            link: self.clone(),
            events,
        })
    }

    /// The stream has ended: everybody hears of it.
    pub(crate) fn end(&self) {
        *self.sessions.0.lock() = None;
    }

    /// Gives a batch to whom it is for. Nobody waits for a session that does not listen.
    fn deliver(&self, messages: Vec<FromZone>, replica: &Replica) {
        let mut news: Vec<News> = Vec::new();
        for message in messages {
            match message {
                FromZone::News(one) => news.push(one),
                FromZone::Session(number, event) => {
                    if !news.is_empty() {
                        replica.apply(std::mem::take(&mut news), Instant::now());
                    }
                    self.hand(number, event);
                }
            }
        }
        if !news.is_empty() {
            replica.apply(news, Instant::now());
        }
    }

    fn hand(&self, number: SessionNumber, event: Event) {
        let mut sessions = self.sessions.0.lock();
        let Some(sessions) = sessions.as_mut() else {
            return;
        };
        if let Some(listener) = sessions.get(&number)
            && listener.events.try_send((number, event)).is_err()
        {
            sessions.remove(&number);
        }
    }
}

impl Registration {
    /// The link that it is at.
    pub(crate) fn link(&self) -> &Link {
        &self.link
    }

    /// Whose it is.
    pub(crate) fn number(&self) -> SessionNumber {
        self.number
    }

    /// What is said next; None: the stream has ended. May be dropped and called again.
    pub(crate) async fn next(&mut self) -> Option<(SessionNumber, Event)> {
        self.events.recv().await
    }

    /// What has been said already.
    pub(crate) fn try_next(&mut self) -> Option<(SessionNumber, Event)> {
        self.events.try_recv().ok()
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        if let Some(sessions) = self.link.sessions.0.lock().as_mut()
            && sessions
                .get(&self.number)
                .is_some_and(|listener| listener.registration == self.id)
        {
            sessions.remove(&self.number);
        }
    }
}

/// Carries messages both ways until the stream ends or, after the shutdown, everything has been said.
pub(crate) async fn run(
    stream: grpc::Stream,
    link: &Link,
    messages: mpsc::Receiver<ToZone>,
    replica: &Replica,
    shutdown: &Shutdown,
) -> Result<(), grpc::Error> {
    let (outgoing, mut incoming) = stream.split();
    let carrying = async {
        let mut reading = std::pin::pin!(read(&mut incoming, link, replica));
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
    let result = tokio::select! {
        result = carrying => result,
        () = overdue => {
            tracing::warn!("a zone server did not take the last words");
            Ok(())
        }
    };
    link.end();
    result
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
async fn read(incoming: &mut Incoming, link: &Link, replica: &Replica) -> Result<(), grpc::Error> {
    while let Some(messages) = incoming.next().await? {
        link.deliver(messages, replica);
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

    const REGION: RegionId = RegionId {
        level: 0,
        column: 0,
        row: 0,
    };

    fn event(number: u64) -> FromZone {
        FromZone::Session(SessionNumber(number), Event::Moved(REGION))
    }

    #[tokio::test]
    async fn each_session_hears_what_is_for_it() {
        let (link, _messages) = Link::new("http://zone");
        let replica = Replica::new(8.0);
        let mut one = link.register(SessionNumber(1)).unwrap();
        let two = link.register(SessionNumber(2)).unwrap();
        link.deliver(vec![event(1), event(2), event(3)], &replica);
        assert_eq!(
            one.next().await,
            Some((SessionNumber(1), Event::Moved(REGION)))
        );
        assert_eq!(one.try_next(), None);
        // An older ear of the same session takes nothing away from the newer one.
        let mut newer = link.register(SessionNumber(2)).unwrap();
        drop(two);
        link.deliver(vec![event(2)], &replica);
        assert!(newer.next().await.is_some());
    }

    #[tokio::test]
    async fn who_does_not_listen_is_told_that_the_stream_has_ended() {
        let (link, _messages) = Link::new("http://zone");
        let replica = Replica::new(8.0);
        let mut deaf = link.register(SessionNumber(1)).unwrap();
        for _ in 0..=EVENTS_MAX {
            link.deliver(vec![event(1)], &replica);
        }
        let mut heard = 0;
        while deaf.next().await.is_some() {
            heard += 1;
        }
        assert_eq!(heard, EVENTS_MAX);
    }

    #[tokio::test]
    async fn a_change_is_there_before_the_reply_behind_it() {
        let (link, _messages) = Link::new("http://zone");
        let replica = Arc::new(Replica::new(8.0));
        let _eyes = replica.watch(Arc::from("anna"), REGION);
        let mut session = link.register(SessionNumber(1)).unwrap();
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
        link.deliver(vec![news(vec![shown(1)]), event(1), news(vec![])], &replica);
        assert!(session.try_next().is_some());
        let name = replica.attribute("anna", "name", false);
        assert_ne!(name, crate::replica::Lookup::Unknown);
    }
}
