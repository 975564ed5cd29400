//! A client that speaks raw bytes.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use wire::{
    Dialect, Value, frame,
    pickle::{self, Limits},
};

/// How long anything in a test may take.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// A connection.
pub(crate) struct Client {
    pub(crate) socket: TcpStream,
    frames: frame::Decoder,
}

pub(crate) fn text(text: &str) -> Value {
    Value::Str(text.to_owned())
}

/// A request's frame.
pub(crate) fn framed(request: &[Value]) -> Vec<u8> {
    around(&pickle::encode(
        &Value::List(request.to_vec()),
        Dialect::Four,
    ))
}

/// A frame around any payload.
pub(crate) fn around(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    frame::write_header(payload.len(), &mut out);
    out.extend_from_slice(payload);
    out
}

/// `['ver']`
pub(crate) fn ver() -> Vec<Value> {
    vec![text("ver")]
}

/// `['update']`
pub(crate) fn update() -> Vec<Value> {
    vec![text("update")]
}

/// `['move', (dx, 0, 0)]`
pub(crate) fn step(dx: f64) -> Vec<Value> {
    let offset = vec![Value::Float(dx), Value::Int(0), Value::Int(0)];
    vec![text("move"), Value::Tuple(offset)]
}

/// `['get', name, attribute]`
pub(crate) fn get(name: &str, attribute: &str) -> Vec<Value> {
    vec![text("get"), text(name), text(attribute)]
}

/// `['set', name, 'gold', number]`
pub(crate) fn set(name: &str, number: i64) -> Vec<Value> {
    vec![text("set"), text(name), text("gold"), Value::Int(number)]
}

/// `['login', name, password]`
pub(crate) fn login(name: &str) -> Vec<Value> {
    vec![text("login"), text(name), text("secret")]
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).await.unwrap();
        socket.set_nodelay(true).unwrap();
        Self {
            socket,
            frames: frame::Decoder::new(1 << 28),
        }
    }

    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) {
        let sending = self.socket.write_all(bytes);
        tokio::time::timeout(DEADLINE, sending)
            .await
            .unwrap()
            .unwrap();
    }

    pub(crate) async fn send(&mut self, requests: &[Vec<Value>]) {
        let bytes: Vec<u8> = requests
            .iter()
            .flat_map(|request| framed(request))
            .collect();
        self.send_bytes(&bytes).await;
    }

    /// The next reply's payload; None: the connection has been closed.
    pub(crate) async fn payload(&mut self) -> Option<bytes::Bytes> {
        loop {
            match self.frames.next_event() {
                Some(frame::Event::Message(payload)) => return Some(payload),
                Some(frame::Event::Bad(fault)) => panic!("a bad reply: {fault}"),
                None => {}
            }
            let reading = self.socket.read_buf(self.frames.buffer());
            let read = tokio::time::timeout(DEADLINE, reading).await;
            match read.expect("no reply in time") {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// The next reply: the result, and the flags behind it.
    pub(crate) async fn reply_and_flags(&mut self) -> Option<(Value, Vec<Value>)> {
        let payload = self.payload().await?;
        let reply = pickle::load(&payload, &Limits::stored()).unwrap();
        let Value::List(mut parts) = reply else {
            panic!("no list: {reply:?}")
        };
        let flags = parts.split_off(1);
        Some((parts.remove(0), flags))
    }

    /// The next reply's result.
    pub(crate) async fn reply(&mut self) -> Option<Value> {
        Some(self.reply_and_flags().await?.0)
    }

    pub(crate) async fn ask(&mut self, request: Vec<Value>) -> Value {
        self.send(&[request]).await;
        self.reply().await.expect("the connection was closed")
    }

    pub(crate) async fn ask_all(&mut self, request: Vec<Value>) -> (Value, Vec<Value>) {
        self.send(&[request]).await;
        self.reply_and_flags()
            .await
            .expect("the connection was closed")
    }

    /// After ignored bytes: asks until there is an answer, and then until that of another request. What was ignored may have taken some of the
    /// questions with it.
    pub(crate) async fn settle(&mut self) {
        loop {
            self.send(&[ver()]).await;
            let patience = Duration::from_millis(100);
            if tokio::time::timeout(patience, self.reply()).await.is_ok() {
                break;
            }
        }
        self.send(&[vec![]]).await;
        while self.reply().await.expect("the connection was closed") != Value::Bool(false) {}
    }

    /// Waits for the end of the connection, without a reply before it.
    pub(crate) async fn closed(&mut self) {
        let reply = self.reply().await;
        assert_eq!(reply, None, "a reply instead of the end");
    }

    /// The name and place of everybody in view.
    pub(crate) async fn view(&mut self) -> Vec<(String, f64)> {
        self.send(&[update()]).await;
        self.next_view().await
    }

    /// The same, from the reply to an `update` that was asked for before.
    pub(crate) async fn next_view(&mut self) -> Vec<(String, f64)> {
        let Some(Value::List(entities)) = self.reply().await else {
            panic!("no view")
        };
        seen(&entities)
    }
}

/// The name and place of entities, by name.
fn seen(entities: &[Value]) -> Vec<(String, f64)> {
    let mut seen: Vec<(String, f64)> = entities
        .iter()
        .map(|entity| {
            assert!(entity.get("visual").is_some(), "{entity:?}");
            let (Some(Value::Str(name)), Some(Value::Tuple(place))) =
                (entity.get("name"), entity.get("pos"))
            else {
                panic!("{entity:?}")
            };
            (name.clone(), place[0].as_f64().unwrap())
        })
        .collect();
    seen.sort_by(|one, other| one.0.cmp(&other.0));
    seen
}
