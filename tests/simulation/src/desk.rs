//! The way to the database: when a statement is executed, whether at all, and whether anybody hears of it. It does not know what statements mean.

use std::collections::BTreeMap;

use crate::{
    chance::Chance,
    database::{Commit, Database},
    describe,
    mutant::Mutant,
    network::NodeId,
    schedule::{MILLI, Micros, SECOND},
    statement::{Answered, Statement, Unknown},
};

/// One statement on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// How long a client waits for an answer, before it closes the connection and knows nothing.
const DEADLINE: Micros = 5 * SECOND;
/// The longest that a statement may be executed after whoever sent it has given it up.
const LATE_MAX: Micros = 4 * SECOND;

/// What is still to happen to a statement.
#[derive(Debug)]
pub enum Step {
    /// The database executes it.
    Execute(Ticket),
    /// Whoever asked hears.
    Answer(NodeId, Ticket, Answered),
}

/// The desk.
#[derive(Debug)]
pub struct Desk {
    /// The tables.
    pub database: Database,
    statements: BTreeMap<Ticket, Asked>,
    count: u64,
    chance: Chance,
    /// The longest that execution, and the answer after it, usually take.
    delay_max: Micros,
    /// How many statements of a thousand get lost, or executed late, or their answers.
    pub trouble: u64,
    /// Until when they do.
    pub trouble_until: Micros,
    /// Until when the database is down.
    pub down_until: Micros,
    /// Until when processes do not reach it.
    pub cut_off: BTreeMap<NodeId, Micros>,
    /// The longest that anybody has waited for an answer that came.
    pub wait_max: Micros,
}

#[derive(Debug)]
struct Asked {
    node: NodeId,
    statement: Statement,
    sent: Micros,
    is_heard: bool,
}

impl Desk {
    /// A way to empty tables.
    #[must_use]
    pub fn new(mut chance: Chance, mutant: Option<Mutant>) -> Self {
        let delays = [MILLI, 4 * MILLI, 30 * MILLI];
        Self {
            database: Database::new(mutant),
            statements: BTreeMap::new(),
            count: 0,
            delay_max: *chance.pick(&delays).unwrap_or(&MILLI),
            chance,
            trouble: 0,
            trouble_until: 0,
            down_until: 0,
            cut_off: BTreeMap::new(),
            wait_max: 0,
        }
    }

    /// Sends a statement: what will happen to it, and when.
    pub fn submit(
        &mut self,
        node: NodeId,
        statement: Statement,
        now: Micros,
        steps: &mut Vec<(Micros, Step)>,
    ) -> Ticket {
        self.count += 1;
        let ticket = Ticket(self.count);
        let unknown = |at| (at, Step::Answer(node, ticket, Err(Unknown)));
        let delay = self.delay();
        if self.is_down(node, now) {
            steps.push(unknown(now + delay));
            return ticket;
        }
        let is_troubled = now < self.trouble_until && self.chance.per_mille(self.trouble);
        let mut is_heard = true;
        let mut executed_at = Some(now + delay);
        if is_troubled {
            is_heard = false;
            // The connection breaks, or hangs.
            let given_up_at = now
                + match self.chance.below(3) {
                    0 => DEADLINE,
                    _ => self.chance.within(0, 200 * MILLI),
                };
            steps.push(unknown(given_up_at));
            executed_at = match self.chance.below(3) {
                0 => None,
                1 => Some(now + self.delay()),
                _ => Some(given_up_at + self.chance.within(0, LATE_MAX)),
            };
        }
        if let Some(at) = executed_at {
            steps.push((at, Step::Execute(ticket)));
            let asked = Asked {
                node,
                statement,
                sent: now,
                is_heard,
            };
            self.statements.insert(ticket, asked);
        }
        ticket
    }

    /// The time of a statement has come: what it was and came to, for traces, and what follows.
    pub fn execute(
        &mut self,
        ticket: Ticket,
        now: Micros,
        now_ms: u64,
        commits: &mut Vec<Commit>,
        is_traced: bool,
    ) -> Option<(String, Vec<(Micros, Step)>)> {
        let Asked {
            node,
            statement,
            sent,
            is_heard,
        } = self.statements.remove(&ticket)?;
        let mut steps = Vec::new();
        if self.is_down(node, now) {
            // It was on its way when the database went down.
            if is_heard {
                steps.push((now + self.delay(), Step::Answer(node, ticket, Err(Unknown))));
            }
            return Some((format!("{} is lost", statement.name()), steps));
        }
        let wanted = is_traced.then(|| describe::statement(&statement));
        let response = self.database.execute(statement, now_ms, commits);
        let executed = wanted.map_or_else(String::new, |wanted| {
            let hearing = if is_heard { "" } else { "; nobody hears" };
            format!("{wanted} -> {}{hearing}", describe::response(&response))
        });
        if is_heard {
            let at = now + self.delay();
            self.wait_max = self.wait_max.max(at - sent);
            let answered = match self.is_down(node, at) {
                false => Ok(response),
                true => Err(Unknown),
            };
            steps.push((at, Step::Answer(node, ticket, answered)));
        }
        Some((executed, steps))
    }

    fn is_down(&self, node: NodeId, at: Micros) -> bool {
        let until = self.cut_off.get(&node).copied().unwrap_or_default();
        at < self.down_until.max(until)
    }

    fn delay(&mut self) -> Micros {
        let max = match self.chance.below(30) {
            0 => 5 * self.delay_max,
            _ => self.delay_max,
        };
        self.chance.within(100, max)
    }
}
