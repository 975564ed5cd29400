//! The other end of the stream: a gateway of one's own, which says what it likes and looks at all that it is told.

use std::{collections::VecDeque, time::Duration};

use proto::{
    self as p, gateway_message::Kind as Say, zone_client::ZoneClient, zone_message::Kind as Told,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};
use wire::{
    Dialect, Value,
    pickle::{self, Limits},
};
use world::region_id::RegionId;

use crate::cluster::within;

/// How long it waits before it sends a command again because it was told to. Gateways wait longer.
const AGAIN: Duration = Duration::from_millis(10);

/// A stream to a zone server.
pub(crate) struct Gateway {
    say: mpsc::Sender<p::GatewayBatch>,
    hear: Streaming<p::ZoneBatch>,
    heard: VecDeque<Told>,
}

/// A player, as a gateway knows one.
#[derive(Debug, Clone)]
pub(crate) struct Player {
    pub(crate) session: u64,
    pub(crate) name: String,
    pub(crate) generation: u64,
    pub(crate) counter: u64,
    pub(crate) region: RegionId,
}

impl Player {
    /// A session of the first generation.
    pub(crate) fn new(session: u64, name: &str) -> Self {
        Self {
            session,
            name: name.to_owned(),
            generation: 1,
            counter: 0,
            region: crate::yard::WEST,
        }
    }
}

impl Gateway {
    /// Connects without a word.
    pub(crate) async fn silent(address: &str) -> Self {
        let mut client = ZoneClient::connect(address.to_owned()).await.unwrap();
        let (say, said) = mpsc::channel(64);
        let hear = client.link(ReceiverStream::new(said)).await.unwrap();
        Self {
            say,
            hear: hear.into_inner(),
            heard: VecDeque::new(),
        }
    }

    /// Connects, and says who it is.
    pub(crate) async fn connect(address: &str) -> Self {
        let gateway = Self::silent(address).await;
        let gateway_name = "test".to_owned();
        gateway
            .say([Say::Hello(p::Hello {
                gateway: gateway_name,
                ..p::Hello::default()
            })])
            .await;
        gateway
    }

    /// Says things, in one batch.
    pub(crate) async fn say(&self, kinds: impl IntoIterator<Item = Say>) {
        self.say_all(kinds.into_iter().map(Some)).await;
    }

    /// Says things, in one batch; None is a message that says nothing.
    pub(crate) async fn say_all(&self, kinds: impl IntoIterator<Item = Option<Say>>) {
        let messages = kinds.into_iter();
        let messages = messages.map(|kind| p::GatewayMessage { kind }).collect();
        self.say
            .send(p::GatewayBatch { messages })
            .await
            .expect("the stream is there");
    }

    /// The next thing that it is told; how the stream ended, if it has.
    pub(crate) async fn try_hear(&mut self) -> Result<Told, Option<Status>> {
        loop {
            if let Some(told) = self.heard.pop_front() {
                return Ok(told);
            }
            match within("a message", self.hear.message()).await {
                Ok(Some(batch)) => {
                    let kinds = batch.messages.into_iter().map(|message| message.kind);
                    self.heard.extend(kinds.map(|kind| kind.unwrap()));
                }
                Ok(None) => return Err(None),
                Err(status) => return Err(Some(status)),
            }
        }
    }

    /// The next thing that it is told.
    pub(crate) async fn hear(&mut self) -> Told {
        self.try_hear().await.unwrap()
    }

    /// All that it is told up to the first of some kind, and that.
    pub(crate) async fn hear_until<T>(
        &mut self,
        find: impl Fn(&Told) -> Option<T>,
    ) -> (Vec<Told>, T) {
        let mut before = Vec::new();
        loop {
            let told = self.hear().await;
            if let Some(found) = find(&told) {
                return (before, found);
            }
            before.push(told);
        }
    }

    /// How the stream ends.
    pub(crate) async fn end(&mut self) -> Option<Status> {
        loop {
            if let Err(end) = self.try_hear().await {
                return end;
            }
        }
    }

    /// Brings a character in, wherever it is.
    pub(crate) async fn enter(&mut self, player: &mut Player) {
        loop {
            self.say([enter(player)]).await;
            let number = player.session;
            let (_, region) = self
                .hear_until(|told| match told {
                    Told::Entered(told) if told.session == number => Some(Ok(told.region.unwrap())),
                    Told::Elsewhere(told) if told.session == number => Some(Err(told.region)),
                    Told::Evicted(told) if told.session == number => panic!("{told:?}"),
                    _ => None,
                })
                .await;
            match region {
                Ok(region) => {
                    player.region = id(region);
                    return;
                }
                Err(Some(region)) => player.region = id(region),
                Err(None) => tokio::task::yield_now().await,
            }
        }
    }

    /// What it is told first about a region.
    pub(crate) async fn subscribe(&mut self, region: RegionId) -> p::Snapshot {
        self.say([Say::Subscribe(p::Subscribe {
            region: Some(written(region)),
        })])
        .await;
        let (_, snapshot) = self
            .hear_until(|told| match told {
                Told::Snapshot(told) if told.region == Some(written(region)) => Some(told.clone()),
                _ => None,
            })
            .await;
        snapshot
    }

    /// Sends a command, and says what was told before the answer, and the answer.
    pub(crate) async fn command(&mut self, player: &mut Player, body: Body) -> (Vec<Told>, Answer) {
        player.counter += 1;
        self.repeat(player, 0, body).await
    }

    /// Sends the player's last command again.
    pub(crate) async fn repeat(
        &mut self,
        player: &Player,
        attempt: u32,
        body: Body,
    ) -> (Vec<Told>, Answer) {
        self.say([command(player, attempt, body)]).await;
        self.hear_answer(player, attempt).await
    }

    /// What is told before the answer to the player's last command, and the answer.
    pub(crate) async fn hear_answer(
        &mut self,
        player: &Player,
        attempt: u32,
    ) -> (Vec<Told>, Answer) {
        let (session, counter) = (player.session, player.counter);
        self.hear_until(|told| match told {
            Told::Reply(reply) if (reply.session, reply.counter) == (session, counter) => {
                assert_eq!(reply.attempt, attempt);
                Some(match reply.result.clone().unwrap() {
                    p::reply::Result::Done(done) => Answer::Done(done),
                    p::reply::Result::Value(value) => {
                        Answer::Value(pickle::load(&value, &Limits::stored()).unwrap())
                    }
                })
            }
            Told::Elsewhere(told) if (told.session, told.counter) == (session, counter) => {
                Some(Answer::Elsewhere(told.region.map(id)))
            }
            Told::Again(told) if (told.session, told.counter) == (session, counter) => {
                Some(Answer::Again)
            }
            Told::Evicted(told) if told.session == session => Some(Answer::Evicted(told.reason())),
            _ => None,
        })
        .await
    }

    /// Sends a command and its repeats until it is answered, as gateways do.
    pub(crate) async fn ask(&mut self, player: &mut Player, body: Body) -> Answer {
        player.counter += 1;
        for attempt in 0.. {
            match self.repeat(player, attempt, body.clone()).await.1 {
                Answer::Elsewhere(Some(region)) => player.region = region,
                Answer::Elsewhere(None) => self.enter(player).await,
                Answer::Again => tokio::time::sleep(AGAIN).await,
                answer => return answer,
            }
        }
        unreachable!("it is tried again for ever")
    }

    /// Sends a command that must be answered by a truth value.
    pub(crate) async fn is_done(&mut self, player: &mut Player, body: Body) -> bool {
        match self.ask(player, body).await {
            Answer::Done(done) => done,
            other => panic!("{other:?}"),
        }
    }

    /// An attribute.
    pub(crate) async fn get(&mut self, player: &mut Player, name: &str, attribute: &str) -> Value {
        match self.ask(player, get(name, attribute)).await {
            Answer::Value(value) => value,
            other => panic!("{other:?}"),
        }
    }
}

/// What a command is answered.
#[derive(Debug, PartialEq)]
pub(crate) enum Answer {
    Done(bool),
    Value(Value),
    Elsewhere(Option<RegionId>),
    Again,
    Evicted(p::evicted::Reason),
}

pub(crate) use p::command::Body;

pub(crate) fn enter(player: &Player) -> Say {
    Say::Enter(p::Enter {
        session: player.session,
        name: player.name.clone(),
        generation: player.generation,
        region: Some(written(player.region)),
        traceparent: String::new(),
    })
}

pub(crate) fn leave(player: &Player, region: RegionId) -> Say {
    Say::Leave(p::Leave {
        session: player.session,
        name: player.name.clone(),
        generation: player.generation,
        region: Some(written(region)),
    })
}

pub(crate) fn command(player: &Player, attempt: u32, body: Body) -> Say {
    Say::Command(p::Command {
        session: player.session,
        author: player.name.clone(),
        generation: player.generation,
        counter: player.counter,
        attempt,
        region: Some(written(player.region)),
        traceparent: String::new(),
        body: Some(body),
    })
}

pub(crate) fn step(dx: f64, dy: f64) -> Body {
    Body::Move(p::Move { dx, dy })
}

pub(crate) fn get(name: &str, attribute: &str) -> Body {
    Body::Get(p::Get {
        name: name.to_owned(),
        attribute: attribute.to_owned(),
    })
}

pub(crate) fn set(name: &str, attribute: &str, value: Value) -> Body {
    change(name, attribute, p::set::Change::To(pickled(&value)))
}

pub(crate) fn add(name: &str, attribute: &str, value: i64) -> Body {
    change(
        name,
        attribute,
        p::set::Change::By(pickled(&Value::Int(value))),
    )
}

fn change(name: &str, attribute: &str, change: p::set::Change) -> Body {
    Body::Set(p::Set {
        name: name.to_owned(),
        attribute: attribute.to_owned(),
        change: Some(change),
    })
}

pub(crate) fn edit(command: p::edit::Command) -> Body {
    Body::Edit(p::Edit {
        command: Some(command),
    })
}

pub(crate) fn tile(layer: &str, x: i32, y: i32, gid: u32) -> Body {
    edit(p::edit::Command::Tile(p::TileEdit {
        map: "yard".to_owned(),
        layer: layer.to_owned(),
        x,
        y,
        gid,
    }))
}

pub(crate) fn spawn(name: &str, x: f64, y: f64) -> Body {
    let attributes = Value::Dict(vec![(
        Value::Str("visual".to_owned()),
        Value::Str("ox.png".to_owned()),
    )]);
    edit(p::edit::Command::Spawn(p::Spawn {
        name: name.to_owned(),
        position: Some(p::Position { x, y, z: 0 }),
        attributes: pickled(&attributes),
        behaviour: None,
    }))
}

pub(crate) fn teleport(name: &str, x: f64, y: f64) -> Body {
    edit(p::edit::Command::Teleport(p::Teleport {
        name: name.to_owned(),
        position: Some(p::Position { x, y, z: 0 }),
    }))
}

pub(crate) fn pickled(value: &Value) -> bytes::Bytes {
    pickle::encode(value, Dialect::Four).into()
}

pub(crate) fn written(RegionId { level, column, row }: RegionId) -> p::Region {
    p::Region { level, column, row }
}

pub(crate) fn id(p::Region { level, column, row }: p::Region) -> RegionId {
    RegionId { level, column, row }
}

/// Where an entity is said to be in the changes of a region.
pub(crate) fn place(told: &Told, region: RegionId, name: &str) -> Option<(f64, f64)> {
    let Told::Changes(changes) = told else {
        return None;
    };
    let entity = changes
        .changed
        .iter()
        .find(|entity| entity.name == name && changes.region == Some(written(region)))?;
    entity.position.map(|position| (position.x, position.y))
}

/// Where an entity is said to have gone from a region; Some(None): out of the world.
pub(crate) fn departure(told: &Told, region: RegionId, name: &str) -> Option<Option<RegionId>> {
    let Told::Changes(changes) = told else {
        return None;
    };
    let departure = changes
        .departed
        .iter()
        .find(|departure| departure.name == name && changes.region == Some(written(region)))?;
    Some(departure.to.map(id))
}
