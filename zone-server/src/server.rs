//! What all tasks of one zone server share: handles, and nothing that decides.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use arc_swap::ArcSwap;
use store::{Store, announce::Announcements, entities::Incarnation};
use tokio::sync::{Notify, mpsc};

use crate::{
    clock::Clock, ground::MapEdit, links::Links, regions::Regions, scene::Scene,
    whereabouts::Whereabouts,
};

/// A zone server.
#[derive(Debug)]
pub(crate) struct Server {
    /// This run of it.
    pub(crate) me: Incarnation,
    pub(crate) clock: Clock,
    pub(crate) store: Store,
    pub(crate) announcements: Arc<dyn Announcements>,
    /// The gateways.
    pub(crate) links: Links,
    /// The regions' mailboxes.
    pub(crate) regions: Regions,
    pub(crate) whereabouts: Whereabouts,
    /// The ground and the rules.
    pub(crate) scene: ArcSwap<Scene>,
    /// The [`world::name::key`]s of all game masters.
    pub(crate) game_masters: ArcSwap<BTreeSet<String>>,
    /// The way to the ground's task.
    pub(crate) map_edits: mpsc::Sender<MapEdit>,
    /// Told when the terrain has other regions than before.
    pub(crate) terrain_changed: Notify,
    /// Whether a row may be ours that no region has: a claim's outcome is unknown, or a region has failed while it had rows in its hands.
    pub(crate) rows_in_doubt: AtomicBool,
}

impl Server {
    /// A row may be ours that no region has.
    pub(crate) fn doubt_rows(&self) {
        self.rows_in_doubt.store(true, Ordering::Relaxed);
    }
}
