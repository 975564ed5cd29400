//! One region's task: `zone-server/src/actor.rs`. What is in the mailbox waits for a time that is drawn, and some of it is taken then.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use world::{
    region::{Enter, Input, Now, Region, Session},
    region_id::RegionId,
};

use super::{At, Due, Zone, around::Around};
use crate::{
    mutant::Mutant,
    schedule::{MILLI, Micros},
    shared::Shared,
};

/// The longest that a region's task waits for its turn.
const TURN_MAX: Micros = 2 * MILLI;
/// How long to wait for a character that is on its way into the mailbox.
const ARRIVAL: Micros = 10 * MILLI;

/// A region and its task.
#[derive(Debug)]
pub(super) struct Actor {
    pub(super) run: u64,
    pub(super) region: Region,
    pub(super) mailbox: VecDeque<Input>,
    is_called: bool,
    wake_at_ms: Option<u64>,
    /// How many operations on rows are under way.
    pub(super) operation_count: usize,
    /// Rows that are claimed anew, each as often as it was lost, and who spoke for them then.
    pub(super) lost: BTreeMap<(String, u64), Option<Session>>,
    pub(super) is_draining: bool,
    is_closed: bool,
    /// Rows that are being given up.
    pub(super) releasing: BTreeSet<String>,
}

impl Actor {
    /// Whether it lets go of everything.
    pub(super) fn is_draining(&self) -> bool {
        self.is_draining
    }

    /// Whether it has let go of everything, and nothing is under way.
    fn has_ended(&self) -> bool {
        self.is_closed && self.mailbox.is_empty() && self.operation_count == 0
    }
}

impl Zone {
    /// Starts a region's task.
    pub(super) fn start_actor(&mut self, id: RegionId, epoch: u64, shared: &mut Shared) {
        self.run_count += 1;
        let actor = Actor {
            run: self.run_count,
            region: Region::new(id, epoch << 16),
            mailbox: VecDeque::new(),
            is_called: false,
            wake_at_ms: None,
            operation_count: 0,
            lost: BTreeMap::new(),
            is_draining: false,
            is_closed: false,
            releasing: BTreeSet::new(),
        };
        shared.note(|| format!("{} runs {id} with epoch {epoch}", self.standing.address));
        self.actors.insert(id, actor);
    }

    /// Forgets a region, and all that is in its memory.
    pub(super) fn drop_actor(&mut self, id: RegionId, shared: &mut Shared) {
        shared.note(|| format!("{} does not run {id} any more", self.standing.address));
        self.actors.remove(&id);
        let (me, now) = (self.me, shared.now());
        let gone = |(_, there): &(&String, &RegionId)| **there == id;
        let keys: Vec<String> = self
            .whereabouts
            .iter()
            .filter(gone)
            .map(|(key, _)| key.clone())
            .collect();
        for key in keys {
            self.whereabouts.remove(&key);
        }
        shared.watch.forgotten(me, id, now);
    }

    /// The actor of that very run.
    pub(super) fn actor_at(&mut self, at: At) -> Option<&mut Actor> {
        self.actors
            .get_mut(&at.region)
            .filter(|actor| actor.run == at.run)
    }

    /// Puts something into a region's mailbox. Err: it is not here.
    #[expect(
        clippy::result_large_err,
        reason = "what is sent back is looked at or dropped at once"
    )]
    pub(super) fn mail(
        &mut self,
        region: RegionId,
        input: Input,
        shared: &mut Shared,
    ) -> Result<(), Input> {
        let Some(actor) = self
            .actors
            .get_mut(&region)
            .filter(|actor| !actor.is_closed)
        else {
            return Err(input);
        };
        actor.mailbox.push_back(input);
        if !std::mem::replace(&mut actor.is_called, true) {
            let run = actor.run;
            let delay = shared.chance.below(TURN_MAX);
            self.later(delay, Due::Mailbox(At { region, run }), shared);
        }
        Ok(())
    }

    /// A region takes what is in its mailbox, or some of it.
    pub(super) fn empty_mailbox(&mut self, at: At, shared: &mut Shared) {
        let Some(actor) = self.actor_at(at) else {
            return;
        };
        actor.is_called = false;
        let count = actor.mailbox.len();
        let count = match shared.chance.below(4) {
            0 => count.div_ceil(2),
            _ => count,
        };
        for _ in 0..count {
            let next = self
                .actor_at(at)
                .and_then(|actor| actor.mailbox.pop_front());
            let Some(input) = next else { break };
            self.take(at, input, shared);
        }
        if let Some(actor) = self.actor_at(at)
            && !actor.mailbox.is_empty()
            && !std::mem::replace(&mut actor.is_called, true)
        {
            self.later(TURN_MAX, Due::Mailbox(at), shared);
        }
        self.end_if_drained(at, shared);
    }

    pub(super) fn wake(&mut self, at: At, shared: &mut Shared) {
        let now_ms = self.now_ms(shared);
        let Some(actor) = self.actor_at(at) else {
            return;
        };
        actor.wake_at_ms = None;
        if actor.region.wake_ms().is_some_and(|at_ms| at_ms <= now_ms) {
            self.take(at, Input::Wake, shared);
        } else {
            self.schedule_wake(at, shared);
        }
    }

    fn schedule_wake(&mut self, at: At, shared: &mut Shared) {
        let now_ms = self.now_ms(shared);
        let Some(actor) = self.actor_at(at) else {
            return;
        };
        let Some(wake_ms) = actor.region.wake_ms() else {
            return;
        };
        if actor.wake_at_ms.is_none_or(|at_ms| wake_ms < at_ms) {
            actor.wake_at_ms = Some(wake_ms);
            let delay = wake_ms.saturating_sub(now_ms) * MILLI;
            self.later(delay, Due::Wake(at), shared);
        }
    }

    /// Lets a region take an input, and does what it wants done.
    pub(super) fn take(&mut self, at: At, input: Input, shared: &mut Shared) {
        if self.actor_at(at).is_none() {
            return;
        }
        match &input {
            Input::Leave(leave) => {
                let there = self.whereabouts.get(&leave.key).copied();
                let has = self.has(at.region, &leave.key);
                if let Some(there) = there.filter(|there| *there != at.region || !has) {
                    let delay = if there == at.region { ARRIVAL } else { 0 };
                    return self.later(delay, Due::Leave(there, leave.clone()), shared);
                }
                self.leave_lost(at, leave);
            }
            Input::Drain => {
                if let Some(actor) = self.actor_at(at) {
                    actor.is_draining = true;
                }
            }
            Input::Command(command) => {
                shared.watch.commanded(command);
                if shared.is(Mutant::UnfrozenRelease) && self.step_unfrozen(at, command, shared) {
                    return;
                }
            }
            _ => {}
        }
        self.take_in(at, input, shared);
        self.schedule_wake(at, shared);
        self.end_if_drained(at, shared);
    }

    fn take_in(&mut self, at: At, input: Input, shared: &mut Shared) {
        let claimed = match &input {
            Input::Entered(_, world::region::ClaimOutcome::Claimed(row)) => Some((**row).clone()),
            Input::Adopted(row, _) => Some((**row).clone()),
            Input::Spawned(_, row, world::region::Outcome::Done) => Some((**row).clone()),
            _ => None,
        };
        if let Some(row) = claimed {
            shared.watch.claimed(self.me, &row);
        }
        self.arriving = match &input {
            Input::Arrive(resident) => {
                let name = (resident.key().to_owned(), at.region);
                self.travelling.remove(&name)
            }
            _ => None,
        };
        let now_ms = self.now_ms(shared);
        let is_busy = shared.chance.per_mille(20);
        // It is not in the list while it decides: it never asks about itself.
        let Some(mut actor) = self.actors.remove(&at.region) else {
            return;
        };
        let around = Around {
            whereabouts: &self.whereabouts,
            actors: &self.actors,
            links: &self.links,
            holdings: &self.holdings,
            me: self.me,
            is_busy,
        };
        let now = Now {
            ms: now_ms,
            settings: &shared.yard.settings,
            ground: &shared.yard.ground,
            scripts: &shared.yard.scripts,
            neighbours: &shared.yard.neighbours,
            game_masters: &shared.yard.game_masters,
            around: &around,
        };
        let mut outputs = Vec::new();
        actor.region.take(input, &now, &mut outputs);
        self.actors.insert(at.region, actor);
        for output in outputs {
            self.carry_out(at, output, shared);
        }
    }

    /// The character of a player who has gone is there by now, if it has not gone on.
    pub(super) fn deliver_leave(&mut self, region: RegionId, leave: Enter, shared: &mut Shared) {
        // A region that has ended has let go of everybody.
        let _ended = self.mail(region, Input::Leave(leave), shared);
    }

    /// A region that has let go of everything ends.
    pub(super) fn end_if_drained(&mut self, at: At, shared: &mut Shared) {
        let Some(actor) = self.actor_at(at) else {
            return;
        };
        if actor.region.is_drained() && actor.lost.is_empty() {
            // What is sent from now on is sent back; what is in the mailbox already still counts.
            actor.is_closed = true;
        }
        if actor.has_ended() {
            self.drop_actor(at.region, shared);
            self.drained(at.region, shared);
        }
    }
}
