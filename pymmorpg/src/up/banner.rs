//! What somebody wants to know of a cluster that is ready: where to connect, what is there, and how to try it.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
};

use serde_json::json;
use store::content::World;

use super::{bundled, listeners::Listeners};
use crate::world::Summary;

/// A client to try it with; it takes the host and the port.
const CLIENT: &str = "clients/python/examples/terminal.py";

/// All of it.
#[derive(Debug)]
pub(super) struct Ready {
    listen: SocketAddr,
    admin: SocketAddr,
    data: PathBuf,
    world: String,
    version: u64,
    summary: Summary,
}

impl Ready {
    /// What will be said once the cluster is ready.
    pub(super) fn new(listeners: &Listeners, data: &Path, world: &World) -> Self {
        Self {
            listen: listeners.client_address,
            admin: listeners.admin_address,
            data: data.to_owned(),
            world: world.content.settings.name.clone(),
            version: world.version.version,
            summary: Summary::of(&world.content.terrain),
        }
    }

    /// Says it: text for people, or one line of JSON.
    pub(super) fn print(&self, as_json: bool) {
        if as_json {
            let document = json!({
                "listen": self.listen.to_string(),
                "admin": self.admin.to_string(),
                "data": self.data.display().to_string(),
                "world": { "name": self.world, "version": self.version, "total": self.summary },
            });
            println!("{document}");
            return;
        }
        println!("pymmorpg {} is ready", env!("CARGO_PKG_VERSION"));
        println!("  clients    {}", self.listen);
        println!(
            "  operators  http://{} (/healthz, /readyz, /metrics)",
            self.admin
        );
        println!(
            "  world      {}, content version {}: {}",
            self.world, self.version, self.summary
        );
        println!("  data       {}", self.data.display());
        if let Some(client) = bundled::find(CLIENT) {
            println!(
                "  try it     python3 {} {}",
                client.display(),
                self.dialled()
            );
        }
        println!("Ctrl-C ends it.");
    }

    /// Host and port as a client on this machine says them.
    fn dialled(&self) -> String {
        let host = match self.listen.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        format!("{host} {}", self.listen.port())
    }
}
