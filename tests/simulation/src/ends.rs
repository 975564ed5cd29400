//! What must be so when things have calmed down: everything is answered, everything present lives where its row says, and every region has one holder.

use gateway::session::End;
use world::region::Reason;

use crate::{
    run::Run,
    schedule::Micros,
    watch::{Reply, Want},
    yard::Yard,
};

impl Run {
    /// Whether a connection may end for that reason.
    pub(crate) fn check_end(&mut self, key: &str, (end, generation): (End, u64), now: Micros) {
        let watch = &mut self.shared.watch;
        let is_right = match end {
            End::Evicted(Reason::TakenOver) => watch
                .sessions
                .values()
                .any(|(other, later)| other == key && *later > generation),
            End::Evicted(Reason::Kicked) => {
                let mut wishes = watch.wishes.iter();
                wishes.any(|wish| matches!(&wish.want, Want::Kick(whom) if whom == key))
            }
            // Its login could not be decided.
            End::OutcomeUnknown => generation == 0,
            End::Gone => false,
        };
        if !is_right {
            watch.broken(now, format!("the connection of {key} is closed: {end:?}"));
        }
    }

    /// What is not as it should be; None: all is well.
    pub(crate) fn unsettled(&self) -> Option<String> {
        self.unanswered()
            .or_else(|| self.unheld())
            .or_else(|| self.unowned())
    }

    fn unanswered(&self) -> Option<String> {
        let watch = &self.shared.watch;
        let waiting = watch
            .wishes
            .iter()
            .find(|wish| wish.reply == Reply::Waiting);
        if let Some(wish) = waiting {
            return Some(format!("{}'s {:?} is not answered", wish.author, wish.want));
        }
        if let Some(player) = self.players.iter().find(|player| !player.is_done) {
            return Some(format!("{} cannot finish", player.key));
        }
        for gateway in self.gateways.values() {
            for (index, id, generation) in gateway.connections() {
                let player = &self.players[index];
                // The login of an older connection may have come last.
                let mut others = watch.sessions.values();
                let is_last = !others.any(|(key, other)| *key == player.key && *other > generation);
                if player.connection != Some((gateway.node, id)) && !is_last {
                    return Some(format!("an older connection of {} is kept", player.key));
                }
            }
        }
        None
    }

    /// A region that has not exactly one holder, who runs it.
    fn unheld(&self) -> Option<String> {
        let database = &self.shared.desk.database;
        for region in Yard::regions() {
            let holder = database.regions.get(&region).and_then(|held| held.holder);
            let running: Vec<_> = self
                .zones
                .values()
                .filter(|zone| zone.all_regions().contains(&region))
                .map(|zone| zone.me)
                .collect();
            let is_held = running.len() == 1 && holder == running.first().copied();
            if !is_held {
                return Some(format!(
                    "{region} is held by {holder:?} and runs on {running:?}"
                ));
            }
        }
        None
    }

    /// An entity that is not where its row says, or in more places.
    fn unowned(&self) -> Option<String> {
        let rows = self.shared.desk.database.rows.values();
        for row in rows {
            let entity = &row.entity;
            let copies: Vec<_> = self
                .zones
                .values()
                .flat_map(|zone| {
                    let regions = zone.all_regions().into_iter();
                    let its = regions.filter(|region| zone.has(*region, &entity.key));
                    its.map(|region| (zone.me, region))
                })
                .collect();
            let expected = match (entity.present && !row.is_gone, entity.owner) {
                (true, Some(owner)) => vec![(owner, entity.region)],
                (true, None) => return Some(format!("{} is present and nobody's", entity.key)),
                (false, _) => Vec::new(),
            };
            // Within a server an entity goes over borders without a word to the database.
            let is_there = copies.len() == expected.len()
                && copies
                    .iter()
                    .zip(&expected)
                    .all(|(copy, row)| copy.0 == row.0);
            if !is_there {
                return Some(format!(
                    "{} lives in {copies:?}, and its row says {expected:?}",
                    entity.key
                ));
            }
        }
        let connected = self
            .players
            .iter()
            .filter(|player| player.connection.is_some());
        let mut absent = connected.filter(|player| {
            let row = self.shared.desk.database.peek(&player.key);
            row.is_none_or(|row| !row.present)
        });
        let absent = absent.next()?;
        Some(format!("{} plays and is not in the world", absent.key))
    }
}
