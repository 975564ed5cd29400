//! A connection's line to its character's zone server: messages out in their order, without waiting for the stream; what is said to the session,
//! in. It does not know what is said.

use std::{collections::VecDeque, future::pending, pin::Pin};

use tokio::sync::mpsc::{OwnedPermit, error::SendError, error::TrySendError};
use world::{region::WINDOW, region_id::RegionId};

use crate::{
    router::Router,
    zone_link::Registration,
    zone_message::{Event, SessionNumber, ToZone},
};

/// Messages that wait for room in the stream's queue: everything unanswered, some times over. With more, the line is given up and made anew.
const WAITING_MAX: usize = 4 * WINDOW as usize;

type Reserving = Pin<Box<dyn Future<Output = Result<OwnedPermit<ToZone>, SendError<()>>> + Send>>;

/// The line. It is down before a login and after the stream's end.
#[derive(Default)]
pub(super) struct Line {
    ear: Option<Registration>,
    waiting: VecDeque<ToZone>,
    reserving: Option<Reserving>,
    /// Too much waited; nobody has been told yet.
    is_given_up: bool,
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
    /// There was room for messages that waited.
    Sent,
}

impl Line {
    /// Sends a session's first message to the zone server that holds a region. The line is that session's from now on.
    pub(super) fn call(
        &mut self,
        router: &Router,
        region: RegionId,
        number: SessionNumber,
        message: ToZone,
    ) -> Result<(), Unreachable> {
        let link = router.holder(region).ok_or(Unreachable)?;
        let is_there = |ear: &Registration| ear.link().id() == link.id();
        if !self.ear.as_ref().is_some_and(is_there) {
            self.hang_up();
        }
        if self.ear.as_ref().is_none_or(|ear| ear.number() != number) {
            self.ear = Some(link.register(number).ok_or(Unreachable)?);
        }
        self.say(message);
        Ok(())
    }

    /// Sends a message, if the line is up. If it is not, whoever waits for [`Line::next`] has heard or will hear of it.
    pub(super) fn say(&mut self, message: ToZone) {
        let Some(link) = self.ear.as_ref().map(Registration::link) else {
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

    /// Where it leads, if it is up.
    pub(super) fn zone(&self) -> Option<&str> {
        self.ear.as_ref().map(|ear| ear.link().address())
    }

    /// Whether messages wait for room.
    pub(super) fn is_congested(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Forgets what waits, and hears no more.
    pub(super) fn hang_up(&mut self) {
        *self = Self::default();
    }

    /// What comes next. May be dropped and called again.
    pub(super) async fn next(&mut self) -> Heard {
        let Some(ear) = &mut self.ear else {
            if std::mem::take(&mut self.is_given_up) {
                return Heard::Lost;
            }
            return pending().await;
        };
        tokio::select! {
            heard = ear.next() => match heard {
                Some((number, event)) => Heard::Event(number, event),
                None => {
                    self.hang_up();
                    Heard::Lost
                }
            },
            permit = wait(&mut self.reserving) => {
                self.reserving = None;
                if let Ok(permit) = permit {
                    self.flush(permit);
                }
                Heard::Sent
            }
        }
    }

    /// What has come besides.
    pub(super) fn try_next(&mut self) -> Option<(SessionNumber, Event)> {
        self.ear.as_mut()?.try_next()
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
    use tokio::sync::mpsc;

    use super::*;
    use crate::zone_link::Link;

    const NUMBER: SessionNumber = SessionNumber(1);

    /// A line that is up, and the far end of its stream.
    fn line() -> (Line, Link, mpsc::Receiver<ToZone>) {
        let (link, messages) = Link::new("http://zone");
        let line = Line {
            ear: link.register(NUMBER),
            ..Line::default()
        };
        (line, link, messages)
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
        let (mut line, link, mut messages) = line();
        let count = link.queue().max_capacity() + 100;
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
        let (mut line, link, _messages) = line();
        for n in 0..link.queue().max_capacity() + WAITING_MAX + 1 {
            line.say(message(n));
        }
        assert!(matches!(line.next().await, Heard::Lost));
        assert!(!line.is_congested());
    }

    #[tokio::test]
    async fn the_end_of_the_stream_is_heard() {
        let (mut line, link, _messages) = line();
        link.end();
        assert!(matches!(line.next().await, Heard::Lost));
        assert!(link.register(NUMBER).is_none());
    }
}
