//! The services of a cluster in one process: each starts with a context of its own, and they stop in the order in which they need each other.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, anyhow, bail};
use futures::{StreamExt, stream::FuturesUnordered};
use runtime::{
    Context, admin, health::Health, shutdown::Shutdown, tasks::Tasks, telemetry::Metrics,
};
use store::{
    Store,
    announce::Announcements,
    sessions::{InMemory, Sessions},
};
use tokio::time::{self, Instant};

use super::{listeners::Listeners, settings::Settings, watch::Watch};

// The parts of `/readyz`, as the services call themselves.
const GATEWAY: &str = "gateway";
const ZONE_SERVER: &str = "zone-server";
const AUTH: &str = "auth";

/// How long the services have to become ready. They take milliseconds.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// How much longer than the gateway and the zone server are allowed to take all services together have to stop; what is left then is stopped
/// where it is.
const DRAIN_MARGIN: Duration = Duration::from_secs(3);

/// What a cluster is made from.
pub(super) struct Parts {
    pub(super) listeners: Listeners,
    pub(super) settings: Settings,
    pub(super) store: Store,
    pub(super) announcements: Arc<dyn Announcements>,
    pub(super) metrics: Metrics,
    pub(super) watch: Option<Watch>,
}

/// A cluster that runs.
#[derive(Debug)]
pub(super) struct Cluster {
    health: Health,
    /// How long all members together have to stop.
    drain_within: Duration,
    /// In the order in which they stop: nobody is stopped while somebody needs it.
    members: Vec<Member>,
}

/// A service with a shutdown of its own.
#[derive(Debug)]
struct Member {
    name: &'static str,
    shutdown: Shutdown,
    tasks: Tasks,
}

impl Member {
    fn start<Task>(name: &'static str, health: &Health, task: impl FnOnce(Context) -> Task) -> Self
    where
        Task: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let context = Context {
            shutdown: Shutdown::default(),
            health: health.clone(),
        };
        let shutdown = context.shutdown.clone();
        let mut tasks = Tasks::new();
        tasks.spawn(name, task(context));
        Self {
            name,
            shutdown,
            tasks,
        }
    }
}

impl Cluster {
    /// Starts everything.
    pub(super) fn start(parts: Parts) -> Self {
        let Parts {
            listeners,
            settings,
            store,
            announcements,
            metrics,
            watch,
        } = parts;
        let sessions: Arc<dyn Sessions> = Arc::new(InMemory::default());
        let peers = gateway::Peers {
            store: store.clone(),
            sessions: Arc::clone(&sessions),
            announcements: Arc::clone(&announcements),
            auth: format!("http://{}", listeners.auth_address),
        };
        let health = Health::default();
        // Named before they start, so that none is forgotten while it has not come so far.
        for name in [GATEWAY, ZONE_SERVER, AUTH] {
            let _begins_as_not_ready = health.part(name);
        }
        let drain_ms = settings.gateway.drain_timeout_ms + settings.zone_server.drain_timeout_ms;
        let drain_within = Duration::from_millis(drain_ms) + DRAIN_MARGIN;
        let mut members = Vec::new();
        if let Some(watch) = watch {
            let (store, announcements) = (store.clone(), Arc::clone(&announcements));
            members.push(Member::start("world watch", &health, |context| {
                watch.run(store, announcements, context.shutdown)
            }));
        }
        members.push(Member::start(GATEWAY, &health, |context| async move {
            Ok(gateway::serve(listeners.client, peers, settings.gateway, context).await?)
        }));
        let zone_store = store.clone();
        members.push(Member::start(ZONE_SERVER, &health, |context| async move {
            let (listener, config) = (listeners.zone_server, settings.zone_server);
            Ok(zone_server::serve(listener, zone_store, announcements, config, context).await?)
        }));
        members.push(Member::start(AUTH, &health, |context| async move {
            Ok(auth::serve(listeners.auth, store, sessions, settings.auth, context).await?)
        }));
        members.push(Member::start("admin", &health, |context| async move {
            let Context { shutdown, health } = context;
            Ok(admin::serve(listeners.admin, health, metrics, shutdown).await?)
        }));
        Self {
            health,
            drain_within,
            members,
        }
    }

    /// Waits until every service is ready. Safe to give up.
    pub(super) async fn ready(&mut self) -> anyhow::Result<()> {
        let health = self.health.clone();
        tokio::select! {
            () = health.ready() => Ok(()),
            failure = self.failure() => Err(failure),
            () = time::sleep(READY_WITHIN) => {
                let missing: Vec<_> =
                    health.parts().into_iter().filter(|(_, is_ready)| !is_ready).map(|(name, _)| name).collect();
                bail!("not ready after {} s: {}", READY_WITHIN.as_secs(), missing.join(", "))
            }
        }
    }

    /// Waits for a service to fail or to end by itself. Safe to give up.
    pub(super) async fn failure(&mut self) -> anyhow::Error {
        let mut ends: FuturesUnordered<_> = self
            .members
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

    /// Stops one after the other.
    pub(super) async fn drain(self) -> anyhow::Result<()> {
        let end = Instant::now() + self.drain_within;
        let mut outcome = Ok(());
        for Member {
            name,
            shutdown,
            tasks,
        } in self.members
        {
            let since = Instant::now();
            shutdown.trigger();
            let drained = tasks.finish(end.saturating_duration_since(since)).await;
            tracing::debug!(service = name, took = ?since.elapsed(), "stopped");
            outcome = outcome.and(drained);
        }
        outcome.context("not everything could be ended in order")
    }
}
