//! Which requests of the queue may be under way together. It does not know what becomes of them.

use std::time::Instant;

use world::region::{Answer, Body, WINDOW};

use super::{
    Durable, Output, Session,
    slot::{Flight, Step},
};
use crate::request::{Asked, Read};

impl Session {
    /// The head is a `get` that only the owner can answer.
    pub fn ask_owner(&mut self, now: Instant, out: &mut Vec<Output>) {
        if let Some(slot) = self.queue.front_mut()
            && let Step::Reading(Read::Get { name, attribute }) = &slot.step
        {
            let body = Body::Get {
                name: name.clone(),
                attribute: attribute.clone(),
            };
            slot.step = Step::Waiting(Asked::Command(body));
            self.started_count = 0;
            self.start(now, out);
        }
    }

    /// Starts what may start.
    pub(super) fn start(&mut self, now: Instant, out: &mut Vec<Output>) {
        while self.end.is_none() && !self.is_held() {
            let index = self.started_count;
            let Some(slot) = self.queue.get(index) else {
                return;
            };
            let Step::Waiting(asked) = &slot.step else {
                self.started_count += 1;
                continue;
            };
            let is_head = index == 0;
            let may_start = match asked {
                Asked::Nothing => true,
                Asked::Credentials { .. } => is_head,
                Asked::Read(read) => is_head || self.character.is_none() && read.needs_login(),
                Asked::Command(body) => self.character.is_none() || self.may_fly(body),
                Asked::Impossible => true,
            };
            if !may_start {
                return;
            }
            self.begin(index, now, out);
            self.started_count += 1;
        }
    }

    /// Whether the head holds everything behind it.
    fn is_held(&self) -> bool {
        self.started_count > 0
            && self
                .queue
                .front()
                .is_some_and(|slot| slot.step.holds_others())
    }

    /// Whether a command may join those that are under way. Nothing joins an edit: what it changes, who is where among it, takes effect only
    /// with its commit, and commands behind it must find that done.
    fn may_fly(&self, body: &Body) -> bool {
        let oldest = self.flights().map(|flight| flight.counter).next();
        let span = oldest.map_or(0, |oldest| self.counter + 1 - oldest);
        let is_free = match self.durable {
            None => true,
            Some(durable) => !durable.is_edit && !is_durable(body),
        };
        self.place.is_settled() && span + 1 < WINDOW && is_free
    }

    fn begin(&mut self, index: usize, now: Instant, out: &mut Vec<Output>) {
        let Some(slot) = self.queue.get_mut(index) else {
            return;
        };
        let Step::Waiting(asked) =
            std::mem::replace(&mut slot.step, Step::Answered(Answer::Done(false)))
        else {
            return;
        };
        match asked {
            Asked::Nothing | Asked::Impossible => {}
            Asked::Credentials {
                is_new,
                credentials,
            } => {
                slot.step = Step::Authenticating;
                out.push(Output::Authenticate {
                    is_new,
                    credentials,
                });
            }
            Asked::Read(read) => {
                if self.character.is_some() || !read.needs_login() {
                    slot.step = Step::Reading(read);
                }
            }
            Asked::Command(body) => {
                if let (Some(character), Some(region)) = (&self.character, self.place.region()) {
                    self.counter += 1;
                    if is_durable(&body) {
                        self.durable = Some(Durable {
                            counter: self.counter,
                            is_edit: matches!(body, Body::Edit(_)),
                        });
                    }
                    let flight = Flight::new(self.counter, body, now);
                    let due = flight.due;
                    out.push(flight.command(character, region, &slot.ticket));
                    slot.step = Step::InFlight(flight);
                    self.expect_due(due);
                }
            }
        }
    }
}

/// Whether a command is answered only after a commit.
pub(super) fn is_durable(body: &Body) -> bool {
    matches!(body, Body::Set { .. } | Body::Edit(_))
}
