//! Statements, answers and messages in a few words, for traces.

use gateway::zone_message::ToZone;
use store::entities::EntityRow;
use world::region::{Ask, Message};

use crate::statement::{Response, Statement};

/// A statement.
pub(crate) fn statement(statement: &Statement) -> String {
    match statement {
        Statement::Peek(key) => format!("peek {key}"),
        Statement::Claim(claim) => format!(
            "claim {} by {} at own {} for generation {:?}",
            claim.key, claim.me, claim.seen, claim.enter
        ),
        Statement::Save(save, audit) => format!(
            "{} {} by {} at own {} in {}{} generation {} moved {}.{} at ({}, {}){}",
            statement.name(),
            save.key,
            save.owner,
            save.own,
            save.region,
            if save.present { "" } else { " absent" },
            save.generation,
            save.moved.generation,
            save.moved.counter,
            save.state.position.x,
            save.state.position.y,
            audit
                .as_ref()
                .map_or(String::new(), |audit| format!(" for {audit:?}"))
        ),
        Statement::Spawn(row, audit) => format!("spawn {} for {audit:?}", row.key),
        Statement::Orphans(..) | Statement::Holdings | Statement::Live | Statement::Owned(_) => {
            statement.name().to_owned()
        }
        other => format!("{other:?}"),
    }
}

/// An answer.
pub(crate) fn response(response: &Response) -> String {
    match response {
        Response::Row(Some(row)) => row_of(row),
        Response::Holdings(holdings) => holdings
            .iter()
            .map(|held| {
                let holder = held
                    .holder
                    .map_or("nobody".to_owned(), |holder| holder.to_string());
                format!("{} {holder} {}", held.region, held.epoch)
            })
            .collect::<Vec<_>>()
            .join(", "),
        Response::Live(live) => live
            .iter()
            .map(|server| format!("{} {}", server.address, server.incarnation))
            .collect::<Vec<_>>()
            .join(", "),
        Response::Orphans(rows) => rows
            .iter()
            .map(|row| format!("{} own {} in {}", row.key, row.own, row.region))
            .collect::<Vec<_>>()
            .join(", "),
        other => format!("{other:?}"),
    }
}

fn row_of(row: &EntityRow) -> String {
    format!(
        "{} of {} own {} in {}{} generation {} moved {}.{}",
        row.key,
        row.owner
            .map_or("nobody".to_owned(), |owner| owner.to_string()),
        row.own,
        row.region,
        if row.present { "" } else { " absent" },
        row.generation,
        row.moved.generation,
        row.moved.counter
    )
}

/// What a zone server says to a gateway.
pub(crate) fn message(message: &Message) -> String {
    match message {
        Message::Entered { session, region } => format!("entered in {region}, to {session}"),
        Message::Reply {
            session,
            counter,
            attempt,
            kind,
            answer,
        } => format!("{kind} {counter}/{attempt} of {session}: {answer:?}"),
        Message::Elsewhere {
            session,
            counter,
            attempt,
            region,
        } => match region {
            Some(region) => format!("{counter}/{attempt} of {session}: elsewhere, in {region}"),
            None => format!("{counter}/{attempt} of {session}: elsewhere"),
        },
        Message::Again {
            session,
            counter,
            attempt,
        } => format!("{counter}/{attempt} of {session}: again"),
        Message::Moved { session, region } => format!("moved to {region}, to {session}"),
        Message::Released { session, region } => format!("released for {region}, to {session}"),
        Message::Evicted { session, reason } => format!("evicted, to {session}: {reason:?}"),
        Message::Snapshot(_) | Message::Changes(_) => "news".to_owned(),
    }
}

/// What a gateway says to a zone server.
pub(crate) fn to_zone(said: &ToZone) -> String {
    match said {
        ToZone::Enter {
            character, region, ..
        } => format!(
            "enter {} generation {} in {region}, by {}",
            character.key, character.generation, character.number
        ),
        ToZone::Leave { character, region } => {
            format!(
                "leave {} in {region}, by {}",
                character.key, character.number
            )
        }
        ToZone::Command(command) => format!(
            "{:?} {}/{} of {} generation {} in {}, by {}",
            command.body,
            command.counter,
            command.attempt,
            command.character.key,
            command.character.generation,
            command.region,
            command.character.number
        ),
        ToZone::Subscribe(region) => format!("subscribe {region}"),
        ToZone::Unsubscribe(region) => format!("unsubscribe {region}"),
    }
}

/// A command on its way to its target.
pub(crate) fn ask(ask: &Ask) -> String {
    format!(
        "{:?} on {} {}/{} of {} generation {} hop {}",
        ask.action,
        ask.target,
        ask.asker.id.counter,
        ask.asker.attempt,
        ask.asker.key,
        ask.asker.id.generation,
        ask.hop_count
    )
}
