//! How creatures end, and what they leave behind: who has no `hp` left dies and drops what its template says; what has an `item` is picked up by whoever
//! sets its `taken`.

use wire::{Value, command::Change};

use super::{
    super::{
        Action, Ask, Asker, Creature, Now, Output, Region, Resident, TICK_MS, resident::Waiting,
    },
    asker,
};
use crate::{behaviours::Event, name, position::Position};

/// How long what was dropped lies there, in milliseconds.
pub(super) const LOOT_MS: u64 = 120_000;
/// How many things one creature drops at most.
const DROPS_MAX: usize = 16;

/// Where somebody has ended, and the templates of what it leaves there.
pub(in crate::region) type Loot = Option<(Position, Vec<String>)>;

impl Region {
    /// Others have changed an entity.
    pub(in crate::region) fn heed(
        &mut self,
        key: &str,
        events: Vec<Event>,
        now: &Now<'_>,
        out: &mut Vec<Output>,
    ) {
        for mut event in events {
            if let Event::Set { by, .. } | Event::Hit { by, .. } = &mut event {
                *by = self.called(by, key, now);
            }
            if let Event::Set {
                by,
                attribute,
                value: Value::Bool(true),
            } = &event
                && attribute == "taken"
                && self.pick_up(key, by, now, out)
            {
                return;
            }
            self.happen(key, event);
        }
        if !self.is_dead(key, now) {
            return;
        }
        if self.residents.get(key).is_some_and(Resident::is_creature) {
            let loot = self.loot_of(key, now);
            self.die(key, now, out);
            self.scatter(loot, now, out);
        } else {
            self.end_placed(key);
        }
    }

    /// Whoever has no `hp` left dies, if a game master has put it here: its death may have been written, and not its end.
    pub(in crate::region) fn end_if_dead(&mut self, key: &str, now: &Now<'_>) {
        let resident = self.residents.get(key);
        if resident.is_some_and(|one| !one.is_creature()) && self.is_dead(key, now) {
            self.end_placed(key);
        }
    }

    /// Whether an entity that is no player has no `hp` left.
    fn is_dead(&self, key: &str, now: &Now<'_>) -> bool {
        let resident = self.residents.get(key).filter(|one| !one.is_player());
        let hp = resident.and_then(|one| one.state.attribute("hp", now.ms)?.as_f64());
        hp.is_some_and(|hp| hp <= 0.0)
    }

    /// Whom a game master has placed has a row, and is dead when that is gone: it despawns itself, as the audit log says.
    fn end_placed(&mut self, key: &str) {
        let id = self.next_id();
        let Some(resident) = self.residents.get_mut(key) else {
            return;
        };
        let author = Asker {
            id,
            ..asker(resident)
        };
        let end = Ask::new(author, key, Action::Despawn);
        resident.waiting.push_front(Waiting::Ask(end));
    }

    /// What somebody is called who has done something to an entity: it is as that that whoever looks round sees it.
    fn called(&self, by: &str, to: &str, now: &Now<'_>) -> String {
        if let Some(here) = self.residents.get(by) {
            return here.name.clone();
        }
        let Some(place) = self.residents.get(to).map(|one| one.state.position) else {
            return by.to_owned();
        };
        let (radius, cell_tiles) = (now.settings.view_distance, now.settings.cell_tiles);
        let mut seen = now
            .neighbours
            .look(self.id, place, radius, cell_tiles)
            .into_iter();
        let seen = seen.find(|seen| name::key(&seen.name) == by);
        seen.map_or_else(|| by.to_owned(), |seen| seen.name)
    }

    /// What somebody leaves behind who is about to end, and where: who is dead, what its template says.
    pub(in crate::region) fn loot_of(&self, key: &str, now: &Now<'_>) -> Loot {
        let resident = self.residents.get(key).filter(|_| self.is_dead(key, now));
        resident.map(|one| (one.state.position, drops_of(one, now)))
    }

    pub(in crate::region) fn scatter(&mut self, loot: Loot, now: &Now<'_>, out: &mut Vec<Output>) {
        let Some((place, templates)) = loot else {
            return;
        };
        for template in templates {
            if let Some(creature) = self.creature_of(&template, place, now.settings) {
                let due_ms = now.ms.saturating_add(LOOT_MS);
                self.life.decays.insert((due_ms, name::key(&creature.name)));
                self.bear(creature, now, out);
            }
        }
    }

    /// What lies there becomes somebody's. Whether it is there to be picked up.
    fn pick_up(&mut self, key: &str, by: &str, now: &Now<'_>, out: &mut Vec<Output>) -> bool {
        let Some(loot) = self.residents.get(key).filter(|one| one.is_creature()) else {
            return false;
        };
        let Some(Value::Str(item)) = loot.state.attribute("item", now.ms).cloned() else {
            return false;
        };
        let amount = loot.state.attribute("amount", now.ms).cloned();
        let action = Action::Set {
            attribute: item,
            change: Change::By(amount.unwrap_or(Value::Int(1))),
        };
        let from = asker(loot);
        self.die(key, now, out);
        self.give(from, by, action, None, now, out);
        true
    }

    /// Takes away what nobody has picked up.
    pub(in crate::region) fn decay(&mut self, now: &Now<'_>, out: &mut Vec<Output>) {
        while let Some((due_ms, _)) = self.life.decays.first()
            && *due_ms <= now.ms
            && let Some((_, key)) = self.life.decays.pop_first()
        {
            if self.residents.get(&key).is_some_and(Resident::is_creature) {
                self.die(&key, now, out);
            } else {
                // Wherever it is: what says that it lives and is not counted is ended there.
                self.count_no_longer(&key, out);
            }
        }
    }

    /// When something is to be taken away.
    pub(in crate::region) fn decay_at_ms(&self) -> Option<u64> {
        let (due_ms, _) = self.life.decays.first()?;
        Some(due_ms.next_multiple_of(TICK_MS))
    }

    /// A new creature of a template; None: there is no such template.
    pub(super) fn creature_of(
        &mut self,
        template: &str,
        position: Position,
        settings: &crate::settings::Settings,
    ) -> Option<Creature> {
        let mut attributes = settings.templates.get(template)?.clone();
        self.life.birth_count += 1;
        let epoch = self.publisher.epoch();
        let name = format!("{template}#{}.{epoch:x}.{}", self.id, self.life.birth_count);
        let visual = || Value::Str(template.to_owned());
        attributes.entry("visual".to_owned()).or_insert_with(visual);
        let behaviour = match attributes.remove("behaviour") {
            Some(Value::Str(behaviour)) => Some(behaviour),
            _ => None,
        };
        Some(Creature {
            name,
            position,
            attributes,
            behaviour,
            respawn: None,
        })
    }
}

/// The templates of what somebody drops: the attribute `drops`, one name or a list of names.
fn drops_of(resident: &Resident, now: &Now<'_>) -> Vec<String> {
    let drops: &[Value] = match resident.state.attribute("drops", now.ms) {
        Some(one @ Value::Str(_)) => std::slice::from_ref(one),
        Some(Value::List(many) | Value::Tuple(many)) => many,
        _ => &[],
    };
    let names = drops.iter().filter_map(|drop| match drop {
        Value::Str(name) => Some(name.clone()),
        _ => None,
    });
    names.take(DROPS_MAX).collect()
}
