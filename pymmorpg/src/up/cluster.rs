//! The services of a cluster in one process, in the order in which they need each other.

use std::{sync::Arc, time::Duration};

use runtime::process::{Members, Process};
use store::{Store, announce::Announcements, sessions::Sessions};

use super::{listeners::Listeners, settings::Settings, watch::Watch};

// The parts of `/readyz`, as the services call themselves.
const GATEWAY: &str = "gateway";
const ZONE_SERVER: &str = "zone-server";
const AUTH: &str = "auth";

/// What a cluster is made from.
pub(super) struct Parts {
    pub(super) listeners: Listeners,
    pub(super) settings: Settings,
    pub(super) store: Store,
    pub(super) sessions: Arc<dyn Sessions>,
    pub(super) announcements: Arc<dyn Announcements>,
    pub(super) watch: Option<Watch>,
}

/// How long a cluster needs to stop.
pub(super) fn drain_within(settings: &Settings) -> Duration {
    settings.gateway.stop_within() + Duration::from_millis(settings.zone_server.drain_timeout_ms)
}

/// Starts everything.
pub(super) fn start(parts: Parts, process: &Process) -> Members {
    let Parts {
        listeners,
        settings,
        store,
        sessions,
        announcements,
        watch,
    } = parts;
    let peers = gateway::Peers {
        store: store.clone(),
        sessions: Arc::clone(&sessions),
        announcements: Arc::clone(&announcements),
        auth: format!("http://{}", listeners.auth_address),
    };
    let mut members = Members::begin(listeners.admin, process);
    for name in [GATEWAY, ZONE_SERVER, AUTH] {
        let _begins_as_not_ready = members.health().part(name);
    }
    let auth_store = store.clone();
    members.start(AUTH, |context| async move {
        Ok(auth::serve(listeners.auth, auth_store, sessions, settings.auth, context).await?)
    });
    let (zone_store, zone_announcements) = (store.clone(), Arc::clone(&announcements));
    members.start(ZONE_SERVER, |context| async move {
        let (listener, config) = (listeners.zone_server, settings.zone_server);
        Ok(zone_server::serve(listener, zone_store, zone_announcements, config, context).await?)
    });
    // Before the gateway, so that it stops after it: those who linger see what is published.
    if let Some(watch) = watch {
        members.start("world watch", |context| {
            watch.run(store, announcements, context.shutdown)
        });
    }
    members.start(GATEWAY, |context| async move {
        Ok(gateway::serve(listeners.client, peers, settings.gateway, context).await?)
    });
    members
}
