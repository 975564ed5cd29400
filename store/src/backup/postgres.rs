//! PostgreSQL: an archive of our tables and of nothing else that the database may hold, written by `pg_dump`. It is brought back in one transaction, so that
//! the database has either all of it or what it had before.

use std::{
    io::{self, Read, Write},
    path::Path,
    process::{ChildStdin, ChildStdout, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, PgConnection, Row, postgres::PgConnectOptions,
};

use super::{
    Done, Error, OF_RUNS, Report, TABLES, check_schema,
    draft::Draft,
    no_backup, reporting, schema, size,
    tools::{PG_DUMP, PG_RESTORE, PSQL, command},
};
use crate::{
    Database,
    directory::HEARTBEAT_TTL_MS,
    engine::Engine,
    postgres,
    processes::{self, Kind},
};

/// Who may write what is in the world.
const ZONE_SERVERS: &str = "zone_servers";
/// How long a table is waited for that somebody else has locked.
const LOCK_WAIT_MS: u32 = 30_000;
/// How much goes from one program to the other at a time.
const PIPE_BYTES: usize = 64 << 10;

/// A database, as it is found.
struct Found {
    options: PgConnectOptions,
    /// The server's version.
    server: u32,
    /// Where tables are made.
    schema_name: String,
    /// Those of ours that there are.
    tables: Vec<&'static str>,
    /// The schema that they are of; 0: there are none.
    version: i64,
    /// Who works with it.
    users: Vec<String>,
}

pub(super) async fn back_up(
    database: &Database,
    url: &str,
    file: &Path,
    report: Report<'_>,
) -> Result<Done, Error> {
    let found = find(database, url).await?;
    if found.version == 0 {
        return Err(Error::Nothing(database.clone()));
    }
    PG_DUMP.check(found.server).await?;
    let draft = Draft::begin(file)?;
    let written = draft.path().to_owned();
    let mut dump = command(PG_DUMP, &found.options);
    dump.args(["--format=custom", "--no-owner", "--no-privileges"])
        .arg(format!("--lock-wait-timeout={LOCK_WAIT_MS}"))
        .arg("--file")
        .arg(&written);
    for table in &found.tables {
        let name = found.qualified(table);
        if OF_RUNS.contains(table) {
            dump.arg(format!("--exclude-table-data={name}"));
        }
        dump.arg(format!("--table={name}"));
    }
    dump.stdin(Stdio::null()).stdout(Stdio::null());
    let mut dump = PG_DUMP.start(dump)?;
    reporting(dump.finish(), || report(size(&written), None)).await?;
    draft.finish()?;
    Ok(Done {
        byte_count: size(file),
        schema: found.version,
    })
}

pub(super) async fn restore(
    database: &Database,
    url: &str,
    file: &Path,
    replace: bool,
    report: Report<'_>,
) -> Result<Done, Error> {
    let found = find(database, url).await?;
    for tool in [PG_RESTORE, PSQL] {
        tool.check(found.server).await?;
    }
    let schema = verify(file, &found).await?;
    if !found.users.is_empty() {
        return Err(Error::InUse {
            database: database.clone(),
            user: found.users.join(", "),
        });
    }
    if !found.tables.is_empty() && !replace {
        return Err(Error::NotEmpty(database.to_string()));
    }
    let mut read = Command::new(PG_RESTORE.0);
    read.args(["--no-owner", "--no-privileges", "--file=-"])
        .arg(file)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let mut write = command(PSQL, &found.options);
    write
        .args(["--no-psqlrc", "--quiet", "--no-password"])
        .args(["--set=ON_ERROR_STOP=1", "--file=-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null());
    let mut write = PSQL.start(write)?;
    let mut read = PG_RESTORE.start(read)?;
    let (Some(from), Some(to)) = (read.child.stdout.take(), write.child.stdin.take()) else {
        return Err(no_backup(file, "there is no pipe to read it by"));
    };
    let begin = found.beginning();
    let done = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&done);
    let passing = tokio::task::spawn_blocking(move || pass(&begin, from, to, &counted));
    let passed = reporting(passing, || report(done.load(Ordering::Relaxed), None))
        .await
        .unwrap_or_else(|error| Err(io::Error::other(error)));
    match passed {
        Ok(mut to) => {
            // Only what was read to its end is kept: without this, the server undoes all of it.
            read.finish().await?;
            let commit = to.write_all(b"COMMIT;\n");
            drop(to);
            write.finish().await?;
            commit.map_err(|source| super::file_error(file, source))?;
        }
        Err(source) => {
            // It takes no more because it has ended, and knows why.
            write.finish().await?;
            return Err(super::file_error(file, source));
        }
    }
    Ok(Done {
        byte_count: size(file),
        schema,
    })
}

impl Found {
    fn qualified(&self, table: &str) -> String {
        format!("\"{}\".\"{table}\"", self.schema_name.replace('"', "\"\""))
    }

    /// What is said before the backup: what is there goes, in the same transaction. Who has come since we have looked is seen once nobody can come any more.
    fn beginning(&self) -> String {
        let mut begin = format!("BEGIN;\nSET LOCAL lock_timeout = {LOCK_WAIT_MS};\n");
        if self.tables.contains(&ZONE_SERVERS) {
            let (table, now_ms) = (self.qualified(ZONE_SERVERS), Engine::Postgres.now_ms());
            begin += &format!(
                "LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE;\n\
                 DO $$ BEGIN IF EXISTS (SELECT 1 FROM {table} WHERE heartbeat_ms > {now_ms} - {HEARTBEAT_TTL_MS}) THEN \
                 RAISE EXCEPTION 'a zone server has started on the database meanwhile'; END IF; END $$;\n"
            );
        }
        if !self.tables.is_empty() {
            let tables = self.tables.iter().map(|table| self.qualified(table));
            begin += &format!("DROP TABLE {};\n", tables.collect::<Vec<_>>().join(", "));
        }
        begin
    }
}

/// Passes all of it on. The other end stays open: whether to keep it is not decided here.
fn pass(
    begin: &str,
    mut from: ChildStdout,
    mut to: ChildStdin,
    done: &AtomicU64,
) -> io::Result<ChildStdin> {
    to.write_all(begin.as_bytes())?;
    let mut some = vec![0; PIPE_BYTES];
    loop {
        let count = from.read(&mut some)?;
        if count == 0 {
            return Ok(to);
        }
        to.write_all(some.get(..count).unwrap_or_default())?;
        done.fetch_add(count as u64, Ordering::Relaxed);
    }
}

/// Whether an archive is whole, has all that belongs to it, and where; and of which schema it is.
async fn verify(file: &Path, found: &Found) -> Result<i64, Error> {
    let wrong = |error: Error| match error {
        Error::Failed { said, .. } => no_backup(file, said),
        other => other,
    };
    let read = |arguments: &[&str]| {
        let mut command = Command::new(PG_RESTORE.0);
        command.args(arguments).arg(file);
        PG_RESTORE.output(command)
    };
    let list = read(&["--list"]).await.map_err(wrong)?;
    let tables: Vec<(&str, &str)> = list.lines().filter_map(listed).collect();
    let schema_name = tables
        .iter()
        .find(|(_, table)| *table == "_sqlx_migrations");
    let Some((schema_name, _)) = schema_name else {
        return Err(no_backup(file, "none of its tables are there"));
    };
    if let Some((_, table)) = tables.iter().find(|(_, table)| !TABLES.contains(table)) {
        return Err(no_backup(file, format!("it has a table {table}")));
    }
    if *schema_name != found.schema_name {
        let ours = &found.schema_name;
        return Err(no_backup(
            file,
            format!(
                "its tables are in the schema {schema_name}, and those of the database in {ours}"
            ),
        ));
    }
    let data = read(&["--data-only", "--table=_sqlx_migrations", "--file=-"])
        .await
        .map_err(wrong)?;
    let version = data
        .lines()
        .skip_while(|line| !line.starts_with("COPY "))
        .skip(1)
        .take_while(|line| *line != "\\.")
        .filter_map(|line| line.split('\t').next()?.parse().ok())
        .max()
        .ok_or_else(|| no_backup(file, "it does not say of which schema it is"))?;
    check_schema(file.display().to_string(), version)
}

/// Schema and name of a table, in a line such as `215; 1259 16386 TABLE public entities postgres`.
fn listed(line: &str) -> Option<(&str, &str)> {
    let (_, rest) = line.split_once("; ")?;
    let mut words = rest.split(' ').skip(2);
    if words.next() != Some("TABLE") {
        return None;
    }
    let (schema, table) = (words.next()?, words.next()?);
    // `TABLE DATA` is another entry.
    (schema != "DATA").then_some((schema, table))
}

async fn find(database: &Database, url: &str) -> Result<Found, Error> {
    let path = database.to_string();
    let options = postgres::options(url).map_err(|source| crate::Error::SqlUrl {
        url: path.clone(),
        source,
    })?;
    postgres::reach(&options)
        .await
        .map_err(|source| crate::Error::Open {
            path: path.clone(),
            source,
        })?;
    let look = async {
        let mut connection = options.connect().await?;
        let found = look(&mut connection, options.clone()).await?;
        connection.close().await?;
        Ok(found)
    };
    let found = look.await.map_err(|source| Error::Sql {
        database: database.clone(),
        source,
    })?;
    check_schema(path, found.version)?;
    Ok(found)
}

async fn look(
    connection: &mut PgConnection,
    options: PgConnectOptions,
) -> Result<Found, sqlx::Error> {
    let row = sqlx::query(
        "SELECT CAST(current_setting('server_version_num') AS INT), coalesce(current_schema(), 'public')",
    )
    .fetch_one(&mut *connection)
    .await?;
    let (server, schema_name): (i32, String) = (row.try_get(0)?, row.try_get(1)?);
    let mut tables = Vec::new();
    for table in TABLES {
        let has = "SELECT count(*) FROM pg_tables WHERE schemaname = $1 AND tablename = $2";
        let count: i64 = sqlx::query_scalar(has)
            .bind(&schema_name)
            .bind(table)
            .fetch_one(&mut *connection)
            .await?;
        if count > 0 {
            tables.push(table);
        }
    }
    let version = schema::of_postgres(connection).await?.version();
    let now_ms = Engine::Postgres.now_ms();
    let mut users = Vec::new();
    for (table, sql) in [
        (
            ZONE_SERVERS,
            format!(
                "SELECT '{}', address FROM zone_servers WHERE heartbeat_ms > {now_ms} - {HEARTBEAT_TTL_MS}",
                Kind::ZoneServer.as_str()
            ),
        ),
        (
            "processes",
            format!(
                "SELECT kind, address FROM processes WHERE heartbeat_ms > {now_ms} - {}",
                processes::TTL_MS
            ),
        ),
    ] {
        if tables.contains(&table) {
            let rows = sqlx::query(AssertSqlSafe(sql))
                .fetch_all(&mut *connection)
                .await?;
            for row in rows {
                let (kind, address): (String, String) = (row.try_get(0)?, row.try_get(1)?);
                users.push(format!("{kind} {address}"));
            }
        }
    }
    users.sort();
    users.dedup();
    Ok(Found {
        options,
        server: u32::try_from(server).unwrap_or_default() / 10_000,
        schema_name,
        tables,
        version,
        users,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_of_an_archive() {
        for (line, expected) in [
            (
                "215; 1259 16386 TABLE public entities postgres",
                Some(("public", "entities")),
            ),
            ("3380; 0 16386 TABLE DATA public entities postgres", None),
            (
                "3226; 2606 16392 CONSTRAINT public entities entities_pkey postgres",
                None,
            ),
            ("; Archive created at 2026-11-29 11:00:00 UTC", None),
            ("", None),
        ] {
            assert_eq!(listed(line), expected, "{line}");
        }
    }
}
