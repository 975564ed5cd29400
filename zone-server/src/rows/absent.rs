//! Commands about a target that no region of this server has: where to look for it, and what is answered if it is nowhere.
//!
//! A command that was sent before may still be on its way: if it is refused now, that is written down where the earlier attempt finds it.

use store::entities::EntityRow;
use tracing::Span;
use world::{
    applied::Seen,
    region::{Action, Answer, Ask, Asker, HOP_COUNT_MAX, Message},
    region_id::RegionId,
};

use super::decide::{self, Absence, NOBODY_ATTEMPTS, Reader};
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
        Action::Set { .. } => was_undergone(server, &ask, row).await,
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

/// The answer to a change of somebody who is not in the world.
async fn was_undergone(server: &Server, ask: &Ask, row: Option<EntityRow>) -> Message {
    let undergone = match row {
        Some(row) => undergone(server, &ask.asker, row).await,
        None => undergone_by_gone(server, ask).await,
    };
    match undergone {
        Ok(Some(done)) => reply(&ask.asker, Answer::Done(done)),
        Ok(None) => try_again(&ask.asker),
        Err(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a row cannot be read, or a write's outcome is unknown"
            );
            try_again(&ask.asker)
        }
    }
}

/// Whether a row has undergone a change; from now on it knows that it was refused, if not. None: nobody can say yet.
async fn undergone(
    server: &Server,
    asker: &Asker,
    row: EntityRow,
) -> Result<Option<bool>, store::Error> {
    let mut applied = row.applied;
    match applied.seen(&asker.key, asker.id) {
        Seen::Repeat(done) => return Ok(Some(done)),
        Seen::Stale => return Ok(Some(false)),
        Seen::New if asker.attempt == 0 => return Ok(Some(false)),
        Seen::New => {}
    }
    let now_ms = server.clock.now_ms();
    if !applied.has_room(&asker.key, now_ms) {
        return Ok(None);
    }
    applied.record(&asker.key, asker.id, false, now_ms);
    let entities = server.store.entities();
    let is_noted = entities.note_absent(row.key, row.own, applied).await?;
    Ok(is_noted.then_some(false))
}

/// Whether somebody had undergone a change who was despawned since. None: nobody can say yet.
async fn undergone_by_gone(server: &Server, ask: &Ask) -> Result<Option<bool>, store::Error> {
    if ask.asker.attempt == 0 {
        return Ok(Some(false));
    }
    let entities = server.store.entities();
    let Some(gone) = entities.undergone_by_gone(&ask.target).await? else {
        return Ok((ask.asker.attempt > NOBODY_ATTEMPTS).then_some(false));
    };
    // Nobody of that name comes back before every attempt has come.
    let seen = gone.seen(&ask.asker.key, ask.asker.id);
    Ok(Some(seen == Seen::Repeat(true)))
}

/// The answer to an edit that cannot be done now, but may have been. If it was not, it never is.
pub(crate) async fn was_done(server: &Server, asker: &Asker) -> Message {
    let edits = server.store.edits();
    // Whoever is no game master writes nothing into the log.
    let is_done = if asker.attempt > 0 && asker.is_gm {
        edits.refuse(asker.key.clone(), asker.id).await
    } else {
        edits.is_done(&asker.key, asker.id).await
    };
    match is_done {
        Ok(is_done) => reply(asker, Answer::Done(is_done)),
        Err(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "whether an edit was done is unknown"
            );
            try_again(asker)
        }
    }
}

#[cfg(test)]
mod tests {
    use store::{edits, entities::Claim};
    use wire::{Value, command::Change};
    use world::{
        applied::CommandId,
        position::Position,
        region::{Input, LinkId, Outcome, Save, Session},
    };

    use super::*;
    use crate::{
        rows::{adopt, save},
        testing::{Running, bring_in, next, row, send},
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
            giver: None,
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

    fn set(target: &str) -> Ask {
        let set = Action::Set {
            attribute: "gold".to_owned(),
            change: Change::By(Value::Int(1)),
        };
        ask(target, set)
    }

    /// The same command, sent again.
    fn again(ask: &Ask) -> Ask {
        let mut ask = ask.clone();
        ask.asker.attempt += 1;
        ask
    }

    #[tokio::test]
    async fn a_repeat_about_nobody_waits_for_who_may_just_be_spawned() {
        let running = Running::start().await;
        let server = &running.server;
        let mut set = set("nobody");
        let no = |ask: &Ask| reply(&ask.asker, Answer::Done(false));
        assert_eq!(
            answer(server, &set).await,
            no(&set),
            "it was not sent before"
        );
        set.asker.attempt = NOBODY_ATTEMPTS;
        assert_eq!(answer(server, &set).await, try_again(&set.asker));
        set.asker.attempt += 1;
        assert_eq!(answer(server, &set).await, no(&set));
        running.stop().await;
    }

    #[tokio::test]
    async fn a_repeat_is_refused_for_the_first_attempt_as_well() {
        let running = Running::start().await;
        let server = &running.server;
        let before = row(server).await;
        let first = set("anna");
        let no = |ask: &Ask| reply(&ask.asker, Answer::Done(false));
        assert_eq!(answer(server, &first).await, no(&first));
        assert_eq!(row(server).await, before, "nothing else is on its way");
        let second = again(&first);
        for _ in 0..2 {
            assert_eq!(answer(server, &second).await, no(&second));
        }
        let noted = row(server).await;
        assert_eq!(noted.own, before.own + 2, "once");
        assert_eq!((noted.owner, noted.present), (None, false));

        // Anna comes, and then the first attempt.
        let (link, mut queue) = server.links.open();
        bring_in(server, link, &mut queue).await;
        let mut late = first;
        late.asker.session.link = link;
        let told = no(&late);
        send(server, WEST, Input::Ask(late)).await;
        assert_eq!(next(&mut queue).await, Some(told));
        running.stop().await;
    }

    #[tokio::test]
    async fn a_repeated_edit_is_refused_for_the_first_attempt_as_well() {
        let running = Running::start().await;
        let server = &running.server;
        let edits = server.store.edits();
        let kick = ask("anna", Action::Kick);
        let no = |ask: &Ask| reply(&ask.asker, Answer::Done(false));
        assert_eq!(answer(server, &kick).await, no(&kick));
        let mut strangers = again(&kick);
        strangers.asker.is_gm = false;
        assert_eq!(answer(server, &strangers).await, no(&strangers));
        assert_eq!(edits.audit_log(1).await.unwrap(), []);
        let second = again(&kick);
        for _ in 0..2 {
            assert_eq!(answer(server, &second).await, no(&second));
        }
        assert_eq!(edits.audit_log(9).await.unwrap().len(), 1);

        // Anna comes, and then the first attempt.
        let (link, mut queue) = server.links.open();
        bring_in(server, link, &mut queue).await;
        let mut late = kick;
        late.asker.session.link = link;
        let told = no(&late);
        send(server, WEST, Input::Ask(late)).await;
        assert_eq!(next(&mut queue).await, Some(told));
        assert!(row(server).await.present);
        assert_eq!(server.whereabouts.of("anna"), Some(WEST));
        running.stop().await;
    }

    #[tokio::test]
    async fn a_change_is_answered_for_who_was_despawned_since() {
        let running = Running::start().await;
        let server = &running.server;
        let set = set("ox");
        let mut ox = EntityRow {
            key: "ox".to_owned(),
            name: "Ox".to_owned(),
            player: false,
            owner: Some(server.me),
            ..row(server).await
        };
        ox.applied
            .record(&set.asker.key, set.asker.id, true, server.clock.now_ms());
        let log = |counter| edits::Audit {
            author: "gm".to_owned(),
            id: CommandId {
                generation: 2,
                counter,
            },
            command: String::new(),
        };
        let (edits, own) = (server.store.edits(), ox.own);
        edits.spawn(ox, log(1)).await.unwrap();
        let despawned = edits.despawn("ox".to_owned(), server.me, own, log(2)).await;
        assert_eq!(despawned.unwrap(), edits::Outcome::Done(()));
        let second = again(&set);
        let yes = reply(&second.asker, Answer::Done(true));
        assert_eq!(answer(server, &second).await, yes);
        running.stop().await;
    }

    #[tokio::test]
    async fn a_change_is_answered_from_the_row_of_who_has_left_since() {
        let running = Running::start().await;
        let server = &running.server;
        let set = set("anna");
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
