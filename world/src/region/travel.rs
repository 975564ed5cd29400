//! Coming, going and walking: into the world, within it, over its borders and out of it.

use super::{
    Command, Context, DETACHED_MS, Entity, EvictReason, LinkId, Output, PendingEnter, Region,
    SaveOutcome, SaveRequest, SessionRef, live::Saving,
};
use crate::{
    applied::CommandId, movement::SpeedBudget, position::Position, region_id::RegionId,
    terrain::Terrain,
};

impl Region {
    /// A login: the character is claimed, or taken over from the session that has it.
    pub fn enter(&mut self, key: &str, login: PendingEnter, context: &Context<'_>) {
        if self.entities.contains_key(key) {
            self.take_over(key, login, context);
            return;
        }
        if let Some((region, _)) = self.trail.get(key) {
            self.push(Output::Elsewhere {
                session: login.session,
                counter: 0,
                attempt: 0,
                region: Some(*region),
            });
            return;
        }
        let waiting = self.claiming.entry(key.to_owned()).or_default();
        let is_first = waiting.is_empty();
        waiting.push_back(login);
        if is_first {
            self.push(Output::Claim {
                key: key.to_owned(),
                generation: Some(login.generation),
            });
        }
    }

    /// A row that should be in the world and belongs to nobody living.
    pub fn adopt(&mut self, key: &str) {
        if !self.entities.contains_key(key) && !self.claiming.contains_key(key) {
            self.claiming.entry(key.to_owned()).or_default();
            self.push(Output::Claim {
                key: key.to_owned(),
                generation: None,
            });
        }
    }

    /// A claim has come to an end. `found` is the entity that is ours now, or else where the row says that it is.
    pub fn claimed(
        &mut self,
        key: &str,
        found: Result<Box<Entity>, Option<RegionId>>,
        context: &Context<'_>,
    ) {
        let waiting = self.claiming.remove(key).unwrap_or_default();
        match found {
            Ok(mut entity) => {
                entity.version += 1;
                entity.detached_ms = Some(context.now_ms);
                self.settle(*entity, context);
                for login in waiting {
                    self.enter(key, login, context);
                }
            }
            Err(region) => {
                for PendingEnter { session, .. } in waiting {
                    self.push(Output::Elsewhere {
                        session,
                        counter: 0,
                        attempt: 0,
                        region,
                    });
                }
            }
        }
    }

    fn take_over(&mut self, key: &str, login: PendingEnter, context: &Context<'_>) {
        let Some(entity) = self.entities.get_mut(key) else {
            return;
        };
        if login.generation < entity.generation {
            self.push(Output::Evicted(login.session, EvictReason::TakenOver));
        } else if entity
            .saving
            .as_ref()
            .is_some_and(|saving| matches!(saving, Saving::Release))
        {
            // It is on its way out: when it is, it is claimed again.
            self.claiming
                .entry(key.to_owned())
                .or_default()
                .push_back(login);
        } else if login.generation == entity.generation && entity.lasting {
            self.attach(key, login.session, context);
        } else {
            // The row learns the generation before the session speaks for it.
            self.operate_enter(key, login, context);
        }
    }

    /// From now on the character follows this session.
    pub(super) fn attach(&mut self, key: &str, session: SessionRef, _context: &Context<'_>) {
        let Some(entity) = self.entities.get_mut(key) else {
            return;
        };
        let before = entity.session.replace(session);
        entity.detached_ms = None;
        if let Some(before) = before.filter(|before| *before != session) {
            self.push(Output::Evicted(before, EvictReason::TakenOver));
        }
        self.push(Output::Entered(session));
    }

    /// The player has gone.
    pub fn leave(&mut self, key: &str, session: SessionRef) {
        if let Some(waiting) = self.claiming.get_mut(key) {
            waiting.retain(|login| login.session != session);
        }
        if self
            .entities
            .get(key)
            .is_some_and(|entity| entity.session == Some(session))
        {
            self.release(key, false);
        }
    }

    /// A gateway's stream has ended: its characters stay for a while.
    pub fn detach(&mut self, link: LinkId, now_ms: u64) {
        self.subscribers.remove(&link);
        for entity in self
            .entities
            .values_mut()
            .filter(|entity| entity.session.is_some_and(|session| session.link == link))
        {
            entity.session = None;
            entity.detached_ms = Some(now_ms);
        }
    }

    pub(super) fn log_out_detached(&mut self, context: &Context<'_>) {
        let ended = |entity: &&Entity| {
            entity.player
                && entity.saving.is_none()
                && entity
                    .detached_ms
                    .is_some_and(|since| context.now_ms.saturating_sub(since) >= DETACHED_MS)
        };
        let keys: Vec<String> = self
            .entities
            .values()
            .filter(ended)
            .map(|entity| entity.key.clone())
            .collect();
        for key in keys {
            self.release(&key, false);
        }
    }

    /// The zone server stops: everything is saved and given up; players leave the world.
    pub fn drain(&mut self) {
        let keys: Vec<(String, bool)> = self
            .entities
            .values()
            .filter(|entity| entity.lasting)
            .map(|entity| (entity.key.clone(), !entity.player))
            .collect();
        for (key, present) in keys {
            self.release(&key, present);
        }
    }

    /// Whether everybody who lasts has been given up.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.entities.values().all(|entity| !entity.lasting)
    }

    fn release(&mut self, key: &str, present: bool) {
        let region = self.id;
        let Some(entity) = self.entities.get_mut(key) else {
            return;
        };
        if entity.saving.is_some() {
            // When the save under way has come to its end, `detached_ms` brings us here again.
            entity.session = None;
            entity.detached_ms = Some(0);
            return;
        }
        entity.session = None;
        entity.saving = Some(Saving::Release);
        let request = SaveRequest {
            present,
            release: true,
            ..save_request(entity, region)
        };
        self.push(Output::Save(Box::new(request)));
    }

    pub(super) fn save_positions(&mut self) {
        let region = self.id;
        let mut requests = Vec::new();
        for entity in self
            .entities
            .values_mut()
            .filter(|entity| entity.lasting && entity.is_unsaved && entity.saving.is_none())
        {
            entity.is_unsaved = false;
            entity.saving = Some(Saving::Position);
            requests.push(save_request(entity, region));
        }
        for request in requests {
            self.push(Output::Save(Box::new(request)));
        }
    }

    /// A save of a position or a release has come to its end.
    pub(super) fn saved_plain(
        &mut self,
        key: &str,
        was_release: bool,
        outcome: SaveOutcome,
        context: &Context<'_>,
    ) {
        if outcome == SaveOutcome::Lost {
            self.drop_lost(key, context);
            return;
        }
        if was_release {
            if let Some(mut entity) = self.entities.remove(key) {
                self.tell_departure(&mut entity, None, context);
                self.push(Output::Gone(key.to_owned()));
                self.answer_waiting_elsewhere(&mut entity);
            }
            if let Some(login) = self.claiming.get(key).and_then(|waiting| waiting.front()) {
                let generation = Some(login.generation);
                self.push(Output::Claim {
                    key: key.to_owned(),
                    generation,
                });
            }
        } else if self
            .entities
            .get(key)
            .is_some_and(|entity| entity.detached_ms == Some(0))
        {
            self.release(key, false);
        } else {
            self.next_waiting(key, context);
        }
    }

    /// The row is not ours, or nobody knows: what we have in memory counts for nothing. It is claimed again.
    pub(super) fn drop_lost(&mut self, key: &str, context: &Context<'_>) {
        let Some(mut entity) = self.entities.remove(key) else {
            return;
        };
        self.tell_departure(&mut entity, None, context);
        self.push(Output::Gone(key.to_owned()));
        self.answer_waiting_elsewhere(&mut entity);
        match entity.session {
            Some(session) => self.enter(
                key,
                PendingEnter {
                    session,
                    generation: entity.generation,
                },
                context,
            ),
            None => self.adopt(key),
        }
    }

    // Walking.

    pub(super) fn walk(&mut self, command: &Command, dx: f64, dy: f64, context: &Context<'_>) {
        let key = command.author.as_str();
        let Some(entity) = self.entities.get_mut(key) else {
            return;
        };
        let is_repeat = entity.moved.generation == command.id.generation
            && command.id.counter <= entity.moved.counter;
        if is_repeat {
            self.answer(command.session, command.id, command.attempt, true);
            return;
        }
        let from = entity.state.position;
        let to = Position {
            x: from.x + dx,
            y: from.y + dy,
            z: from.z,
        };
        let length = dx.hypot(dy);
        let budget = entity
            .budget
            .get_or_insert_with(|| SpeedBudget::full(context.settings, context.now_ms));
        let is_allowed = to.is_valid()
            && context.terrain.sweep(from, to)
            && budget.take(length, context.settings, context.now_ms);
        if !is_allowed {
            self.answer(command.session, command.id, command.attempt, false);
            return;
        }
        entity.moved = command.id;
        entity.is_unsaved = true;
        entity.state.position = context.terrain.warp_at(to).unwrap_or(to);
        self.touch(key);
        self.tell_now(key, command.session.link, context);
        self.hand_over_if_beyond(key, context);
        self.answer(command.session, command.id, command.attempt, true);
    }

    /// Sends an entity on that stands in another region now.
    pub(super) fn hand_over_if_beyond(&mut self, key: &str, context: &Context<'_>) {
        let Some(entity) = self.entities.get(key) else {
            return;
        };
        let to = RegionId::of(entity.state.position, context.settings.cell_tiles);
        if to == self.id {
            return;
        }
        let Some(mut entity) = self.entities.remove(key) else {
            return;
        };
        self.tell_departure(&mut entity, Some(to), context);
        self.trail.insert(key.to_owned(), (to, context.now_ms));
        self.push(Output::HandOver {
            to,
            entity: Box::new(entity),
        });
    }

    /// An entity comes from another region, or comes back from one that could not take it.
    pub fn arrive(&mut self, entity: Box<Entity>, context: &Context<'_>) {
        self.settle(*entity, context);
    }

    /// Puts an entity where its position is, or the nearest place that is free; that may be another region.
    fn settle(&mut self, mut entity: Entity, context: &Context<'_>) {
        let key = entity.key.clone();
        if !context.terrain.is_free(entity.state.position) {
            entity.state.position = context.terrain.nearest_free(entity.state.position);
            entity.is_unsaved = true;
        }
        entity.version += 1;
        entity.is_changed = true;
        entity.note_expiry();
        self.trail.remove(&key);
        let session = entity.session;
        self.entities.insert(key.clone(), entity);
        let is_here = self.entities.get(&key).is_some_and(|entity| {
            RegionId::of(entity.state.position, context.settings.cell_tiles) == self.id
        });
        if !is_here {
            self.hand_over_if_beyond(&key, context);
            return;
        }
        self.tell_all(&key, context);
        if let Some(session) = session {
            self.push(Output::Moved(session));
        }
    }

    // The ground changes.

    /// The terrain or the rules are other ones now. `renewed` says that those whom maps make are to be made again.
    pub fn ground_changed(&mut self, is_renewed: bool, context: &Context<'_>) {
        if is_renewed {
            self.populate(context);
        }
        let keys: Vec<String> = self.entities.keys().cloned().collect();
        for key in keys {
            let Some(entity) = self.entities.get_mut(&key) else {
                continue;
            };
            if context.terrain.is_free(entity.state.position) && !is_renewed {
                continue;
            }
            let free = context.terrain.nearest_free(entity.state.position);
            if free != entity.state.position {
                entity.state.position = free;
                entity.is_unsaved = true;
            }
            entity.is_changed |= is_renewed;
            self.touch(&key);
            self.hand_over_if_beyond(&key, context);
        }
    }

    /// Puts those into the region whom its maps make, in place of those whom they made before.
    pub fn populate(&mut self, context: &Context<'_>) {
        let before: Vec<String> = self
            .entities
            .values()
            .filter(|entity| !entity.lasting)
            .map(|entity| entity.key.clone())
            .collect();
        for npc in context.terrain.npcs(self.id) {
            let attributes = npc.attributes.iter().map(|(name, value)| {
                (
                    name.clone(),
                    crate::entity::Attribute::lasting(value.clone()),
                )
            });
            let state = crate::entity::EntityState {
                position: npc.position,
                attributes: attributes.collect(),
                behaviour: npc.behaviour.clone(),
            };
            let entity = Entity::passing(npc.name.clone(), state, context.now_ms);
            let key = entity.key.clone();
            self.entities.insert(key.clone(), entity);
            self.tell_all(&key, context);
        }
        let here = here(context.terrain, self.id);
        for key in before.into_iter().filter(|key| !here.contains(key)) {
            if let Some(mut entity) = self.entities.remove(&key) {
                entity.version = entity.version.max(context.now_ms);
                self.tell_departure(&mut entity, None, context);
                self.push(Output::Gone(key));
            }
        }
    }
}

fn here(terrain: &Terrain, region: RegionId) -> std::collections::BTreeSet<String> {
    terrain
        .npcs(region)
        .map(|npc| crate::name::key(&npc.name))
        .collect()
}

/// A save of an entity as it is.
pub(super) fn save_request(entity: &Entity, region: RegionId) -> SaveRequest {
    SaveRequest {
        key: entity.key.clone(),
        own: entity.own,
        region,
        present: true,
        generation: entity.generation,
        moved: entity.moved,
        applied: entity.applied.clone(),
        state: entity.state.clone(),
        release: false,
        audit: None,
        despawn: false,
    }
}

impl Region {
    pub(super) fn answer(&mut self, session: SessionRef, id: CommandId, attempt: u32, done: bool) {
        self.push(Output::Done {
            session,
            counter: id.counter,
            attempt,
            done,
        });
    }

    pub(super) fn answer_waiting_elsewhere(&mut self, entity: &mut Entity) {
        for operation in entity.waiting.drain(..) {
            let super::Operation {
                session,
                id,
                attempt,
                ..
            } = operation;
            self.push(Output::Elsewhere {
                session,
                counter: id.counter,
                attempt,
                region: None,
            });
        }
        if let Some(Saving::Operation { operation, .. }) = entity.saving.take() {
            let super::Operation {
                session,
                id,
                attempt,
                ..
            } = *operation;
            self.push(Output::Elsewhere {
                session,
                counter: id.counter,
                attempt,
                region: None,
            });
        }
    }
}
