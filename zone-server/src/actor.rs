//! One region's task: it feeds the state machine, wakes it in time, and carries out what it wants, in order. What happens in a region is decided
//! in [`world::region`].

mod around;
mod lost;
mod outputs;
mod report;
mod spans;

use std::sync::Arc;

use futures::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use tokio::sync::mpsc;
use tracing::Span;
use world::{
    region::{Index, Input, LinkId, Now, Output, Region},
    region_id::RegionId,
};

use crate::{count, lives::Life, server::Server};
use around::Around;
use lost::Lost;
use report::Report;
use spans::Spans;

/// How many inputs wait for one region: half a second of what one can take. When it is full, links wait, which holds their gateways up, and other
/// regions keep what they wanted to hand over or send it back.
pub(crate) const MAILBOX_MAX: usize = 4_096;
/// How many inputs are taken in one go, before timers and finished operations are looked at again.
const BATCH_MAX: usize = 256;
/// How many operations on rows may be under way. While there are more, nothing is read from the mailbox; one transaction of the store takes as many.
const OPERATIONS_MAX: usize = 1_024;
/// Who must leave for a region to fail, in tests of what becomes of it then.
#[cfg(test)]
pub(crate) const POISON: &str = "poison";

/// The way to a region.
pub(crate) type Mailbox = mpsc::Sender<Mail>;

/// An input, and the request that it is a part of.
#[derive(Debug)]
pub(crate) struct Mail {
    /// What the region is told.
    pub(crate) input: Input,
    /// Disabled, if the request's trace is not recorded.
    pub(crate) span: Span,
}

impl From<Input> for Mail {
    fn from(input: Input) -> Self {
        Self {
            input,
            span: Span::none(),
        }
    }
}

/// What a region begins with, besides what the content puts into it.
#[derive(Debug, Default)]
pub(crate) struct Beginning {
    /// Gateways that listen already.
    pub(crate) listeners: Vec<LinkId>,
    /// Who was here when an earlier run of the region failed.
    pub(crate) lost: Vec<String>,
}

/// Runs a region until it is drained. `epoch` is higher than that of any earlier run of it.
pub(crate) async fn run(
    server: Arc<Server>,
    id: RegionId,
    epoch: u64,
    mailbox: mpsc::Receiver<Mail>,
    beginning: Beginning,
) {
    let mut actor = Actor {
        region: Region::new(id, epoch),
        mailbox,
        operations: FuturesUnordered::new(),
        lost: Lost::default(),
        leaves: FuturesUnordered::new(),
        outputs: Vec::new(),
        spans: Spans::default(),
        residents: count::Residents::default(),
        epoch,
        report: Report::begin(),
        is_retiring: false,
        is_draining: false,
        server,
    };
    let server = Arc::clone(&actor.server);
    let _seen = Seen::begin(&server, &actor.region, epoch);
    actor.begin(beginning);
    actor.run().await;
}

/// That a region can be looked into, as long as this is there.
struct Seen<'s> {
    server: &'s Server,
    region: RegionId,
    epoch: u64,
    index: Arc<Index>,
}

impl<'s> Seen<'s> {
    fn begin(server: &'s Server, region: &Region, epoch: u64) -> Self {
        let (id, index) = (region.id(), region.index());
        server.neighbourhood.begin(id, &index);
        Self {
            server,
            region: id,
            epoch,
            index,
        }
    }
}

impl Drop for Seen<'_> {
    fn drop(&mut self) {
        self.server.neighbourhood.end(self.region, &self.index);
        self.server.lives.forget((self.region, self.epoch));
    }
}

type Operation = BoxFuture<'static, Option<Input>>;

struct Actor {
    server: Arc<Server>,
    region: Region,
    mailbox: mpsc::Receiver<Mail>,
    /// Operations on rows.
    operations: FuturesUnordered<Operation>,
    /// Rows that are claimed anew.
    lost: Lost,
    /// Departures that have to be told to the region where the character is, or to us again once it has come.
    leaves: FuturesUnordered<BoxFuture<'static, ()>>,
    outputs: Vec<Output>,
    spans: Spans,
    residents: count::Residents,
    epoch: u64,
    /// What lives here, for operators.
    report: Report,
    /// Whether no map has a part of the region any more. It ends when everybody has gone to another one.
    is_retiring: bool,
    is_draining: bool,
}

impl Actor {
    fn begin(&mut self, beginning: Beginning) {
        for key in beginning.lost {
            self.lost.add(key, None);
        }
        let creatures = Some(self.server.scene.load().creatures(self.region.id()));
        let afresh = true;
        self.take(Input::Changed { creatures, afresh }.into());
        for link in beginning.listeners {
            self.take(Input::Subscribe(link).into());
        }
    }

    async fn run(&mut self) {
        let mut mails = Vec::with_capacity(BATCH_MAX);
        let mut is_open = true;
        let timer = tokio::time::sleep(std::time::Duration::ZERO);
        let report_timer = tokio::time::sleep(std::time::Duration::ZERO);
        tokio::pin!(timer, report_timer);
        loop {
            self.retire();
            if self.region.is_drained() && self.lost.is_empty() {
                // What is sent from now on is sent back; what is in the mailbox already still counts.
                self.mailbox.close();
                if !is_open && self.operations.is_empty() && self.leaves.is_empty() {
                    return;
                }
            }
            self.lost.start(&self.server);
            let wake_ms = self.region.wake_ms();
            if let Some(at) = wake_ms.map(|wake_ms| self.server.clock.instant(wake_ms))
                && at != timer.deadline()
            {
                timer.as_mut().reset(at);
            }
            let report_due = self.report.due().filter(|_| is_open);
            if let Some(due) = report_due.filter(|due| *due != report_timer.deadline()) {
                report_timer.as_mut().reset(due);
            }
            tokio::select! {
                biased;
                Some(answer) = self.operations.next(), if !self.operations.is_empty() => {
                    self.take_answers(answer);
                }
                () = timer.as_mut(), if wake_ms.is_some() => {
                    count::woken(timer.deadline().elapsed());
                    self.take(Input::Wake.into());
                    self.read_between();
                }
                Some(()) = self.lost.next() => {}
                Some(()) = self.leaves.next(), if !self.leaves.is_empty() => {}
                () = report_timer.as_mut(), if report_due.is_some() => self.tell_what_lives(),
                count = self.mailbox.recv_many(&mut mails, BATCH_MAX),
                    if is_open && self.operations.len() < OPERATIONS_MAX =>
                {
                    is_open = count > 0;
                    for mail in mails.drain(..) {
                        self.take(mail);
                    }
                }
                // Nothing can happen any more.
                else => return,
            }
        }
    }

    fn tell_what_lives(&mut self) {
        self.report.made();
        let life = Life::of(&self.region);
        self.server.lives.tell((self.region.id(), self.epoch), life);
    }

    /// However late a tick is: between two of them, whoever has written is heard.
    fn read_between(&mut self) {
        for _ in 0..BATCH_MAX {
            if self.operations.len() >= OPERATIONS_MAX {
                return;
            }
            let Ok(mail) = self.mailbox.try_recv() else {
                return;
            };
            self.take(mail);
        }
    }

    /// Takes one answer, and all others that are there already.
    fn take_answers(&mut self, answer: Option<Input>) {
        let mut next = Some(answer);
        while let Some(answer) = next {
            if let Some(input) = answer {
                self.take(input.into());
            }
            next = self.operations.next().now_or_never().flatten();
        }
    }

    /// A region that no map has a part of lets go of its rows once everybody is out.
    fn retire(&mut self) {
        let is_empty = self.region.resident_count() == 0 && self.lost.is_empty();
        if self.is_retiring && !self.is_draining && is_empty {
            self.take(Input::Drain.into());
        }
    }

    /// Lets the region take an input, and does what it wants done.
    fn take(&mut self, mail: Mail) {
        let Mail { input, span } = mail;
        let server = Arc::clone(&self.server);
        let scene = server.scene.load();
        match &input {
            #[cfg(test)]
            Input::Leave(leave) if leave.key == POISON => panic!("poisoned"),
            Input::Leave(leave) => {
                let there = server.whereabouts.of(&leave.key);
                // Elsewhere by now; or on its way here, behind this in our own mailbox.
                if let Some(there) =
                    there.filter(|there| *there != self.region.id() || !self.region.has(&leave.key))
                {
                    return self.pass_leave(there, input);
                }
                self.lost.leave(leave);
            }
            Input::Changed { .. } => {
                self.is_retiring = !scene.terrain.regions().contains(&self.region.id());
            }
            Input::Drain => {
                self.is_draining = true;
            }
            Input::Command(command) => self.spans.begin(command.session, command.id, &span),
            Input::Ask(ask) => self.spans.begin(ask.asker.session, ask.asker.id, &span),
            _ => {}
        }
        let game_masters = server.game_masters.load();
        let around = Around::new(&server);
        let now = Now {
            ms: server.clock.now_ms(),
            settings: &scene.settings,
            ground: &scene.ground,
            scripts: &scene.scripts,
            neighbours: &server.neighbours,
            game_masters: &game_masters,
            around: &around,
        };
        let mut outputs = std::mem::take(&mut self.outputs);
        span.in_scope(|| self.region.take(input, &now, &mut outputs));
        let mut permits = around.into_permits();
        for output in outputs.drain(..) {
            self.carry_out(output, &mut permits, &span);
        }
        self.outputs = outputs;
        self.residents.set(self.region.resident_count());
        self.report.owe();
    }
}
