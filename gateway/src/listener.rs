//! The door: who may come in, and that everybody is out before it is shut for good. It does not know what is said inside.

mod introduction;
mod places;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use runtime::{health::Part, shutdown::Shutdown};
use socket2::{SockRef, TcpKeepalive};
use tokio::{
    net::{TcpListener, TcpStream},
    task::{JoinError, JoinSet},
    time::{sleep, timeout},
};
use tracing::Instrument;

use crate::{
    connection::{self, Closed},
    service::Shared,
    throttle::Throttle,
};
use introduction::Introduced;
use places::{Place, Places};

/// How long a client may be silent before the kernel asks it whether it is there, and how often it asks. After some questions without an answer
/// (nine on Linux) the connection is broken.
const KEEP_ALIVE_TIME: Duration = Duration::from_secs(60);
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(10);
/// How long to wait when the system cannot give us another socket.
const ACCEPT_BACK_OFF: Duration = Duration::from_millis(100);

/// What all who come in share.
#[derive(Debug)]
struct Door {
    shared: Arc<Shared>,
    places: Arc<Places>,
    /// Of proxies that do not say whom they bring.
    warnings: Throttle,
    /// When connections are to end.
    end: Shutdown,
}

/// Lets clients in until the shutdown, and is not ready any more from then on. Those who are in may linger; then each has the drain's time to be
/// answered what was read of it.
pub(crate) async fn run(
    listener: TcpListener,
    shared: Arc<Shared>,
    shutdown: &Shutdown,
    health: &Part,
) {
    let (linger, drain) = (
        shared.config.linger_timeout(),
        shared.config.drain_timeout(),
    );
    let door = Arc::new(Door {
        places: Arc::new(Places::new(&shared.config)),
        shared,
        warnings: Throttle::default(),
        end: Shutdown::default(),
    });
    let mut connections = JoinSet::new();
    tokio::select! {
        () = accept(&listener, &door, &mut connections) => {}
        () = shutdown.triggered() => {}
    }
    health.not_ready();
    drop(listener);
    if !(linger.is_zero() || connections.is_empty()) {
        let connection_count = connections.len();
        tracing::info!(connection_count, timeout = ?linger, "those who are connected may linger");
        let _or_the_time_is_over = timeout(linger, all_gone(&mut connections)).await;
    }
    door.end.trigger();
    if timeout(drain, all_gone(&mut connections)).await.is_err() {
        let connection_count = connections.len();
        tracing::info!(
            connection_count,
            "connections are closed before they were answered"
        );
        connections.shutdown().await;
    }
}

/// Lets clients in, for ever. May be dropped at any time: whoever is in stays in.
async fn accept(listener: &TcpListener, door: &Arc<Door>, connections: &mut JoinSet<()>) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(ended) = connections.join_next() => {
                report(ended);
                continue;
            }
        };
        match accepted {
            Ok((socket, peer)) => {
                // Of IPv4 whichever way it came: a listener on [::] is told of all as of IPv6.
                let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
                if let Some(caller) = Caller::of(peer, door) {
                    connections.spawn(serve(socket, caller, Arc::clone(door)));
                }
            }
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "cannot accept");
                sleep(ACCEPT_BACK_OFF).await;
            }
        }
    }
}

/// Waits until nobody is in.
async fn all_gone(connections: &mut JoinSet<()>) {
    while let Some(ended) = connections.join_next().await {
        report(ended);
    }
}

/// Somebody for whom there is a place.
struct Caller {
    /// Where the connection comes from.
    peer: SocketAddr,
    /// Whether that is a proxy, which is to say whom it brings.
    is_proxy: bool,
    place: Place,
}

impl Caller {
    /// None: there is no place.
    fn of(peer: SocketAddr, door: &Door) -> Option<Self> {
        let is_proxy = door.shared.config.proxy_protocol.contains(peer.ip());
        let place = Places::take(&door.places).and_then(|mut place| {
            if !is_proxy {
                place.count_for(peer.ip())?;
            }
            Ok(place)
        });
        match place {
            Ok(place) => Some(Self {
                peer,
                is_proxy,
                place,
            }),
            Err(full) => {
                tracing::debug!(%peer, reason = full.as_str(), "no place for a client");
                door.shared.counters.closed(full.as_str());
                None
            }
        }
    }

    /// Hears whom a proxy brings, and counts that one. An error: the word for why it is not let in.
    async fn introduce(&mut self, socket: &mut TcpStream, door: &Door) -> Result<(), &'static str> {
        let introduced = introduction::read(socket).await.map_err(|refused| {
            if refused.is_wrong() && door.warnings.is_due() {
                tracing::warn!(
                    proxy = %self.peer,
                    reason = refused.as_str(),
                    "a proxy does not say whom it brings: let it send the PROXY protocol, version 2, or take it out of gateway.proxy_protocol"
                );
            }
            refused.as_str()
        })?;
        let client = match introduced {
            Introduced::Client(client) => {
                SocketAddr::new(client.ip().to_canonical(), client.port())
            }
            Introduced::Proxy => self.peer,
        };
        tracing::Span::current().record("peer", tracing::field::display(client));
        self.place
            .count_for(client.ip())
            .map_err(|full| full.as_str())
    }
}

/// A panic in one connection ends that one.
fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "a connection's task panicked"
        );
    }
}

async fn serve(mut socket: TcpStream, mut caller: Caller, door: Arc<Door>) {
    let span = tracing::info_span!(
        "connection",
        proxy = tracing::field::Empty,
        peer = tracing::field::Empty,
        player = tracing::field::Empty,
        zone = tracing::field::Empty
    );
    let role = if caller.is_proxy { "proxy" } else { "peer" };
    span.record(role, tracing::field::display(caller.peer));
    if let Err(error) = prepare(&socket) {
        tracing::debug!(
            error = &error as &dyn std::error::Error,
            "a client has gone already"
        );
        return;
    }
    let shared = &door.shared;
    shared.counters.connections.increment(1);
    let reason = async {
        let introduced = match caller.is_proxy {
            true => tokio::select! {
                introduced = caller.introduce(&mut socket, &door) => introduced,
                () = door.end.triggered() => Err(Closed::Shutdown.as_str()),
            },
            false => Ok(()),
        };
        let reason = match introduced {
            Ok(()) => connection::run(socket, Arc::clone(shared), door.end.clone())
                .await
                .as_str(),
            Err(reason) => reason,
        };
        tracing::debug!(reason, "connection closed");
        reason
    }
    .instrument(span)
    .await;
    shared.counters.connections.decrement(1);
    shared.counters.closed(reason);
}

/// Replies leave at once, and a client that has vanished from the network is noticed some time.
fn prepare(socket: &TcpStream) -> std::io::Result<()> {
    socket.set_nodelay(true)?;
    let keep_alive = TcpKeepalive::new()
        .with_time(KEEP_ALIVE_TIME)
        .with_interval(KEEP_ALIVE_INTERVAL);
    SockRef::from(socket).set_tcp_keepalive(&keep_alive)
}
