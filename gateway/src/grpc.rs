//! The one file that speaks gRPC: protobuf types come in and go out here as our own. It knows no sessions and repeats nothing.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Request, Status, Streaming,
    transport::{Channel, Endpoint},
};
use wire::{Dialect, Value, command::Change, command::Credentials, pickle};
use world::{
    position::Position,
    region::{Answer, Body, Departed, Edit, Reason, Shown, Update},
    region_id::RegionId,
};

use crate::zone_message::{Command, Event, FromZone, News, SessionNumber, ToZone};

/// How long a connection to another of our processes may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Both sides of a silent connection ask each other this often whether they live, and give up after [`KEEP_ALIVE_TIMEOUT`]: a zone server that
/// has vanished from the network is noticed while its time to live runs out (store::directory).
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(1);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(2);
/// Bytes that may be on their way to us unread: a snapshot of a crowded region comes without waiting for acknowledgements.
const WINDOW_BYTES: u32 = 4 * 1024 * 1024;
/// The largest batch that is understood: some snapshots of the largest regions together.
const BATCH_BYTES_MAX: usize = 64 * 1024 * 1024;
/// A batch is closed when it has this many bytes: what one message adds to it is bounded by a frame.
const BATCH_BYTES: usize = 1024 * 1024;
/// Batches that wait for the network. One: more messages gather in the queue before it, where they make larger batches.
const BATCHES_MAX: usize = 1;

/// What an account service has answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AuthAnswer {
    /// A session has begun.
    Session {
        /// As the account was created.
        name: String,
        /// Higher than that of every earlier session.
        generation: u64,
        /// Where the character's row says that it is.
        region: RegionId,
        /// The map version that the player was last told of.
        map_told: u64,
    },
    /// No.
    Refused,
    /// Nothing was done, for there is too much to do; ask again.
    Busy,
}

/// A message from another of our processes that we do not understand.
#[derive(Debug, thiserror::Error)]
#[error("a message without {0}")]
pub(crate) struct Malformed(&'static str);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The address is none.
    #[error("{0:?} is no address")]
    Address(String, #[source] tonic::transport::Error),
    /// Nobody is there.
    #[error("nobody answers")]
    Connect(#[source] tonic::transport::Error),
    /// The call or the stream has failed.
    #[error("the call failed")]
    Status(#[source] Box<Status>),
    /// The other side speaks another language.
    #[error("the answer cannot be read")]
    Malformed(#[from] Malformed),
}

impl Error {
    /// Whether nobody can have heard the call, for want of a connection.
    pub(crate) fn is_unsent(&self) -> bool {
        let Self::Status(status) = self else {
            return false;
        };
        let mut cause = std::error::Error::source(&**status);
        while let Some(error) = cause {
            if error.is::<tonic::ConnectError>() {
                return true;
            }
            cause = error.source();
        }
        false
    }
}

impl From<Status> for Error {
    fn from(status: Status) -> Self {
        Self::Status(Box::new(status))
    }
}

fn endpoint(address: &str) -> Result<Endpoint, Error> {
    let endpoint = Endpoint::from_shared(address.to_owned())
        .map_err(|error| Error::Address(address.to_owned(), error))?;
    Ok(endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(2 * WINDOW_BYTES))
}

/// A connection to the account service.
#[derive(Debug, Clone)]
pub(crate) struct Auth {
    client: proto::auth_client::AuthClient<Channel>,
    gateway: String,
}

impl Auth {
    /// A connection that is made when it is first used, and made again when it breaks.
    pub(crate) fn new(address: &str, gateway: String) -> Result<Self, Error> {
        let channel = endpoint(address)?.connect_lazy();
        Ok(Self {
            client: proto::auth_client::AuthClient::new(channel),
            gateway,
        })
    }

    /// Creates an account, or begins a session of one.
    pub(crate) async fn ask(
        &self,
        is_new: bool,
        credentials: &Credentials,
        traceparent: &str,
        timeout: Duration,
    ) -> Result<AuthAnswer, Error> {
        let mut request = Request::new(proto::Credentials {
            name: credentials.name.clone(),
            password: credentials.password.clone().into(),
            gateway: self.gateway.clone(),
        });
        request.set_timeout(timeout);
        if let Ok(context) = traceparent.parse() {
            request.metadata_mut().insert(runtime::trace::KEY, context);
        }
        let mut client = self.client.clone();
        let verdict = if is_new {
            client.create(request).await?
        } else {
            client.login(request).await?
        };
        Ok(auth_answer(verdict.into_inner())?)
    }
}

fn auth_answer(verdict: proto::Verdict) -> Result<AuthAnswer, Malformed> {
    match verdict.outcome.ok_or(Malformed("an outcome"))? {
        proto::verdict::Outcome::Refusal(refusal) => Ok(match proto::Refusal::try_from(refusal) {
            Ok(proto::Refusal::Busy) => AuthAnswer::Busy,
            _ => AuthAnswer::Refused,
        }),
        proto::verdict::Outcome::Session(session) => Ok(AuthAnswer::Session {
            name: session.name,
            generation: session.generation,
            region: region_in(session.region)?,
            map_told: session.map_told,
        }),
    }
}

/// Messages that go out together.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    inner: proto::GatewayBatch,
    bytes: usize,
}

impl Batch {
    /// Adds a message.
    pub(crate) fn push(&mut self, message: &ToZone) {
        let message = proto::GatewayMessage {
            kind: Some(message_out(message)),
        };
        self.bytes += prost::Message::encoded_len(&message);
        self.inner.messages.push(message);
    }

    /// Whether it should go out before more is added.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes >= BATCH_BYTES
    }
}

/// The two directions of a stream to a zone server.
#[derive(Debug)]
pub(crate) struct Stream {
    outgoing: mpsc::Sender<proto::GatewayBatch>,
    incoming: Streaming<proto::ZoneBatch>,
}

impl Stream {
    /// Connects, and says who we are.
    pub(crate) async fn open(address: &str, gateway: &str) -> Result<Self, Error> {
        let channel = endpoint(address)?.connect().await.map_err(Error::Connect)?;
        let (outgoing, batches) = mpsc::channel(BATCHES_MAX + 1);
        let hello = proto::gateway_message::Kind::Hello(proto::Hello {
            gateway: gateway.to_owned(),
            kind: proto::hello::Kind::Gateway.into(),
            incarnation: 0,
        });
        let hello = proto::GatewayBatch {
            messages: vec![proto::GatewayMessage { kind: Some(hello) }],
        };
        // The channel is new and has room for it.
        let _has_room = outgoing.try_send(hello);
        let mut client = proto::zone_client::ZoneClient::new(channel)
            .max_decoding_message_size(BATCH_BYTES_MAX)
            .max_encoding_message_size(BATCH_BYTES_MAX);
        let call = client.link(ReceiverStream::new(batches));
        let incoming = tokio::time::timeout(CONNECT_TIMEOUT, call)
            .await
            .map_err(|_| Status::deadline_exceeded("no answer to the call"))??
            .into_inner();
        Ok(Self { outgoing, incoming })
    }

    /// The two directions.
    pub(crate) fn split(self) -> (Outgoing, Incoming) {
        (Outgoing(self.outgoing), Incoming(self.incoming))
    }
}

/// To the zone server.
#[derive(Debug)]
pub(crate) struct Outgoing(mpsc::Sender<proto::GatewayBatch>);

impl Outgoing {
    /// Sends a batch, as soon as the one before it is on its way. False: the stream has ended.
    pub(crate) async fn send(&self, batch: Batch) -> bool {
        self.0.send(batch.inner).await.is_ok()
    }
}

/// From the zone server.
#[derive(Debug)]
pub(crate) struct Incoming(Streaming<proto::ZoneBatch>);

impl Incoming {
    /// The next batch; None: the zone server has ended the stream. May be dropped and called again.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<FromZone>>, Error> {
        let Some(batch) = self.0.message().await? else {
            return Ok(None);
        };
        let messages: Result<Vec<FromZone>, Malformed> =
            batch.messages.into_iter().map(message_in).collect();
        Ok(Some(messages?))
    }
}

fn message_out(message: &ToZone) -> proto::gateway_message::Kind {
    use proto::gateway_message::Kind;
    match message {
        ToZone::Enter {
            character,
            region,
            traceparent,
        } => Kind::Enter(proto::Enter {
            session: character.number.0,
            name: character.key.to_string(),
            generation: character.generation,
            region: Some(region_out(*region)),
            traceparent: traceparent.clone(),
        }),
        ToZone::Leave { character, region } => Kind::Leave(proto::Leave {
            session: character.number.0,
            name: character.key.to_string(),
            generation: character.generation,
            region: Some(region_out(*region)),
        }),
        ToZone::Command(command) => Kind::Command(command_out(command)),
        ToZone::Subscribe(region) => Kind::Subscribe(proto::Subscribe {
            region: Some(region_out(*region)),
        }),
        ToZone::Unsubscribe(region) => Kind::Unsubscribe(proto::Unsubscribe {
            region: Some(region_out(*region)),
        }),
    }
}

fn command_out(command: &Command) -> proto::Command {
    use proto::command::Body as Out;
    let body = match &*command.body {
        Body::Move { dx, dy } => Out::Move(proto::Move { dx: *dx, dy: *dy }),
        Body::Get { name, attribute } => Out::Get(proto::Get {
            name: name.clone(),
            attribute: attribute.clone(),
        }),
        Body::Set {
            name,
            attribute,
            change,
        } => Out::Set(proto::Set {
            name: name.clone(),
            attribute: attribute.clone(),
            change: Some(match change {
                Change::To(value) => proto::set::Change::To(pickled(value)),
                Change::By(value) => proto::set::Change::By(pickled(value)),
            }),
        }),
        Body::Edit(edit) => Out::Edit(proto::Edit {
            command: Some(edit_out(edit)),
        }),
    };
    proto::Command {
        session: command.character.number.0,
        author: command.character.key.to_string(),
        generation: command.character.generation,
        counter: command.counter,
        attempt: command.attempt,
        region: Some(region_out(command.region)),
        traceparent: command.traceparent.clone(),
        body: Some(body),
    }
}

fn edit_out(edit: &Edit) -> proto::edit::Command {
    use proto::edit::Command as Out;
    match edit {
        Edit::Tile(tile) => Out::Tile(proto::TileEdit {
            map: tile.map.clone(),
            layer: tile.layer.clone(),
            x: tile.x,
            y: tile.y,
            gid: tile.gid,
        }),
        Edit::Spawn {
            name,
            position,
            attributes,
            behaviour,
        } => {
            let entries = attributes
                .iter()
                .map(|(name, value)| (Value::Str(name.clone()), value.clone()));
            Out::Spawn(proto::Spawn {
                name: name.clone(),
                position: Some(position_out(*position)),
                attributes: pickled(&Value::Dict(entries.collect())),
                behaviour: behaviour.clone(),
            })
        }
        Edit::Despawn(name) => Out::Despawn(name.clone()),
        Edit::Teleport { name, position } => Out::Teleport(proto::Teleport {
            name: name.clone(),
            position: Some(position_out(*position)),
        }),
        Edit::Kick(name) => Out::Kick(name.clone()),
        Edit::Reload(map) => Out::Reload(map.clone()),
        Edit::Reset(map) => Out::Reset(map.clone()),
    }
}

fn message_in(message: proto::ZoneMessage) -> Result<FromZone, Malformed> {
    use proto::zone_message::Kind;
    let (session, event) = match message.kind.ok_or(Malformed("a kind"))? {
        Kind::Entered(entered) => (entered.session, Event::Entered(region_in(entered.region)?)),
        Kind::Moved(moved) => (moved.session, Event::Moved(region_in(moved.region)?)),
        Kind::Reply(reply) => {
            let event = Event::Reply {
                counter: reply.counter,
                attempt: reply.attempt,
                answer: answer_in(reply.result)?,
            };
            (reply.session, event)
        }
        Kind::Elsewhere(elsewhere) => {
            let region = elsewhere.region.map(|region| region_in(Some(region)));
            let event = Event::Elsewhere {
                counter: elsewhere.counter,
                attempt: elsewhere.attempt,
                region: region.transpose()?,
            };
            (elsewhere.session, event)
        }
        Kind::Released(released) => {
            let event = Event::Released(region_in(released.region)?);
            (released.session, event)
        }
        Kind::Again(again) => {
            let event = Event::Again {
                counter: again.counter,
                attempt: again.attempt,
            };
            (again.session, event)
        }
        Kind::Evicted(evicted) => {
            let reason = match evicted.reason() {
                proto::evicted::Reason::Kicked => Reason::Kicked,
                _ => Reason::TakenOver,
            };
            (evicted.session, Event::Evicted(reason))
        }
        Kind::Snapshot(snapshot) => {
            let update = Update {
                region: region_in(snapshot.region)?,
                epoch: snapshot.epoch,
                changed: shown_in(snapshot.entities)?,
                departed: Vec::new(),
            };
            return Ok(FromZone::News(News::Snapshot(update)));
        }
        Kind::Changes(changes) => {
            let departed = changes.departed.into_iter().map(departed_in);
            let update = Update {
                region: region_in(changes.region)?,
                epoch: changes.epoch,
                changed: shown_in(changes.changed)?,
                departed: departed.collect::<Result<_, _>>()?,
            };
            return Ok(FromZone::News(News::Changes(update)));
        }
    };
    Ok(FromZone::Session(SessionNumber(session), event))
}

fn answer_in(result: Option<proto::reply::Result>) -> Result<Answer, Malformed> {
    match result.ok_or(Malformed("a result"))? {
        proto::reply::Result::Done(done) => Ok(Answer::Done(done)),
        proto::reply::Result::Value(value) => pickle::load(&value, &pickle::Limits::stored())
            .map(Answer::Value)
            .map_err(|_| Malformed("a value that can be read")),
    }
}

fn shown_in(entities: Vec<proto::Entity>) -> Result<Vec<Shown>, Malformed> {
    let shown = entities.into_iter().map(|entity| {
        let place = entity.position.ok_or(Malformed("a position"))?;
        Ok(Shown {
            name: entity.name,
            own: entity.own,
            version: entity.version,
            position: Position {
                x: place.x,
                y: place.y,
                z: place.z,
            },
            is_player: entity.is_player,
            attributes: entity.attributes,
        })
    });
    shown.collect()
}

fn departed_in(departed: proto::Departure) -> Result<Departed, Malformed> {
    let to = departed.to.map(|region| region_in(Some(region)));
    Ok(Departed {
        name: departed.name,
        own: departed.own,
        version: departed.version,
        to: to.transpose()?,
    })
}

fn pickled(value: &Value) -> bytes::Bytes {
    pickle::encode(value, Dialect::Four).into()
}

fn region_out(region: RegionId) -> proto::Region {
    let RegionId { level, column, row } = region;
    proto::Region { level, column, row }
}

fn region_in(region: Option<proto::Region>) -> Result<RegionId, Malformed> {
    let proto::Region { level, column, row } = region.ok_or(Malformed("a region"))?;
    Ok(RegionId { level, column, row })
}

fn position_out(position: Position) -> proto::Position {
    let Position { x, y, z } = position;
    proto::Position { x, y, z }
}
