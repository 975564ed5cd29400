//! The gateways' streams: who is linked, what is queued for each, and which regions each listens to. It does not know what a stream is made of.

mod weight;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
};

use arc_swap::ArcSwap;
use parking_lot::{Mutex, RwLock};
use tokio::sync::mpsc;
use world::{
    region::{LinkId, Message},
    region_id::RegionId,
};

use crate::{count::Answers, service::Invalid};
use weight::weight;

/// How many messages wait for one gateway: a second of the busiest gateway's traffic. A gateway that has not read for so long is cut off;
/// it connects anew and asks again for what it has missed.
pub(crate) const QUEUE_MAX: usize = 65_536;

/// How many bytes of messages wait for one gateway, as [`weight`] counts them: the news of a large world, several times over. More of them cut
/// the gateway off as well.
pub(crate) const QUEUE_BYTES_MAX: usize = 128 << 20;

/// All links.
#[derive(Debug, Default)]
pub(crate) struct Links {
    last: AtomicU64,
    is_closing: AtomicBool,
    is_suspended: AtomicBool,
    links: ArcSwap<BTreeMap<LinkId, Link>>,
    listeners: Mutex<BTreeMap<RegionId, BTreeSet<LinkId>>>,
    /// The newest link of each gateway.
    gateways: RwLock<HashMap<Arc<str>, LinkId>>,
    answers: Answers,
}

#[derive(Debug, Clone)]
struct Link {
    /// Which gateway it is, once it has said so. Other zone servers have no name here.
    gateway: Arc<OnceLock<Arc<str>>>,
    queue: mpsc::Sender<Message>,
    byte_count: Arc<AtomicUsize>,
    end: Arc<OnceLock<End>>,
}

/// Why a link ends.
#[derive(Debug)]
pub(crate) enum End {
    /// The gateway has said all that it has to say.
    Gone,
    /// The gateway has said what it must not say.
    Invalid(Invalid),
    /// The gateway does not read.
    Slow,
    /// A region has failed and forgotten who speaks for whom: all sessions must enter again.
    Forgotten,
    /// This server may have lost its regions without knowing.
    Suspended,
    /// This server stops.
    Stopping,
}

/// The reading end of a link's queue.
#[derive(Debug)]
pub(crate) struct Queue {
    messages: mpsc::Receiver<Message>,
    byte_count: Arc<AtomicUsize>,
    end: Arc<OnceLock<End>>,
}

impl Queue {
    /// Waits for what is queued, and takes it. Nothing: the link has ended, and [`Queue::end`] says why.
    pub(crate) fn poll_take(
        &mut self,
        context: &mut Context<'_>,
        messages: &mut Vec<Message>,
        count_max: usize,
    ) -> Poll<usize> {
        let before = messages.len();
        let count = ready!(self.messages.poll_recv_many(context, messages, count_max));
        let byte_count = messages[before..].iter().map(weight).sum();
        self.byte_count.fetch_sub(byte_count, Ordering::Relaxed);
        Poll::Ready(count)
    }

    /// Why the link has ended, if it has.
    pub(crate) fn end(&self) -> Option<&End> {
        self.end.get()
    }
}

impl Links {
    /// Adds a link, under a name that no other ever has.
    pub(crate) fn open(&self) -> (LinkId, Queue) {
        let id = LinkId(self.last.fetch_add(1, Ordering::Relaxed) + 1);
        let (queue, messages) = mpsc::channel(QUEUE_MAX);
        let (byte_count, end) = (Arc::default(), Arc::new(OnceLock::new()));
        let link = Link {
            gateway: Arc::default(),
            queue,
            byte_count: Arc::clone(&byte_count),
            end: Arc::clone(&end),
        };
        self.links.rcu(|links| {
            let mut links = BTreeMap::clone(links);
            links.insert(id, link.clone());
            links
        });
        if self.is_closing.load(Ordering::SeqCst) {
            self.close(id, End::Stopping);
        }
        if self.is_suspended.load(Ordering::SeqCst) {
            self.close(id, End::Suspended);
        }
        let queue = Queue {
            messages,
            byte_count,
            end,
        };
        (id, queue)
    }

    /// A link is a gateway's.
    pub(crate) fn name(&self, id: LinkId, gateway: String) {
        let gateway: Arc<str> = gateway.into();
        if let Some(link) = self.links.load().get(&id) {
            // It says so once.
            let _named = link.gateway.set(Arc::clone(&gateway));
        }
        let mut gateways = self.gateways.write();
        let newest = gateways.entry(Arc::clone(&gateway)).or_insert(id);
        *newest = id.max(*newest);
        // One that has ended meanwhile was not found here by `close`.
        if !self.is_linked(id) {
            forget_gateway(&mut gateways, &gateway, id);
        }
    }

    /// The newest stream of a gateway.
    pub(crate) fn link_of(&self, gateway: &str) -> Option<LinkId> {
        self.gateways.read().get(gateway).copied()
    }

    /// Which gateway's stream it is. None: it has ended, or has not said so yet.
    pub(crate) fn gateway_of(&self, id: LinkId) -> Option<Arc<str>> {
        self.links.load().get(&id)?.gateway.get().cloned()
    }

    /// Ends a link. What is queued still goes out, unless the gateway does not read.
    pub(crate) fn close(&self, id: LinkId, why: End) {
        if let Some(link) = self.links.load().get(&id) {
            // The first reason is the one.
            let _known = link.end.set(why);
        }
        let before = self.links.rcu(|links| {
            let mut links = BTreeMap::clone(links);
            links.remove(&id);
            links
        });
        if let Some(gateway) = before.get(&id).and_then(|link| link.gateway.get()) {
            forget_gateway(&mut self.gateways.write(), gateway, id);
        }
        self.listeners.lock().retain(|_, links| {
            links.remove(&id);
            !links.is_empty()
        });
    }

    /// Ends all links, and those that are still to come.
    pub(crate) fn close_all(&self) {
        self.is_closing.store(true, Ordering::SeqCst);
        for id in self.ids() {
            self.close(id, End::Stopping);
        }
    }

    /// Ends all links, and those that come before [`Self::resume`]: what this server says may not be true.
    pub(crate) fn suspend(&self) {
        self.is_suspended.store(true, Ordering::SeqCst);
        for id in self.ids() {
            self.close(id, End::Suspended);
        }
    }

    /// Links may come again, unless the server stops.
    pub(crate) fn resume(&self) {
        self.is_suspended.store(false, Ordering::SeqCst);
    }

    /// Ends all links that there are now: whoever was here must enter again.
    pub(crate) fn forget_all(&self) {
        for id in self.ids() {
            self.close(id, End::Forgotten);
        }
    }

    fn ids(&self) -> Vec<LinkId> {
        self.links.load().keys().copied().collect()
    }

    /// Queues a message. A gateway whose queue is full is cut off; for one that has gone there is nothing to do.
    pub(crate) fn tell(&self, id: LinkId, message: Message) {
        self.answers.told(&message);
        let is_full = match self.links.load().get(&id) {
            None => false,
            Some(link) => !link.has_room_for(message),
        };
        if is_full {
            tracing::warn!(link = id.0, "a gateway does not read; its link is cut");
            self.close(id, End::Slow);
        }
    }

    /// Whether a gateway is there.
    pub(crate) fn is_linked(&self, id: LinkId) -> bool {
        self.links.load().contains_key(&id)
    }

    /// Notes that a gateway listens to a region, for a region that begins later.
    pub(crate) fn listen(&self, id: LinkId, region: RegionId) {
        self.listeners.lock().entry(region).or_default().insert(id);
        if !self.is_linked(id) {
            self.ignore(id, region);
        }
    }

    /// Notes that it does not any more.
    pub(crate) fn ignore(&self, id: LinkId, region: RegionId) {
        if let Some(links) = self.listeners.lock().get_mut(&region) {
            links.remove(&id);
        }
    }

    /// Who listens to a region.
    pub(crate) fn listeners(&self, region: RegionId) -> Vec<LinkId> {
        let listeners = self.listeners.lock();
        let links = listeners.get(&region);
        links.into_iter().flatten().copied().collect()
    }

    /// How many links there are, and the most messages that wait for one.
    pub(crate) fn depth(&self) -> (usize, usize) {
        let links = self.links.load();
        let waiting = |link: &Link| QUEUE_MAX - link.queue.capacity();
        (
            links.len(),
            links.values().map(waiting).max().unwrap_or_default(),
        )
    }
}

/// A gateway's link has ended. A newer one stays.
fn forget_gateway(gateways: &mut HashMap<Arc<str>, LinkId>, gateway: &str, ended: LinkId) {
    if gateways.get(gateway) == Some(&ended) {
        gateways.remove(gateway);
    }
}

impl Link {
    /// Queues a message, if it fits. One for a link that has just ended is as good as queued.
    fn has_room_for(&self, message: Message) -> bool {
        let weight = weight(&message);
        let before = self.byte_count.fetch_add(weight, Ordering::Relaxed);
        before + weight <= QUEUE_BYTES_MAX
            && !matches!(
                self.queue.try_send(message),
                Err(mpsc::error::TrySendError::Full(_))
            )
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use wire::Value;
    use world::region::Answer;

    use super::*;

    fn message(session: u64) -> Message {
        let region = "0:0:0".parse().unwrap();
        Message::Moved { session, region }
    }

    #[test]
    fn a_gateway_that_does_not_read_is_cut_off() {
        let links = Links::default();
        let ((slow, queue), (other, _kept)) = (links.open(), links.open());
        for session in 0..QUEUE_MAX as u64 {
            links.tell(slow, message(session));
        }
        assert!(links.is_linked(slow));
        assert_eq!(links.depth(), (2, QUEUE_MAX));
        links.tell(slow, message(0));
        assert!(!links.is_linked(slow) && links.is_linked(other));
        assert!(matches!(queue.end(), Some(End::Slow)));
    }

    #[tokio::test]
    async fn what_is_queued_goes_out_before_the_end() {
        let links = Links::default();
        let (id, mut queue) = links.open();
        links.tell(id, message(7));
        links.close(id, End::Gone);
        links.tell(id, message(8));
        let mut taken = Vec::new();
        while poll_fn(|context| queue.poll_take(context, &mut taken, 1)).await > 0 {}
        assert_eq!(taken, [message(7)]);
        assert!(matches!(queue.end(), Some(End::Gone)));
    }

    #[tokio::test]
    async fn a_queue_is_full_by_its_bytes_too() {
        let links = Links::default();
        let (id, mut queue) = links.open();
        let large = || Message::Reply {
            session: 1,
            counter: 1,
            attempt: 0,
            kind: "get",
            answer: Answer::Value(Value::List(vec![Value::Bytes(vec![0; 1 << 20])])),
        };
        for _ in 0..3 {
            // What is taken makes room.
            for _ in 0..100 {
                links.tell(id, large());
            }
            let mut taken = Vec::new();
            while taken.len() < 100 {
                poll_fn(|context| queue.poll_take(context, &mut taken, 7)).await;
            }
        }
        for _ in 0..127 {
            links.tell(id, large());
        }
        assert!(links.is_linked(id));
        links.tell(id, large());
        assert!(!links.is_linked(id));
        assert!(matches!(queue.end(), Some(End::Slow)));
    }

    #[test]
    fn a_link_that_ends_listens_no_more() {
        let links = Links::default();
        let region = "0:0:0".parse().unwrap();
        let ((one, _one), (two, _two)) = (links.open(), links.open());
        links.listen(one, region);
        links.listen(two, region);
        assert_eq!(links.listeners(region), [one, two]);
        links.close(one, End::Gone);
        links.listen(one, region);
        assert_eq!(links.listeners(region), [two]);
        links.ignore(two, region);
        assert!(links.listeners(region).is_empty());
    }

    #[test]
    fn a_gateway_is_reached_by_its_newest_stream() {
        let links = Links::default();
        let ((older, _older), (newer, _newer)) = (links.open(), links.open());
        links.name(newer, "gate".to_owned());
        links.name(older, "gate".to_owned());
        assert_eq!(links.link_of("gate"), Some(newer));
        assert_eq!(links.gateway_of(older).as_deref(), Some("gate"));
        links.close(older, End::Gone);
        assert_eq!(links.link_of("gate"), Some(newer));
        links.close(newer, End::Gone);
        assert_eq!(
            (links.link_of("gate"), links.gateway_of(newer)),
            (None, None)
        );
        links.name(newer, "gate".to_owned());
        assert_eq!(links.link_of("gate"), None, "it has ended");
    }

    #[test]
    fn nobody_links_to_a_server_that_is_not_trusted() {
        let links = Links::default();
        let (before, early) = links.open();
        links.suspend();
        let (during, late) = links.open();
        assert!(!links.is_linked(before) && !links.is_linked(during));
        for queue in [early, late] {
            assert!(matches!(queue.end(), Some(End::Suspended)));
        }
        links.resume();
        let (after, _queue) = links.open();
        assert!(links.is_linked(after));
        links.close_all();
        links.resume();
        let (after, _queue) = links.open();
        assert!(!links.is_linked(after), "it stops");
    }

    #[test]
    fn nobody_links_to_a_server_that_stops() {
        let links = Links::default();
        links.close_all();
        let (late, queue) = links.open();
        assert!(!links.is_linked(late));
        assert!(matches!(queue.end(), Some(End::Stopping)));
    }
}
