//! The service's life: from a bound listener to the last answer after the shutdown.

use std::{sync::Arc, time::Duration};

use proto::auth_server::AuthServer;
use runtime::shutdown::Shutdown;
use store::{
    Store,
    processes::{self, About, Facts, Id, Kind},
    sessions::Sessions,
};
use tokio::net::TcpListener;
use tonic::transport::{Server, server::TcpIncoming};

use crate::{
    Config,
    hasher::{self, Hasher},
    registrar::Registrar,
    service::Service,
};

/// The largest request: a name and a password as a client may send them, though none that long is valid.
const REQUEST_BYTES_MAX: usize = 1 << 20;
/// How many requests of one gateway are under way at once. Further ones wait in it.
const REQUESTS_MAX: u32 = 1_024;
/// How often a quiet gateway is asked whether it is there, and how long it may take to say so.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// How long answers that were begun may take after the shutdown: longer than anybody waits in the queue of hashes by default.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// Why the service does not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The first hash failed: there is no memory for any.
    #[error("passwords cannot be hashed on this machine")]
    Hasher(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The listener has no address.
    #[error("cannot listen")]
    Listen(#[source] std::io::Error),
    /// The socket failed.
    #[error("the socket of the auth service failed")]
    Socket(#[source] tonic::transport::Error),
}

impl From<hasher::Error> for Error {
    fn from(error: hasher::Error) -> Self {
        Self::Hasher(Box::new(error))
    }
}

/// Answers gateways until the shutdown, and then what they had asked before it.
///
/// # Errors
/// The service cannot begin, or its socket failed.
pub async fn serve(
    listener: TcpListener,
    store: Store,
    sessions: Arc<dyn Sessions>,
    config: Config,
    context: runtime::Context,
) -> Result<(), Error> {
    let part = context.health.part("auth");
    let address = listener.local_addr().map_err(Error::Listen)?;
    let admin = context.admin.map(|admin| admin.to_string());
    let about = About::this(Id::draw(), Kind::Auth, address.to_string(), admin);
    let listed = store.clone();
    let service = Service {
        registrar: Registrar {
            store,
            sessions,
            hasher: Hasher::new(&config).await?,
            session_ttl: Duration::from_millis(config.session_ttl_ms),
        },
    };
    let server = AuthServer::new(service).max_decoding_message_size(REQUEST_BYTES_MAX);
    let shutdown = context.shutdown.clone();
    let stop = {
        let part = part.clone();
        async move {
            shutdown.triggered().await;
            part.not_ready();
        }
    };
    let serving = Server::builder()
        .max_concurrent_streams(REQUESTS_MAX)
        .http2_keepalive_interval(Some(KEEP_ALIVE))
        .http2_keepalive_timeout(Some(KEEP_ALIVE))
        .add_service(server)
        .serve_with_incoming_shutdown(TcpIncoming::from(listener).with_nodelay(Some(true)), stop);
    let overdue = async {
        context.shutdown.triggered().await;
        tokio::time::sleep(DRAIN_TIMEOUT).await;
    };
    part.ready();
    let has_ended = Shutdown::default();
    let serve = async {
        let served = tokio::select! {
            served = serving => served.map_err(Error::Socket),
            () = overdue => {
                tracing::warn!(timeout = ?DRAIN_TIMEOUT, "requests were left unanswered");
                Ok(())
            }
        };
        has_ended.trigger();
        served
    };
    let list = processes::keep(listed, about, Facts::default, has_ended.triggered());
    let (served, ()) = tokio::join!(serve, list);
    served
}
