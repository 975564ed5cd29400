//! The spans of requests that a region has not answered yet. Only requests whose trace is recorded have one.

use std::collections::BTreeMap;

use tracing::Span;
use world::{
    applied::CommandId,
    region::{LinkId, Message, Session},
};

/// How many unanswered requests are followed in one region. When there are more, the oldest session's spans end before their answers.
const SPANS_MAX: usize = 1_024;

/// Spans by the session and the count of the command.
#[derive(Debug, Default)]
pub(super) struct Spans(BTreeMap<(Session, u64), Span>);

impl Spans {
    /// A request has come.
    pub(super) fn begin(&mut self, session: Session, id: CommandId, span: &Span) {
        if span.is_disabled() {
            return;
        }
        if self.0.len() >= SPANS_MAX {
            self.0.pop_first();
        }
        self.0.insert((session, id.counter), span.clone());
    }

    /// It is answered, or goes on elsewhere.
    pub(super) fn end(&mut self, session: Session, id: CommandId) -> Span {
        self.remove((session, id.counter))
    }

    /// A gateway is told something: perhaps the answer.
    pub(super) fn told(&mut self, link: LinkId, message: &Message) {
        if let Message::Reply {
            session, counter, ..
        }
        | Message::Again {
            session, counter, ..
        }
        | Message::Elsewhere {
            session, counter, ..
        } = message
        {
            let session = Session {
                link,
                number: *session,
            };
            self.remove((session, *counter));
        }
    }

    fn remove(&mut self, name: (Session, u64)) -> Span {
        if self.0.is_empty() {
            return Span::none();
        }
        self.0.remove(&name).unwrap_or_else(Span::none)
    }
}

/// The span of an operation on rows that a request has caused.
pub(super) fn commit_span(request: &Span) -> Span {
    if request.is_disabled() {
        return Span::none();
    }
    tracing::debug_span!(parent: request, "commit")
}
