//! A player's requests. Here is the author: the session, the rights and the place of the author are checked, and steps are taken. What is
//! wanted of an entity goes on as an [`Ask`], which may have to travel.

use super::{
    Action, Ask, Asker, Audit, Body, Command, Edit, LinkId, Newcomer, Now, Output, Reason, Region,
    message::elsewhere,
};
use crate::{
    attributes, behaviours::Kind, entity::EntityState, movement, name, region_id::RegionId,
};

impl Region {
    pub(super) fn command(&mut self, command: Command, now: &Now<'_>, out: &mut Vec<Output>) {
        let Command {
            session,
            author,
            id,
            attempt,
            body,
        } = command;
        let Some(resident) = self.residents.get_mut(&author) else {
            let region = self.elsewhere(&author, now);
            out.push(elsewhere(session, id.counter, attempt, region));
            return;
        };
        if id.generation < resident.generation {
            resident.silence(session, now.ms);
            out.push(session.evicted(Reason::TakenOver));
            return;
        }
        // A session that has not entered here yet does so first.
        if resident.session() != Some(session) {
            out.push(elsewhere(session, id.counter, attempt, None));
            return;
        }
        // Who is being let go of takes no more input. The session is told when that is decided: it has gone on, has ended, or sends again what is
        // unanswered.
        if resident.is_frozen() {
            resident.has_missed = true;
            return;
        }
        let asker = Asker {
            session,
            is_gm: now.game_masters.contains(&author),
            position: resident.state.position,
            key: author,
            id,
            attempt,
            kind: body.kind(),
            giver: None,
        };
        match body {
            Body::Move { dx, dy } => self.walk(&asker, (dx, dy), now, out),
            Body::Get { name, attribute } => {
                self.ask(Ask::new(asker, &name, Action::Get(attribute)), now, out);
            }
            Body::Set {
                name,
                attribute,
                change,
            } => {
                let action = Action::Set { attribute, change };
                self.ask(Ask::new(asker, &name, action), now, out);
            }
            Body::Edit(_) if !asker.is_gm => out.push(asker.refuse()),
            Body::Edit(edit) => self.edit(asker, edit, now, out),
        }
    }

    /// Takes a step, unless it was taken or refused before.
    fn walk(&mut self, asker: &Asker, offset: (f64, f64), now: &Now<'_>, out: &mut Vec<Output>) {
        let Some(resident) = self.residents.get_mut(&asker.key) else {
            return;
        };
        if let Some(known) = resident.replies.answer(asker.id) {
            out.push(asker.done(known));
            return;
        }
        let from = resident.state.position;
        let step = movement::step(
            from,
            offset,
            &mut resident.budget,
            now.ground(),
            now.settings,
            now.ms,
        );
        resident.replies.note(asker.id, step.is_ok());
        if let Ok(to) = step {
            resident.state.position = to;
            resident.walked(now.ms);
            self.publisher.touch(resident, false);
            self.publisher.flush(resident, asker.session.link, out);
            self.look_outside(&asker.key, now.settings.cell_tiles);
        }
        out.push(asker.done(step.is_ok()));
    }

    fn edit(&mut self, asker: Asker, edit: Edit, now: &Now<'_>, out: &mut Vec<Output>) {
        let (name, action) = match edit {
            Edit::Tile(_) | Edit::Reload(_) | Edit::Reset(_) => {
                self.send_map_edit(asker, edit, now, out);
                return;
            }
            Edit::Spawn { .. } => return self.send_spawn(asker, edit, now, out),
            Edit::Despawn(name) => (name, Action::Despawn),
            Edit::Kick(name) => (name, Action::Kick),
            Edit::Teleport { position, .. } if !movement::is_free(now.ground(), position) => {
                out.push(asker.refuse());
                return;
            }
            Edit::Teleport { name, position } => (name, Action::Teleport(position)),
        };
        self.ask(Ask::new(asker, &name, action), now, out);
    }

    /// A tile is changed by whoever has the region that it is in; whole maps are anybody's.
    fn send_map_edit(&mut self, asker: Asker, edit: Edit, now: &Now<'_>, out: &mut Vec<Output>) {
        let place = match &edit {
            Edit::Tile(tile) => now.ground.place_of_tile(&tile.map, tile.x, tile.y),
            _ => None,
        };
        let region = place.map(|place| RegionId::of(place, now.settings.cell_tiles));
        match region.filter(|region| *region != self.id) {
            Some(region) => {
                let ask = Ask::new(asker, MAP_TARGET, Action::Map(Box::new(edit)));
                out.push(Output::Pass(region, ask));
            }
            None => out.push(Output::Map(asker, edit)),
        }
    }

    /// Sends what is to be spawned to the region where it is to be.
    fn send_spawn(&mut self, asker: Asker, edit: Edit, now: &Now<'_>, out: &mut Vec<Output>) {
        let Some(newcomer) = newcomer(edit, now) else {
            out.push(asker.refuse());
            return;
        };
        let region = RegionId::of(newcomer.state.position, now.settings.cell_tiles);
        let name = newcomer.name.clone();
        let ask = Ask::new(asker, &name, Action::Spawn(Box::new(newcomer)));
        if region == self.id {
            self.ask(ask, now, out);
        } else {
            out.push(Output::Pass(region, ask));
        }
    }

    /// Tells one listener what has just become of an entity, ahead of the answer to what made it so.
    pub(super) fn show(&mut self, key: &str, link: LinkId, out: &mut Vec<Output>) {
        if let Some(resident) = self.residents.get(key) {
            self.publisher.flush(resident, link, out);
        }
    }
}

/// What stands for the target of an edit of a map: no entity can have this name.
const MAP_TARGET: &str = "";

impl Ask {
    pub(super) fn new(asker: Asker, name: &str, action: Action) -> Self {
        Self {
            asker,
            target: name::key(name),
            action,
            hop_count: 0,
        }
    }

    /// What it is in the audit log, if it is an edit.
    pub(super) fn audit(&self) -> Option<Audit> {
        let name = self.target.clone();
        let edit = match &self.action {
            Action::Get(_) | Action::Set { .. } => return None,
            Action::Spawn(newcomer) => Edit::Spawn {
                name: newcomer.name.clone(),
                position: newcomer.state.position,
                attributes: newcomer
                    .state
                    .attributes
                    .iter()
                    .map(|(name, attribute)| (name.clone(), attribute.value.clone()))
                    .collect(),
                behaviour: newcomer.state.behaviour.clone(),
            },
            Action::Despawn => Edit::Despawn(name),
            Action::Teleport(position) => Edit::Teleport {
                name,
                position: *position,
            },
            Action::Kick => Edit::Kick(name),
            Action::Map(edit) => Edit::clone(edit),
        };
        Some(Audit {
            author: self.asker.key.clone(),
            id: self.asker.id,
            edit,
        })
    }
}

/// The longest name of a behaviour, in bytes.
const BEHAVIOUR_BYTES_MAX: usize = 64;

/// What is to be spawned, if nothing speaks against its name, its place, what it does and its attributes. A script may come later than who does what it says.
fn newcomer(edit: Edit, now: &Now<'_>) -> Option<Newcomer> {
    let Edit::Spawn {
        name,
        position,
        attributes,
        behaviour,
    } = edit
    else {
        return None;
    };
    let is_good = name::check(&name).is_ok()
        && movement::is_free(now.ground(), position)
        && behaviour
            .as_ref()
            .is_none_or(|text| text.len() <= BEHAVIOUR_BYTES_MAX && Kind::parse(text).is_ok());
    if !is_good {
        return None;
    }
    let mut state = EntityState {
        behaviour,
        ..EntityState::at(position)
    };
    for (attribute, value) in attributes {
        attributes::put(&mut state, now.settings, &attribute, value, now.ms).ok()?;
    }
    Some(Newcomer { name, state })
}
