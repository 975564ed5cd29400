//! A process that is one service of a cluster: its two sockets, its one line when it is ready, its end.

use std::{future::Future, net::SocketAddr, time::Duration};

use tokio::net::TcpListener;

use super::{Members, Process, bind};

/// What is said of such a process.
#[derive(Debug)]
pub struct Service {
    /// Its name for people.
    pub name: &'static str,
    /// Its key in the line of JSON.
    pub key: &'static str,
    /// Who connects to it.
    pub callers: &'static str,
    /// Where they do.
    pub listen: SocketAddr,
    /// Where operators look.
    pub admin_listen: SocketAddr,
    /// Whether it says that it is ready in JSON.
    pub json: bool,
}

/// One whose sockets are bound. Operators are answered from now on.
#[derive(Debug)]
pub struct Bound {
    /// What runs in it.
    pub members: Members,
    /// Where it is called.
    pub address: SocketAddr,
    admin_address: SocketAddr,
    service: Service,
    process: Process,
}

impl Service {
    /// Binds both sockets; the first is for the service itself.
    ///
    /// # Errors
    /// Names the flag, the address, and what to do.
    pub async fn bind(self, process: Process) -> anyhow::Result<(TcpListener, Bound)> {
        let listener = bind(self.listen, "--listen").await?;
        let admin = bind(self.admin_listen, "--admin-listen").await?;
        let (address, admin_address) = (listener.local_addr()?, admin.local_addr()?);
        let members = Members::begin(admin, &process);
        let bound = Bound {
            members,
            address,
            admin_address,
            service: self,
            process,
        };
        Ok((listener, bound))
    }
}

impl Bound {
    /// What comes of something that may take long. None: the process is to stop first.
    pub async fn unless_stopped<Outcome>(
        &self,
        task: impl Future<Output = Outcome>,
    ) -> Option<Outcome> {
        tokio::select! {
            outcome = task => Some(outcome),
            () = self.process.stop.triggered() => None,
        }
    }

    /// Runs what was started until the process is to stop, and stops it.
    ///
    /// # Errors
    /// What failed first.
    pub async fn attend(self, drain_within: Duration) -> anyhow::Result<()> {
        let ready = match self.service.json {
            true => self.json(),
            false => self.text(),
        };
        self.members
            .attend(&self.process.stop, None, drain_within, || {
                println!("{ready}");
            })
            .await
    }

    fn json(&self) -> String {
        let Self {
            address,
            admin_address,
            ..
        } = self;
        format!(
            r#"{{"{}": "{address}", "admin": "{admin_address}"}}"#,
            self.service.key
        )
    }

    fn text(&self) -> String {
        let Service { name, callers, .. } = self.service;
        format!(
            "{name} {} is ready\n  {callers:<10} {}\n  operators  http://{} (/healthz, /readyz, /metrics)\nCtrl-C ends it.",
            env!("CARGO_PKG_VERSION"),
            self.address,
            self.admin_address
        )
    }
}
