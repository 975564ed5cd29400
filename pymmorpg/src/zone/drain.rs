//! `zone drain`: the wish is written into the database, where the zone server sees it at its next heartbeat; what it does then is its own affair, and is
//! watched in the database as well.

use std::{process::ExitCode, time::Duration};

use anyhow::bail;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use store::{
    Store,
    directory::Asked,
    entities::Incarnation,
    status::{Listed, Status},
};
use tokio::time::{Instant, sleep};

use crate::{data::Place, world::count};

pub(super) const LONG_ABOUT: &str = "Ask a zone server to hand its regions over and stop, and wait until it has.\n\n\
    It does what it does on SIGTERM: its regions go to the other zone servers one by one, players stay connected, and its process ends with exit code 0. \
    Where something starts processes again that have ended (systemd with Restart=always, a container with restart: unless-stopped), it comes back a moment later as a \
    new zone server and gets its share of the regions again: that is how one is restarted in order; to be rid of it, stop it there. A `pymmorpg up` \
    that is drained ends as a whole, its gateway too.\n\n\
    The last zone server that is alive and stays is refused, unless --force says so: its regions would have no holder.\n\n\
    With --json it prints one document when it is done: {id, address, regions, took_ms}; regions is how many it had.";

/// How often it is looked at how far it has come.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);
/// How long it may take if nothing else is said: longer than a zone server takes by default before it gives up.
const TIMEOUT_SECONDS: u64 = 60;

/// What can be said of it.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Its id as `pymmorpg cluster status` shows it, the beginning of it, or its address.
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    place: Place,
    /// Drain it even if nobody is left to take its regions.
    #[arg(long)]
    force: bool,
    /// How long to wait for it. It goes on draining after that.
    #[arg(long, value_name = "SECONDS", default_value_t = TIMEOUT_SECONDS, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

/// What was drained.
struct Drained {
    id: Incarnation,
    address: String,
    region_count: usize,
}

/// The command.
pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let store = arguments.place.open().await?;
    let began = Instant::now();
    let outcome = drain(&store, &arguments).await;
    store.close().await;
    let Drained {
        id,
        address,
        region_count,
    } = outcome?;
    if arguments.json {
        let took_ms = began.elapsed().as_millis();
        let took_ms = u64::try_from(took_ms).unwrap_or(u64::MAX);
        let id = id.to_string();
        println!(
            "{}",
            json!({ "id": id, "address": address, "regions": region_count, "took_ms": took_ms })
        );
    } else {
        println!(
            "{address} has handed over {} and stopped",
            count(region_count, "region")
        );
    }
    Ok(ExitCode::SUCCESS)
}

async fn drain(store: &Store, arguments: &Arguments) -> anyhow::Result<Drained> {
    let status = store.status().await?;
    let server = find(&status, &arguments.id)?.server.clone();
    let (me, address) = (server.incarnation, server.address);
    let mut services = status.processes.iter();
    if !services.any(|one| one.about.id == me.into()) {
        bail!(
            "{address} ({me}) is of an earlier version, which does not hear this: stop it by SIGTERM"
        );
    }
    match store.directory().ask_to_drain(me, arguments.force).await? {
        Asked::Done => {}
        Asked::Gone => bail!("{address} ({me}) is not alive any more"),
        Asked::Last => bail!(
            "{address} ({me}) is the last zone server that is alive and stays: its regions would have no holder, and nobody could play; start another one \
             first, or say --force"
        ),
    }
    let region_count = held(&status, me);
    let bar = ProgressBar::new(region_count as u64).with_style(
        ProgressStyle::with_template("{bar:40} {pos} of {len} regions handed over")
            .expect("it is a template"),
    );
    let outcome = watch(store, me, &address, region_count, arguments.timeout, &bar).await;
    bar.finish_and_clear();
    outcome?;
    Ok(Drained {
        id: me,
        address,
        region_count,
    })
}

/// Waits until it has nothing left and is off the list.
async fn watch(
    store: &Store,
    me: Incarnation,
    address: &str,
    region_count: usize,
    timeout: u64,
    bar: &ProgressBar,
) -> anyhow::Result<()> {
    let end = Instant::now() + Duration::from_secs(timeout);
    loop {
        let status = store.status().await?;
        let left = held(&status, me);
        bar.set_position(region_count.saturating_sub(left) as u64);
        let mut servers = status.zone_servers.iter();
        match servers.find(|one| one.server.incarnation == me) {
            None if left == 0 => return Ok(()),
            None => bail!(
                "{address} has ended and still held {}; the other zone servers take them",
                count(left, "region")
            ),
            Some(one) if !one.is_live() => bail!(
                "{address} has died, or cannot reach the database, while it held {}; the other zone servers take them",
                count(left, "region")
            ),
            Some(_) if Instant::now() > end => bail!(
                "{address} still holds {} after {timeout} s; it goes on draining, and `pymmorpg cluster status` shows how far it has come",
                count(left, "region")
            ),
            Some(_) => sleep(LOOK_INTERVAL).await,
        }
    }
}

fn held(status: &Status, me: Incarnation) -> usize {
    let held = status.regions.iter();
    held.filter(|held| held.holder == Some(me)).count()
}

/// The zone server that is meant.
fn find<'s>(status: &'s Status, id: &str) -> anyhow::Result<&'s Listed> {
    let live: Vec<&Listed> = status
        .zone_servers
        .iter()
        .filter(|one| one.is_live())
        .collect();
    let wanted = id.trim_end_matches('/');
    let is_meant = |one: &&&Listed| {
        let address = one.server.address.as_str();
        address == wanted
            || address.strip_prefix("http://") == Some(wanted)
            || (!wanted.is_empty() && one.server.incarnation.to_string().starts_with(wanted))
    };
    let found: Vec<&&Listed> = live.iter().filter(is_meant).collect();
    let named = |all: &[&Listed]| {
        let names = all
            .iter()
            .map(|one| format!("{} ({})", one.server.incarnation, one.server.address));
        names.collect::<Vec<_>>().join(", ")
    };
    match found[..] {
        [one] => Ok(one),
        [] if live.is_empty() => bail!("there is no zone server {id:?}: none is alive"),
        [] => bail!(
            "there is no zone server {id:?} that is alive; those that are: {}",
            named(&live)
        ),
        _ => {
            let found: Vec<&Listed> = found.into_iter().copied().collect();
            bail!("{id:?} may be any of {}; say more of it", named(&found))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use store::{directory::ZoneServer, status::Schema, versions::Versions};

    use super::*;

    fn status(servers: &[(i64, &str, u64)]) -> Status {
        let zone_servers = servers
            .iter()
            .map(|(incarnation, address, silent_ms)| Listed {
                server: ZoneServer {
                    incarnation: Incarnation(*incarnation),
                    address: (*address).to_owned(),
                    is_leaving: false,
                    map: 0,
                },
                silent_ms: *silent_ms,
                is_drain_requested: false,
            });
        Status {
            at_ms: 0,
            schema: Schema {
                version: 5,
                compatible_from: 4,
                known: 5,
            },
            versions: Versions::default(),
            zone_servers: zone_servers.collect(),
            processes: Vec::new(),
            regions: Vec::new(),
            rows: BTreeMap::new(),
        }
    }

    #[test]
    fn who_is_meant() {
        let all = status(&[
            (0x1200_0000_0000_0001, "http://a:1", 0),
            (0x1300_0000_0000_0001, "http://b:1", 0),
            (0x2300_0000_0000_0001, "http://c:1", 9_000),
            (0x2400_0000_0000_0001, "http://c:1", 0),
        ]);
        let check = |id: &str, expected: Result<i64, &str>| match (find(&all, id), expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found.server.incarnation.0, expected, "{id}"),
            (Err(error), Err(expected)) => {
                assert!(error.to_string().contains(expected), "{error}");
            }
            (found, expected) => panic!("{id}: {found:?}, {expected:?}"),
        };
        check("12", Ok(0x1200_0000_0000_0001));
        check("1300000000000001", Ok(0x1300_0000_0000_0001));
        check("http://b:1", Ok(0x1300_0000_0000_0001));
        check("b:1/", Ok(0x1300_0000_0000_0001));
        // Who is dead is nobody.
        check("2", Ok(0x2400_0000_0000_0001));
        check("http://c:1", Ok(0x2400_0000_0000_0001));
        check("1", Err("may be any of 1200000000000001 (http://a:1), 13"));
        check("23", Err("that is alive; those that are: 1200"));
        check("", Err("there is no zone server \"\""));
        let none = find(&status(&[]), "1").unwrap_err().to_string();
        assert_eq!(none, "there is no zone server \"1\": none is alive");
    }
}
