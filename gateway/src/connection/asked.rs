//! The streams by which a session has asked for its character: the zone server at the other end of each may have it, or get it yet, until it has said
//! that it has not. All of them are told when the player goes. It does not know by which of them the session speaks.

use world::region_id::RegionId;

use crate::{
    zone_link::{Link, LinkId},
    zone_message::{Character, Event, SessionNumber, ToZone},
};

/// How many streams are remembered: more than a character goes by while an entrance is under way. The oldest is forgotten for one more; the zone server
/// there misses the player by itself, some seconds later.
pub(super) const ASKED_MAX: usize = 16;

/// The streams of one session, in the order in which it asked by them first.
#[derive(Debug, Default)]
pub(super) struct Asked {
    number: Option<SessionNumber>,
    streams: Vec<Stream>,
}

#[derive(Debug)]
struct Stream {
    link: Link,
    /// Where it was asked last.
    region: RegionId,
    /// How often it was asked and has not let go since: each entrance can bring the character there once.
    entrance_count: u32,
}

impl Asked {
    /// A session asks for its character by a stream.
    pub(super) fn note(&mut self, number: SessionNumber, link: &Link, region: RegionId) {
        if self.number.replace(number) != Some(number) {
            // Of the session before, nothing can come of it any more, or it was told that the player has gone.
            self.streams.clear();
        }
        self.streams.retain(|stream| !stream.link.is_ended());
        let known = self
            .streams
            .iter_mut()
            .find(|stream| stream.link.id() == link.id());
        if let Some(stream) = known {
            stream.region = region;
            stream.entrance_count += 1;
            return;
        }
        if self.streams.len() >= ASKED_MAX {
            self.streams.remove(0);
        }
        self.streams.push(Stream {
            link: link.clone(),
            region,
            entrance_count: 1,
        });
    }

    /// A zone server has said something to the session, by whatever stream.
    pub(super) fn heard(&mut self, link: LinkId, event: &Event) {
        let has_let_go = matches!(
            event,
            Event::Released(_) | Event::Evicted(_) | Event::Elsewhere { counter: 0, .. }
        );
        if !has_let_go {
            return;
        }
        self.streams.retain_mut(|stream| {
            if stream.link.id() == link {
                stream.entrance_count -= 1;
            }
            stream.entrance_count > 0
        });
    }

    /// The player has gone: says so by every stream but that by which the session speaks, and forgets them. One that has no room is not waited for: the
    /// zone server there misses the player by itself.
    pub(super) fn leave(&mut self, character: &Character, spoken: Option<LinkId>) {
        if self.number != Some(character.number) {
            return;
        }
        for stream in self.streams.drain(..) {
            if Some(stream.link.id()) == spoken {
                continue;
            }
            let farewell = ToZone::Leave {
                character: character.clone(),
                region: stream.region,
            };
            if !stream.link.try_send(farewell) {
                tracing::debug!("a zone server will miss the player by itself");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::mpsc;
    use world::region::Reason;

    use super::*;
    use crate::registry::Registry;

    const NUMBER: SessionNumber = SessionNumber(1);
    const HERE: RegionId = region(0);
    const THERE: RegionId = region(1);

    const fn region(column: i32) -> RegionId {
        RegionId {
            level: 0,
            column,
            row: 0,
        }
    }

    fn character(number: SessionNumber) -> Character {
        Character {
            number,
            name: Arc::from("Anna"),
            key: Arc::from("anna"),
            generation: 1,
        }
    }

    /// Where the zone server at the other end is told that the player has gone.
    fn told(messages: &mut mpsc::Receiver<ToZone>) -> Option<RegionId> {
        match messages.try_recv().ok()? {
            ToZone::Leave { region, .. } => Some(region),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn all_are_told_but_those_who_have_let_go() {
        let elsewhere = |counter| Event::Elsewhere {
            counter,
            attempt: 0,
            region: None,
        };
        // Asked so often, then this is heard; whether it is told.
        let cases = [
            (1, vec![], true),
            (1, vec![Event::Entered(HERE)], true),
            (1, vec![elsewhere(3)], true),
            (1, vec![Event::Entered(HERE), Event::Released(THERE)], false),
            (1, vec![elsewhere(0)], false),
            (1, vec![Event::Evicted(Reason::TakenOver)], false),
            // The second entrance was on its way when it said so.
            (2, vec![Event::Released(THERE)], true),
            (2, vec![Event::Released(THERE), elsewhere(0)], false),
        ];
        for (count, events, is_told) in cases {
            let (link, mut messages) = Link::new("http://zone");
            let (other, mut others) = Link::new("http://other");
            let mut asked = Asked::default();
            asked.note(NUMBER, &other, HERE);
            for _ in 0..count {
                asked.note(NUMBER, &link, THERE);
            }
            for event in &events {
                asked.heard(link.id(), event);
            }
            asked.leave(&character(NUMBER), None);
            let expected = is_told.then_some(THERE);
            assert_eq!(told(&mut messages), expected, "{count} {events:?}");
            assert_eq!(told(&mut others), Some(HERE), "{count} {events:?}");
        }
    }

    #[test]
    fn each_is_told_once_and_of_its_own_session() {
        let (link, mut messages) = Link::new("http://zone");
        let mut asked = Asked::default();
        asked.note(NUMBER, &link, HERE);
        asked.note(NUMBER, &link, THERE);
        asked.leave(&character(SessionNumber(2)), None);
        assert_eq!(told(&mut messages), None);
        asked.leave(&character(NUMBER), None);
        asked.leave(&character(NUMBER), None);
        assert_eq!(told(&mut messages), Some(THERE), "where it was asked last");
        assert_eq!(told(&mut messages), None);
        asked.note(NUMBER, &link, HERE);
        asked.leave(&character(NUMBER), Some(link.id()));
        assert_eq!(told(&mut messages), None, "the session says so itself");
    }

    #[test]
    fn no_more_are_remembered_than_can_be() {
        let registry = Registry::default();
        let mut asked = Asked::default();
        let mut links: Vec<_> = (0..ASKED_MAX + 1)
            .map(|_| Link::new("http://zone"))
            .collect();
        for (link, _) in &links {
            asked.note(NUMBER, link, HERE);
        }
        links[1].0.end(&registry);
        let (late, mut messages) = Link::new("http://zone");
        asked.note(NUMBER, &late, HERE);
        asked.leave(&character(NUMBER), None);
        let who_is_told = links.iter_mut().map(|(_, messages)| told(messages));
        let who_is_told: Vec<bool> = who_is_told.map(|told| told.is_some()).collect();
        assert!(!who_is_told[0] && !who_is_told[1]);
        assert!(who_is_told[2..].iter().all(|is_told| *is_told));
        assert!(told(&mut messages).is_some());
    }
}
