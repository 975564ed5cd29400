//! Carrying out what a region wants done: each wish is queued, begun or handed to another task, and none is waited for.

use std::{sync::Arc, time::Duration};

use futures::FutureExt;
use tracing::{Instrument, Span};
use world::{
    region::{Answer, Ask, Asker, Input, Message, Output, Resident, Session, Word},
    region_id::RegionId,
};

use super::{Actor, Mail, around::Permits, spans::commit_span};
use crate::{answer::try_again, count, ground::MapEdit, rows, server::Server};

/// How long to wait for a character that is on its way into the mailbox, before it is looked for again.
const ARRIVAL: Duration = Duration::from_millis(10);

/// Answers whoever has asked: a gateway, or a region.
fn tell(server: &Server, asker: &Asker, message: Message) {
    match (asker.giver, &message) {
        (Some(giver), Message::Reply { answer, .. }) => {
            let word = asker.word_to(giver, *answer == Answer::Done(true));
            say(server, giver, Box::new(word));
        }
        _ => server.links.tell(asker.session.link, message),
    }
}

fn say(server: &Server, to: RegionId, word: Box<Word>) {
    match server.regions.mailbox(to) {
        // A full region is told again.
        Some(mailbox) => drop(mailbox.try_send(Input::Said(word).into())),
        None => server.peers.say(to, word),
    }
}

impl Actor {
    /// Does what the region wants done.
    pub(super) fn carry_out(&mut self, output: Output, permits: &mut Permits, span: &Span) {
        let server = Arc::clone(&self.server);
        let here = self.region.id();
        match output {
            Output::Tell(link, message) => {
                self.spans.told(link, &message);
                // Otherwise the stream is about to be cut, and somebody else may have the region.
                if server.trust.is_trusted() {
                    server.links.tell(link, message);
                }
            }
            Output::Claim(enter) => self.operate(span, async move {
                let outcome = rows::enter(&server, &enter, here).await;
                Some(Input::Entered(enter, outcome))
            }),
            Output::Save(save) => self.operate(span, async move {
                let (key, own) = (save.key.clone(), save.own);
                let outcome = rows::save(&server, *save).await;
                Some(Input::Saved { key, own, outcome })
            }),
            Output::Spawn(asker, row, audit) => self.operate(span, async move {
                let outcome = rows::spawn(&server, (*row).clone(), here, &audit).await;
                Some(Input::Spawned(asker, row, outcome))
            }),
            Output::Despawn { key, own, audit } => self.operate(span, async move {
                let outcome = rows::despawn(&server, key.clone(), own, &audit).await;
                Some(Input::Saved { key, own, outcome })
            }),
            Output::Note { key, own, audit } => self.operate(span, async move {
                let outcome = rows::note(&server, &audit).await;
                Some(Input::Saved { key, own, outcome })
            }),
            Output::Recover { key, session } => self.lose(key, session),
            Output::Pass(region, ask) => self.pass(region, ask),
            Output::Absent(ask) => {
                let (asker, request) = (ask.asker.clone(), span.clone());
                self.operate(span, async move {
                    if let Some(message) = rows::absent(&server, ask, &request).await {
                        tell(&server, &asker, message);
                    }
                    None
                });
            }
            Output::WasDone(asker) => self.operate(span, async move {
                let message = rows::was_done(&server, &asker).await;
                tell(&server, &asker, message);
                None
            }),
            Output::Map(asker, edit) => {
                let span = self.spans.end(asker.session, asker.id);
                if let Err(full) = server.map_edits.try_send(MapEdit { asker, edit, span }) {
                    let asker = full.into_inner().asker;
                    server.links.tell(asker.session.link, try_again(&asker));
                }
            }
            Output::HandOver(to, resident) => self.hand_over(to, *resident, permits),
            Output::Failed { who, text } => {
                count::uthread_failed();
                if server.failures.note(&text, std::time::Instant::now()) {
                    tracing::warn!(region = %here, who, text, "a uthread has failed, and is no more");
                }
            }
            Output::Here(key) => server.whereabouts.here(key, here),
            Output::Gone(key) => server.whereabouts.gone(&key, here),
            Output::Say(to, word) => say(&server, to, word),
            Output::Abroad(key, at) => server.whereabouts.goes_abroad(key, here, at),
            Output::Released { key, region } => {
                count::released();
                server.peers.arriving(region, key);
            }
        }
    }

    /// Begins an operation on a row, as a part of the request that it is for.
    fn operate(
        &mut self,
        span: &Span,
        operation: impl Future<Output = Option<Input>> + Send + 'static,
    ) {
        self.operations
            .push(operation.instrument(commit_span(span)).boxed());
    }

    /// Passes a command on to a region, of this server or of another. What cannot be passed on now is sent back, and tried again.
    fn pass(&mut self, region: RegionId, ask: Ask) {
        let span = self.spans.end(ask.asker.session, ask.asker.id);
        let unsent = match self.server.regions.mailbox(region) {
            Some(mailbox) => {
                let asker = ask.asker.clone();
                let input = Input::Ask(ask);
                let sent = mailbox.try_send(Mail { input, span });
                sent.err().map(|_unsent| asker)
            }
            None => {
                let passed = self.server.peers.pass(region, ask, &span);
                passed.err().map(|ask| ask.asker)
            }
        };
        if let Some(asker) = unsent {
            let message = try_again(&asker);
            self.server.links.tell(asker.session.link, message);
        }
    }

    /// The character of a player who has gone is in another region by now, or on its way here.
    pub(super) fn pass_leave(&mut self, region: RegionId, leave: Input) {
        if let Some(mailbox) = self.server.regions.mailbox(region) {
            let is_on_its_way = region == self.region.id();
            self.leaves.push(
                async move {
                    if is_on_its_way {
                        tokio::time::sleep(ARRIVAL).await;
                    }
                    // A region that has ended has let go of everybody.
                    let _ended = mailbox.send(leave.into()).await;
                }
                .boxed(),
            );
        }
    }

    fn hand_over(&mut self, to: RegionId, resident: Resident, permits: &mut Permits) {
        count::handed_over();
        let key = resident.key().to_owned();
        // Before the mailbox: who asks there finds it at most on its way, and never gone.
        self.server.whereabouts.here(key.clone(), to);
        let arrive = Mail::from(Input::Arrive(Box::new(resident)));
        let is_lost = match permits.take(to) {
            Some(permit) => permit.send(arrive).is_closed(),
            None => {
                tracing::error!(region = %self.region.id(), %to, "handed over to a region that had not been asked");
                true
            }
        };
        if is_lost {
            self.server.whereabouts.gone(&key, to);
            self.lose(key, None);
        }
    }

    /// Nobody here has the row any more.
    fn lose(&mut self, key: String, session: Option<Session>) {
        self.lost.add(key, session);
    }
}
