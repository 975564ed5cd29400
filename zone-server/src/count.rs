//! What a zone server counts for its operators: the names of its metrics, and nothing else.

use std::time::Duration;

use world::region::{Answer, Message};

/// A message goes to a gateway; answers are counted by the command's kind and by what they say.
pub(crate) fn told(message: &Message) {
    let (kind, result) = match message {
        Message::Reply { kind, answer, .. } => match answer {
            Answer::Done(true) => (*kind, "true"),
            Answer::Done(false) => (*kind, "false"),
            Answer::Value(_) => (*kind, "value"),
        },
        Message::Elsewhere { counter: 0, .. } => ("enter", "elsewhere"),
        Message::Elsewhere { .. } => ("command", "elsewhere"),
        Message::Entered { .. } => ("enter", "true"),
        Message::Evicted { .. } => ("session", "evicted"),
        Message::Moved { .. } | Message::Snapshot(_) | Message::Changes(_) => return,
    };
    metrics::counter!("pymmorpg_zone_answers_total", "kind" => kind, "result" => result)
        .increment(1);
}

/// How late a region was woken.
pub(crate) fn woken(lag: Duration) {
    metrics::histogram!("pymmorpg_zone_wake_lag_seconds").record(lag.as_secs_f64());
}

/// An entity goes from a region to another.
pub(crate) fn handed_over() {
    metrics::counter!("pymmorpg_zone_handovers_total").increment(1);
}

/// A region has failed and begins afresh.
pub(crate) fn failed() {
    metrics::counter!("pymmorpg_zone_region_failures_total").increment(1);
}

/// A row was claimed because nobody living owned it, or because it was in doubt.
pub(crate) fn adopted() {
    metrics::counter!("pymmorpg_zone_adoptions_total").increment(1);
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
