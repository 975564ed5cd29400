//! A gateway, as far as regions can tell: it enters where SQL says a character is, sends again what is unanswered, and notes what was answered.

use std::collections::{BTreeMap, BTreeSet};

use super::{super::*, yard::*};

pub(super) const PLAYERS: [&str; 3] = ["anna", "bert", "carl"];
/// How many commands of a session are unanswered at a time.
const PIPELINE_MAX: usize = 6;

/// A session whose client is there.
#[derive(Debug)]
pub(super) struct Client {
    who: usize,
    generation: u64,
    /// Whose stream it speaks by.
    server: i64,
    region: RegionId,
    /// Whether it speaks for its character, as far as is known.
    is_in: bool,
    /// Where else it has entered: somebody there may believe that it still speaks by that stream.
    visited: BTreeSet<At>,
    counter: u64,
    unanswered: Vec<Sent>,
    last_move: u64,
}

impl Client {
    fn entrance(&self, number: u64) -> Enter {
        Enter {
            session: Session {
                link: link_of(self.server),
                number,
            },
            key: PLAYERS[self.who].to_owned(),
            generation: self.generation,
        }
    }
}

#[derive(Debug, Clone)]
struct Sent {
    counter: u64,
    attempt: u32,
    body: Body,
}

/// What is known of the players.
#[derive(Debug, Default)]
pub(super) struct Gateway {
    generations: [u64; 3],
    pub(super) clients: BTreeMap<u64, Client>,
    /// Streams by which a session was told to go on: no step of it is answered there before it has come back.
    silent: BTreeSet<(LinkId, u64)>,
    /// What was answered True, by the target: what each row must have.
    pub(super) gold: [i64; 3],
    /// What may or may not be there: nobody was left to hear.
    pub(super) open_gold: [Vec<i64>; 3],
    /// How far each has walked, by what was answered.
    pub(super) walked: [(f64, f64); 3],
    /// Whether nobody can say where a character is: its session ended with steps unanswered.
    pub(super) is_lost: [bool; 3],
    /// Edits that were answered True.
    pub(super) edits: Vec<(String, u64, u64)>,
    /// What must not be.
    pub(super) breaches: Vec<String>,
}

impl Gateway {
    fn number(&self, who: usize) -> u64 {
        who as u64 + 3 * self.generations[who]
    }

    /// The sessions of a character whose clients are there, the earliest first.
    pub(super) fn sessions_of(&self, who: usize) -> Vec<u64> {
        let numbers = self.clients.iter();
        numbers
            .filter(|(_, client)| client.who == who)
            .map(|(number, _)| *number)
            .collect()
    }

    /// A later login, which enters where the character is.
    pub(super) fn log_in(&mut self, who: usize, yard: &mut Yard) {
        self.generations[who] += 1;
        let number = self.number(who);
        let client = Client {
            who,
            generation: self.generations[who],
            server: 0,
            region: region(0, 0),
            is_in: false,
            visited: BTreeSet::new(),
            counter: 0,
            unanswered: Vec::new(),
            last_move: 0,
        };
        self.clients.insert(number, client);
        self.enter(number, None, yard);
    }

    /// Where a session enters is what it was told, or else what SQL says.
    fn enter(&mut self, number: u64, told: Option<RegionId>, yard: &mut Yard) {
        let Some(client) = self.clients.get_mut(&number) else {
            return;
        };
        let region = told.unwrap_or(yard.row(PLAYERS[client.who]).region);
        let at = (yard.holders[&region], region);
        (client.server, client.region) = at;
        client.visited.insert(at);
        client.is_in = false;
        let enter = client.entrance(number);
        yard.give_at(at, Input::Enter(enter));
    }

    /// The earliest client of a character goes.
    pub(super) fn leave(&mut self, who: usize, yard: &mut Yard) {
        let Some(number) = self.sessions_of(who).pop() else {
            return;
        };
        let Some(mut client) = self.forget(number) else {
            return;
        };
        for (server, region) in client.visited.clone() {
            (client.server, client.region) = (server, region);
            leave_at(client.entrance(number), (server, region), yard);
        }
    }

    /// Nobody hears any more what becomes of a session's commands.
    fn forget(&mut self, number: u64) -> Option<Client> {
        let client = self.clients.remove(&number)?;
        for sent in &client.unanswered {
            match gold_in(&sent.body) {
                Some((whom, by)) => self.open_gold[whom].push(by),
                None => self.is_lost[client.who] = true,
            }
        }
        Some(client)
    }

    /// A client wants something. There is at most one durable command unanswered.
    pub(super) fn want(&mut self, who: usize, body: Body, yard: &mut Yard) {
        let Some(number) = self.sessions_of(who).pop() else {
            return;
        };
        let Some(client) = self.clients.get_mut(&number) else {
            return;
        };
        let is_durable = |body: &Body| !matches!(body, Body::Move { .. });
        let is_busy = client.unanswered.iter().any(|sent| is_durable(&sent.body));
        if client.unanswered.len() >= PIPELINE_MAX || is_busy && is_durable(&body) {
            return;
        }
        client.counter += 1;
        let sent = Sent {
            counter: client.counter,
            attempt: 0,
            body,
        };
        client.unanswered.push(sent.clone());
        if client.is_in {
            self.send(number, sent, yard);
        }
    }

    fn send(&mut self, number: u64, sent: Sent, yard: &mut Yard) {
        let Some(client) = self.clients.get_mut(&number) else {
            return;
        };
        let server = yard.servers.get(&client.server);
        if !server.is_some_and(|one| one.regions.contains_key(&client.region)) {
            client.is_in = false;
            return;
        }
        let command = Command {
            session: Session {
                link: link_of(client.server),
                number,
            },
            author: PLAYERS[client.who].to_owned(),
            id: id(client.generation, sent.counter),
            attempt: sent.attempt,
            body: sent.body,
        };
        yard.give_at((client.server, client.region), Input::Command(command));
    }

    /// Sends again what is unanswered, in order.
    fn send_again(&mut self, number: u64, yard: &mut Yard) {
        let Some(client) = self.clients.get_mut(&number) else {
            return;
        };
        for sent in &mut client.unanswered {
            sent.attempt += 1;
        }
        for sent in client.unanswered.clone() {
            self.send(number, sent, yard);
        }
    }

    /// Who is not in tries again; who is sends durable commands again that nobody has answered.
    pub(super) fn tick(&mut self, yard: &mut Yard) {
        let numbers: Vec<u64> = self.clients.keys().copied().collect();
        for number in numbers {
            match self.clients.get_mut(&number) {
                Some(client) if !client.is_in => self.enter(number, None, yard),
                Some(client) => {
                    let durable = client.unanswered.iter_mut();
                    let durable: Vec<Sent> = durable
                        .filter(|sent| !matches!(sent.body, Body::Move { .. }))
                        .map(|sent| {
                            sent.attempt += 1;
                            sent.clone()
                        })
                        .collect();
                    for sent in durable {
                        self.send(number, sent, yard);
                    }
                }
                None => {}
            }
        }
    }

    /// The streams to a server are gone, or to some of its regions.
    pub(super) fn lose(&mut self, server: i64, is_lost: impl Fn(RegionId) -> bool) {
        for client in self.clients.values_mut() {
            if client.server == server && is_lost(client.region) {
                client.is_in = false;
            }
        }
    }

    /// How many commands of a session are unanswered.
    pub(super) fn unanswered(&self, number: u64) -> usize {
        let client = self.clients.get(&number);
        client.map_or(0, |client| client.unanswered.len())
    }

    /// Hears what was told.
    pub(super) fn hear(&mut self, yard: &mut Yard) {
        while !yard.told.is_empty() {
            for (link, message) in std::mem::take(&mut yard.told) {
                self.hear_one(link, message, yard);
            }
        }
    }

    fn hear_one(&mut self, link: LinkId, message: Message, yard: &mut Yard) {
        match message {
            Message::Reply {
                session,
                counter,
                attempt,
                kind,
                answer,
            } => {
                if kind == "move" && self.silent.contains(&(link, session)) {
                    let breach =
                        format!("session {session} is answered by {link:?} where it is not");
                    self.breaches.push(breach);
                }
                self.answered(session, counter, attempt, &answer);
            }
            Message::Entered { session, region } | Message::Moved { session, region } => {
                self.silent.remove(&(link, session));
                if let Some(client) = self.spoken_to(session, link) {
                    client.is_in = true;
                    client.region = region;
                    self.send_again(session, yard);
                }
            }
            Message::Released { session, region } => {
                self.silent.insert((link, session));
                if self.spoken_to(session, link).is_some() {
                    self.enter(session, Some(region), yard);
                }
            }
            Message::Elsewhere { session, .. } => {
                if let Some(client) = self.spoken_to(session, link) {
                    client.is_in = false;
                }
            }
            Message::Evicted { session, .. } => {
                self.silent.insert((link, session));
                if self.spoken_to(session, link).is_some() {
                    self.forget(session);
                }
            }
            // What is unanswered is sent again in time.
            Message::Again { .. } | Message::Snapshot(_) | Message::Changes(_) => {}
        }
    }

    fn spoken_to(&mut self, session: u64, link: LinkId) -> Option<&mut Client> {
        let client = self.clients.get_mut(&session);
        client.filter(|client| link_of(client.server) == link)
    }

    fn answered(&mut self, session: u64, counter: u64, attempt: u32, answer: &Answer) {
        let Some(client) = self.clients.get_mut(&session) else {
            return;
        };
        let is_done = *answer == Answer::Done(true);
        // What is durable has been done, whichever attempt hears of it.
        let is_answer = |sent: &Sent| {
            let is_durable = !matches!(sent.body, Body::Move { .. });
            sent.counter == counter && (sent.attempt == attempt || is_durable && is_done)
        };
        let Some(place) = client.unanswered.iter().position(is_answer) else {
            return;
        };
        let sent = client.unanswered.remove(place);
        match sent.body {
            Body::Move { dx, dy } => {
                if counter <= client.last_move {
                    self.breaches
                        .push(format!("step {counter} of {session} is late"));
                }
                client.last_move = counter;
                if is_done {
                    self.walked[client.who].0 += dx;
                    self.walked[client.who].1 += dy;
                }
            }
            Body::Edit(_) if is_done => {
                let author = PLAYERS[client.who].to_owned();
                self.edits.push((author, client.generation, counter));
            }
            body => {
                if let (Some((whom, by)), true) = (gold_in(&body), is_done) {
                    self.gold[whom] += by;
                }
            }
        }
    }
}

/// Tells a server that a session's player has gone: it knows where the character is, or that it is looking for its row.
fn leave_at(leave: Enter, (server, region): At, yard: &mut Yard) {
    for (_, statement) in &mut yard.stored {
        if let Statement::Recover { session, .. } | Statement::Adopt { session, .. } = statement {
            session.take_if(|one| *one == leave.session);
        }
    }
    let there = yard.servers.get(&server);
    let there = there.and_then(|one| one.whereabouts.get(&leave.key).copied());
    yard.give_at((server, there.unwrap_or(region)), Input::Leave(leave));
}

/// Whose gold a command changes, and by how much.
fn gold_in(body: &Body) -> Option<(usize, i64)> {
    let Body::Set {
        name,
        change: wire::command::Change::By(wire::Value::Int(by)),
        ..
    } = body
    else {
        return None;
    };
    let whom = PLAYERS.iter().position(|key| key == name)?;
    Some((whom, *by))
}
