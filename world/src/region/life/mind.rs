//! What a region keeps of somebody who does something of itself, besides its entity.

use std::{collections::VecDeque, sync::Arc};

use super::limbs::Limbs;
use crate::{
    behaviours::{Behaviour, Event},
    position::Position,
    region::{Region, residents::Seat},
    scheduler::{Handle, Priority, Step, Uthread, UthreadId},
    scripts::Hash,
};

/// What a uthread has until it yields another: after players and the region's own work, before what can wait.
pub(super) const PRIORITY: Priority = Priority(8);

/// How many events wait for somebody. Of more, the oldest are forgotten: who sleeps through so many blows misses some. Answers are forgotten last: whoever
/// gave something would get nothing for it because another has set an attribute often enough.
const EVENTS_MAX: usize = 32;

/// Somebody's mind.
#[derive(Debug, Clone)]
pub(in crate::region) struct Mind {
    pub(super) uthread: UthreadId,
    pub(super) home: Position,
    /// Which script it is, if it is one.
    pub(super) script: Option<Hash>,
    /// The tick in which it last went.
    pub(super) walked_at: u64,
    events: VecDeque<Event>,
}

impl Mind {
    pub(super) fn new(uthread: UthreadId, home: Position, tick: u64, script: Option<Hash>) -> Self {
        Self {
            uthread,
            home,
            script,
            walked_at: tick,
            events: VecDeque::new(),
        }
    }

    pub(super) fn note(&mut self, event: Event) {
        if self.events.len() == EVENTS_MAX {
            let is_answer = |event: &Event| matches!(event, Event::Answered { .. });
            let oldest = self.events.iter().position(|event| !is_answer(event));
            self.events.remove(oldest.unwrap_or_default());
        }
        self.events.push_back(event);
    }

    pub(super) fn take_events(&mut self) -> Vec<Event> {
        self.events.drain(..).collect()
    }
}

/// The uthread of one behaviour.
pub(super) struct Thinker {
    pub(super) seat: Seat,
    pub(super) key: Arc<str>,
    pub(super) behaviour: Box<dyn Behaviour>,
}

impl Uthread<Region> for Thinker {
    fn resume(&mut self, region: &mut Region, handle: &mut Handle<'_, Region>) -> Step {
        if let Some(mut limbs) = Limbs::of(region, self.seat, &self.key, handle.now()) {
            return self.behaviour.resume(&mut limbs);
        }
        match region.has(&self.key) {
            // Its row is being given up: what it did now would be lost.
            true => Step::Sleep(handle.now() + 1),
            false => Step::End,
        }
    }
}
