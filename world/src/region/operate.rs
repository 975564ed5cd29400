//! Commands, and the operations that they are on one entity: of its own player, of somebody near, of a game master.

use wire::{
    Value,
    command::{Change, Edit, Triple},
};

use super::{
    Body, Command, Context, Output, PendingEnter, Region, SaveOutcome, SaveRequest, SessionRef,
    WAITING_MAX, live::Saving, travel::save_request,
};
use crate::{
    applied::{CommandId, Seen},
    attributes::{self, Asker},
    position::Position,
    region_id::RegionId,
};

/// Something that is done to one entity, wherever it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// Whom to answer.
    pub session: SessionRef,
    /// The [`crate::name::key`] of who does it.
    pub author: String,
    /// Where he was when he did it.
    pub from: Position,
    /// Whether he is a game master.
    pub is_gm: bool,
    /// The command's name for ever.
    pub id: CommandId,
    /// The attempt that is answered.
    pub attempt: u32,
    /// The [`crate::name::key`] of whom it is done to.
    pub target: String,
    /// What is done.
    pub action: Action,
}

/// What is done to an entity.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Read an attribute.
    Get(String),
    /// Write an attribute.
    Set(String, Change),
    /// Put it elsewhere.
    Teleport(Position),
    /// Close its player's connection.
    Kick,
    /// Take it out of the world for good.
    Despawn,
    /// Let a session with a higher generation speak for it.
    Enter(SessionRef, u64),
}

impl Region {
    /// A player's request.
    pub fn command(&mut self, command: Command, context: &Context<'_>) {
        let Command {
            session,
            id,
            attempt,
            ..
        } = command;
        let Some(entity) = self.entities.get(&command.author) else {
            let region = self.trail.get(&command.author).map(|(region, _)| *region);
            self.push(Output::Elsewhere {
                session,
                counter: id.counter,
                attempt,
                region,
            });
            return;
        };
        if id.generation < entity.generation {
            self.push(Output::Evicted(session, super::EvictReason::TakenOver));
            return;
        }
        if entity.session != Some(session) || id.generation != entity.generation {
            // The login has not come through here yet, or the stream is a new one: the gateway enters first.
            self.push(Output::Elsewhere {
                session,
                counter: id.counter,
                attempt,
                region: None,
            });
            return;
        }
        let from = entity.state.position;
        let is_gm = context.game_masters.contains(&command.author);
        let operation = |target: String, action| Operation {
            session,
            author: command.author.clone(),
            from,
            is_gm,
            id,
            attempt,
            target,
            action,
        };
        match command.body {
            Body::Move { dx, dy } => self.walk(&command, dx, dy, context),
            Body::Get {
                ref name,
                ref attribute,
            } => self.operate(
                operation(name.clone(), Action::Get(attribute.clone())),
                context,
            ),
            Body::Set {
                ref name,
                ref attribute,
                ref change,
            } => {
                self.operate(
                    operation(name.clone(), Action::Set(attribute.clone(), change.clone())),
                    context,
                );
            }
            Body::Edit(_) if !is_gm => self.answer(session, id, attempt, false),
            Body::Edit(ref edit) => match edit_of_entity(edit) {
                Some((target, action)) => self.operate(operation(target, action), context),
                None => {
                    let (author, edit) = (command.author.clone(), edit.clone());
                    self.push(Output::EditWorld {
                        session,
                        author,
                        id,
                        attempt,
                        edit,
                    });
                }
            },
        }
    }

    /// An operation on somebody who is here, or was said to be.
    pub fn operate(&mut self, operation: Operation, context: &Context<'_>) {
        let Some(entity) = self.entities.get_mut(&operation.target) else {
            self.push(Output::Forward(Box::new(operation)));
            return;
        };
        if let Action::Get(attribute) = &operation.action {
            let asker = asker(&operation, entity.state.position, &entity.key);
            let value = if attribute == "role" {
                let role = if context.game_masters.contains(&entity.key) {
                    "gm"
                } else {
                    "player"
                };
                (entity.player && (asker.is_self || asker.is_gm))
                    .then(|| Value::Str(role.to_owned()))
            } else {
                let value = entity.state.attribute(attribute, context.now_ms).cloned();
                value.filter(|_| attributes::may_get(context.settings, attribute, asker))
            };
            let Operation {
                session,
                id,
                attempt,
                ..
            } = operation;
            self.push(Output::Value {
                session,
                counter: id.counter,
                attempt,
                value: value.unwrap_or(Value::None),
            });
            return;
        }
        if entity.saving.is_some() {
            if entity.waiting.len() >= WAITING_MAX {
                self.answer(operation.session, operation.id, operation.attempt, false);
            } else {
                entity.waiting.push_back(operation);
            }
            return;
        }
        self.begin(operation, context);
    }

    /// A login of a higher generation than the row's.
    pub(super) fn operate_enter(&mut self, key: &str, login: PendingEnter, context: &Context<'_>) {
        let Some(entity) = self.entities.get(key) else {
            return;
        };
        let operation = Operation {
            session: login.session,
            author: key.to_owned(),
            from: entity.state.position,
            is_gm: false,
            id: CommandId {
                generation: login.generation,
                counter: 0,
            },
            attempt: 0,
            target: key.to_owned(),
            action: Action::Enter(login.session, login.generation),
        };
        self.operate(operation, context);
    }

    /// Asks for the save of an operation on an entity that is here and has none under way.
    fn begin(&mut self, operation: Operation, context: &Context<'_>) {
        let region = self.id;
        let Some(entity) = self.entities.get_mut(&operation.target) else {
            return;
        };
        let Operation {
            session,
            id,
            attempt,
            ..
        } = operation;
        let is_command = !matches!(operation.action, Action::Enter(..));
        match entity.applied.seen(&operation.author, id) {
            Seen::Repeat(reply) if is_command => return self.answer(session, id, attempt, reply),
            Seen::Stale if is_command => return self.answer(session, id, attempt, false),
            _ => {}
        }
        let mut after = entity.state.clone();
        let mut request = SaveRequest {
            ..save_request(entity, region)
        };
        let is_allowed = match &operation.action {
            Action::Get(_) => false,
            Action::Set(attribute, change) => {
                let asker = asker(&operation, entity.state.position, &entity.key);
                match attributes::change(
                    &after,
                    context.settings,
                    attribute,
                    change,
                    asker,
                    context.now_ms,
                ) {
                    Ok(changed) => after
                        .attributes
                        .insert(attribute.clone(), changed)
                        .is_none_or(|_| true),
                    Err(_) => false,
                }
            }
            Action::Teleport(to) => {
                after.position = *to;
                request.region = RegionId::of(*to, context.settings.cell_tiles);
                operation.is_gm && context.terrain.is_free(*to)
            }
            Action::Kick => operation.is_gm && entity.player,
            Action::Despawn => {
                request.despawn = true;
                operation.is_gm && !entity.player && entity.lasting
            }
            Action::Enter(_, generation) => {
                request.generation = *generation;
                request.generation >= entity.generation
            }
        };
        if !is_allowed {
            if is_command {
                self.answer(session, id, attempt, false);
            } else {
                self.push(Output::Evicted(session, super::EvictReason::TakenOver));
            }
            return;
        }
        let mut applied = entity.applied.clone();
        if is_command {
            applied.record(&operation.author, id, true, context.now_ms);
        }
        let is_edit = matches!(
            operation.action,
            Action::Teleport(_) | Action::Kick | Action::Despawn
        );
        if is_edit {
            request.audit = Some((
                operation.author.clone(),
                id,
                format!("{:?} {}", operation.action, entity.name),
            ));
        }
        request.state = after.clone();
        request.applied = applied.clone();
        let is_lasting = entity.lasting;
        entity.saving = Some(Saving::Operation {
            operation: Box::new(operation.clone()),
            after,
            applied,
        });
        if is_lasting {
            self.push(Output::Save(Box::new(request)));
        } else {
            self.saved(&operation.target, SaveOutcome::Committed, context);
        }
    }

    /// A save has come to its end. False: the entity is not here any more, and whoever has it now must be told.
    pub fn saved(&mut self, key: &str, outcome: SaveOutcome, context: &Context<'_>) -> bool {
        let Some(entity) = self.entities.get_mut(key) else {
            return false;
        };
        match (entity.saving.take(), outcome) {
            (None, _) => true,
            (Some(Saving::Position), _) => {
                self.saved_plain(key, false, outcome, context);
                true
            }
            (Some(Saving::Release), _) => {
                self.saved_plain(key, true, outcome, context);
                true
            }
            (Some(saving @ Saving::Operation { .. }), SaveOutcome::Lost) => {
                entity.saving = Some(saving);
                self.drop_lost(key, context);
                true
            }
            (Some(Saving::Operation { operation, .. }), SaveOutcome::Repeated) => {
                self.answer(operation.session, operation.id, operation.attempt, true);
                self.next_waiting(key, context);
                true
            }
            (
                Some(Saving::Operation {
                    operation,
                    after,
                    applied,
                }),
                SaveOutcome::Committed,
            ) => {
                entity.applied = applied;
                self.take_effect(key, *operation, after, context);
                true
            }
        }
    }

    /// What a committed operation does in memory, and the answer to it.
    fn take_effect(
        &mut self,
        key: &str,
        operation: Operation,
        after: crate::entity::EntityState,
        context: &Context<'_>,
    ) {
        let Some(entity) = self.entities.get_mut(key) else {
            return;
        };
        let link = operation.session.link;
        match operation.action {
            Action::Get(_) => {}
            Action::Set(ref attribute, _) => {
                // It may have walked meanwhile: only the attribute is taken over.
                if let Some(changed) = after.attributes.get(attribute) {
                    entity
                        .state
                        .attributes
                        .insert(attribute.clone(), changed.clone());
                }
                entity.note_expiry();
                if attribute == "visual" || context.settings.rule(attribute).visible {
                    entity.is_changed = true;
                    self.touch(key);
                    self.tell_now(key, link, context);
                }
            }
            Action::Teleport(to) => {
                entity.state.position = to;
                self.touch(key);
                self.tell_now(key, link, context);
                self.next_waiting(key, context);
                self.hand_over_if_beyond(key, context);
            }
            Action::Kick => {
                if let Some(session) = entity.session {
                    self.push(Output::Evicted(session, super::EvictReason::Kicked));
                }
            }
            Action::Despawn => {
                if let Some(mut entity) = self.entities.remove(key) {
                    self.tell_departure(&mut entity, None, context);
                    self.push(Output::Gone(key.to_owned()));
                    self.answer_waiting_elsewhere(&mut entity);
                }
            }
            Action::Enter(session, generation) => {
                entity.generation = generation;
                self.attach(key, session, context);
                self.next_waiting(key, context);
                return;
            }
        }
        self.answer(operation.session, operation.id, operation.attempt, true);
        self.next_waiting(key, context);
    }

    /// Goes on with what has waited for a save.
    pub(super) fn next_waiting(&mut self, key: &str, context: &Context<'_>) {
        while let Some(entity) = self
            .entities
            .get_mut(key)
            .filter(|entity| entity.saving.is_none())
        {
            let Some(operation) = entity.waiting.pop_front() else {
                return;
            };
            self.begin(operation, context);
        }
    }

    /// Attributes whose time has ended go.
    pub(super) fn expire(&mut self, context: &Context<'_>) {
        let mut ended = Vec::new();
        for entity in self
            .entities
            .values_mut()
            .filter(|entity| entity.expires_ms.is_some_and(|end| end <= context.now_ms))
        {
            let names: Vec<String> = entity
                .state
                .attributes
                .iter()
                .filter(|(_, attribute)| !attribute.is_alive(context.now_ms))
                .map(|(name, _)| name.clone())
                .collect();
            let mut was_visible = false;
            for name in names {
                entity.state.attributes.remove(&name);
                was_visible |= context.settings.rule(&name).visible;
            }
            entity.is_changed |= was_visible;
            entity.note_expiry();
            if was_visible {
                ended.push(entity.key.clone());
            }
        }
        for key in ended {
            self.touch(&key);
        }
    }
}

fn asker(operation: &Operation, at: Position, key: &str) -> Asker {
    Asker {
        is_self: operation.author == key,
        is_gm: operation.is_gm,
        distance: operation.from.distance(&at),
    }
}

/// The edits that are operations on one entity.
fn edit_of_entity(edit: &Edit) -> Option<(String, Action)> {
    match edit {
        Edit::Teleport { name, position } => Some((
            crate::name::key(name),
            Action::Teleport(position_of(*position)?),
        )),
        Edit::Kick(name) => Some((crate::name::key(name), Action::Kick)),
        Edit::Despawn(name) => Some((crate::name::key(name), Action::Despawn)),
        Edit::Tile { .. } | Edit::Spawn { .. } | Edit::Reload(_) | Edit::Reset(_) => None,
    }
}

/// A position that a game master names; None: there is no such place.
#[must_use]
pub(crate) fn position_of(Triple { x, y, z }: Triple) -> Option<Position> {
    let position = Position {
        x,
        y,
        z: crate::position::floor(z),
    };
    (position.is_valid() && f64::from(position.z) == z).then_some(position)
}
