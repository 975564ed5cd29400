//! The sockets of a cluster in one process, bound before anything starts, so that an address in use is known before anything has happened.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use runtime::process::{bind, dialled};
use tokio::net::TcpListener;

use super::settings::Settings;

/// All of them, and where they are.
#[derive(Debug)]
pub(super) struct Listeners {
    /// Clients.
    pub(super) client: TcpListener,
    /// Operators.
    pub(super) admin: TcpListener,
    /// The zone server's gRPC.
    pub(super) zone_server: TcpListener,
    /// The auth service's gRPC.
    pub(super) auth: TcpListener,
    /// Where clients connect.
    pub(super) client_address: SocketAddr,
    /// Where operators look.
    pub(super) admin_address: SocketAddr,
    /// Where the gateway finds the auth service.
    pub(super) auth_address: SocketAddr,
}

/// For what only we ourselves connect to, unless its section says otherwise: any port that is free, and nobody from outside.
const INTERNAL: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

impl Listeners {
    /// Binds them.
    pub(super) async fn bind(settings: &Settings) -> anyhow::Result<Self> {
        let internal = |listen: Option<SocketAddr>| listen.unwrap_or(INTERNAL);
        let client = bind(settings.listen, "--listen").await?;
        let admin = bind(settings.admin_listen, "--admin-listen").await?;
        let zone_server = internal(settings.zone_server.listen);
        let zone_server = bind(zone_server, "zone_server.listen").await?;
        let auth = bind(internal(settings.auth.listen), "auth.listen").await?;
        Ok(Self {
            client_address: client.local_addr()?,
            admin_address: admin.local_addr()?,
            auth_address: dialled(auth.local_addr()?),
            client,
            admin,
            zone_server,
            auth,
        })
    }
}
