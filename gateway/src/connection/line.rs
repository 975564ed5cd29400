//! A connection's line to its character's zone server: messages out in their order, without waiting for the stream; what is said to the session,
//! in. It does not know what is said, only by which streams it counts.

use std::{collections::VecDeque, future::pending, pin::Pin};

use tokio::sync::mpsc::{OwnedPermit, error::SendError, error::TrySendError};
use world::{region::WINDOW, region_id::RegionId};

use super::asked::Asked;
use crate::{
    registry::{Registration, Word},
    router::Router,
    zone_link::{Link, LinkId},
    zone_message::{Character, Event, SessionNumber, ToZone},
};

/// Messages that wait for room in the stream's queue: everything unanswered, some times over. With more, the line is given up and made anew.
const WAITING_MAX: usize = 4 * WINDOW as usize;

type Reserving = Pin<Box<dyn Future<Output = Result<OwnedPermit<ToZone>, SendError<()>>> + Send>>;

/// The line. It is down before a login, after the stream's end, and while nobody can be reached.
#[derive(Default)]
pub(super) struct Line {
    ear: Option<Registration>,
    /// The stream that the session speaks by.
    link: Option<Link>,
    waiting: VecDeque<ToZone>,
    reserving: Option<Reserving>,
    /// Too much waited; nobody has been told yet.
    is_given_up: bool,
    /// The streams by which the session has asked for its character.
    asked: Asked,
}

/// The line could not be had.
#[derive(Debug)]
pub(super) struct Unreachable;

/// What comes by the line.
#[derive(Debug)]
pub(super) enum Heard {
    /// Something that is said to the session.
    Event(SessionNumber, Event),
    /// The stream has ended.
    Lost,
    /// The region may be reached by another stream.
    Look,
    /// There was room for messages that waited.
    Sent,
}

impl Line {
    /// Sends a session's first message to the zone server that holds a region. The line is that session's from now on, and leads there.
    pub(super) fn call(
        &mut self,
        router: &Router,
        region: RegionId,
        number: SessionNumber,
        message: ToZone,
    ) -> Result<(), Unreachable> {
        let ear = match self.ear.take() {
            Some(ear) if ear.number() == number => ear,
            _ => router.registry().register(number),
        };
        // Before the router is asked, so that no later change is missed.
        ear.calls(region);
        let (way, link) = router.way(region).unzip();
        if self.link_id() != way.map(|way| way.link) {
            self.forget_link();
        }
        if let Some(way) = way {
            ear.asks_by(way);
        }
        self.ear = Some(ear);
        // After it was noted who speaks by the stream, so that its end is not missed.
        self.link = link.filter(|link| !link.is_ended());
        let Some(link) = &self.link else {
            self.forget_link();
            return Err(Unreachable);
        };
        self.asked.note(number, link, region);
        self.say(message);
        Ok(())
    }

    /// A zone server says that the character is in a region. If another one is thought to hold that, the router is in doubt.
    pub(super) fn is_in(&self, region: RegionId, router: &Router) {
        if let Some(ear) = &self.ear
            && ear.is_in(region, router.last_look())
            && self.is_astray(region, router)
        {
            router.doubt();
        }
    }

    /// Whether a region is reached by another way.
    pub(super) fn is_astray(&self, region: RegionId, router: &Router) -> bool {
        let way = router.way(region);
        self.ear
            .as_ref()
            .zip(way)
            .is_some_and(|(ear, (way, _))| ear.is_astray(way))
    }

    /// Sends a message, if the line is up. If it is not, whoever waits for [`Line::next`] has heard or will hear of it.
    pub(super) fn say(&mut self, message: ToZone) {
        let Some(link) = &self.link else {
            return;
        };
        if self.waiting.is_empty() {
            match link.queue().try_send(message) {
                Err(TrySendError::Full(message)) => self.waiting.push_back(message),
                Ok(()) | Err(TrySendError::Closed(_)) => return,
            }
        } else if self.waiting.len() < WAITING_MAX {
            self.waiting.push_back(message);
        } else {
            self.hang_up();
            self.is_given_up = true;
            return;
        }
        if self.reserving.is_none() {
            self.reserving = Some(Box::pin(link.queue().clone().reserve_owned()));
        }
    }

    /// Tells everybody who may have a session's character that its player has gone. The last that was heard of the character is that it is there.
    pub(super) fn leave(&mut self, character: &Character, region: Option<RegionId>) {
        self.asked.leave(character, region.and(self.link_id()));
        if let Some(region) = region {
            self.say(ToZone::Leave {
                character: character.clone(),
                region,
            });
        }
    }

    /// Where it leads, if it is up.
    pub(super) fn zone(&self) -> Option<&str> {
        self.link.as_ref().map(Link::address)
    }

    fn link_id(&self) -> Option<LinkId> {
        self.link.as_ref().map(Link::id)
    }

    /// Whether messages wait for room.
    pub(super) fn is_congested(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Forgets what waits, and hears no more.
    fn hang_up(&mut self) {
        *self = Self {
            asked: std::mem::take(&mut self.asked),
            ..Self::default()
        };
    }

    /// Forgets what waits, and goes on listening. What was unanswered is sent again after the next entrance.
    fn forget_link(&mut self) {
        self.link = None;
        self.waiting.clear();
        self.reserving = None;
        if let Some(ear) = &self.ear {
            ear.is_silent();
        }
    }

    /// What comes next. May be dropped and called again.
    pub(super) async fn next(&mut self) -> Heard {
        loop {
            let Some(ear) = &mut self.ear else {
                if std::mem::take(&mut self.is_given_up) {
                    return Heard::Lost;
                }
                return pending().await;
            };
            tokio::select! {
                word = ear.next() => {
                    if let Some(heard) = self.take(word) {
                        return heard;
                    }
                }
                permit = wait(&mut self.reserving) => {
                    self.reserving = None;
                    if let Ok(permit) = permit {
                        self.flush(permit);
                    }
                    return Heard::Sent;
                }
            }
        }
    }

    /// What has come besides.
    pub(super) fn try_next(&mut self) -> Option<Heard> {
        loop {
            let word = self.ear.as_mut()?.try_next()?;
            let heard = self.take(Some(word));
            if heard.is_some() {
                return heard;
            }
        }
    }

    /// What a word comes to. What comes by other streams than that by which the session speaks is late, and most of it says nothing any more.
    fn take(&mut self, word: Option<Word>) -> Option<Heard> {
        let Some(word) = word else {
            self.hang_up();
            return Some(Heard::Lost);
        };
        match word {
            Word::Event(link, event) => {
                self.asked.heard(link, &event);
                let counts = event.is_for_any_stream() || self.link_id() == Some(link);
                let number = self.ear.as_ref()?.number();
                counts.then_some(Heard::Event(number, event))
            }
            Word::Ended(link) => {
                let is_ours = self.link_id() == Some(link);
                is_ours.then(|| {
                    self.forget_link();
                    Heard::Lost
                })
            }
            Word::Look => Some(Heard::Look),
        }
    }

    /// Sends what waits, beginning with the room that was waited for.
    fn flush(&mut self, permit: OwnedPermit<ToZone>) {
        let Some(first) = self.waiting.pop_front() else {
            return;
        };
        let queue = permit.send(first);
        while let Some(message) = self.waiting.pop_front() {
            match queue.try_send(message) {
                Ok(()) => {}
                Err(TrySendError::Full(message)) => {
                    self.waiting.push_front(message);
                    self.reserving = Some(Box::pin(queue.reserve_owned()));
                    return;
                }
                Err(TrySendError::Closed(_)) => return,
            }
        }
    }

    /// Waits until everything has been sent, or cannot be.
    pub(super) async fn finish(&mut self) {
        while self.is_congested() && !matches!(self.next().await, Heard::Lost) {}
    }
}

async fn wait(reserving: &mut Option<Reserving>) -> Result<OwnedPermit<ToZone>, SendError<()>> {
    match reserving {
        Some(reserving) => reserving.await,
        None => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::mpsc;
    use world::region::Answer;

    use super::*;
    use crate::registry::{Registry, Way};

    const NUMBER: SessionNumber = SessionNumber(1);

    /// A line that is up, the far end of its stream, and who tells what comes by it.
    fn line() -> (Line, mpsc::Receiver<ToZone>, Arc<Registry>) {
        let (link, messages) = Link::new("http://zone");
        let registry = Arc::new(Registry::default());
        let ear = registry.register(NUMBER);
        ear.calls(RegionId {
            level: 0,
            column: 0,
            row: 0,
        });
        ear.asks_by(Way {
            link: link.id(),
            epoch: 0,
        });
        let line = Line {
            ear: Some(ear),
            link: Some(link),
            ..Line::default()
        };
        (line, messages, registry)
    }

    fn capacity(line: &Line) -> usize {
        line.link.as_ref().unwrap().queue().max_capacity()
    }

    fn message(n: usize) -> ToZone {
        ToZone::Subscribe(RegionId {
            level: i32::try_from(n).unwrap(),
            column: 0,
            row: 0,
        })
    }

    #[tokio::test]
    async fn what_does_not_fit_waits_and_keeps_its_order() {
        let (mut line, mut messages, _registry) = line();
        let count = capacity(&line) + 100;
        for n in 0..count {
            line.say(message(n));
        }
        assert!(line.is_congested());
        let reading = async {
            let mut read = Vec::new();
            while read.len() < count {
                read.push(messages.recv().await.unwrap());
            }
            read
        };
        let (read, ()) = tokio::join!(reading, line.finish());
        assert!(!line.is_congested());
        assert_eq!(read, (0..count).map(message).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_line_on_which_too_much_waits_is_given_up() {
        let (mut line, _messages, _registry) = line();
        for n in 0..capacity(&line) + WAITING_MAX + 1 {
            line.say(message(n));
        }
        assert!(matches!(line.next().await, Heard::Lost));
        assert!(!line.is_congested());
    }

    #[tokio::test]
    async fn the_end_of_its_stream_is_heard_and_of_no_other() {
        let (mut line, _messages, registry) = line();
        let (other, _others) = Link::new("http://other");
        other.end(&registry);
        let own = line.link.clone().unwrap();
        own.end(&registry);
        assert!(matches!(line.next().await, Heard::Lost));
        assert_eq!(line.zone(), None);
        assert!(line.try_next().is_none());
    }

    #[tokio::test]
    async fn nor_is_that_of_one_that_it_has_left() {
        let (mut line, _messages, registry) = line();
        let (other, _others) = Link::new("http://other");
        line.link.clone().unwrap().end(&registry);
        line.link = Some(other);
        assert!(line.try_next().is_none());
        assert_eq!(line.zone(), Some("http://other"));
    }

    #[tokio::test]
    async fn of_what_comes_by_another_stream_only_answers_count() {
        let (mut line, _messages, registry) = line();
        let region = RegionId {
            level: 0,
            column: 9,
            row: 0,
        };
        let (other, _others) = Link::new("http://other");
        let reply = Event::Reply {
            counter: 1,
            attempt: 0,
            answer: Answer::Done(true),
        };
        let again = Event::Again {
            counter: 2,
            attempt: 0,
        };
        let elsewhere = Event::Elsewhere {
            counter: 1,
            attempt: 0,
            region: Some(region),
        };
        let late = [
            Event::Entered(region),
            Event::Moved(region),
            Event::Released(region),
            elsewhere,
            Event::Evicted(world::region::Reason::TakenOver),
        ];
        for event in late {
            registry.tell(other.id(), NUMBER, event);
        }
        registry.tell(other.id(), NUMBER, reply.clone());
        registry.tell(other.id(), NUMBER, again.clone());
        let own = line.link.clone().unwrap();
        registry.tell(own.id(), NUMBER, Event::Moved(region));
        for expected in [reply, again, Event::Moved(region)] {
            let Some(Heard::Event(NUMBER, event)) = line.try_next() else {
                panic!("{expected:?} is not heard")
            };
            assert_eq!(event, expected);
        }
        assert!(line.try_next().is_none());
    }
}
