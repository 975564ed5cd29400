//! What somebody wants to know of a cluster that is ready: where to connect, what is there, and how to try it.

use std::net::SocketAddr;

use runtime::process::dialled;
use serde_json::json;
use store::{Database, content::World};

use super::{bundled, listeners::Listeners};
use crate::world::Summary;

/// A client to try it with; it takes the host and the port.
const CLIENT: &str = "clients/python/examples/terminal.py";

/// All of it.
#[derive(Debug)]
pub(super) struct Ready {
    listen: SocketAddr,
    admin: SocketAddr,
    database: Database,
    world: String,
    version: u64,
    summary: Summary,
}

impl Ready {
    /// What will be said once the cluster is ready.
    pub(super) fn new(listeners: &Listeners, database: &Database, world: &World) -> Self {
        Self {
            listen: listeners.client_address,
            admin: listeners.admin_address,
            database: database.clone(),
            world: world.content.settings.name.clone(),
            version: world.version.version,
            summary: Summary::of(&world.content.terrain),
        }
    }

    /// Says it: text for people, or one line of JSON.
    pub(super) fn print(&self, as_json: bool) {
        if as_json {
            let key = match self.database {
                Database::Embedded(_) => "data",
                Database::Postgres(_) => "sql",
            };
            let document = json!({
                "listen": self.listen.to_string(),
                "admin": self.admin.to_string(),
                key: self.database.to_string(),
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
        println!("  data       {}", self.database);
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
        let address = dialled(self.listen);
        format!("{} {}", address.ip(), address.port())
    }
}
