//! Commands about a target that no region of this server has: where to look for it, and what is answered if it is nowhere.

use tracing::Span;
use world::{
    applied::Seen,
    region::{Action, Answer, Ask, Asker, HOP_COUNT_MAX, Message},
    region_id::RegionId,
};

use super::decide::{self, Absence, Reader};
use crate::{
    answer::{reply, try_again},
    server::Server,
};

/// After how many regions a command is led by rows alone: two servers that each take the other's old news for true would pass it to and fro.
const GHOST_HOPS_MAX: u8 = HOP_COUNT_MAX / 2;

/// A target that no region of this server has: another server is asked for it, or this is the answer.
pub(crate) async fn absent(server: &Server, ask: Ask, span: &Span) -> Option<Message> {
    // Whom a peer shows near a border of ours. If it has gone since, the peer passes the command on.
    if ask.hop_count <= GHOST_HOPS_MAX
        && let Some(region) = server.peers.ghost(&ask.target)
    {
        return pass(server, region, ask, span);
    }
    // Whom the content puts into the world has no row. If it was taken elsewhere, it is looked for no further.
    let home = server.scene.load().creature_home(&ask.target);
    if let Some(home) = home.filter(|home| !server.regions.is_open(*home)) {
        return pass(server, home, ask, span);
    }
    let row = match server.store.entities().peek(&ask.target).await {
        Ok(row) => row,
        Err(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a row cannot be read"
            );
            return Some(try_again(&ask.asker));
        }
    };
    if let Some(row) = &row {
        let home = server.scene.load().home(row.region);
        let reader = Reader {
            me: server.me,
            home,
            is_home_here: server.regions.is_open(home),
            // Whoever owns it: the holder of its region is the one to ask.
            has_other_owner: false,
            whereabouts: None,
        };
        match decide::absent(row, &reader) {
            Absence::Away(region) => return pass(server, region, ask, span),
            Absence::Between => return Some(try_again(&ask.asker)),
            Absence::Gone => {}
        }
    }
    Some(match ask.action {
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
    })
}

/// Passes a command on to another server, which answers. Otherwise the gateway sends it again.
fn pass(server: &Server, region: RegionId, ask: Ask, span: &Span) -> Option<Message> {
    let passed = server.peers.pass(region, ask, span);
    passed.err().map(|ask| try_again(&ask.asker))
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

#[cfg(test)]
mod tests {
    use store::entities::Claim;
    use wire::{Value, command::Change};
    use world::{
        applied::CommandId,
        position::Position,
        region::{LinkId, Outcome, Save, Session},
    };

    use super::*;
    use crate::{
        rows::{adopt, save},
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

    async fn answer(server: &Server, ask: &Ask) -> Message {
        absent(server, ask.clone(), &Span::none()).await.unwrap()
    }

    #[tokio::test]
    async fn who_is_on_the_way_is_not_absent() {
        let running = Running::start().await;
        let server = &running.server;
        let get = ask("anna", Action::Get("pos".to_owned()));
        let nothing = reply(&get.asker, Answer::Value(wire::Value::None));
        assert_eq!(answer(server, &get).await, nothing);
        let kick = ask("anna", Action::Kick);
        let no = reply(&kick.asker, Answer::Done(false));
        assert_eq!(answer(server, &kick).await, no);

        let claim = Claim {
            key: "anna".to_owned(),
            seen: row(server).await.own,
            me: server.me,
            enter: Some(1),
        };
        server.store.entities().claim(claim).await.unwrap().unwrap();
        for ask in [get, kick] {
            assert_eq!(answer(server, &ask).await, try_again(&ask.asker));
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
        let done = |done| reply(&set.asker, Answer::Done(done));
        assert_eq!(answer(server, &set).await, done(false));

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
        assert_eq!(answer(server, &set).await, done(true));
        running.stop().await;
    }
}
