//! What is amiss in a cluster, in words, the worst first.

use std::collections::BTreeSet;

use store::processes::Kind;

use super::status::Seen;
use crate::world::count;

/// All of it.
pub(super) fn of(seen: &Seen) -> Vec<String> {
    let status = &seen.status;
    let mut found = Vec::new();
    if seen.content.is_none() {
        found.push("nothing was published: `pymmorpg world publish DIR`".to_owned());
    }
    if let Err(problem) = &seen.regions {
        found.push(format!("the world cannot be read: {problem}"));
    }
    let is_zone_live = status.zone_servers.iter().any(|one| one.is_live());
    if !is_zone_live {
        found.push("no zone server is alive".to_owned());
    }
    for kind in [Kind::Gateway, Kind::Auth] {
        if seen.live(kind).next().is_none() {
            let kind = kind.as_str();
            found.push(format!(
                "no {kind} says that it runs (one of an earlier version would not)"
            ));
        }
    }
    let without_holder = seen.without_holder().len();
    if without_holder > 0 {
        found.push(format!(
            "{} without a holder",
            count(without_holder, "region")
        ));
    }
    let rows = seen.rows_without_owner();
    if rows > 0 {
        found.push(format!(
            "{} in the world and owned by nobody who is alive",
            count(rows, "character or placed entity is")
        ));
    }
    for zone in seen.zones().filter(|zone| zone.listed.is_live()) {
        if zone.behind > 0 {
            let (behind, address) = (count(zone.behind, "change"), &zone.listed.server.address);
            found.push(format!("{behind} of maps not in force yet at {address}"));
        }
    }
    for one in status.processes.iter().filter(|one| one.is_live()) {
        if let Some(content) = one.facts.content
            && content < status.versions.content
        {
            let (kind, address) = (one.about.kind.as_str(), &one.about.address);
            found.push(format!(
                "{kind} {address} serves content version {content}, not {}",
                status.versions.content
            ));
        }
    }
    for one in status.processes.iter().filter(|one| !one.is_live()) {
        let (kind, address) = (one.about.kind, &one.about.address);
        if seen.live(kind).any(|other| other.about.address == *address) {
            // It has been started again.
            continue;
        }
        let (kind, address) = (one.about.kind.as_str(), &one.about.address);
        found.push(format!(
            "{kind} {address} has died, or cannot reach the database"
        ));
    }
    let versions: BTreeSet<&str> = status
        .processes
        .iter()
        .filter(|one| one.is_live())
        .map(|one| one.about.version.as_str())
        .collect();
    if versions.len() > 1 {
        let versions: Vec<_> = versions.into_iter().collect();
        found.push(format!(
            "several versions run side by side: {}",
            versions.join(", ")
        ));
    }
    if let Some(redis) = &seen.redis
        && redis.took.is_none()
    {
        found.push(format!(
            "redis at {} does not answer: changes are noticed within a second instead of at once",
            redis.url
        ));
    }
    found
}
