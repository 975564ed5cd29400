//! Who hears of a region, and what they have not heard yet. A change goes out once per tick; ahead of that only to the gateway whose player made it.

use std::{collections::BTreeMap, sync::Arc};

use super::{Departed, LinkId, Message, Output, Residents, Shown, Update, resident::Resident};
use crate::region_id::RegionId;

/// The most entities in one message: with what `update` shows of each bounded, a message stays below gRPC's 4 MiB.
const ENTITIES_MAX: usize = 900;

/// The state of telling.
#[derive(Debug)]
pub(super) struct Publisher {
    region: RegionId,
    epoch: u64,
    /// Each listener, and the versions that it has heard already of what is dirty.
    links: BTreeMap<LinkId, BTreeMap<String, u64>>,
    /// What has changed since the last tick; whether more than its place has.
    dirty: BTreeMap<Arc<str>, bool>,
}

impl Publisher {
    pub(super) fn new(region: RegionId, epoch: u64) -> Self {
        Self {
            region,
            epoch,
            links: BTreeMap::new(),
            dirty: BTreeMap::new(),
        }
    }

    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(super) fn is_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// Notes a change, and counts it. Who listens later is told everything: where nobody does, nothing is noted.
    pub(super) fn touch(&mut self, resident: &mut Resident, attributes: bool) {
        resident.version += 1;
        if self.links.is_empty() {
            return;
        }
        let key = resident.label.key();
        match self.dirty.get_mut(key) {
            Some(known) => *known |= attributes,
            None => {
                self.dirty.insert(Arc::clone(key), attributes);
            }
        }
    }

    /// Tells a new listener everything.
    pub(super) fn subscribe(&mut self, link: LinkId, residents: &Residents, out: &mut Vec<Output>) {
        let heard = self.dirty.keys().filter_map(|key| {
            let resident = residents.get(key)?;
            Some((key.to_string(), resident.version))
        });
        self.links.insert(link, heard.collect());
        let everything: Vec<Shown> = residents
            .values()
            .map(|resident| resident.shown(true))
            .collect();
        let mut pieces = everything.chunks(ENTITIES_MAX);
        let first = pieces.next().unwrap_or_default();
        let first = self.update(first.to_vec(), Vec::new());
        out.push(Output::Tell(link, Message::Snapshot(first)));
        for piece in pieces {
            let piece = self.update(piece.to_vec(), Vec::new());
            out.push(Output::Tell(link, Message::Changes(piece)));
        }
    }

    pub(super) fn unsubscribe(&mut self, link: LinkId) {
        self.links.remove(&link);
        self.forget_unless_heard();
    }

    /// Forgets listeners that have gone.
    pub(super) fn retain(&mut self, is_linked: impl Fn(LinkId) -> bool) {
        self.links.retain(|link, _| is_linked(*link));
        self.forget_unless_heard();
    }

    fn forget_unless_heard(&mut self) {
        if self.links.is_empty() {
            self.dirty.clear();
        }
    }

    /// Tells one listener of one entity's changes, if it has not heard: ahead of the reply to what made them.
    pub(super) fn flush(&mut self, resident: &Resident, link: LinkId, out: &mut Vec<Output>) {
        let Some(&attributes) = self.dirty.get(&*resident.key) else {
            return;
        };
        let Some(heard) = self.links.get_mut(&link) else {
            return;
        };
        let before = heard.insert(resident.key.clone(), resident.version);
        if before != Some(resident.version) {
            let update = self.update(vec![resident.shown(attributes)], Vec::new());
            out.push(Output::Tell(link, Message::Changes(update)));
        }
    }

    /// Tells everybody of one entity's changes at once: it has just come.
    pub(super) fn flush_all(&mut self, resident: &Resident, out: &mut Vec<Output>) {
        let links: Vec<LinkId> = self.links.keys().copied().collect();
        for link in links {
            self.flush(resident, link, out);
        }
    }

    /// Tells everybody that an entity has left, and where it was last.
    pub(super) fn depart(
        &mut self,
        resident: &mut Resident,
        to: Option<RegionId>,
        out: &mut Vec<Output>,
    ) {
        self.flush_all(resident, out);
        self.dirty.remove(&*resident.key);
        for heard in self.links.values_mut() {
            heard.remove(&resident.key);
        }
        resident.version += 1;
        let departed = Departed {
            name: resident.name.clone(),
            own: resident.own,
            version: resident.version,
            to,
        };
        let update = self.update(Vec::new(), vec![departed]);
        for link in self.links.keys() {
            let message = Message::Changes(Arc::clone(&update));
            out.push(Output::Tell(*link, message));
        }
    }

    /// Tells everybody what they have not heard yet. Those who have heard nothing ahead share one message.
    pub(super) fn tick(&mut self, residents: &Residents, out: &mut Vec<Output>) {
        let dirty = std::mem::take(&mut self.dirty);
        let news: Vec<(&Arc<str>, Shown)> = dirty
            .iter()
            .filter_map(|(key, attributes)| Some((key, residents.get(key)?.shown(*attributes))))
            .collect();
        let mut links = std::mem::take(&mut self.links);
        let mut shared = None;
        for (link, heard) in &mut links {
            let heard = std::mem::take(heard);
            let updates = if heard.is_empty() {
                shared
                    .get_or_insert_with(|| self.updates(news.iter().map(|(_, shown)| shown)))
                    .clone()
            } else {
                let unheard = news
                    .iter()
                    .filter(|(key, shown)| heard.get(&***key) != Some(&shown.version));
                self.updates(unheard.map(|(_, shown)| shown))
            };
            out.extend(
                updates
                    .into_iter()
                    .map(|update| Output::Tell(*link, Message::Changes(update))),
            );
        }
        self.links = links;
    }

    pub(super) fn links(&self) -> impl Iterator<Item = LinkId> {
        self.links.keys().copied()
    }

    pub(super) fn has_links(&self) -> bool {
        !self.links.is_empty()
    }

    fn updates<'s>(&self, changed: impl Iterator<Item = &'s Shown>) -> Vec<Arc<Update>> {
        let changed: Vec<&Shown> = changed.collect();
        changed
            .chunks(ENTITIES_MAX)
            .map(|piece| self.update(piece.iter().copied().cloned().collect(), Vec::new()))
            .collect()
    }

    fn update(&self, changed: Vec<Shown>, departed: Vec<Departed>) -> Arc<Update> {
        Arc::new(Update {
            region: self.region,
            epoch: self.epoch,
            changed,
            departed,
        })
    }
}
