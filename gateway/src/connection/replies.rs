//! Writing the reply to the request at the head of the queue: reads are evaluated here, and flags decided.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use wire::{
    Value,
    reply::{self, Flag},
};
use world::{name, position::Position, region::Answer};

use super::{Connection, Done};
use crate::{
    counters::Outcome,
    maps,
    replica::{Lookup, Sight},
    request::Read,
    session::Head,
};

impl Connection {
    /// Answers the head, if it can be answered now and there is room for its reply. Whether it was.
    pub(super) fn answer(&mut self, now: Instant) -> bool {
        self.looking = None;
        if self.outbox.byte_count() >= self.shared.config.output_bytes_max {
            self.session.no_room(now);
            return false;
        }
        match self.session.head() {
            Head::Empty | Head::Waiting => false,
            Head::Answer(answer) => {
                let value = match answer {
                    Answer::Done(done) => Value::Bool(*done),
                    Answer::Value(value) => value.clone(),
                };
                self.reply(&value, now);
                true
            }
            Head::Read(_) if self.session.end().is_some() => false,
            Head::Read(read) => match read.clone() {
                Read::Ver => {
                    let serving = self.shared.served.now();
                    let version = serving.world.content.client_version.clone();
                    drop(serving);
                    self.reply(&Value::Str(version), now);
                    true
                }
                Read::Upgrade => self.upgrade(now),
                Read::Update => self.update(now),
                Read::Get { name, attribute } => self.get(&name, attribute, now),
            },
        }
    }

    /// Whether the head could be answered, were there room.
    pub(super) fn has_answer(&self) -> bool {
        let is_free = self.looking.is_none() && self.working.is_none();
        self.outbox.byte_count() < self.shared.config.output_bytes_max
            && match self.session.head() {
                Head::Empty | Head::Waiting => false,
                Head::Answer(_) => true,
                Head::Read(_) => is_free && self.session.end().is_none(),
            }
    }

    /// The image, as soon as it is pickled for this client.
    fn upgrade(&mut self, now: Instant) -> bool {
        let Some(dialect) = self.session.head_ticket().map(|ticket| ticket.dialect) else {
            return false;
        };
        if self.working.is_some() {
            return false;
        }
        let serving = Arc::clone(&self.shared.served.now());
        if serving.image.is_ready(dialect) {
            let (flags, count) = self.flags();
            self.outbox
                .put_shared(serving.image.reply(&flags[..count], dialect));
            self.replied(Outcome::Done, now);
            return true;
        }
        let prepare = tokio::task::spawn_blocking(move || serving.image.prepare(dialect));
        self.working = Some(Box::pin(async move {
            // It cannot fail; at the end of the process it is not done any more, and nobody waits for it.
            let _prepared = prepare.await;
            Done::Prepared
        }));
        false
    }

    /// Everything in view, as soon as it is known.
    fn update(&mut self, now: Instant) -> bool {
        let serving = Arc::clone(&self.shared.served.now());
        let Some(watcher) = &mut self.watcher else {
            self.looking = Some(None);
            return false;
        };
        match watcher.look(&serving.scale, now) {
            Sight::Waiting(until) => {
                self.looking = Some(until);
                false
            }
            Sight::Clear(position) => {
                self.view(position, serving.scale.view_distance, now);
                true
            }
        }
    }

    fn view(&mut self, position: Position, view_distance: f64, now: Instant) {
        let Some(dialect) = self.session.head_ticket().map(|ticket| ticket.dialect) else {
            return;
        };
        let (flags, count) = self.flags();
        let replica = Arc::clone(&self.shared.replica);
        self.outbox.put(|out| {
            replica.write_view(position, view_distance, &flags[..count], dialect, out);
        });
        self.replied(Outcome::Done, now);
    }

    /// An attribute: of a map, of somebody in the replica, or whatever the owner says. Whether it is answered.
    fn get(&mut self, name: &str, attribute: String, now: Instant) -> bool {
        if self.working.is_some() {
            return false;
        }
        if let Some(map) = name.strip_prefix(maps::PREFIX) {
            let Some(dialect) = self.session.head_ticket().map(|ticket| ticket.dialect) else {
                return false;
            };
            let (shared, map) = (Arc::clone(&self.shared), map.to_owned());
            self.working = Some(Box::pin(async move {
                Done::Map(shared.maps.get(&map, &attribute, dialect).await)
            }));
            return false;
        }
        let settings = &self.shared.served.now().world.content.settings;
        let is_shown = settings.rule(&attribute).visible;
        let lookup = self
            .shared
            .replica
            .attribute(&name::key(name), &attribute, is_shown);
        match lookup {
            Lookup::Known(value) => self.reply(&value, now),
            Lookup::Unknown => self.session.ask_owner(now, &mut self.outputs),
        }
        true
    }

    fn reply(&mut self, value: &Value, now: Instant) {
        let Some(dialect) = self.session.head_ticket().map(|ticket| ticket.dialect) else {
            return;
        };
        let (flags, count) = self.flags();
        self.outbox
            .put(|out| reply::write(value, &flags[..count], dialect, out));
        let outcome = match value {
            Value::Bool(false) => Outcome::Refused,
            _ => Outcome::Done,
        };
        self.replied(outcome, now);
    }

    /// The head's result has been found somewhere else.
    pub(super) fn reply_shared(&mut self, fragment: Bytes, now: Instant) {
        let Some(dialect) = self.session.head_ticket().map(|ticket| ticket.dialect) else {
            return;
        };
        let (flags, count) = self.flags();
        self.outbox
            .put_shared(reply::share(fragment, &flags[..count], dialect));
        self.replied(Outcome::Done, now);
    }

    /// The flags of the reply that is written now.
    fn flags(&mut self) -> crate::flags::Flags {
        let has_character = self.session.character().is_some();
        let flags = self
            .told
            .flags(self.shared.served.versions(), has_character);
        for flag in &flags.0[..flags.1] {
            let flag: Flag = *flag;
            self.shared.counters.flagged(flag);
        }
        flags
    }

    fn replied(&mut self, outcome: Outcome, now: Instant) {
        if let Some(ticket) = self.session.pop(now, &mut self.outputs) {
            let took = Instant::now().saturating_duration_since(ticket.came);
            self.shared.counters.answered(ticket.kind, outcome, took);
        }
    }
}
