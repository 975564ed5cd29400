//! From bytes to requests: what a client has sent and is not a request yet. It counts bad messages and does not know what requests mean.

use std::time::Instant;

use bytes::BytesMut;
use wire::{
    Dialect,
    command::Request,
    frame::{self, Event},
    pickle,
};

use super::meter::Meter;
use crate::{
    config::Config,
    request::{self, Asked, Kind},
};

/// How much is read at a time, in bytes.
const READ_BYTES: usize = 8 * 1024;

/// A client's side of the conversation, as bytes.
#[derive(Debug)]
pub(super) struct Inbox {
    frames: frame::Decoder,
    pickles: pickle::Decoder,
    messages: Meter,
    bytes: Meter,
    /// When more may be taken or read, if that is not now; as it was at the last look.
    held_until: Option<Instant>,
    /// In a row.
    bad_count: u32,
    /// Since when the message that is coming has been coming.
    within_since: Option<Instant>,
}

/// A message.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) asked: Asked,
    pub(super) kind: Kind,
    pub(super) dialect: Dialect,
    pub(super) weight: usize,
}

/// What has come.
#[derive(Debug)]
pub(super) enum Taken {
    /// A message.
    Good(Message),
    /// A message that is ignored.
    Bad,
    /// Nothing whole, or nothing that may be taken yet.
    Nothing,
}

impl Inbox {
    pub(super) fn new(config: &Config, now: Instant) -> Self {
        Self {
            frames: frame::Decoder::new(config.frame_bytes_max),
            pickles: pickle::Decoder::new(pickle::Limits::default()),
            messages: Meter::new(config.messages_per_second_max, now),
            bytes: Meter::new(config.bytes_per_second_max, now),
            held_until: None,
            bad_count: 0,
            within_since: None,
        }
    }

    /// Looks at the time. Until the next look, the inbox is of one mind whether more may come.
    pub(super) fn look(&mut self, now: Instant) {
        self.held_until = self.messages.opens_at(now).max(self.bytes.opens_at(now));
    }

    /// Where bytes that are read belong, with room for some.
    pub(super) fn buffer(&mut self) -> &mut BytesMut {
        let buffer = self.frames.buffer();
        if buffer.capacity() - buffer.len() < READ_BYTES / 4 {
            buffer.reserve(READ_BYTES);
        }
        buffer
    }

    /// Bytes have been read.
    pub(super) fn has_read(&mut self, byte_count: usize, now: Instant) {
        self.bytes.take(byte_count, now);
    }

    /// When more may be taken or read, if that is not now.
    pub(super) fn held_until(&self) -> Option<Instant> {
        self.held_until
    }

    /// Bad messages in a row.
    pub(super) fn bad_count(&self) -> u32 {
        self.bad_count
    }

    /// Notes whether the client is in the middle of a message that we are ready to read, and since when. What waits because we do not read is
    /// not the client's fault.
    pub(super) fn watch(&mut self, is_reading: bool, now: Instant) -> Option<Instant> {
        if is_reading && self.frames.is_within_message() {
            self.within_since.get_or_insert(now);
        } else {
            self.within_since = None;
        }
        self.within_since
    }

    /// Takes the next message.
    pub(super) fn take(&mut self, now: Instant) -> Taken {
        if self.held_until.is_some() {
            return Taken::Nothing;
        }
        let taken = self.take_freely();
        if !matches!(taken, Taken::Nothing) {
            self.within_since = None;
            self.messages.take(1, now);
            self.look(now);
        }
        taken
    }

    fn take_freely(&mut self) -> Taken {
        let payload = match self.frames.next_event() {
            None => return Taken::Nothing,
            Some(Event::Message(payload)) => payload,
            Some(Event::Bad(fault)) => {
                tracing::debug!(%fault, "bad frame");
                self.bad_count += 1;
                return Taken::Bad;
            }
        };
        match self.pickles.decode(&payload) {
            Ok(pickle) => {
                let dialect = pickle.dialect();
                let message = match Request::parse(&pickle) {
                    Ok(request) => Message {
                        kind: Kind::of(&request),
                        dialect,
                        weight: request::weight(&request),
                        asked: request.into(),
                    },
                    Err(_) => Message {
                        kind: Kind::Unknown,
                        dialect,
                        weight: size_of::<Request>(),
                        asked: Asked::Nothing,
                    },
                };
                self.bad_count = 0;
                Taken::Good(message)
            }
            Err(fault) => {
                tracing::debug!(%fault, "bad pickle");
                self.frames.clear();
                self.bad_count += 1;
                Taken::Bad
            }
        }
    }
}
