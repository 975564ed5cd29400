//! Short words for what is told to regions and what they tell.

use wire::{Value, command::Change};

use super::{super::*, yard::*};
use crate::applied::CommandId;

/// A gateway's stream to a server.
pub(super) fn link_of(server: i64) -> LinkId {
    LinkId(server.unsigned_abs())
}

pub(super) fn session(number: u64) -> Session {
    Session { link: LINK, number }
}

pub(super) fn enter(key: &str, number: u64, generation: u64) -> Enter {
    Enter {
        session: session(number),
        key: key.to_owned(),
        generation,
    }
}

pub(super) fn id(generation: u64, counter: u64) -> CommandId {
    CommandId {
        generation,
        counter,
    }
}

pub(super) fn step(dx: f64, dy: f64) -> Body {
    Body::Move { dx, dy }
}

pub(super) fn add_gold(name: &str, by: i64) -> Body {
    Body::Set {
        name: name.to_owned(),
        attribute: "gold".to_owned(),
        change: Change::By(Value::Int(by)),
    }
}

pub(super) fn short(message: &Message) -> String {
    let names = |update: &Update| {
        let changed = update
            .changed
            .iter()
            .map(|shown| format!("{}@{},{}", shown.name, shown.position.x, shown.position.y));
        let departed = update
            .departed
            .iter()
            .map(|departed| format!("-{}", departed.name));
        changed.chain(departed).collect::<Vec<_>>().join(" ")
    };
    match message {
        Message::Entered { session, region } => format!("entered {session} {region}"),
        Message::Reply {
            counter,
            attempt,
            answer,
            ..
        } => match answer {
            Answer::Done(done) => format!("{counter}/{attempt} {done}"),
            Answer::Value(value) => format!("{counter}/{attempt} {value:?}"),
        },
        Message::Elsewhere {
            counter, region, ..
        } => format!(
            "{counter} elsewhere {}",
            region.map_or("?".to_owned(), |region| region.to_string())
        ),
        Message::Again {
            counter, attempt, ..
        } => format!("{counter}/{attempt} again"),
        Message::Moved { session, region } => format!("moved {session} {region}"),
        Message::Released { session, region } => format!("released {session} {region}"),
        Message::Evicted { session, reason } => format!("evicted {session} {reason:?}"),
        Message::Snapshot(update) => format!("snapshot [{}]", names(update)),
        Message::Changes(update) => format!("[{}]", names(update)),
    }
}

/// A yard with one character in it, and a gateway that listens to its region.
pub(super) fn with_anna() -> Yard {
    bring_anna(Yard::new())
}

/// The same, with the east on another server.
pub(super) fn divided_with_anna() -> Yard {
    bring_anna(Yard::divided())
}

fn bring_anna(mut yard: Yard) -> Yard {
    yard.account("anna", 6.5, 2.5);
    yard.give(region(0, 0), Input::Subscribe(LINK));
    yard.enter("anna", 1, 1);
    yard.pass_time(TICK_MS);
    yard.told.clear();
    yard
}
