//! Which services run, by what each says of itself every few seconds. It is for operators: nothing that the cluster does depends on it, and whoever is not
//! heard of is merely shown as dead. Who may hold regions is [`crate::directory`]'s.

use std::time::Duration;

use sqlx::{AnyConnection, AssertSqlSafe, Row, any::AnyRow};

use crate::{
    Store,
    engine::Engine,
    entities::{Incarnation, signed, unsigned},
    error::Error,
    writer::Verdict,
};

/// How often a service says that it runs.
pub const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(3);
/// How long it counts as running after it last said so, in milliseconds: two that are late do not make it dead.
pub const TTL_MS: i64 = 10_000;
/// How long one that has died is remembered, in milliseconds, for operators to see that there was one.
pub const FORGET_AFTER_MS: i64 = 600_000;

/// One run of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub i64);

impl Id {
    /// A new one.
    #[must_use]
    pub fn draw() -> Self {
        Self(Incarnation::draw().0)
    }
}

impl From<Incarnation> for Id {
    fn from(Incarnation(number): Incarnation) -> Self {
        Self(number)
    }
}

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Incarnation(self.0).fmt(f)
    }
}

/// What a service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Clients connect to it.
    Gateway,
    /// It has regions.
    ZoneServer,
    /// It has accounts.
    Auth,
}

impl Kind {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Gateway, Self::ZoneServer, Self::Auth];

    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::ZoneServer => "zone-server",
            Self::Auth => "auth",
        }
    }
}

/// What stays as it is for as long as a service runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// This run.
    pub id: Id,
    /// What it is.
    pub kind: Kind,
    /// The program's version.
    pub version: String,
    /// The name of the machine, if it has one.
    pub host: Option<String>,
    /// Where it listens.
    pub address: String,
    /// Where operators look.
    pub admin: Option<String>,
}

impl About {
    /// Of this program on this machine.
    #[must_use]
    pub fn this(id: Id, kind: Kind, address: String, admin: Option<String>) -> Self {
        Self {
            id,
            kind,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            host: host(),
            address,
            admin,
        }
    }
}

/// What changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Facts {
    /// The content version that it serves.
    pub content: Option<u64>,
    /// Of a gateway: how many sessions it has.
    pub players: Option<u64>,
    /// Of a zone server: how many creatures live in its regions whom the content has put there.
    pub creatures: Option<u64>,
}

/// A service, as it was heard of last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// What it is.
    pub about: About,
    /// What it said last.
    pub facts: Facts,
    /// When it began, in milliseconds since 1970 by the database's clock.
    pub started_ms: u64,
    /// How long ago it was heard of.
    pub silent_ms: u64,
}

impl Process {
    /// Whether it counts as running.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.silent_ms < TTL_MS.unsigned_abs()
    }
}

/// Operations on the list of services.
#[derive(Debug, Clone, Copy)]
pub struct Processes<'s>(pub(crate) &'s Store);

impl Processes<'_> {
    /// Adds a service, or says that it still runs.
    ///
    /// # Errors
    /// The outcome is unknown.
    pub async fn heartbeat(&self, about: About, facts: Facts) -> Result<(), Error> {
        let engine = self.0.engine();
        let now_ms = engine.now_ms();
        let sql = format!(
            "INSERT INTO processes (id, kind, version, host, address, admin, started_ms, heartbeat_ms, content, players, creatures) \
             VALUES ($1, $2, $3, $4, $5, $6, {now_ms}, {now_ms}, $7, $8, $9) \
             ON CONFLICT (id) DO UPDATE SET heartbeat_ms = excluded.heartbeat_ms, content = excluded.content, players = excluded.players, \
             creatures = excluded.creatures"
        );
        self.0
            .control
            .run(move |connection: &mut AnyConnection| {
                let (sql, about) = (sql.clone(), about.clone());
                Box::pin(async move {
                    do_not_wait(engine, connection).await?;
                    sqlx::query(AssertSqlSafe(sql))
                        .bind(about.id.0)
                        .bind(about.kind.as_str())
                        .bind(about.version)
                        .bind(about.host)
                        .bind(about.address)
                        .bind(about.admin)
                        .bind(facts.content.map(signed))
                        .bind(facts.players.map(signed))
                        .bind(facts.creatures.map(signed))
                        .execute(&mut *connection)
                        .await?;
                    Ok(Verdict::Keep(()))
                })
            })
            .await
    }

    /// Takes a service off the list: it has ended in order.
    ///
    /// # Errors
    /// The outcome is unknown; its time to live ends it all the same.
    pub async fn remove(&self, id: Id) -> Result<(), Error> {
        let engine = self.0.engine();
        self.0
            .control
            .run(move |connection: &mut AnyConnection| {
                Box::pin(async move {
                    do_not_wait(engine, connection).await?;
                    sqlx::query("DELETE FROM processes WHERE id = $1")
                        .bind(id.0)
                        .execute(&mut *connection)
                        .await?;
                    Ok(Verdict::Keep(()))
                })
            })
            .await
    }

    /// Forgets who died long ago, zone servers as well.
    ///
    /// # Errors
    /// The outcome is unknown.
    pub async fn forget(&self) -> Result<(), Error> {
        let engine = self.0.engine();
        let now_ms = engine.now_ms();
        let of = |table| format!("DELETE FROM {table} WHERE heartbeat_ms < {now_ms} - $1");
        let statements = ["processes", "zone_servers"].map(of);
        self.0
            .control
            .run(move |connection: &mut AnyConnection| {
                let statements = statements.clone();
                Box::pin(async move {
                    do_not_wait(engine, connection).await?;
                    for sql in statements {
                        sqlx::query(AssertSqlSafe(sql))
                            .bind(FORGET_AFTER_MS)
                            .execute(&mut *connection)
                            .await?;
                    }
                    Ok(Verdict::Keep(()))
                })
            })
            .await
    }

    /// All that are remembered, in the order of kinds and of their starts.
    ///
    /// # Errors
    /// The database did not answer.
    pub async fn all(&self) -> Result<Vec<Process>, Error> {
        let sql = listed(self.0.engine().now_ms());
        let rows = self
            .0
            .control_reads()
            .all(sqlx::query(AssertSqlSafe(sql)))
            .await?;
        Ok(read_all(&rows)?)
    }
}

/// Whoever keeps the table to itself for a while, as a later version's migration may, would keep the heartbeats of a zone server waiting, too: they have the same writer.
async fn do_not_wait(engine: Engine, connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    if let Some(sql) = engine.not_to_wait_for("processes") {
        sqlx::query(AssertSqlSafe(sql)).execute(connection).await?;
    }
    Ok(())
}

/// How to ask for all of them.
pub(crate) fn listed(now_ms: &str) -> String {
    format!(
        "SELECT id, kind, version, host, address, admin, started_ms, {now_ms} - heartbeat_ms, content, players, creatures \
         FROM processes ORDER BY kind, started_ms, id"
    )
}

/// What was [`listed`]. A kind that a later program has is none of ours to show.
pub(crate) fn read_all(rows: &[AnyRow]) -> Result<Vec<Process>, sqlx::Error> {
    let mut all = Vec::new();
    for row in rows {
        let kind: String = row.try_get(1)?;
        let Some(kind) = Kind::ALL.into_iter().find(|one| one.as_str() == kind) else {
            continue;
        };
        let fact = |column: usize| {
            let fact = row.try_get::<Option<i64>, _>(column);
            fact.map(|fact| fact.map(unsigned))
        };
        all.push(Process {
            about: About {
                id: Id(row.try_get(0)?),
                kind,
                version: row.try_get(2)?,
                host: row.try_get(3)?,
                address: row.try_get(4)?,
                admin: row.try_get(5)?,
            },
            started_ms: unsigned(row.try_get(6)?),
            silent_ms: unsigned(row.try_get::<i64, _>(7)?.max(0)),
            facts: Facts {
                content: fact(8)?,
                players: fact(9)?,
                creatures: fact(10)?,
            },
        });
    }
    Ok(all)
}

/// Keeps a service in the list until it stops, and then takes it off. What the database does not take is said again soon enough.
pub async fn keep(
    store: Store,
    about: About,
    facts: impl Fn() -> Facts,
    stop: impl Future<Output = ()>,
) {
    let id = about.id;
    let say = async {
        let mut interval = tokio::time::interval(HEARTBEAT_INTERVAL);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            let processes = store.processes();
            let said = processes.heartbeat(about.clone(), facts()).await;
            if let Err(error) = said.and(processes.forget().await) {
                let error = &error as &dyn std::error::Error;
                tracing::debug!(error, "operators are not told that this service runs");
            }
        }
    };
    tokio::select! {
        () = say => {}
        () = stop => {}
    }
    if let Err(error) = store.processes().remove(id).await {
        let error = &error as &dyn std::error::Error;
        tracing::debug!(error, "operators are told that this service has died");
    }
}

/// What this machine is called: in a container, the container's name.
#[must_use]
pub fn host() -> Option<String> {
    let system = rustix::system::uname();
    let name = system.nodename().to_string_lossy();
    (!name.is_empty()).then(|| name.into_owned())
}
