//! When to stop: asked for once, and heard by everything that shares it. What stopping takes is for each service to know.

use tokio_util::sync::CancellationToken;

/// Whether the process, or a part of it, is to stop. Clones share it; once triggered it stays so.
#[derive(Debug, Clone, Default)]
pub struct Shutdown(CancellationToken);

impl Shutdown {
    /// Asks everything that shares this to stop.
    pub fn trigger(&self) {
        self.0.cancel();
    }

    /// Whether it was asked for.
    #[must_use]
    pub fn is_triggered(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Waits until it is asked for. May be dropped and called again without missing it.
    pub async fn triggered(&self) {
        self.0.cancelled().await;
    }
}

/// Waits until somebody asks the process to stop, and says by which signal. From the first poll on, those signals no longer end the process
/// by themselves: call it again after the first one to hear a second.
#[cfg(unix)]
pub async fn signal() -> &'static str {
    use tokio::signal::unix::SignalKind;
    tokio::select! {
        () = heard(SignalKind::interrupt()) => "SIGINT",
        () = heard(SignalKind::terminate()) => "SIGTERM",
    }
}

/// Waits until somebody asks the process to stop, and says how.
#[cfg(not(unix))]
pub async fn signal() -> &'static str {
    if let Err(error) = tokio::signal::ctrl_c().await {
        deaf(&error).await;
    }
    "Ctrl-C"
}

#[cfg(unix)]
async fn heard(kind: tokio::signal::unix::SignalKind) {
    match tokio::signal::unix::signal(kind) {
        Ok(mut signals) => {
            signals.recv().await;
        }
        Err(error) => deaf(&error).await,
    }
}

/// The process cannot listen. It would be worse to take that for a signal and stop.
async fn deaf(error: &std::io::Error) {
    tracing::error!(
        error = error as &dyn std::error::Error,
        "cannot listen for signals"
    );
    std::future::pending().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_who_share_it_hear_it() {
        let shutdown = Shutdown::default();
        let (early, other) = (shutdown.clone(), Shutdown::default());
        let waiting = tokio::spawn(async move { early.triggered().await });
        assert!(!shutdown.is_triggered());
        shutdown.trigger();
        waiting.await.unwrap();
        shutdown.clone().triggered().await;
        assert!(shutdown.is_triggered());
        assert!(!other.is_triggered());
    }
}
