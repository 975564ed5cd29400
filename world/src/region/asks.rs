//! What is wanted of an entity, by whomever and from wherever: it is looked for, read at once, or written as soon as its row is free.

use wire::Value;

use super::{
    Action, Answer, Ask, Asker, Claimed, HOP_COUNT_MAX, Newcomer, Now, Outcome, Output, Region,
    Resident, WAITING_MAX, creatures::HOME, resident::Waiting,
};
use crate::{
    applied::{Applied, CommandId},
    attributes::{self, By},
    entity::Attribute,
    region_id::RegionId,
};

impl Region {
    pub(super) fn ask(&mut self, ask: Ask, now: &Now<'_>, out: &mut Vec<Output>) {
        if let Action::Spawn(newcomer) = &ask.action {
            return self.spawn(&ask, newcomer, out);
        }
        if let Action::Map(edit) = ask.action {
            out.push(Output::Map(ask.asker, *edit));
            return;
        }
        let Some(resident) = self.residents.get_mut(&ask.target) else {
            return self.pass_on(ask, now, out);
        };
        if let Action::Get(attribute) = &ask.action
            && !resident.is_frozen()
        {
            let value = read(resident, attribute, &ask.asker, now);
            out.push(ask.asker.answer(Answer::Value(value)));
        } else if resident.waiting.len() >= WAITING_MAX {
            out.push(ask.asker.try_again());
        } else {
            let key = ask.target.clone();
            resident.waiting.push_back(Waiting::Ask(ask));
            self.go_on(&key, now, out);
        }
    }

    /// The target is not here.
    fn pass_on(&mut self, ask: Ask, now: &Now<'_>, out: &mut Vec<Output>) {
        match self.elsewhere(&ask.target, now) {
            Some(region) if ask.hop_count < HOP_COUNT_MAX => {
                let hop_count = ask.hop_count + 1;
                out.push(Output::Pass(region, Ask { hop_count, ..ask }));
            }
            Some(_) => out.push(ask.asker.try_again()),
            None => out.push(Output::Absent(ask)),
        }
    }

    /// Another region of this server, where an entity is.
    pub(super) fn elsewhere(&self, key: &str, now: &Now<'_>) -> Option<RegionId> {
        now.around
            .whereabouts(key)
            .filter(|region| *region != self.id)
    }

    /// Whether the name is taken is for SQL to say: it knows a repeat of the same edit from another edit.
    fn spawn(&mut self, ask: &Ask, newcomer: &Newcomer, out: &mut Vec<Output>) {
        let Some(audit) = ask.audit() else { return };
        if self.is_draining || self.spawn_count >= WAITING_MAX {
            out.push(ask.asker.try_again());
            return;
        }
        self.spawn_count += 1;
        let mut state = newcomer.state.clone();
        if state.behaviour.is_some() {
            let home = Attribute::lasting(state.position.to_value());
            state.attributes.entry(HOME.to_owned()).or_insert(home);
        }
        let row = Claimed {
            key: ask.target.clone(),
            name: newcomer.name.clone(),
            is_player: false,
            own: FIRST_OWN,
            generation: 0,
            moved: CommandId::default(),
            applied: Applied::default(),
            state,
        };
        out.push(Output::Spawn(ask.asker.clone(), Box::new(row), audit));
    }

    /// A row has been added, or not.
    pub(super) fn spawned(
        &mut self,
        asker: Asker,
        row: Claimed,
        outcome: Outcome,
        now: &Now<'_>,
        out: &mut Vec<Output>,
    ) {
        self.spawn_count -= 1;
        match outcome {
            Outcome::Done => {
                let key = row.key.clone();
                let resident = Resident::new(row, now.settings, now.ms);
                self.settle(resident, now, out);
                self.show(&key, asker.session.link, out);
                out.push(asker.done(true));
                self.go_on(&key, now, out);
            }
            Outcome::Repeated => out.push(asker.done(true)),
            // The name may be free again when an earlier attempt comes.
            Outcome::Refused => out.push(asker.refuse()),
            Outcome::Denied => out.push(asker.done(false)),
            Outcome::Unknown => {
                let (key, session) = (row.key, None);
                out.push(Output::Recover { key, session });
                out.push(asker.try_again());
            }
        }
    }
}

/// The count of changes of hands of a new row.
const FIRST_OWN: u64 = 1;

/// What an asker is told of an attribute.
pub(super) fn read(resident: &Resident, attribute: &str, asker: &Asker, now: &Now<'_>) -> Value {
    let by = by(resident, asker);
    match attribute {
        "name" => Value::Str(resident.name.clone()),
        "pos" => resident.state.position.to_value(),
        "role" if resident.is_player() && (by.is_self || by.is_gm) => {
            let is_gm = now.game_masters.contains(&resident.key);
            Value::Str(if is_gm { "gm" } else { "player" }.to_owned())
        }
        "role" => Value::None,
        _ => attributes::read(&resident.state, now.settings, attribute, by, now.ms)
            .cloned()
            .unwrap_or(Value::None),
    }
}

/// The asker, as the rules of attributes look at it.
pub(super) fn by(resident: &Resident, asker: &Asker) -> By {
    By {
        is_self: asker.key == resident.key,
        is_gm: asker.is_gm,
        position: asker.position,
    }
}
