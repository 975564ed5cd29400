//! Carrying out what the session wants of others: of the account service, of zone servers, of the database. Nothing here waits for an answer.

use std::{sync::Arc, time::Duration, time::Instant};

use tracing::Span;
use world::{name, region_id::RegionId};

use super::{
    Connection, Done,
    line::{Heard, Unreachable},
};
use crate::{
    session::Output,
    zone_message::{Character, Event, ToZone},
};

/// How long the last word to the zone server may wait for room in the stream's queue.
const FAREWELL: Duration = Duration::from_secs(2);

impl Connection {
    /// Does what the session wants.
    pub(super) fn carry_out(&mut self) {
        let mut outputs = std::mem::take(&mut self.outputs);
        for output in outputs.drain(..) {
            match output {
                Output::Authenticate {
                    is_new,
                    credentials,
                } => {
                    let shared = Arc::clone(&self.shared);
                    let traceparent = self.traceparent();
                    self.map_noted = shared.notes.noted(&name::key(&credentials.name));
                    self.working = Some(Box::pin(async move {
                        let asked = shared.accounts.ask(is_new, credentials, traceparent).await;
                        Done::Login(asked)
                    }));
                }
                Output::Enter(character, region) => self.enter(character, region),
                Output::Leave(character, region) => {
                    self.line.leave(&character, Some(region));
                    self.shared.presence.ended(&character);
                }
                Output::Command(command) => {
                    if command.attempt > 0 {
                        self.shared.counters.resends.increment(1);
                    }
                    self.line.say(ToZone::Command(command));
                }
                Output::Begun(character) => self.begun(character),
                Output::Locate(character) => {
                    let shared = Arc::clone(&self.shared);
                    self.locating = Some(Box::pin(async move { shared.locate(&character).await }));
                }
            }
        }
        if self.outputs.is_empty() {
            self.outputs = outputs;
        }
    }

    fn enter(&mut self, character: Character, region: RegionId) {
        self.entering_since.get_or_insert_with(Instant::now);
        // What comes into view is asked for while the character is still on its way.
        let is_watching = self
            .watcher
            .as_ref()
            .is_some_and(|watcher| watcher.is_of(&character.key));
        if !is_watching {
            let replica = &self.shared.replica;
            self.watcher = Some(replica.watch(Arc::clone(&character.key), region));
        }
        let number = character.number;
        let message = ToZone::Enter {
            character,
            region,
            traceparent: self.traceparent(),
        };
        let router = &self.shared.router;
        self.shared.replica.listen_ahead(region, router);
        let called = self.line.call(router, region, number, message);
        match (called, self.line.zone()) {
            (Ok(()), Some(zone)) => {
                Span::current().record("zone", zone);
            }
            (Err(Unreachable), _) | (Ok(()), None) => self.session.unreachable(),
        }
    }

    /// Takes in what comes by the line. Who was not where we thought makes us look where he is.
    pub(super) fn hear(&mut self, heard: Heard, now: Instant) {
        let router = &self.shared.router;
        match heard {
            Heard::Event(number, event) => {
                let is_astray = matches!(
                    event,
                    Event::Released(_) | Event::Elsewhere { region: None, .. }
                );
                if is_astray {
                    router.doubt();
                }
                self.session.heard(number, event, now, &mut self.outputs);
            }
            Heard::Lost => {
                router.doubt();
                self.session.link_lost(now, &mut self.outputs);
            }
            Heard::Look => {
                let region = self.session.region();
                if region.is_some_and(|region| self.line.is_astray(region, router)) {
                    self.session.holder_changed(now, &mut self.outputs);
                }
            }
            Heard::Sent => {}
        }
    }

    fn begun(&mut self, character: Character) {
        Span::current().record("player", &*character.name);
        tracing::info!(player = &*character.name, "logged in");
        self.told.login(self.map_told);
        self.shared.presence.begun(character);
    }

    /// Where the character is now is where its player looks.
    pub(super) fn follow(&mut self) {
        if self.session.is_settled()
            && let Some(since) = self.entering_since.take()
        {
            self.shared.counters.entrances.record(since.elapsed());
        }
        if let (Some(watcher), Some(region)) = (&mut self.watcher, self.session.region()) {
            watcher.moved(region);
            watcher.walk(&self.shared.served.now().scale);
            if self.session.is_settled() {
                self.line.is_in(region, &self.shared.router);
            }
        }
    }

    pub(super) fn done(&mut self, done: Done, now: Instant) {
        self.working = None;
        match done {
            Done::Login(asked) => {
                self.map_told = asked.map_told.max(self.map_noted);
                self.session.verdict(asked.verdict, now, &mut self.outputs);
            }
            Done::Map(fragment) => self.reply_shared(fragment, now),
            Done::Prepared => {}
        }
    }

    /// The context of the request at the head.
    fn traceparent(&self) -> String {
        self.session
            .head_ticket()
            .map(|ticket| runtime::trace::traceparent(&ticket.span))
            .unwrap_or_default()
    }

    /// Tells everybody that the player has gone.
    pub(super) async fn leave(&mut self) {
        let Some(character) = self.session.character().cloned() else {
            return;
        };
        let region = self.session.region();
        self.line.leave(&character, region);
        if region.is_some() {
            let farewell = tokio::time::timeout(FAREWELL, self.line.finish());
            if farewell.await.is_err() {
                tracing::debug!("the zone server will miss the player by itself");
            }
        }
        self.shared.presence.ended(&character);
    }
}
