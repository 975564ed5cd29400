//! One request in a session's queue: who asked how, and how far its answer is.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tracing::Span;
use wire::Dialect;
use world::{
    region::{Answer, Body},
    region_id::RegionId,
};

use super::{
    Output,
    repeat::{AGAIN, REPEAT},
    start::is_durable,
};
use crate::{
    request::{Asked, Kind, Read},
    zone_message::{Character, Command},
};

/// What a request's reply needs to know of it.
#[derive(Debug)]
pub struct Ticket {
    /// For labels.
    pub kind: Kind,
    /// How the client pickles.
    pub dialect: Dialect,
    /// When it had come.
    pub came: Instant,
    /// What it holds while it waits, in bytes.
    pub weight: usize,
    /// Its part of the trace.
    pub span: Span,
}

#[derive(Debug)]
pub(super) struct Slot {
    pub(super) ticket: Ticket,
    pub(super) step: Step,
}

/// How far a request is. All but the first have started.
#[derive(Debug)]
pub(super) enum Step {
    Waiting(Asked),
    Authenticating,
    /// The login is good; its character is on its way into the world.
    Entering,
    Reading(Read),
    InFlight(Flight),
    Answered(Answer),
}

impl Step {
    /// Whether it is a login that is not decided.
    pub(super) fn is_login(&self) -> bool {
        matches!(
            self,
            Self::Waiting(Asked::Credentials { .. }) | Self::Authenticating | Self::Entering
        )
    }

    /// Whether what is behind depends on the answer.
    pub(super) fn holds_others(&self) -> bool {
        match self {
            Self::Authenticating | Self::Entering | Self::Reading(_) => true,
            Self::InFlight(flight) => matches!(*flight.body, Body::Get { .. }),
            Self::Waiting(_) | Self::Answered(_) => false,
        }
    }
}

/// A command that is under way.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) counter: u64,
    pub(super) attempt: u32,
    /// The first attempt since the character is where it is.
    pub(super) attempt_here: u32,
    pub(super) body: Arc<Body>,
    /// When it was first sent.
    pub(super) since: Instant,
    /// When it is sent again by itself.
    pub(super) due: Option<Instant>,
    /// How long it is waited for then.
    pub(super) repeat_after: Duration,
    /// How long after the next word that it was not done.
    pub(super) again_after: Duration,
}

impl Flight {
    /// A command that is sent for the first time.
    pub(super) fn new(counter: u64, body: Body, now: Instant) -> Self {
        let mut flight = Self {
            counter,
            attempt: 0,
            attempt_here: 0,
            body: Arc::new(body),
            since: now,
            due: None,
            repeat_after: REPEAT,
            again_after: AGAIN,
        };
        flight.expect_answer(now);
        flight
    }

    /// It is on its way to where the character is.
    pub(super) fn expect_answer(&mut self, now: Instant) {
        self.due = self.is_repeated().then(|| now + REPEAT);
        self.repeat_after = 2 * REPEAT;
    }

    /// Whether it is sent again when nobody answers: it may go on to another zone server, and get lost on the way. What the owner of the
    /// character answers by itself comes by a stream that delivers or breaks.
    pub(super) fn is_repeated(&self) -> bool {
        is_durable(&self.body) || matches!(*self.body, Body::Get { .. })
    }

    /// Whether this is the answer. That an earlier attempt was refused says nothing while a later one is under way, and what an earlier owner read or did
    /// to a place may not be so any more. But what lasts is done, whoever says so.
    pub(super) fn accepts(&self, attempt: u32, answer: &Answer) -> bool {
        attempt == self.attempt
            || match *self.body {
                Body::Set { .. } | Body::Edit(_) => {
                    attempt < self.attempt && *answer == Answer::Done(true)
                }
                Body::Get { .. } => (self.attempt_here..self.attempt).contains(&attempt),
                Body::Move { .. } => false,
            }
    }

    pub(super) fn command(
        &self,
        character: &Character,
        region: RegionId,
        ticket: &Ticket,
    ) -> Output {
        ticket
            .span
            .record("region", tracing::field::display(region));
        Output::Command(Command {
            character: character.clone(),
            counter: self.counter,
            attempt: self.attempt,
            region,
            traceparent: runtime::trace::traceparent(&ticket.span),
            body: Arc::clone(&self.body),
        })
    }
}
