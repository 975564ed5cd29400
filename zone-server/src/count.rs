//! What a zone server counts for its operators: the names of its metrics, and nothing else.

use std::time::Duration;

use metrics::Counter;
use world::{
    region::{Answer, Message},
    scheduler::Class,
};

use crate::lives::Sums;

/// What gateways are told, by the command's kind and by what is answered. The counters are looked up once: there may be a million messages a second.
#[derive(Debug)]
pub(crate) struct Answers {
    commands: [[Counter; 3]; KINDS.len()],
    command_elsewhere: Counter,
    command_again: Counter,
    entered: Counter,
    enter_elsewhere: Counter,
    evicted: Counter,
}

/// [`world::region::Body::kind`]s.
const KINDS: [&str; 4] = ["move", "get", "set", "edit"];

impl Default for Answers {
    fn default() -> Self {
        let counter = |kind: &'static str, result: &'static str| metrics::counter!("pymmorpg_zone_answers_total", "kind" => kind, "result" => result);
        Self {
            commands: KINDS.map(|kind| ["true", "false", "value"].map(|one| counter(kind, one))),
            command_elsewhere: counter("command", "elsewhere"),
            command_again: counter("command", "again"),
            entered: counter("enter", "true"),
            enter_elsewhere: counter("enter", "elsewhere"),
            evicted: counter("session", "evicted"),
        }
    }
}

impl Answers {
    /// A message goes to a gateway.
    pub(crate) fn told(&self, message: &Message) {
        let counter = match message {
            Message::Reply { kind, answer, .. } => self.command(kind, answer),
            Message::Elsewhere { counter: 0, .. } => Some(&self.enter_elsewhere),
            Message::Elsewhere { .. } => Some(&self.command_elsewhere),
            Message::Entered { .. } => Some(&self.entered),
            Message::Evicted { .. } => Some(&self.evicted),
            Message::Again { .. } => Some(&self.command_again),
            Message::Moved { .. }
            | Message::Released { .. }
            | Message::Snapshot(_)
            | Message::Changes(_) => None,
        };
        if let Some(counter) = counter {
            counter.increment(1);
        }
    }

    fn command(&self, kind: &str, answer: &Answer) -> Option<&Counter> {
        let kind = KINDS.iter().position(|known| *known == kind)?;
        let [done, refused, value] = &self.commands[kind];
        Some(match answer {
            Answer::Done(true) => done,
            Answer::Done(false) => refused,
            Answer::Value(_) => value,
        })
    }
}

/// How late a region was woken.
pub(crate) fn woken(lag: Duration) {
    metrics::histogram!("pymmorpg_zone_wake_lag_seconds").record(lag.as_secs_f64());
}

/// An entity goes from a region to another.
pub(crate) fn handed_over() {
    metrics::counter!("pymmorpg_zone_handovers_total").increment(1);
}

/// How long it took to read who holds which region.
pub(crate) fn looked(took: Duration) {
    metrics::histogram!("pymmorpg_zone_look_seconds").record(took.as_secs_f64());
}

/// Regions were taken that nobody living held; some of them from a server that had died.
pub(crate) fn taken(region_count: usize, takeover_count: usize) {
    moved("taken", region_count);
    metrics::counter!("pymmorpg_zone_region_takeovers_total").increment(takeover_count as u64);
}

/// Regions were given away.
pub(crate) fn given(region_count: usize) {
    moved("given", region_count);
}

/// Regions of ours have begun that others gave us.
pub(crate) fn received(region_count: usize) {
    moved("received", region_count);
}

fn moved(how: &'static str, region_count: usize) {
    metrics::counter!("pymmorpg_zone_region_moves_total", "how" => how)
        .increment(region_count as u64);
}

/// An entity goes to another server, by its row.
pub(crate) fn released() {
    metrics::counter!("pymmorpg_zone_handoffs_total").increment(1);
}

/// A region has failed and begins afresh.
pub(crate) fn failed() {
    metrics::counter!("pymmorpg_zone_region_failures_total").increment(1);
}

/// A uthread has failed, and is no more.
pub(crate) fn uthread_failed() {
    metrics::counter!("pymmorpg_zone_uthread_failures_total").increment(1);
}

/// Whether this server may speak for its regions.
pub(crate) fn trusted(is_trusted: bool) {
    metrics::gauge!("pymmorpg_zone_trusted").set(f64::from(u8::from(is_trusted)));
}

/// A row was claimed because nobody living owned it, or because it was in doubt.
pub(crate) fn adopted() {
    metrics::counter!("pymmorpg_zone_adoptions_total").increment(1);
}

/// A command is for a region of another server; whether it could be passed on.
pub(crate) fn passed(is_sent: bool) {
    let result = if is_sent { "sent" } else { "again" };
    metrics::counter!("pymmorpg_zone_asks_passed_total", "result" => result).increment(1);
}

/// What is known of other servers, looked at once a second: streams to them that are up, and entities of theirs near our borders.
#[expect(
    clippy::cast_precision_loss,
    reason = "no count comes near 2^53, from which on a float cannot hold it"
)]
pub(crate) fn neighbours(stream_count: usize, ghost_count: usize) {
    metrics::gauge!("pymmorpg_zone_peer_streams").set(stream_count as f64);
    metrics::gauge!("pymmorpg_zone_ghosts").set(ghost_count as f64);
}

/// What is looked at once a second.
#[expect(
    clippy::cast_precision_loss,
    reason = "no count comes near 2^53, from which on a float cannot hold it"
)]
pub(crate) fn census(
    region_count: usize,
    mailbox_depth_max: usize,
    (link_count, link_queue_max): (usize, usize),
) {
    metrics::gauge!("pymmorpg_zone_regions").set(region_count as f64);
    metrics::gauge!("pymmorpg_zone_mailbox_depth_max").set(mailbox_depth_max as f64);
    metrics::gauge!("pymmorpg_zone_links").set(link_count as f64);
    metrics::gauge!("pymmorpg_zone_link_queue_depth_max").set(link_queue_max as f64);
}

/// What lives in the regions, looked at once a second. Seconds are a gauge, since counters count whole ones; both only grow.
#[expect(
    clippy::cast_precision_loss,
    reason = "no count comes near 2^53, from which on a float cannot hold it"
)]
pub(crate) fn lives(sums: &Sums) {
    for (name, (uthread_count, used)) in &sums.by_name {
        let name = || name.to_string();
        metrics::gauge!("pymmorpg_zone_uthreads", "name" => name()).set(*uthread_count as f64);
        metrics::counter!("pymmorpg_zone_uthread_resumes_total", "name" => name())
            .absolute(used.resume_count);
        metrics::gauge!("pymmorpg_zone_uthread_seconds_total", "name" => name())
            .set(used.time_ns as f64 / 1e9);
    }
    for (class, uthread_count) in Class::ALL.into_iter().zip(sums.by_class) {
        metrics::gauge!("pymmorpg_zone_uthreads_by_priority", "priority" => class.label())
            .set(uthread_count as f64);
    }
    metrics::gauge!("pymmorpg_zone_uthreads_behind").set(sums.behind_count as f64);
    metrics::gauge!("pymmorpg_zone_uthread_wait_ticks_max").set(sums.wait_ticks_max as f64);
    for (state, region_count) in [("awake", sums.awake_count), ("asleep", sums.asleep_count)] {
        metrics::gauge!("pymmorpg_zone_regions_by_state", "state" => state)
            .set(region_count as f64);
    }
    let population = sums.population;
    for (state, count) in [
        ("alive", population.alive_count),
        ("dead", population.dead_count),
    ] {
        metrics::gauge!("pymmorpg_zone_creatures", "state" => state).set(count as f64);
    }
}

/// How many entities one region has: its share of a sum over all regions, taken back when it ends.
#[derive(Debug, Default)]
pub(crate) struct Residents(usize);

impl Residents {
    /// It has so many now.
    pub(crate) fn set(&mut self, count: usize) {
        if count != self.0 {
            let gauge = metrics::gauge!("pymmorpg_zone_residents");
            gauge.increment(difference(count, self.0));
            self.0 = count;
        }
    }
}

impl Drop for Residents {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "no count comes near 2^53, from which on a float cannot hold it"
)]
fn difference(now: usize, before: usize) -> f64 {
    now as f64 - before as f64
}
