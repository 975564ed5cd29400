//! `cluster status`: what stands in the database, at one moment.

use std::{collections::BTreeSet, process::ExitCode, time::Duration};

use serde_json::json;
use store::{
    content::ContentVersion,
    processes::{Kind, Process},
    status::{Listed, Status},
};
use world::region_id::RegionId;

use super::{document, findings, text};
use crate::data::Data;

pub(super) const LONG_ABOUT: &str = "Show who runs, who holds how many regions, how many play where, and what is amiss.\n\n\
    It is read from the database, at one moment; nobody else is asked, so it tells of a cluster that is ill as well. Every service says every three \
    seconds that it runs, and a zone server every half second; one that was silent for 10 s (a zone server: 2 s) counts as dead, and is shown for ten \
    minutes more. What is amiss is listed below the tables. The exit code is 0 whatever is found.\n\n\
    With --json it is one document:\n  \
    at_ms               the database's clock, in milliseconds since 1970\n  \
    database            which one, without its password\n  \
    schema              {version, compatible_from, known}: the database's, the earliest that a program must know, the latest that this program knows\n  \
    content             {version, world, client_version, published_ms}, or null if nothing was published\n  \
    versions            {content, map, client}: the announced numbers\n  \
    redis               null without --redis; {url, answers, took_ms}\n  \
    zone_servers        [{id, state, address, admin, host, version, started_ms, silent_ms, regions, rows, creatures, content, map, maps_behind}]; state is \
    live, draining or dead; silent_ms is how long ago its last heartbeat came; rows are characters and other lasting entities that it owns; \
    maps_behind is how many changes of maps are not in force there\n  \
    gateways            [{id, state, address, admin, host, version, started_ms, silent_ms, players, content}]\n  \
    auth                [{id, state, address, admin, host, version, started_ms, silent_ms}]\n  \
    players             how many sessions all live gateways have\n  \
    regions             {total, held, without_holder: [names]}; total is null if the world cannot be read; at most 100 names\n  \
    rows_without_owner  how many of those who are in the world no live zone server owns: they wait to be claimed\n  \
    findings            [text]: what is amiss\n\
    A field of a service that it does not tell is null. A service of an earlier version may tell nothing: a zone server is listed all the same.";

/// All that is shown.
pub(super) struct Seen {
    pub(super) database: String,
    pub(super) status: Status,
    pub(super) content: Option<ContentVersion>,
    /// The regions of the published world, or why it cannot be read.
    pub(super) regions: Result<BTreeSet<RegionId>, String>,
    pub(super) redis: Option<Redis>,
}

/// What Redis has to say.
pub(super) struct Redis {
    pub(super) url: String,
    /// How long it took to answer; None: it did not.
    pub(super) took: Option<Duration>,
}

/// A zone server, and what else is known of it.
pub(super) struct Zone<'s> {
    pub(super) listed: &'s Listed,
    /// None: one of an earlier version tells nothing of itself.
    pub(super) process: Option<&'s Process>,
    /// How many regions it holds.
    pub(super) region_count: usize,
    /// How many rows of those who are in the world it owns.
    pub(super) row_count: u64,
    /// How many changes of maps are not in force there.
    pub(super) behind: u64,
}

impl Zone<'_> {
    /// `live`, `draining` or `dead`.
    pub(super) fn state(&self) -> &'static str {
        let Listed {
            server,
            is_drain_requested,
            ..
        } = self.listed;
        match (
            self.listed.is_live(),
            server.is_leaving || *is_drain_requested,
        ) {
            (false, _) => "dead",
            (true, true) => "draining",
            (true, false) => "live",
        }
    }
}

/// `live` or `dead`.
pub(super) fn state(process: &Process) -> &'static str {
    if process.is_live() { "live" } else { "dead" }
}

impl Seen {
    /// Every zone server.
    pub(super) fn zones(&self) -> impl Iterator<Item = Zone<'_>> {
        let status = &self.status;
        status.zone_servers.iter().map(|listed| {
            let me = listed.server.incarnation;
            let mut processes = status.processes.iter();
            let held = status.regions.iter();
            Zone {
                listed,
                process: processes.find(|process| process.about.id == me.into()),
                region_count: held.filter(|held| held.holder == Some(me)).count(),
                row_count: status.rows.get(&Some(me)).copied().unwrap_or_default(),
                behind: status.versions.map.saturating_sub(listed.server.map),
            }
        })
    }

    /// Every service of a kind that says of itself that it runs, or did lately.
    pub(super) fn services(&self, kind: Kind) -> impl Iterator<Item = &Process> {
        let all = self.status.processes.iter();
        all.filter(move |process| process.about.kind == kind)
    }

    /// Those of them that live.
    pub(super) fn live(&self, kind: Kind) -> impl Iterator<Item = &Process> {
        self.services(kind).filter(|process| process.is_live())
    }

    /// How many sessions all live gateways have.
    pub(super) fn player_count(&self) -> u64 {
        let gateways = self.live(Kind::Gateway);
        gateways.filter_map(|one| one.facts.players).sum()
    }

    /// The regions of the world that nobody who lives holds.
    pub(super) fn without_holder(&self) -> Vec<RegionId> {
        let Ok(regions) = &self.regions else {
            return Vec::new();
        };
        let held = self.status.regions.iter();
        let held: BTreeSet<RegionId> = held
            .filter(|one| self.status.is_held(one))
            .map(|one| one.region)
            .collect();
        regions.difference(&held).copied().collect()
    }

    /// How many of those who are in the world no live zone server owns.
    pub(super) fn rows_without_owner(&self) -> u64 {
        let live = self.status.zone_servers.iter().filter(|one| one.is_live());
        let live: BTreeSet<_> = live.map(|one| Some(one.server.incarnation)).collect();
        let rows = self.status.rows.iter();
        rows.filter(|(owner, _)| !live.contains(owner))
            .map(|(_, count)| count)
            .sum()
    }
}

/// The command.
pub(super) async fn run(data: &Data, as_json: bool) -> anyhow::Result<ExitCode> {
    let store = data.open().await?;
    let looked = async {
        let status = store.status().await?;
        let content = store.content().current().await?;
        // A world that this program cannot read is no reason to show nothing.
        let regions = match store.content().world().await {
            Ok(Some(world)) => Ok(world.content.terrain.regions().iter().copied().collect()),
            Ok(None) => Ok(BTreeSet::new()),
            Err(error) => Err(format!("{:#}", anyhow::Error::new(error))),
        };
        anyhow::Ok((status, content, regions))
    };
    let looked = looked.await;
    store.close().await;
    let (status, content, regions) = looked?;
    let seen = Seen {
        database: data.shown()?,
        status,
        content,
        regions,
        redis: data
            .try_redis()
            .await?
            .map(|(url, took)| Redis { url, took }),
    };
    let findings = findings::of(&seen);
    if as_json {
        println!("{}", json!(document::of(&seen, &findings)));
    } else {
        print!("{}", text::of(&seen, &findings));
    }
    Ok(ExitCode::SUCCESS)
}
