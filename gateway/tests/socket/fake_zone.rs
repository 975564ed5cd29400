//! A zone server that has whom the test puts there. It answers entrances and subscriptions by itself; commands are for the test to answer.

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{Arc, Mutex},
};

use proto::{
    Entity, GatewayBatch, Position, Region, ZoneBatch, ZoneMessage, gateway_message, zone_message,
    zone_server,
};
use tokio::{net::TcpListener, sync::mpsc};
use tokio_stream::{
    Stream, StreamExt, wrappers::TcpListenerStream, wrappers::UnboundedReceiverStream,
};
use tonic::{Request, Response, Status, Streaming};
use wire::{Dialect, Value, pickle};

use crate::{client::DEADLINE, cluster::START};

/// What a gateway says.
pub(crate) use gateway_message::Kind as Heard;
/// What is said to a gateway.
pub(crate) use zone_message::Kind as Say;

type ToGateway = mpsc::UnboundedSender<Result<ZoneBatch, Status>>;

/// The server's state, shared with its service.
#[derive(Clone)]
pub(crate) struct FakeZone {
    state: Arc<Mutex<State>>,
    heard: Arc<tokio::sync::Mutex<mpsc::UnboundedReceiver<Heard>>>,
}

struct State {
    /// By name: where it is, and what is said of it.
    entities: BTreeMap<String, (Region, Entity)>,
    /// The stream that is up.
    gateway: Option<ToGateway>,
    tell: mpsc::UnboundedSender<Heard>,
    /// Whether entrances are answered.
    lets_in: bool,
    /// Whether subscriptions are answered.
    shows: bool,
    /// The regions in which it lets in and of which it tells; None: all.
    holds: Option<Vec<Region>>,
    /// Of its snapshots.
    epoch: u64,
    /// What has come while it is stopped.
    unheard: Option<Vec<Heard>>,
    is_dead: bool,
}

/// An entity at x in a region, with the version that its caller counts.
pub(crate) fn entity(name: &str, version: u64, x: f64) -> Entity {
    let visual = (
        Value::Str("visual".to_owned()),
        Value::Str("sprite".to_owned()),
    );
    let attributes = pickle::encode(&Value::Dict(vec![visual]), Dialect::Four);
    Entity {
        name: name.to_owned(),
        own: 1,
        version,
        position: Some(Position { x, y: 4.5, z: 0 }),
        is_player: true,
        attributes: Some(attributes.into()),
    }
}

/// The region of a column.
pub(crate) fn region(column: i32) -> Region {
    Region {
        level: 0,
        column,
        row: 0,
    }
}

/// The answer to a command.
pub(crate) fn reply(command: &proto::Command, done: bool) -> Say {
    Say::Reply(proto::Reply {
        session: command.session,
        counter: command.counter,
        attempt: command.attempt,
        result: Some(proto::reply::Result::Done(done)),
    })
}

/// The answer to a `get`.
pub(crate) fn value(command: &proto::Command, value: &Value) -> Say {
    Say::Reply(proto::Reply {
        session: command.session,
        counter: command.counter,
        attempt: command.attempt,
        result: Some(proto::reply::Result::Value(
            pickle::encode(value, Dialect::Four).into(),
        )),
    })
}

/// The character is not where the command was sent.
pub(crate) fn elsewhere(command: &proto::Command, region: Option<Region>) -> Say {
    Say::Elsewhere(proto::Elsewhere {
        session: command.session,
        counter: command.counter,
        attempt: command.attempt,
        region,
    })
}

/// The character is not where it was asked for.
pub(crate) fn not_there(enter: &proto::Enter) -> Say {
    Say::Elsewhere(proto::Elsewhere {
        session: enter.session,
        counter: 0,
        attempt: 0,
        region: None,
    })
}

/// The command was not done, or nobody knows.
pub(crate) fn again(command: &proto::Command) -> Say {
    Say::Again(proto::Again {
        session: command.session,
        counter: command.counter,
        attempt: command.attempt,
    })
}

/// The character is in nobody's hands.
pub(crate) fn released(session: u64, to: Region) -> Say {
    Say::Released(proto::Released {
        session,
        region: Some(to),
    })
}

/// News of a region, from its first holder.
pub(crate) fn changes(region: Region, changed: Vec<Entity>) -> Say {
    Say::Changes(proto::Changes {
        region: Some(region),
        epoch: 1,
        changed,
        departed: Vec::new(),
    })
}

impl FakeZone {
    pub(crate) fn new() -> Self {
        let (tell, heard) = mpsc::unbounded_channel();
        Self {
            state: Arc::new(Mutex::new(State {
                entities: BTreeMap::new(),
                gateway: None,
                tell,
                lets_in: true,
                shows: true,
                holds: None,
                epoch: 1,
                unheard: None,
                is_dead: false,
            })),
            heard: Arc::new(tokio::sync::Mutex::new(heard)),
        }
    }

    /// Serves, and says where.
    pub(crate) async fn start(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = zone_server::ZoneServer::new(self.clone());
        tokio::spawn(
            tonic::transport::Server::builder()
                .add_service(service)
                .serve_with_incoming(TcpListenerStream::new(listener)),
        );
        format!("http://{address}")
    }

    /// Waits until a gateway has linked.
    pub(crate) async fn linked(&self) {
        while !matches!(self.next().await, Heard::Hello(_)) {}
    }

    /// Puts somebody there, without telling anybody.
    pub(crate) fn put(&self, region: Region, entity: Entity) {
        let name = entity.name.clone();
        self.state
            .lock()
            .unwrap()
            .entities
            .insert(name, (region, entity));
    }

    pub(crate) fn let_in(&self, lets_in: bool) {
        self.state.lock().unwrap().lets_in = lets_in;
    }

    pub(crate) fn show(&self, shows: bool) {
        self.state.lock().unwrap().shows = shows;
    }

    /// From now on it holds only these regions, and its snapshots have that epoch.
    pub(crate) fn hold(&self, regions: Vec<Region>, epoch: u64) {
        let mut state = self.state.lock().unwrap();
        state.holds = Some(regions);
        state.epoch = epoch;
    }

    /// Stops it, as SIGSTOP does: its stream stays, and it neither hears nor says anything.
    pub(crate) fn stop(&self) {
        self.state.lock().unwrap().unheard = Some(Vec::new());
    }

    /// It goes on, and hears what has come meanwhile.
    pub(crate) fn go_on(&self) {
        let unheard = self.state.lock().unwrap().unheard.take();
        for message in unheard.into_iter().flatten() {
            self.hear(message);
        }
    }

    /// Ends it: its stream breaks, and it lets nobody link again.
    pub(crate) fn kill(&self) {
        self.state.lock().unwrap().is_dead = true;
        self.hang_up();
    }

    /// It is started again, and holds nothing.
    pub(crate) fn revive(&self) {
        let mut state = self.state.lock().unwrap();
        state.is_dead = false;
        state.holds = Some(Vec::new());
    }

    /// Tells everything that is in a region.
    pub(crate) fn snapshot(&self, region: Region) {
        let state = self.state.lock().unwrap();
        state.send(vec![state.snapshot(region)]);
    }

    /// Says something to the gateway, all of it in one batch.
    pub(crate) fn say(&self, messages: Vec<Say>) {
        let state = self.state.lock().unwrap();
        let gateway = state.gateway.as_ref().expect("the stream is up");
        let _gone = gateway.send(Ok(batch(messages)));
    }

    /// Ends the stream.
    pub(crate) fn hang_up(&self) {
        self.state.lock().unwrap().gateway = None;
    }

    /// What the gateway says next.
    pub(crate) async fn next(&self) -> Heard {
        let mut heard = self.heard.lock().await;
        tokio::time::timeout(DEADLINE, heard.recv())
            .await
            .expect("the gateway says nothing")
            .expect("the service lives as long as the test")
    }

    /// The next command; what is said besides is passed over.
    pub(crate) async fn command(&self) -> proto::Command {
        loop {
            if let Heard::Command(command) = self.next().await {
                return command;
            }
        }
    }

    /// The next entrance; what is said besides is passed over.
    pub(crate) async fn entrance(&self) -> proto::Enter {
        loop {
            if let Heard::Enter(enter) = self.next().await {
                return enter;
            }
        }
    }

    /// The next departure; what is said besides is passed over.
    pub(crate) async fn departure(&self) -> proto::Leave {
        loop {
            if let Heard::Leave(leave) = self.next().await {
                return leave;
            }
        }
    }

    /// Commands that have come by now.
    pub(crate) async fn commands_so_far(&self) -> Vec<proto::Command> {
        let mut heard = self.heard.lock().await;
        let mut commands = Vec::new();
        while let Ok(one) = heard.try_recv() {
            if let Heard::Command(command) = one {
                commands.push(command);
            }
        }
        commands
    }

    /// Whether something has been said that nobody has asked for yet.
    pub(crate) async fn has_heard(&self, is_it: impl Fn(&Heard) -> bool) -> bool {
        let mut heard = self.heard.lock().await;
        let mut has_heard = false;
        while let Ok(one) = heard.try_recv() {
            has_heard |= is_it(&one);
        }
        has_heard
    }

    fn hear(&self, message: Heard) {
        let mut state = self.state.lock().unwrap();
        if let Some(unheard) = &mut state.unheard {
            unheard.push(message);
            return;
        }
        match &message {
            Heard::Enter(enter) if !state.has(enter.region) => {
                state.send(vec![not_there(enter)]);
            }
            Heard::Enter(enter) if state.lets_in => {
                let (at, newcomer) = state
                    .entities
                    .entry(enter.name.clone())
                    .or_insert_with(|| (START, entity(&enter.name, 1, 4.5)))
                    .clone();
                let entered = Say::Entered(proto::Entered {
                    session: enter.session,
                    region: Some(at),
                });
                let arrival = Say::Changes(proto::Changes {
                    region: Some(at),
                    epoch: state.epoch,
                    changed: vec![newcomer],
                    departed: Vec::new(),
                });
                state.send(vec![arrival, entered]);
            }
            Heard::Subscribe(subscribe) if state.shows && state.has(subscribe.region) => {
                state.send(vec![state.snapshot(subscribe.region.unwrap())]);
            }
            _ => {}
        }
        let _over = state.tell.send(message);
    }
}

impl State {
    fn has(&self, region: Option<Region>) -> bool {
        let is_it = |held: &Region| Some(*held) == region;
        self.holds
            .as_ref()
            .is_none_or(|holds| holds.iter().any(is_it))
    }

    fn snapshot(&self, region: Region) -> Say {
        let there = self.entities.values().filter(|(at, _)| *at == region);
        Say::Snapshot(proto::Snapshot {
            region: Some(region),
            epoch: self.epoch,
            entities: there.map(|(_, entity)| entity.clone()).collect(),
        })
    }

    fn send(&self, messages: Vec<Say>) {
        if let Some(gateway) = &self.gateway {
            let _gone = gateway.send(Ok(batch(messages)));
        }
    }
}

fn batch(messages: Vec<Say>) -> ZoneBatch {
    let messages = messages
        .into_iter()
        .map(|kind| ZoneMessage { kind: Some(kind) });
    ZoneBatch {
        messages: messages.collect(),
    }
}

#[tonic::async_trait]
impl zone_server::Zone for FakeZone {
    type LinkStream = Pin<Box<dyn Stream<Item = Result<ZoneBatch, Status>> + Send>>;

    async fn link(
        &self,
        request: Request<Streaming<GatewayBatch>>,
    ) -> Result<Response<Self::LinkStream>, Status> {
        let (gateway, stream) = mpsc::unbounded_channel();
        {
            let mut state = self.state.lock().unwrap();
            if state.is_dead {
                return Err(Status::unavailable("as the test says"));
            }
            state.gateway = Some(gateway);
        }
        let zone = self.clone();
        let mut batches = request.into_inner();
        tokio::spawn(async move {
            while let Some(Ok(batch)) = batches.next().await {
                for message in batch.messages {
                    zone.hear(message.kind.unwrap());
                }
            }
            zone.hang_up();
        });
        Ok(Response::new(Box::pin(UnboundedReceiverStream::new(
            stream,
        ))))
    }
}
