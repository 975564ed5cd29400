//! What `cluster status --json` prints. Its form is documented in the command's help.

use serde_json::{Value, json};
use store::processes::{Kind, Process};

use super::status::{Seen, state};

/// The most regions without a holder that are named.
const NAMES_MAX: usize = 100;

/// All of it.
pub(super) fn of(seen: &Seen, findings: &[String]) -> Value {
    let status = &seen.status;
    let without_holder = seen.without_holder();
    let total = seen.regions.as_ref().ok().map(|regions| regions.len());
    let names: Vec<String> = without_holder
        .iter()
        .take(NAMES_MAX)
        .map(ToString::to_string)
        .collect();
    json!({
        "at_ms": status.at_ms,
        "database": seen.database,
        "schema": {
            "version": status.schema.version,
            "compatible_from": status.schema.compatible_from,
            "known": status.schema.known,
        },
        "content": seen.content.as_ref().map(|content| json!({
            "version": content.version,
            "world": content.world,
            "client_version": content.client_version,
            "published_ms": content.at_ms,
        })),
        "versions": {
            "content": status.versions.content,
            "map": status.versions.map,
            "client": status.versions.client,
        },
        "redis": seen.redis.as_ref().map(|redis| json!({
            "url": redis.url,
            "answers": redis.took.is_some(),
            "took_ms": redis.took.map(|took| took.as_secs_f64() * 1e3),
        })),
        "zone_servers": zone_servers(seen),
        "gateways": services(seen, Kind::Gateway),
        "auth": services(seen, Kind::Auth),
        "players": seen.player_count(),
        "regions": {
            "total": total,
            "held": total.map(|total| total - without_holder.len()),
            "without_holder": names,
        },
        "rows_without_owner": seen.rows_without_owner(),
        "findings": findings,
    })
}

fn zone_servers(seen: &Seen) -> Vec<Value> {
    let zones = seen.zones().map(|zone| {
        let (listed, process) = (zone.listed, zone.process);
        let about = process.map(|process| &process.about);
        json!({
            "id": listed.server.incarnation.to_string(),
            "state": zone.state(),
            "address": listed.server.address,
            "admin": about.and_then(|about| about.admin.as_ref()),
            "host": about.and_then(|about| about.host.as_ref()),
            "version": about.map(|about| &about.version),
            "started_ms": process.map(|process| process.started_ms),
            "silent_ms": listed.silent_ms,
            "regions": zone.region_count,
            "rows": zone.row_count,
            "creatures": process.and_then(|process| process.facts.creatures),
            "content": process.and_then(|process| process.facts.content),
            "map": listed.server.map,
            "maps_behind": zone.behind,
        })
    });
    zones.collect()
}

fn services(seen: &Seen, kind: Kind) -> Vec<Value> {
    seen.services(kind)
        .map(|process| {
            let Process { about, facts, .. } = process;
            let mut service = json!({
                "id": about.id.to_string(),
                "state": state(process),
                "address": about.address,
                "admin": about.admin,
                "host": about.host,
                "version": about.version,
                "started_ms": process.started_ms,
                "silent_ms": process.silent_ms,
            });
            if kind == Kind::Gateway {
                service["players"] = json!(facts.players);
                service["content"] = json!(facts.content);
            }
            service
        })
        .collect()
}
