//! Rows of a region that are not certain any more, while they are claimed anew: who they are, and which sessions still speak for them.

use std::{collections::BTreeMap, sync::Arc};

use futures::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use world::region::{Enter, Session};

use crate::{
    recovery::{Speaker, reclaim},
    server::Server,
};

/// How many rows are claimed anew at once. More wait; there are never more than there were entities in the region.
const RECOVERIES_MAX: usize = 64;

/// All that are lost, by [`world::name::key`].
#[derive(Default)]
pub(super) struct Lost {
    waiting: Vec<(String, Speaker)>,
    running: FuturesUnordered<BoxFuture<'static, (String, Speaker)>>,
    speakers: BTreeMap<String, Speaker>,
}

impl Lost {
    /// A row is lost, for which this session has spoken.
    pub(super) fn add(&mut self, key: String, session: Option<Session>) {
        let speaker = Speaker::new(session);
        self.speakers.insert(key.clone(), speaker.clone());
        self.waiting.push((key, speaker));
    }

    /// A session's player has gone: when its character is found, nobody speaks for it.
    pub(super) fn leave(&self, leave: &Enter) {
        if let Some(speaker) = self.speakers.get(&leave.key) {
            speaker.leave(leave.session);
        }
    }

    /// Begins what waits.
    pub(super) fn start(&mut self, server: &Arc<Server>) {
        while self.running.len() < RECOVERIES_MAX
            && let Some((key, speaker)) = self.waiting.pop()
        {
            let server = Arc::clone(server);
            let recovery = async move {
                reclaim(&server, &key, &speaker).await;
                (key, speaker)
            };
            self.running.push(recovery.boxed());
        }
    }

    /// Waits for one to have a place again; None: none is under way.
    pub(super) async fn next(&mut self) -> Option<()> {
        let (key, speaker) = self.running.next().await?;
        if self.speakers.get(&key) == Some(&speaker) {
            self.speakers.remove(&key);
        }
        Some(())
    }

    /// Whether all have a place.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.running.is_empty()
    }
}
