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
/// The page that says that the process lives.
pub(crate) const ALIVE: &str = "/healthz";
/// The page that says whether it can serve, and what it waits for.
pub(crate) const READY: &str = "/readyz";
/// What that page says behind the name of a part.
const PART_READY: &str = ": ready";
const PART_MISSING: &str = ": not ready";
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
        .route(ALIVE, get(async || "alive\n"))
        .route(READY, get(readiness).with_state(health))
        .route("/metrics", get(exposition).with_state(metrics));
    let listener = Limited::new(listener);
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
            let state = if is_ready { PART_READY } else { PART_MISSING };
            format!("{name}{state}\n")
        })
        .collect::<String>();
    let lines = if lines.is_empty() {
        "nothing has started yet\n".to_owned()
    } else {
        lines
    };
    (status, lines)
}

/// The part that is missing, according to a line of [`READY`].
pub(crate) fn missing(line: &str) -> Option<&str> {
    line.strip_suffix(PART_MISSING)
}

async fn exposition(State(metrics): State<Metrics>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, METRICS_TYPE)], metrics.render())
}

/// A listener that accepts no more connections than it has permits for.
struct Limited {
    listener: TcpListener,
    free: Arc<Semaphore>,
}

impl Limited {
    fn new(listener: TcpListener) -> Self {
        Self {
            listener,
            free: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
        }
    }
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::telemetry::recorded;

    struct Served {
        address: SocketAddr,
        health: Health,
        shutdown: Shutdown,
        serving: tokio::task::JoinHandle<Result<(), Error>>,
    }

    async fn served() -> Served {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (health, shutdown) = (Health::default(), Shutdown::default());
        let metrics = recorded(|| metrics::counter!("pymmorpg_test_total").increment(3));
        let serving = tokio::spawn(serve(listener, health.clone(), metrics, shutdown.clone()));
        Served {
            address,
            health,
            shutdown,
            serving,
        }
    }

    async fn get_page(address: SocketAddr, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        let status = text.split(' ').nth(1).unwrap().parse().unwrap();
        (status, text)
    }

    #[tokio::test]
    async fn readiness_names_the_parts() {
        let Served {
            address, health, ..
        } = served().await;
        assert_eq!(get_page(address, "/healthz").await.0, 200);
        assert_eq!(get_page(address, "/readyz").await.0, 503);
        let (auth, zone) = (health.part("auth"), health.part("zone"));
        auth.ready();
        let (status, text) = get_page(address, "/readyz").await;
        assert_eq!(status, 503);
        assert!(text.ends_with("auth: ready\nzone: not ready\n"), "{text}");
        zone.ready();
        assert_eq!(get_page(address, "/readyz").await.0, 200);
        assert_eq!(get_page(address, "/elsewhere").await.0, 404);
    }

    #[tokio::test]
    async fn metrics_are_prometheus_text() {
        let (status, text) = get_page(served().await.address, "/metrics").await;
        assert_eq!(status, 200);
        assert!(text.contains(METRICS_TYPE), "{text}");
        assert!(text.contains("pymmorpg_test_total 3"), "{text}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_says_nothing_does_not_hold_up_the_end() {
        let served = served().await;
        let mut silent = TcpStream::connect(served.address).await.unwrap();
        silent.write_all(b"GET /hea").await.unwrap();
        assert_eq!(get_page(served.address, "/healthz").await.0, 200);
        served.shutdown.trigger();
        let hour = Duration::from_secs(3_600);
        let ended = tokio::time::timeout(hour, served.serving).await;
        ended.unwrap().unwrap().unwrap();
    }

    #[tokio::test]
    async fn connections_are_bounded() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut limited = Limited::new(listener);
        let (mut callers, mut accepted) = (Vec::new(), Vec::new());
        for _ in 0..CONNECTIONS_MAX {
            callers.push(TcpStream::connect(address).await.unwrap());
            accepted.push(limited.accept().await.0);
        }
        callers.push(TcpStream::connect(address).await.unwrap());
        let mut one_more = std::pin::pin!(limited.accept());
        let is_accepted =
            std::future::poll_fn(|context| Poll::Ready(one_more.as_mut().poll(context).is_ready()));
        assert!(!is_accepted.await);
        accepted.pop();
        one_more.await;
    }
}
