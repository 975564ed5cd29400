//! The row protocol: how a region's wishes become operations on rows, and what their outcomes mean. It does not know when a region wishes what.

use store::{
    edits,
    entities::{Claim, EntityRow, Saved},
};
use world::{
    applied::Seen,
    region::{
        Action, Answer, Ask, Asker, Audit, ClaimOutcome, Claimed, Enter, Message, Outcome, Save,
    },
    region_id::RegionId,
};

use crate::{
    answer::{reply, try_again},
    audit,
    server::Server,
};

/// Claims a character's row for a session that enters in a region.
pub(crate) async fn enter(server: &Server, enter: &Enter, here: RegionId) -> ClaimOutcome {
    let row = match server.store.entities().peek(&enter.key).await {
        Ok(Some(row)) => row,
        Ok(None) => return ClaimOutcome::Failed,
        Err(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a row cannot be read"
            );
            return ClaimOutcome::Failed;
        }
    };
    if row.owner == Some(server.me) {
        // Another region has it, or a release or a recovery is under way, which may come back with this very session.
        let elsewhere = server.whereabouts.of(&enter.key);
        return elsewhere
            .filter(|region| *region != here)
            .map_or(ClaimOutcome::Failed, ClaimOutcome::Elsewhere);
    }
    if row.generation > enter.generation {
        return ClaimOutcome::Superseded;
    }
    let home = server.scene.load().home(row.region);
    if home != here {
        return ClaimOutcome::Elsewhere(home);
    }
    let claim = Claim {
        key: row.key,
        seen: row.own,
        me: server.me,
        enter: Some(enter.generation),
    };
    match server.store.entities().claim(claim).await {
        Ok(Some(row)) => ClaimOutcome::Claimed(Box::new(claimed(row))),
        Ok(None) => ClaimOutcome::Failed,
        Err(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a claim's outcome is unknown"
            );
            server.doubt_rows();
            ClaimOutcome::Failed
        }
    }
}

/// Claims a row as it was seen, for nobody's session. None: it has changed since, or nobody knows.
pub(crate) async fn adopt(server: &Server, key: String, seen: u64) -> Option<Claimed> {
    let claim = Claim {
        key,
        seen,
        me: server.me,
        enter: None,
    };
    match server.store.entities().claim(claim).await {
        Ok(row) => row.map(claimed),
        Err(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a claim's outcome is unknown"
            );
            server.doubt_rows();
            None
        }
    }
}

/// Writes a row, or releases it.
pub(crate) async fn save(server: &Server, save: Save) -> Outcome {
    let log = save.audit.as_ref().map(audit::line);
    let save = store::entities::Save {
        key: save.key,
        owner: server.me,
        own: save.own,
        region: save.region,
        present: save.present,
        generation: save.generation,
        moved: save.moved,
        applied: save.applied,
        state: save.state,
        release: save.release,
    };
    match log {
        Some(log) => edited(server.store.edits().save(save, log).await),
        None => match server.store.entities().save(save).await {
            Ok(Saved::Committed) => Outcome::Done,
            Ok(Saved::Fenced) => Outcome::Refused,
            Err(error) => unknown(&error),
        },
    }
}

/// Adds the row of what a game master has placed.
pub(crate) async fn spawn(server: &Server, row: Claimed, log: &Audit) -> Outcome {
    let cell_tiles = server.scene.load().terrain.cell_tiles();
    let row = EntityRow {
        region: RegionId::of(row.state.position, cell_tiles),
        key: row.key,
        name: row.name,
        player: row.is_player,
        present: true,
        owner: Some(server.me),
        own: row.own,
        generation: row.generation,
        moved: row.moved,
        applied: row.applied,
        state: row.state,
    };
    edited(server.store.edits().spawn(row, audit::line(log)).await)
}

/// Removes the row of what a game master has placed.
pub(crate) async fn despawn(server: &Server, key: String, own: u64, log: &Audit) -> Outcome {
    let edits = server.store.edits();
    edited(edits.despawn(key, server.me, own, audit::line(log)).await)
}

/// Logs an edit of what has no row.
pub(crate) async fn note(server: &Server, log: &Audit) -> Outcome {
    edited(server.store.edits().note(audit::line(log)).await)
}

/// What is answered about a target that no region of this server has.
pub(crate) async fn absent(server: &Server, ask: &Ask) -> Message {
    match server.store.entities().peek(&ask.target).await {
        // It is on its way to one, or between two.
        Ok(Some(row)) if row.present => try_again(&ask.asker),
        Ok(row) => match ask.action {
            Action::Get(_) => reply(&ask.asker, Answer::Value(wire::Value::None)),
            // It may have undergone this very command before it left.
            Action::Set { .. } => {
                let seen = row.map(|row| row.applied.seen(&ask.asker.key, ask.asker.id));
                let done = matches!(seen, Some(Seen::Repeat(true)));
                reply(&ask.asker, Answer::Done(done))
            }
            // It may be absent because this very edit has come before.
            Action::Spawn(_)
            | Action::Despawn
            | Action::Teleport(_)
            | Action::Kick
            | Action::Map(_) => was_done(server, &ask.asker).await,
        },
        Err(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a row cannot be read"
            );
            try_again(&ask.asker)
        }
    }
}

/// The answer to an edit that cannot be done now, but may have been.
pub(crate) async fn was_done(server: &Server, asker: &Asker) -> Message {
    let edits = server.store.edits();
    match edits.is_done(&asker.key, asker.id).await {
        Ok(is_done) => reply(asker, Answer::Done(is_done)),
        Err(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the audit log cannot be read"
            );
            try_again(asker)
        }
    }
}

fn edited(outcome: Result<edits::Outcome<()>, store::Error>) -> Outcome {
    match outcome {
        Ok(edits::Outcome::Done(())) => Outcome::Done,
        Ok(edits::Outcome::Repeated) => Outcome::Repeated,
        Ok(edits::Outcome::Refused) => Outcome::Refused,
        Err(error) => unknown(&error),
    }
}

fn unknown(error: &store::Error) -> Outcome {
    tracing::warn!(
        error = error as &dyn std::error::Error,
        "a write's outcome is unknown"
    );
    Outcome::Unknown
}

/// A row of ours, as regions know rows.
pub(crate) fn claimed(row: EntityRow) -> Claimed {
    Claimed {
        key: row.key,
        name: row.name,
        is_player: row.player,
        own: row.own,
        generation: row.generation,
        moved: row.moved,
        applied: row.applied,
        state: row.state,
    }
}

#[cfg(test)]
mod tests {
    use wire::{Value, command::Change};
    use world::{
        applied::CommandId,
        position::Position,
        region::{LinkId, Session},
    };

    use super::*;
    use crate::{
        testing::{Running, row},
        yard::WEST,
    };

    fn ask(target: &str, action: Action) -> Ask {
        let asker = Asker {
            session: Session {
                link: LinkId(1),
                number: 7,
            },
            key: "gm".to_owned(),
            id: CommandId {
                generation: 1,
                counter: 3,
            },
            attempt: 0,
            kind: "get",
            is_gm: true,
            position: Position {
                x: 0.0,
                y: 0.0,
                z: 0,
            },
        };
        Ask {
            asker,
            target: target.to_owned(),
            action,
            hop_count: 0,
        }
    }

    #[tokio::test]
    async fn who_is_on_the_way_is_not_absent() {
        let running = Running::start().await;
        let server = &running.server;
        let get = ask("anna", Action::Get("pos".to_owned()));
        let nothing = reply(&get.asker, Answer::Value(wire::Value::None));
        assert_eq!(absent(server, &get).await, nothing);
        let kick = ask("anna", Action::Kick);
        let no = reply(&kick.asker, Answer::Done(false));
        assert_eq!(absent(server, &kick).await, no);

        let claim = Claim {
            key: "anna".to_owned(),
            seen: row(server).await.own,
            me: server.me,
            enter: Some(1),
        };
        server.store.entities().claim(claim).await.unwrap().unwrap();
        for ask in [get, kick] {
            assert_eq!(absent(server, &ask).await, try_again(&ask.asker));
        }
        running.stop().await;
    }

    #[tokio::test]
    async fn a_change_is_answered_from_the_row_of_who_has_left_since() {
        let running = Running::start().await;
        let server = &running.server;
        let set = Action::Set {
            attribute: "gold".to_owned(),
            change: Change::By(Value::Int(1)),
        };
        let set = ask("anna", set);
        let answer = |done| reply(&set.asker, Answer::Done(done));
        assert_eq!(absent(server, &set).await, answer(false));

        let seen = row(server).await.own;
        let claimed = adopt(server, "anna".to_owned(), seen).await.unwrap();
        let mut applied = claimed.applied;
        applied.record(&set.asker.key, set.asker.id, true, server.clock.now_ms());
        let left = Save {
            key: claimed.key,
            own: claimed.own,
            region: WEST,
            present: false,
            generation: claimed.generation,
            moved: claimed.moved,
            applied,
            state: claimed.state,
            release: true,
            audit: None,
        };
        assert_eq!(save(server, left).await, Outcome::Done);
        assert_eq!(absent(server, &set).await, answer(true));
        running.stop().await;
    }
}
