//! An entity that a script moves: the script's words in those of the scheduler. It does not know Lua.

use std::sync::Arc;

use super::{
    fault::{Fault, Ledger},
    herd::{Failure, Member, Wanted},
    limits::{STOPPED_COUNT_MAX, TICK_STEPS},
    set::{Hash, Script},
};
use crate::{
    behaviours::{Behaviour, Body},
    scheduler::{FOREVER, Priority, Step},
};

/// A behaviour that is a script. It may be resumed before it has asked to be, as it is when something has happened to its entity: its handlers run then, and the rest of it
/// sleeps on.
pub struct Scripted {
    hash: Hash,
    /// None: it is no more.
    member: Option<Member>,
    ledger: Arc<Ledger>,
    /// The tick before which it has to wait, for it has taken more than its share.
    rests_until: u64,
}

impl Scripted {
    pub(super) fn new(member: Member, ledger: Arc<Ledger>) -> Self {
        Self {
            hash: member.script().hash(),
            member: Some(member),
            ledger,
            rests_until: 0,
        }
    }

    /// Which script it is. Once another is published under its name, it is to be made anew.
    #[must_use]
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// Lets it go on, if it may: what it wants next.
    fn go_on(member: &Member, ledger: &Ledger, body: &mut dyn Body) -> Result<Wanted, Failure> {
        if ledger.is_refused(member.script().hash()) {
            return Err(Failure::refused());
        }
        member.resume(body)
    }
}

impl Behaviour for Scripted {
    fn resume(&mut self, body: &mut dyn Body) -> Step {
        let tick = body.tick();
        if tick < self.rests_until {
            return Step::Sleep(self.rests_until);
        }
        let Some(member) = &self.member else {
            return Step::End;
        };
        let wanted = Self::go_on(member, &self.ledger, body);
        let steps = member.steps_taken();
        if steps > TICK_STEPS {
            self.rests_until = tick.saturating_add(u64::from(steps.div_ceil(TICK_STEPS)));
        }
        let step = match wanted {
            Ok(Wanted::Yield(priority)) => Step::Yield(self::priority(priority)),
            Ok(Wanted::Sleep(until)) => Step::Sleep(self::tick(until)),
            Ok(Wanted::End) => Step::End,
            Err(failure) => {
                self.ledger.fail(member.script(), body.name(), failure);
                Step::End
            }
        };
        match step {
            Step::End => self.member = None,
            Step::Yield(_) if self.rests_until > tick => return Step::Sleep(self.rests_until),
            Step::Sleep(until) => return Step::Sleep(until.max(self.rests_until)),
            Step::Yield(_) => {}
        }
        step
    }
}

impl Failure {
    /// Its script is not let go on any more.
    pub(super) fn refused() -> Self {
        let text = format!(
            "the script took too much {STOPPED_COUNT_MAX} times here (STOPPED_COUNT_MAX), and is not run any more until there is a new version of it"
        );
        Self {
            wrong: (None, text),
            is_greed: false,
        }
    }
}

impl From<super::compile::Wrong> for Failure {
    fn from(wrong: super::compile::Wrong) -> Self {
        Self {
            wrong,
            is_greed: false,
        }
    }
}

impl Ledger {
    /// Writes down what became of an entity's script.
    pub(super) fn fail(&self, script: &Script, entity: &str, failure: Failure) {
        if failure.is_greed {
            self.count_stopped(script.hash());
        }
        let (line, text) = failure.wrong;
        self.add(Fault {
            entity: entity.to_owned(),
            file: script.file().to_owned(),
            line,
            text,
        });
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, and NaN becomes 0"
)]
fn priority(number: f64) -> Priority {
    Priority(number as u16)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, and NaN becomes 0"
)]
fn tick(number: f64) -> u64 {
    if number.is_finite() {
        number as u64
    } else {
        FOREVER
    }
}
