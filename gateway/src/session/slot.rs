//! One request in a session's queue: who asked how, and how far its answer is.

use std::{sync::Arc, time::Instant};

use tracing::Span;
use wire::Dialect;
use world::{
    region::{Answer, Body},
    region_id::RegionId,
};

use super::Output;
use crate::{
    request::{Asked, Kind, Read},
    zone_message::{Character, Command},
};

/// What a request's reply needs to know of it.
#[derive(Debug)]
pub(crate) struct Ticket {
    /// For labels.
    pub(crate) kind: Kind,
    /// How the client pickles.
    pub(crate) dialect: Dialect,
    /// When it had come.
    pub(crate) came: Instant,
    /// What it holds while it waits, in bytes.
    pub(crate) weight: usize,
    /// Its part of the trace.
    pub(crate) span: Span,
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
    pub(super) body: Arc<Body>,
    /// When it was first sent.
    pub(super) since: Instant,
}

impl Flight {
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
