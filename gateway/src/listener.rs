//! The door: who may come in, and that everybody is out before it is shut for good. It does not know what is said inside.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use runtime::shutdown::Shutdown;
use socket2::{SockRef, TcpKeepalive};
use tokio::{
    net::{TcpListener, TcpStream},
    task::{JoinError, JoinSet},
};
use tracing::Instrument;

use crate::{config::Config, connection, service::Shared};

/// How long a client may be silent before the kernel asks it whether it is there, and how often it asks. After some questions without an answer
/// (nine on Linux) the connection is broken.
const KEEP_ALIVE_TIME: Duration = Duration::from_secs(60);
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(10);
/// How long to wait when the system cannot give us another socket.
const ACCEPT_BACK_OFF: Duration = Duration::from_millis(100);

/// Lets clients in until the shutdown, and then waits until each has been answered what was read of it, or for the drain's time.
pub(crate) async fn run(listener: TcpListener, shared: Arc<Shared>, shutdown: Shutdown) {
    let places = Arc::new(Places::new(&shared.config));
    let mut connections: JoinSet<()> = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(ended) = connections.join_next() => {
                report(ended);
                continue;
            }
            () = shutdown.triggered() => break,
        };
        match accepted {
            Ok((socket, peer)) => match Places::take(&places, peer.ip()) {
                Ok(place) => {
                    let shared = Arc::clone(&shared);
                    connections.spawn(serve(socket, peer, place, shared, shutdown.clone()));
                }
                Err(full) => {
                    tracing::debug!(%peer, reason = full.as_str(), "no place for a client");
                    shared.counters.closed(full.as_str());
                }
            },
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "cannot accept");
                tokio::time::sleep(ACCEPT_BACK_OFF).await;
            }
        }
    }
    drop(listener);
    drain(connections, shared.config.drain_timeout()).await;
}

async fn drain(mut connections: JoinSet<()>, timeout: Duration) {
    let all = async {
        while let Some(ended) = connections.join_next().await {
            report(ended);
        }
    };
    if tokio::time::timeout(timeout, all).await.is_err() {
        tracing::info!(
            connection_count = connections.len(),
            "connections are closed before they were answered"
        );
        connections.shutdown().await;
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

async fn serve(
    socket: TcpStream,
    peer: SocketAddr,
    place: Place,
    shared: Arc<Shared>,
    shutdown: Shutdown,
) {
    let span = tracing::info_span!(
        "connection",
        %peer,
        player = tracing::field::Empty,
        zone = tracing::field::Empty
    );
    if let Err(error) = prepare(&socket) {
        tracing::debug!(
            error = &error as &dyn std::error::Error,
            "a client has gone already"
        );
        return;
    }
    shared.counters.connections.increment(1);
    let counters = Arc::clone(&shared.counters);
    let closed = async {
        let closed = connection::run(socket, shared, shutdown).await;
        tracing::debug!(reason = closed.as_str(), "connection closed");
        closed
    }
    .instrument(span)
    .await;
    counters.connections.decrement(1);
    counters.closed(closed.as_str());
    drop(place);
}

/// Replies leave at once, and a client that has vanished from the network is noticed some time.
fn prepare(socket: &TcpStream) -> std::io::Result<()> {
    socket.set_nodelay(true)?;
    let keep_alive = TcpKeepalive::new()
        .with_time(KEEP_ALIVE_TIME)
        .with_interval(KEEP_ALIVE_INTERVAL);
    SockRef::from(socket).set_tcp_keepalive(&keep_alive)
}

/// Who is in.
#[derive(Debug)]
struct Places {
    count_max: usize,
    per_address_max: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    count: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// Why somebody is not let in. The words are metric labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Full {
    InAll,
    PerAddress,
}

impl Full {
    fn as_str(self) -> &'static str {
        match self {
            Self::InAll => "full",
            Self::PerAddress => "address_full",
        }
    }
}

/// A place that is free again when this is dropped.
#[derive(Debug)]
struct Place {
    address: IpAddr,
    places: Arc<Places>,
}

impl Places {
    fn new(config: &Config) -> Self {
        Self {
            count_max: config.connection_count_max,
            per_address_max: config.connections_per_address_max,
            taken: Mutex::default(),
        }
    }

    fn take(places: &Arc<Self>, address: IpAddr) -> Result<Place, Full> {
        let mut taken = places.taken.lock();
        if taken.count >= places.count_max {
            return Err(Full::InAll);
        }
        let from_address = taken.by_address.get(&address).copied().unwrap_or(0);
        if from_address >= places.per_address_max {
            return Err(Full::PerAddress);
        }
        taken.count += 1;
        taken.by_address.insert(address, from_address + 1);
        Ok(Place {
            address,
            places: Arc::clone(places),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock();
        taken.count -= 1;
        if let Some(count) = taken.by_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                taken.by_address.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_limited_in_all_and_per_address() {
        let places = Arc::new(Places {
            count_max: 3,
            per_address_max: 2,
            taken: Mutex::default(),
        });
        let address = |last| IpAddr::from([10, 0, 0, last]);
        let take = |last| Places::take(&places, address(last));
        let one = take(1).unwrap();
        let _two = take(1).unwrap();
        assert_eq!(take(1).unwrap_err(), Full::PerAddress);
        let _three = take(2).unwrap();
        assert_eq!(take(3).unwrap_err(), Full::InAll);
        drop(one);
        let _four = take(1).unwrap();
        assert_eq!(take(2).unwrap_err(), Full::InAll);
    }
}
