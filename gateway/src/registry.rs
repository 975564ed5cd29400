//! The sessions of this gateway, and how each hears what is said to it by whatever stream. A session speaks by one stream at a time; it is also told when
//! that stream ends, and when its character's region is held by somebody else. What it makes of it is its own to decide.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::{Mutex, RwLock};
use tokio::sync::mpsc;
use world::region_id::RegionId;

use crate::{
    zone_link::LinkId,
    zone_message::{Event, SessionNumber},
};

/// What one session may leave unheard: an answer to each of its commands, several times over. A session that leaves more is told that its stream has ended,
/// and enters again.
pub(crate) const EVENTS_MAX: usize = 1_024;

/// All sessions that listen.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    sessions: RwLock<HashMap<SessionNumber, Listener>>,
    last_registration: AtomicU64,
}

/// What a session hears.
#[derive(Debug, PartialEq)]
pub(crate) enum Word {
    /// Something that a zone server says to it.
    Event(LinkId, Event),
    /// A stream has ended.
    Ended(LinkId),
    /// The region that it speaks to may be held by somebody else.
    Look,
}

#[derive(Debug)]
struct Listener {
    registration: u64,
    words: mpsc::Sender<Word>,
    speaks: Arc<Mutex<Speaks>>,
}

/// How a region is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Way {
    /// The stream to its holder.
    pub(crate) link: LinkId,
    /// Of its last change of hands.
    pub(crate) epoch: u64,
}

/// To where a session speaks, and how.
#[derive(Debug, Clone, Copy, Default)]
struct Speaks {
    region: Option<RegionId>,
    /// None: nobody can be reached.
    link: Option<LinkId>,
    /// As long as no zone server has said that the character is there: the region's epoch when it was asked for.
    asked_epoch: Option<u64>,
    /// The last look at who holds what that had begun when a zone server said that the character is there: that look may not know it yet.
    since_look: u64,
}

/// A session's ear; it is taken away when this is dropped.
#[derive(Debug)]
pub(crate) struct Registration {
    id: u64,
    number: SessionNumber,
    words: mpsc::Receiver<Word>,
    speaks: Arc<Mutex<Speaks>>,
    registry: Arc<Registry>,
}

impl Registry {
    /// Begins to hear what is said to a session.
    pub(crate) fn register(self: &Arc<Self>, number: SessionNumber) -> Registration {
        let (sender, words) = mpsc::channel(EVENTS_MAX);
        let id = self.last_registration.fetch_add(1, Ordering::Relaxed) + 1;
        let speaks = Arc::default();
        let listener = Listener {
            registration: id,
            words: sender,
            speaks: Arc::clone(&speaks),
        };
        self.sessions.write().insert(number, listener);
        Registration {
            id,
            number,
            words,
            speaks,
            registry: Arc::clone(self),
        }
    }

    /// Tells a session what a zone server says to it. Nobody waits for a session that does not listen.
    pub(crate) fn tell(&self, link: LinkId, number: SessionNumber, event: Event) {
        let deaf = match self.sessions.read().get(&number) {
            Some(listener) if !listener.hears(Word::Event(link, event)) => listener.registration,
            _ => return,
        };
        self.remove(number, deaf);
    }

    /// Tells everybody who speaks by a stream that it has ended.
    pub(crate) fn ended(&self, link: LinkId) {
        self.tell_those(|speaks| speaks.link == Some(link), || Word::Ended(link));
    }

    /// Tells everybody whose region is reached by another way than that by which he speaks. `look` is the last finished look at who holds what; `way`
    /// says what it has found.
    pub(crate) fn review(&self, look: u64, way: impl Fn(RegionId) -> Option<Way>) {
        // Many sessions speak to the same regions.
        let mut known: HashMap<RegionId, Option<Way>> = HashMap::new();
        let is_astray = |speaks: &Speaks| {
            let way = speaks
                .region
                .and_then(|region| *known.entry(region).or_insert_with(|| way(region)));
            way.is_some_and(|way| speaks.is_astray(way)) && speaks.since_look < look
        };
        self.tell_those(is_astray, || Word::Look);
    }

    fn tell_those(&self, mut who: impl FnMut(&Speaks) -> bool, word: impl Fn() -> Word) {
        let mut deaf = Vec::new();
        for (number, listener) in &*self.sessions.read() {
            let speaks = *listener.speaks.lock();
            if who(&speaks) && !listener.hears(word()) {
                deaf.push((*number, listener.registration));
            }
        }
        for (number, registration) in deaf {
            self.remove(number, registration);
        }
    }

    fn remove(&self, number: SessionNumber, registration: u64) {
        let mut sessions = self.sessions.write();
        if sessions
            .get(&number)
            .is_some_and(|listener| listener.registration == registration)
        {
            sessions.remove(&number);
        }
    }
}

impl Speaks {
    /// Whether that way is another one. Who was not found by one server may be found by it when the region has come into its hands.
    fn is_astray(&self, way: Way) -> bool {
        self.link != Some(way.link) || self.asked_epoch.is_some_and(|epoch| epoch < way.epoch)
    }
}

impl Listener {
    fn hears(&self, word: Word) -> bool {
        self.words.try_send(word).is_ok()
    }
}

impl Registration {
    /// Whose it is.
    pub(crate) fn number(&self) -> SessionNumber {
        self.number
    }

    /// From now on the session wants to speak to a region, and looks for a way to it.
    pub(crate) fn calls(&self, region: RegionId) {
        *self.speaks.lock() = Speaks {
            region: Some(region),
            ..Speaks::default()
        };
    }

    /// From now on it asks for its character that way.
    pub(crate) fn asks_by(&self, way: Way) {
        let mut speaks = self.speaks.lock();
        speaks.link = Some(way.link);
        speaks.asked_epoch = Some(way.epoch);
    }

    /// A zone server says that the character is in a region. Whether it is another one. `look` is the last look at who holds what that has begun.
    pub(crate) fn is_in(&self, region: RegionId, look: u64) -> bool {
        let mut speaks = self.speaks.lock();
        speaks.asked_epoch = None;
        if speaks.region == Some(region) {
            return false;
        }
        speaks.region = Some(region);
        speaks.since_look = look;
        true
    }

    /// Whether that is another way to the region than that by which the session speaks.
    pub(crate) fn is_astray(&self, way: Way) -> bool {
        self.speaks.lock().is_astray(way)
    }

    /// The stream by which it spoke has ended.
    pub(crate) fn is_silent(&self) {
        self.speaks.lock().link = None;
    }

    /// What is said next; None: too much was left unheard. May be dropped and called again.
    pub(crate) async fn next(&mut self) -> Option<Word> {
        self.words.recv().await
    }

    /// What has been said already.
    pub(crate) fn try_next(&mut self) -> Option<Word> {
        self.words.try_recv().ok()
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.registry.remove(self.number, self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: RegionId = region(0);
    const THERE: RegionId = region(1);
    const ONE: LinkId = LinkId(1);
    const TWO: LinkId = LinkId(2);

    const fn region(column: i32) -> RegionId {
        RegionId {
            level: 0,
            column,
            row: 0,
        }
    }

    fn said(link: LinkId) -> Word {
        Word::Event(link, Event::Moved(HERE))
    }

    /// A session that speaks to [`HERE`] by a stream.
    fn speaking(registry: &Arc<Registry>, number: u64, link: LinkId) -> Registration {
        let session = registry.register(SessionNumber(number));
        session.calls(HERE);
        session.asks_by(way(link, 4));
        session
    }

    fn way(link: LinkId, epoch: u64) -> Way {
        Way { link, epoch }
    }

    #[test]
    fn each_session_hears_what_is_for_it_by_whatever_stream() {
        let registry = Arc::new(Registry::default());
        let mut one = registry.register(SessionNumber(1));
        let two = registry.register(SessionNumber(2));
        for (link, number) in [(ONE, 1), (ONE, 2), (ONE, 3), (TWO, 1)] {
            registry.tell(link, SessionNumber(number), Event::Moved(HERE));
        }
        assert_eq!(one.try_next(), Some(said(ONE)));
        assert_eq!(one.try_next(), Some(said(TWO)));
        assert_eq!(one.try_next(), None);
        // An older ear of the same session takes nothing away from the newer one.
        let mut newer = registry.register(SessionNumber(2));
        drop(two);
        registry.tell(ONE, SessionNumber(2), Event::Moved(HERE));
        assert_eq!(newer.try_next(), Some(said(ONE)));
    }

    #[tokio::test]
    async fn who_does_not_listen_is_not_listened_for() {
        let registry = Arc::new(Registry::default());
        let mut deaf = registry.register(SessionNumber(1));
        for _ in 0..=EVENTS_MAX {
            registry.tell(ONE, SessionNumber(1), Event::Moved(HERE));
        }
        let mut heard = 0;
        while deaf.next().await.is_some() {
            heard += 1;
        }
        assert_eq!(heard, EVENTS_MAX);
    }

    #[test]
    fn the_end_of_a_stream_is_heard_by_those_who_speak_by_it() {
        let registry = Arc::new(Registry::default());
        let (mut one, mut two) = (speaking(&registry, 1, ONE), speaking(&registry, 2, TWO));
        registry.ended(ONE);
        assert_eq!(one.try_next(), Some(Word::Ended(ONE)));
        assert_eq!(two.try_next(), None);
        one.is_silent();
        registry.ended(ONE);
        assert_eq!(one.try_next(), None);
    }

    #[test]
    fn only_those_are_woken_whose_region_is_held_by_somebody_else() {
        let registry = Arc::new(Registry::default());
        let mut session = speaking(&registry, 1, ONE);
        let mut look = |holder: Option<Way>| {
            registry.review(5, |_| holder);
            session.try_next()
        };
        assert_eq!(look(Some(way(ONE, 4))), None);
        assert_eq!(look(None), None, "there is nobody to go to");
        assert_eq!(look(Some(way(TWO, 4))), Some(Word::Look));
        let mut silent = registry.register(SessionNumber(2));
        silent.calls(THERE);
        registry.review(5, |region| (region == THERE).then_some(way(ONE, 0)));
        assert_eq!(silent.try_next(), Some(Word::Look), "somebody has come up");
    }

    #[test]
    fn a_look_that_began_before_a_session_moved_says_nothing_of_where_it_is() {
        let registry = Arc::new(Registry::default());
        let mut session = speaking(&registry, 1, ONE);
        assert!(session.is_in(THERE, 5));
        assert!(!session.is_in(THERE, 6), "that is known");
        registry.review(5, |_| Some(way(TWO, 4)));
        assert_eq!(session.try_next(), None);
        registry.review(6, |_| Some(way(TWO, 4)));
        assert_eq!(session.try_next(), Some(Word::Look));
    }

    #[test]
    fn who_was_asked_too_early_is_asked_again_when_it_holds_the_region() {
        let registry = Arc::new(Registry::default());
        let mut session = speaking(&registry, 1, ONE);
        registry.review(5, |_| Some(way(ONE, 5)));
        assert_eq!(session.try_next(), Some(Word::Look));
        assert!(session.is_astray(way(ONE, 5)) && !session.is_astray(way(ONE, 4)));
        assert!(!session.is_in(HERE, 5));
        registry.review(6, |_| Some(way(ONE, 5)));
        assert_eq!(session.try_next(), None, "it is there");
    }
}
