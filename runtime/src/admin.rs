//! What operators and their tools ask a process: `/healthz`, `/readyz`, `/metrics`. It changes nothing.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
    serve::Listener,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};

use crate::{health::Health, shutdown::Shutdown, telemetry::Metrics};

/// How many connections are served at once. Further ones wait in the system's queue.
pub const CONNECTIONS_MAX: usize = 64;
/// How long answers that were begun may take after the shutdown.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);
/// The version of Prometheus's text form.
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Why nobody is answered any more.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The socket failed.
    #[error("the socket of the admin pages failed")]
    Socket(#[from] io::Error),
}

/// Answers until the shutdown. `/healthz` says 200 while the process lives; `/readyz` says 200, or 503 with the parts that are not ready; once the
/// shutdown of the services begins they say so through their parts, so that a `shutdown` that is triggered last lets it be seen.
///
/// # Errors
/// The socket failed.
pub async fn serve(
    listener: TcpListener,
    health: Health,
    metrics: Metrics,
    shutdown: Shutdown,
) -> Result<(), Error> {
    let router = Router::new()
        .route("/healthz", get(async || "alive\n"))
        .route("/readyz", get(readiness).with_state(health))
        .route("/metrics", get(exposition).with_state(metrics));
    let listener = Limited {
        listener,
        free: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
    };
    let stop = shutdown.clone();
    let serving = axum::serve(listener, router)
        .with_graceful_shutdown(async move { stop.triggered().await })
        .into_future();
    let overdue = async {
        shutdown.triggered().await;
        tokio::time::sleep(DRAIN_TIMEOUT).await;
    };
    tokio::select! {
        served = serving => Ok(served?),
        () = overdue => Ok(()),
    }
}

async fn readiness(State(health): State<Health>) -> (StatusCode, String) {
    let status = if health.is_ready() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let lines = health
        .parts()
        .into_iter()
        .map(|(name, is_ready)| {
            format!("{name}: {}\n", if is_ready { "ready" } else { "not ready" })
        })
        .collect::<String>();
    let lines = if lines.is_empty() {
        "nothing has started yet\n".to_owned()
    } else {
        lines
    };
    (status, lines)
}

async fn exposition(State(metrics): State<Metrics>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, METRICS_TYPE)], metrics.render())
}

/// A listener that accepts no more connections than it has permits for.
struct Limited {
    listener: TcpListener,
    free: Arc<Semaphore>,
}

impl Listener for Limited {
    type Io = Counted;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Counted, SocketAddr) {
        let permit = Arc::clone(&self.free)
            .acquire_owned()
            .await
            .expect("nobody closes it");
        let (stream, address) = Listener::accept(&mut self.listener).await;
        let counted = Counted {
            stream,
            _permit: permit,
        };
        (counted, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection, and the permit that it gives back at its end.
struct Counted {
    stream: TcpStream,
    _permit: OwnedSemaphorePermit,
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
