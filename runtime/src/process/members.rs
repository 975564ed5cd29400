//! The services of a process: each starts with a shutdown of its own, and they stop in the order in which they need each other.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context as _, anyhow, bail};
use futures::{StreamExt, stream::FuturesUnordered};
use tokio::{
    net::TcpListener,
    time::{self, Instant},
};

use super::Process;
use crate::{Context, admin, health::Health, shutdown::Shutdown, tasks::Tasks};

/// How much longer than they ask for all services together have to stop; what is left then is stopped where it is.
const DRAIN_MARGIN: Duration = Duration::from_secs(3);
/// How long one has to stop when those before it have used up all the time.
const DRAIN_AT_LEAST: Duration = Duration::from_secs(1);

/// Services that run.
#[derive(Debug)]
pub struct Members {
    health: Health,
    /// Stops the process.
    end: Shutdown,
    admin: Option<SocketAddr>,
    /// In the order of their start.
    running: Vec<Member>,
}

/// A service with a shutdown of its own.
#[derive(Debug)]
struct Member {
    name: &'static str,
    shutdown: Shutdown,
    tasks: Tasks,
}

impl Members {
    /// The pages for operators, which are there from the first moment to the last.
    #[must_use]
    pub fn begin(admin: TcpListener, process: &Process) -> Self {
        let mut members = Self {
            health: Health::default(),
            end: process.stop.clone(),
            admin: admin.local_addr().ok(),
            running: Vec::new(),
        };
        let metrics = process.metrics.clone();
        members.start("admin", |context| async move {
            let Context {
                shutdown, health, ..
            } = context;
            Ok(admin::serve(admin, health, metrics, shutdown).await?)
        });
        members
    }

    /// What must be ready. Whoever starts members names the parts that are to come, so that none is forgotten while it has not come so far.
    #[must_use]
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// Starts one that those which start after it may need.
    pub fn start<Task>(&mut self, name: &'static str, task: impl FnOnce(Context) -> Task)
    where
        Task: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let context = Context {
            shutdown: Shutdown::default(),
            end: self.end.clone(),
            admin: self.admin,
            health: self.health.clone(),
        };
        let shutdown = context.shutdown.clone();
        let mut tasks = Tasks::new();
        tasks.spawn(name, task(context));
        self.running.push(Member {
            name,
            shutdown,
            tasks,
        });
    }

    /// Runs them until the process is to stop or one of them fails, and stops them. Once all are ready it says so; they have `ready_within`
    /// for it, or any time. `drain_within` is how long they need to stop.
    ///
    /// # Errors
    /// What failed first.
    pub async fn attend(
        mut self,
        stop: &Shutdown,
        ready_within: Option<Duration>,
        drain_within: Duration,
        say_ready: impl FnOnce(),
    ) -> anyhow::Result<()> {
        let became_ready = tokio::select! {
            outcome = self.ready(ready_within) => outcome.map(|()| true),
            () = stop.triggered() => Ok(false),
        };
        let outcome = match became_ready {
            Ok(true) => {
                say_ready();
                tokio::select! {
                    failure = self.failure() => Err(failure),
                    () = stop.triggered() => Ok(()),
                }
            }
            Ok(false) => Ok(()),
            Err(error) => Err(error),
        };
        let drained = self.drain(drain_within + DRAIN_MARGIN).await;
        outcome.and(drained)
    }

    /// Waits until every part is ready. Safe to give up.
    async fn ready(&mut self, within: Option<Duration>) -> anyhow::Result<()> {
        let health = self.health.clone();
        let too_late = async {
            match within {
                Some(within) => time::sleep(within).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = health.ready() => Ok(()),
            failure = self.failure() => Err(failure),
            () = too_late => {
                let parts = health.parts();
                let missing: Vec<_> = parts.iter().filter(|(_, is_ready)| !is_ready).map(|(name, _)| *name).collect();
                bail!("not ready after {:?}: {}", within.unwrap_or_default(), missing.join(", "))
            }
        }
    }

    /// Waits for a member to fail or to end by itself. Safe to give up.
    async fn failure(&mut self) -> anyhow::Error {
        let mut ends: FuturesUnordered<_> = self
            .running
            .iter_mut()
            .map(|member| async {
                match member.tasks.first_failure().await {
                    Some(failure) => anyhow::Error::new(failure),
                    None => anyhow!("{} ended, and nobody had asked it to", member.name),
                }
            })
            .collect();
        match ends.next().await {
            Some(failure) => failure,
            None => std::future::pending().await,
        }
    }

    /// Stops one after the other, the last that started first: nobody is stopped while somebody needs it.
    async fn drain(self, within: Duration) -> anyhow::Result<()> {
        let end = Instant::now() + within;
        let mut outcome = Ok(());
        for Member {
            name,
            shutdown,
            tasks,
        } in self.running.into_iter().rev()
        {
            let since = Instant::now();
            shutdown.trigger();
            let left = end.saturating_duration_since(since).max(DRAIN_AT_LEAST);
            let drained = tasks.finish(left).await;
            tracing::debug!(service = name, took = ?since.elapsed(), "stopped");
            outcome = outcome.and(drained);
        }
        outcome.context("not everything could be ended in order")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::telemetry::recorded;

    /// What happened, in its order.
    type Log = Arc<Mutex<Vec<&'static str>>>;

    const SECOND: Duration = Duration::from_secs(1);

    async fn begin() -> (Members, Process, Log) {
        let process = Process {
            stop: Shutdown::default(),
            metrics: recorded(|| {}),
        };
        let admin = TcpListener::bind("127.0.0.1:0").await.unwrap();
        (Members::begin(admin, &process), process, Log::default())
    }

    /// A service that is ready at once, and ends when it is told to.
    fn start(members: &mut Members, name: &'static str, log: &Log) {
        let log = Arc::clone(log);
        members.start(name, async move |context: Context| {
            context.health.part(name).ready();
            context.shutdown.triggered().await;
            log.lock().unwrap().push(name);
            Ok(())
        });
    }

    #[tokio::test]
    async fn the_last_that_started_stops_first() {
        let (mut members, process, log) = begin().await;
        for name in ["auth", "zone", "gateway"] {
            start(&mut members, name, &log);
        }
        let stop = process.stop.clone();
        let say_ready = || {
            log.lock().unwrap().push("ready");
            stop.trigger();
        };
        members
            .attend(&process.stop, None, SECOND, say_ready)
            .await
            .unwrap();
        assert_eq!(*log.lock().unwrap(), ["ready", "gateway", "zone", "auth"]);
    }

    #[tokio::test]
    async fn one_that_asks_for_the_end_ends_all_in_their_order() {
        let (mut members, process, log) = begin().await;
        start(&mut members, "auth", &log);
        let said = Arc::clone(&log);
        members.start("zone", async move |context: Context| {
            assert!(context.admin.is_some());
            context.health.part("zone").ready();
            context.end.trigger();
            context.shutdown.triggered().await;
            said.lock().unwrap().push("zone");
            Ok(())
        });
        let attended = members.attend(&process.stop, None, SECOND, || {});
        time::timeout(10 * SECOND, attended).await.unwrap().unwrap();
        assert_eq!(*log.lock().unwrap(), ["zone", "auth"]);
    }

    #[tokio::test]
    async fn one_that_fails_stops_all() {
        for (outcome, expected) in [
            (Err("no disk"), "clumsy failed: no disk"),
            (Ok(()), "clumsy ended, and nobody had asked it to"),
        ] {
            let (mut members, process, log) = begin().await;
            start(&mut members, "auth", &log);
            members.start("clumsy", async move |context: Context| {
                context.health.part("clumsy").ready();
                outcome.map_err(anyhow::Error::msg)
            });
            let attended = members.attend(&process.stop, None, SECOND, || {});
            let error = time::timeout(10 * SECOND, attended).await.unwrap();
            assert_eq!(format!("{:#}", error.unwrap_err()), expected);
            assert_eq!(*log.lock().unwrap(), ["auth"]);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_not_ready_in_time_is_named() {
        let (mut members, process, log) = begin().await;
        start(&mut members, "auth", &log);
        let _begins_as_not_ready = members.health().part("zone");
        let error = members
            .attend(&process.stop, Some(SECOND), SECOND, || {
                panic!("nobody is ready")
            })
            .await;
        assert_eq!(error.unwrap_err().to_string(), "not ready after 1s: zone");
        assert_eq!(*log.lock().unwrap(), ["auth"]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_stop_in_time_is_named() {
        let (mut members, process, log) = begin().await;
        start(&mut members, "auth", &log);
        members.start("stuck", |_| std::future::pending());
        process.stop.trigger();
        let error = members.attend(&process.stop, None, SECOND, || {}).await;
        let error = format!("{:#}", error.unwrap_err());
        assert_eq!(
            error,
            "not everything could be ended in order: stuck did not end within 4s"
        );
        assert_eq!(*log.lock().unwrap(), ["auth"]);
    }
}
