//! Waiting at the start for what another process has yet to do. What is wrong for good is for the caller to refuse.

use std::time::Duration;

use tokio::time::Instant;

use crate::shutdown::Shutdown;

/// The first pause between two looks; each is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How often a wait that goes on is logged.
const REMIND_INTERVAL: Duration = Duration::from_secs(30);

/// Looks until there is something, with back-off, and says in the log what is waited for and why. None: the shutdown came first. A look that is
/// not over when the shutdown comes is dropped.
pub async fn wait_for<Found, Looking, Reason>(
    what: &str,
    shutdown: &Shutdown,
    mut look: impl FnMut() -> Looking,
) -> Option<Found>
where
    Looking: Future<Output = Result<Found, Reason>>,
    Reason: std::fmt::Display,
{
    let mut pause = FIRST_PAUSE;
    let mut said: Option<(String, Instant)> = None;
    let waiting = async {
        loop {
            let reason = match look().await {
                Ok(found) => break found,
                Err(reason) => format!("{reason:#}"),
            };
            let is_said = said
                .as_ref()
                .is_some_and(|(last, at)| *last == reason && at.elapsed() < REMIND_INTERVAL);
            if !is_said {
                tracing::info!(reason, "waiting for {what}");
                said = Some((reason, Instant::now()));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    };
    tokio::select! {
        found = waiting => Some(found),
        () = shutdown.triggered() => None,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_looks_less_and_less_often() {
        let (begun, shutdown) = (Instant::now(), Shutdown::default());
        let look_count = Cell::new(0);
        let found = wait_for("a friend", &shutdown, || async {
            look_count.set(look_count.get() + 1);
            match begun.elapsed() >= Duration::from_secs(60) {
                true => Ok(7),
                false => Err("nobody yet"),
            }
        });
        assert_eq!(found.await, Some(7));
        // Six looks in the first 3.15 s, then one every 2 s.
        assert_eq!(look_count.get(), 36);
        assert!(begun.elapsed() < Duration::from_secs(63));
    }

    #[tokio::test(start_paused = true)]
    async fn a_shutdown_ends_it() {
        let shutdown = Shutdown::default();
        let stop = async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            shutdown.trigger();
        };
        let waiting = wait_for("a friend", &shutdown, async || Err::<(), _>("nobody"));
        let (found, ()) = tokio::join!(waiting, stop);
        assert_eq!(found, None);
        let stuck = wait_for("a friend", &shutdown, || {
            std::future::pending::<Result<(), &str>>()
        });
        assert_eq!(stuck.await, None);
    }
}
