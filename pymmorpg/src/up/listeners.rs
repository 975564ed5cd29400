//! The sockets of a cluster in one process, bound before anything starts, so that an address in use is known before anything has happened.

use std::net::SocketAddr;

use anyhow::Context;
use runtime::process::bind;
use tokio::net::TcpListener;

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
    /// Where the auth service is.
    pub(super) auth_address: SocketAddr,
}

/// For what only we ourselves connect to: any port that is free, and nobody from outside.
const INTERNAL: &str = "127.0.0.1:0";

impl Listeners {
    /// Binds them.
    pub(super) async fn bind(client: SocketAddr, admin: SocketAddr) -> anyhow::Result<Self> {
        let client = bind(client, "--listen").await?;
        let admin = bind(admin, "--admin-listen").await?;
        let internal = || async {
            TcpListener::bind(INTERNAL)
                .await
                .context("cannot listen on 127.0.0.1 for the services' own gRPC")
        };
        let (zone_server, auth) = (internal().await?, internal().await?);
        Ok(Self {
            client_address: client.local_addr()?,
            admin_address: admin.local_addr()?,
            auth_address: auth.local_addr()?,
            client,
            admin,
            zone_server,
            auth,
        })
    }
}
