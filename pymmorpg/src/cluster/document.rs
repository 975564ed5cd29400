//! What `cluster status --json` prints. Its form is documented in the command's help.

use serde_json::{Value, json};
use store::processes::{Kind, Process};

use super::{status::Seen, text::state};

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
        "players": players(seen),
        "regions": {
            "total": total,
            "held": total.map(|total| total - without_holder.len()),
            "without_holder": names,
        },
        "rows_without_owner": seen.rows_without_owner(),
        "findings": findings,
    })
}

/// How many sessions all live gateways have.
pub(super) fn players(seen: &Seen) -> u64 {
    let live = seen.status.processes.iter().filter(|one| one.is_live());
    live.filter_map(|one| one.facts.players).sum()
}

fn zone_servers(seen: &Seen) -> Vec<Value> {
    let status = &seen.status;
    status
        .zone_servers
        .iter()
        .map(|one| {
            let me = one.server.incarnation;
            let mut processes = status.processes.iter();
            let process = processes.find(|process| process.about.id == me.into());
            let about = process.map(|process| &process.about);
            let held = status.regions.iter();
            json!({
                "id": me.to_string(),
                "state": state(one),
                "address": one.server.address,
                "admin": about.and_then(|about| about.admin.as_ref()),
                "host": about.and_then(|about| about.host.as_ref()),
                "version": about.map(|about| &about.version),
                "started_ms": process.map(|process| process.started_ms),
                "silent_ms": one.silent_ms,
                "regions": held.filter(|held| held.holder == Some(me)).count(),
                "rows": status.rows.get(&Some(me)).copied().unwrap_or_default(),
                "creatures": process.and_then(|process| process.facts.creatures),
                "content": process.and_then(|process| process.facts.content),
                "map": one.server.map,
                "maps_behind": status.versions.map.saturating_sub(one.server.map),
            })
        })
        .collect()
}

fn services(seen: &Seen, kind: Kind) -> Vec<Value> {
    let all = seen.status.processes.iter();
    all.filter(|process| process.about.kind == kind)
        .map(|process| {
            let Process { about, facts, .. } = process;
            let mut service = json!({
                "id": about.id.to_string(),
                "state": if process.is_live() { "live" } else { "dead" },
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
