//! A session's rules: which requests are under way, what their answers wait for, and what is sent again. A pure state machine: (state, input,
//! now) gives [`Output`]s, which the connection carries out in their order. It does not know of sockets, tasks or pickles, nor which zone server
//! holds which region.
//!
//! Replies form a queue. A read is evaluated when it is at the head, so it sees what all earlier requests did and nothing of later ones; nothing
//! behind it starts before it is answered. Commands are under way together, but only one durable one, and none behind an edit. A login waits for
//! the head and holds everything behind it.

mod place;
mod repeat;
mod slot;
mod start;
#[cfg(test)]
mod tests;

use std::{collections::VecDeque, time::Duration, time::Instant};

use wire::command::Credentials;
use world::{
    region::{Answer, Reason},
    region_id::RegionId,
};

use crate::{
    request::{Asked, Read},
    zone_message::{Character, Command, Event, SessionNumber},
};
use place::Place;
pub use slot::Ticket;
use slot::{Flight, Slot, Step};

/// How long a request is repeated before the connection is closed instead: less than the minute for which a command's effect is remembered
/// (`world::applied::KEPT_MS`), so no repeat comes too late to be recognised.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Requests that wait may hold this many bytes in all before no more are taken: many of the usual ones, and one of the largest more.
const WEIGHT_MAX: usize = 256 * 1024;

/// One connection's conversation.
#[derive(Debug)]
pub struct Session {
    queue: VecDeque<Slot>,
    /// How many at the front are answered or under way.
    started_count: usize,
    /// What the requests in the queue hold, in bytes.
    weight: usize,
    unanswered_count_max: usize,
    /// Since when the head is the head.
    head_since: Option<Instant>,
    character: Option<Character>,
    place: Place,
    /// Of the last command.
    counter: u64,
    /// The one that is unanswered.
    durable: Option<Durable>,
    /// When a command may be to be sent again by itself; not later than any of them.
    due: Option<Instant>,
    end: Option<End>,
}

/// A command that is answered only after a commit.
#[derive(Debug, Clone, Copy)]
struct Durable {
    counter: u64,
    is_edit: bool,
}

/// What a session wants done.
#[derive(Debug, PartialEq)]
pub enum Output {
    /// Ask who this is; then [`Session::verdict`].
    Authenticate {
        /// Whether the account is to be created.
        is_new: bool,
        /// Of the player.
        credentials: Credentials,
    },
    /// Bring the character into the world there. If that region cannot be reached: [`Session::unreachable`].
    Enter(Character, RegionId),
    /// The character's player has gone.
    Leave(Character, RegionId),
    /// Send a command to its region.
    Command(Command),
    /// The character is in the world; the login's answer comes next.
    Begun(Character),
    /// Find out where the character's row says that it is; then [`Session::located`].
    Locate(Character),
}

/// What the head of the queue waits for.
#[derive(Debug)]
pub enum Head<'s> {
    /// Nothing is asked.
    Empty,
    /// Somebody else's answer.
    Waiting,
    /// To be evaluated.
    Read(&'s Read),
    /// To be written.
    Answer(&'s Answer),
}

/// The answer to [`Output::Authenticate`].
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// A session has begun.
    Begun {
        /// Who it is, and under which number.
        character: Character,
        /// Where the character's row says that it is.
        region: RegionId,
    },
    /// No session.
    Refused,
    /// Nobody knows whether there is an account or a session now.
    Unknown,
}

/// Why a session ends from within. What was answered is still written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The zone server said so.
    Evicted(Reason),
    /// Whether a request took effect cannot be known.
    OutcomeUnknown,
    /// The character has no row any more.
    Gone,
}

impl Session {
    /// A conversation in which nothing has been said.
    pub fn new(unanswered_count_max: usize) -> Self {
        Self {
            queue: VecDeque::new(),
            started_count: 0,
            weight: 0,
            unanswered_count_max,
            head_since: None,
            character: None,
            place: Place::Nowhere,
            counter: 0,
            durable: None,
            due: None,
            end: None,
        }
    }

    /// Whether one more request may come. None does behind a login: it could not start, and strangers would be kept more than a login for.
    pub fn has_room(&self) -> bool {
        self.queue.len() < self.unanswered_count_max
            && self.weight < WEIGHT_MAX
            && !self.is_logging_in()
    }

    /// Whether the last request is a login.
    fn is_logging_in(&self) -> bool {
        self.queue.back().is_some_and(|slot| slot.step.is_login())
    }

    /// Whether everything is answered.
    pub fn is_idle(&self) -> bool {
        self.queue.is_empty()
    }

    /// Who speaks; None before a login.
    pub fn character(&self) -> Option<&Character> {
        self.character.as_ref()
    }

    /// Where the character is believed to be, if somebody should be told that its player has gone.
    pub fn region(&self) -> Option<RegionId> {
        self.place.region()
    }

    /// Whether the character is in somebody's hands, as far as anybody has said.
    pub fn is_settled(&self) -> bool {
        self.place.is_settled()
    }

    /// Whether it is over.
    pub fn end(&self) -> Option<End> {
        self.end
    }

    /// A request has come.
    pub fn request(&mut self, asked: Asked, ticket: Ticket, now: Instant, out: &mut Vec<Output>) {
        self.weight += ticket.weight;
        self.head_since.get_or_insert(now);
        self.queue.push_back(Slot {
            ticket,
            step: Step::Waiting(asked),
        });
        self.start(now, out);
    }

    /// There is no room for the head's reply: it is the client who is waited for, and our patience with others begins later.
    pub fn no_room(&mut self, now: Instant) {
        if let Some(Step::Reading(_)) = self.queue.front().map(|slot| &slot.step) {
            self.head_since = Some(now);
        }
    }

    /// What there is to do for the head of the queue.
    pub fn head(&self) -> Head<'_> {
        match self.queue.front().map(|slot| &slot.step) {
            None => Head::Empty,
            Some(Step::Answered(answer)) => Head::Answer(answer),
            Some(Step::Reading(read)) => Head::Read(read),
            Some(_) => Head::Waiting,
        }
    }

    /// The head's ticket.
    pub fn head_ticket(&self) -> Option<&Ticket> {
        self.queue.front().map(|slot| &slot.ticket)
    }

    /// The head's reply has been written.
    pub fn pop(&mut self, now: Instant, out: &mut Vec<Output>) -> Option<Ticket> {
        let slot = self.queue.pop_front()?;
        self.started_count = self.started_count.saturating_sub(1);
        self.weight = self.weight.saturating_sub(slot.ticket.weight);
        self.head_since = (!self.queue.is_empty()).then_some(now);
        self.start(now, out);
        Some(slot.ticket)
    }

    /// The answer to [`Output::Authenticate`].
    pub fn verdict(&mut self, verdict: Verdict, now: Instant, out: &mut Vec<Output>) {
        let Some(slot) = self
            .queue
            .front_mut()
            .filter(|slot| matches!(slot.step, Step::Authenticating))
        else {
            return;
        };
        match verdict {
            Verdict::Refused => {
                slot.step = Step::Answered(Answer::Done(false));
                self.start(now, out);
            }
            Verdict::Unknown => self.end = Some(End::OutcomeUnknown),
            Verdict::Begun { character, region } => {
                slot.step = Step::Entering;
                let old = self.character.replace(character.clone());
                // The same character is taken over where it stands; another one is left.
                if let (Some(old), Some(at)) = (old, self.place.region())
                    && old.key != character.key
                {
                    out.push(Output::Leave(old, at));
                }
                self.counter = 0;
                self.durable = None;
                self.place = Place::entering(region, now);
                out.push(Output::Enter(character, region));
            }
        }
    }

    /// A zone server has said something to a session of this connection.
    pub fn heard(
        &mut self,
        number: SessionNumber,
        event: Event,
        now: Instant,
        out: &mut Vec<Output>,
    ) {
        if self
            .character
            .as_ref()
            .is_none_or(|character| character.number != number)
        {
            return;
        }
        match event {
            Event::Entered(region) | Event::Moved(region) => {
                self.place.settle(region);
                self.finish_login(out);
                self.send_again(region, now, out);
                self.start(now, out);
            }
            Event::Reply {
                counter,
                attempt,
                answer,
            } => self.answered(counter, attempt, answer, now, out),
            Event::Elsewhere {
                counter: 0, region, ..
            } => self.place.not_there(region, &self.character, now, out),
            Event::Elsewhere {
                counter,
                attempt,
                region,
            } => self.elsewhere(counter, attempt, region, now, out),
            Event::Released(region) => self.released(region, now, out),
            Event::Again { counter, attempt } => self.postpone(counter, attempt, now),
            Event::Evicted(reason) => {
                // An entrance that is under way could still succeed, for a session that is over.
                if let (Some(character), Some(at), false) = (
                    &self.character,
                    self.place.region(),
                    self.place.is_settled(),
                ) {
                    out.push(Output::Leave(character.clone(), at));
                }
                self.place = Place::Nowhere;
                self.end.get_or_insert(End::Evicted(reason));
            }
        }
    }

    /// The stream by which this session spoke has ended.
    pub fn link_lost(&mut self, now: Instant, out: &mut Vec<Output>) {
        if let Some(region) = self.place.region() {
            self.enter(region, now, out);
        }
    }

    /// The region in which the character is believed to be can be reached by another stream than that by which this session speaks, or can be
    /// reached again.
    pub fn holder_changed(&mut self, now: Instant, out: &mut Vec<Output>) {
        self.link_lost(now, out);
    }

    /// No zone server could be given [`Output::Enter`].
    pub fn unreachable(&mut self) {
        if let Some(region) = self.place.region() {
            self.place = Place::Unreachable(region);
        }
    }

    /// Whether it waits for [`Session::holder_changed`].
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        matches!(self.place, Place::Unreachable(_))
    }

    /// The answer to [`Output::Locate`]; an error: the database did not answer.
    pub fn located(
        &mut self,
        found: Result<Option<RegionId>, ()>,
        now: Instant,
        out: &mut Vec<Output>,
    ) {
        if !self.place.is_locating() {
            return;
        }
        match found {
            Ok(Some(region)) => {
                self.place.enter(region, now);
                if let Some(character) = &self.character {
                    out.push(Output::Enter(character.clone(), region));
                }
            }
            Ok(None) => self.end = Some(End::Gone),
            Err(()) => self.place.lose(now),
        }
    }

    /// When [`Self::tick`] is wanted.
    pub fn deadline(&self) -> Option<Instant> {
        [self.patience_end(), self.place.deadline(), self.due()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Instant, out: &mut Vec<Output>) {
        if self.patience_end().is_some_and(|end| now >= end) {
            self.end.get_or_insert(End::OutcomeUnknown);
        }
        self.place.tick(&self.character, now, out);
        self.repeat(now, out);
    }

    /// When the head has waited too long for somebody else.
    fn patience_end(&self) -> Option<Instant> {
        match &self.queue.front()?.step {
            Step::Answered(_) => None,
            Step::InFlight(flight) => Some(flight.since + PATIENCE),
            _ => Some(self.head_since? + PATIENCE),
        }
    }

    /// Asks for the character in a region, wherever it was before.
    fn enter(&mut self, region: RegionId, now: Instant, out: &mut Vec<Output>) {
        if let Some(character) = &self.character {
            self.place = Place::entering(region, now);
            out.push(Output::Enter(character.clone(), region));
        }
    }

    /// Who had the character has let go of it. What is unanswered was not done there, and is sent again after the entrance.
    fn released(&mut self, region: RegionId, now: Instant, out: &mut Vec<Output>) {
        if self.place.region().is_some() {
            self.enter(region, now, out);
        }
    }

    fn finish_login(&mut self, out: &mut Vec<Output>) {
        if let Some(slot) = self.queue.front_mut()
            && let Step::Entering = slot.step
            && let Some(character) = &self.character
        {
            slot.step = Step::Answered(Answer::Done(true));
            out.push(Output::Begun(character.clone()));
        }
    }

    fn answered(
        &mut self,
        counter: u64,
        attempt: u32,
        answer: Answer,
        now: Instant,
        out: &mut Vec<Output>,
    ) {
        let slot = self.queue.iter_mut().find(|slot| match &slot.step {
            Step::InFlight(flight) => flight.counter == counter,
            _ => false,
        });
        if let Some(slot) = slot
            && let Step::InFlight(flight) = &slot.step
            && flight.accepts(attempt, &answer)
        {
            slot.step = Step::Answered(answer);
            if self
                .durable
                .is_some_and(|durable| durable.counter == counter)
            {
                self.durable = None;
            }
            self.place.progress();
            self.start(now, out);
        }
    }

    fn elsewhere(
        &mut self,
        counter: u64,
        attempt: u32,
        region: Option<RegionId>,
        now: Instant,
        out: &mut Vec<Output>,
    ) {
        // One answer sends everything again, so the answers to the same attempts of the others say nothing new.
        let is_current = self
            .flights()
            .any(|flight| flight.counter == counter && flight.attempt == attempt);
        if !is_current || !self.place.is_settled() {
            return;
        }
        match region.filter(|_| self.place.may_detour()) {
            Some(region) => {
                self.place.settle_again(region);
                self.send_again(region, now, out);
            }
            None => self.place.lose(now),
        }
    }

    fn flights(&self) -> impl Iterator<Item = &Flight> {
        self.queue
            .iter()
            .take(self.started_count)
            .filter_map(|slot| match &slot.step {
                Step::InFlight(flight) => Some(flight),
                _ => None,
            })
    }
}
