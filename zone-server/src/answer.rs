//! Answers to commands that are given outside of a region: by the ground, or after a look into SQL.

use world::region::{Answer, Asker, Message, Session};

/// The answer itself.
pub(crate) fn reply(asker: &Asker, answer: Answer) -> Message {
    Message::Reply {
        session: asker.session.number,
        counter: asker.id.counter,
        attempt: asker.attempt,
        kind: asker.kind,
        answer,
    }
}

/// Nothing was done, or nobody knows: the gateway asks again.
pub(crate) fn try_again(asker: &Asker) -> Message {
    Message::Again {
        session: asker.session.number,
        counter: asker.id.counter,
        attempt: asker.attempt,
    }
}

/// The session cannot speak for its character here.
pub(crate) fn enter_again(session: Session) -> Message {
    elsewhere(session, 0, 0)
}

/// [`Message::Elsewhere`] that does not say where.
pub(crate) fn elsewhere(session: Session, counter: u64, attempt: u32) -> Message {
    Message::Elsewhere {
        session: session.number,
        counter,
        attempt,
        region: None,
    }
}
