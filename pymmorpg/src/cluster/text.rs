//! What `cluster status` prints for people.

use std::fmt::Write;

use store::processes::{Kind, Process};

use super::status::{Seen, state};
use crate::world::{count, table};

/// All of it.
pub(super) fn of(seen: &Seen, findings: &[String]) -> String {
    let mut text = String::new();
    let mut line = |title: &str, said: String| {
        let _infallible = writeln!(text, "{title:<9} {said}");
    };
    let (status, schema) = (&seen.status, seen.status.schema);
    line(
        "database",
        format!(
            "{}, schema {} (for programs that know {} or later)",
            seen.database, schema.version, schema.compatible_from
        ),
    );
    if let Some(redis) = &seen.redis {
        let answers = match redis.took {
            Some(took) => format!("answers in {:.1} ms", took.as_secs_f64() * 1e3),
            None => "does not answer".to_owned(),
        };
        line("redis", format!("{}, {answers}", redis.url));
    }
    match &seen.content {
        Some(content) => line(
            "world",
            format!(
                "{}, content version {}, maps at {}, client {}",
                content.world, content.version, status.versions.map, content.client_version
            ),
        ),
        None => line("world", "none".to_owned()),
    }
    if let Ok(regions) = &seen.regions {
        let (total, without) = (regions.len(), seen.without_holder().len());
        line("regions", format!("{} of {total} held", total - without));
    }
    let gateways = count(seen.live(Kind::Gateway).count(), "gateway");
    line("players", format!("{} at {gateways}", seen.player_count()));
    text += &tables(seen);
    if findings.is_empty() {
        text += "\nall is well\n";
    } else {
        text += "\namiss:\n";
        for finding in findings {
            text += &format!("  {finding}\n");
        }
    }
    text
}

fn tables(seen: &Seen) -> String {
    let mut text = String::new();
    let at_ms = seen.status.at_ms;
    let zones = seen.zones().map(|zone| {
        let (listed, process) = (zone.listed, zone.process);
        vec![
            listed.server.incarnation.to_string(),
            listed.server.address.clone(),
            told(process.map(|process| process.about.version.clone())),
            zone.state().to_owned(),
            told(process.map(|process| span(at_ms.saturating_sub(process.started_ms)))),
            span(listed.silent_ms),
            zone.region_count.to_string(),
            zone.row_count.to_string(),
            told(process.and_then(|process| process.facts.creatures)),
            match zone.behind {
                0 => "all".to_owned(),
                behind => format!("{behind} behind"),
            },
            place(process),
        ]
    });
    let header = [
        "zone server",
        "address",
        "version",
        "state",
        "up",
        "heartbeat",
        "regions",
        "rows",
        "creatures",
        "maps",
        "operators",
    ];
    add(&mut text, &header, &[4, 5, 6, 7, 8], zones);
    let shared = |process: &Process| {
        vec![
            process.about.id.to_string(),
            process.about.address.clone(),
            process.about.version.clone(),
            state(process).to_owned(),
            span(at_ms.saturating_sub(process.started_ms)),
            span(process.silent_ms),
        ]
    };
    let gateways = seen.services(Kind::Gateway).map(|process| {
        let mut row = shared(process);
        row.push(told(process.facts.players));
        row.push(told(process.facts.content));
        row.push(place(Some(process)));
        row
    });
    let header = [
        "gateway",
        "address",
        "version",
        "state",
        "up",
        "heartbeat",
        "players",
        "content",
        "operators",
    ];
    add(&mut text, &header, &[4, 5, 6, 7], gateways);
    let auth = seen.services(Kind::Auth).map(|process| {
        let mut row = shared(process);
        row.push(place(Some(process)));
        row
    });
    let header = [
        "auth",
        "address",
        "version",
        "state",
        "up",
        "heartbeat",
        "operators",
    ];
    add(&mut text, &header, &[4, 5], auth);
    text
}

/// A table, unless there is nothing in it.
fn add(
    text: &mut String,
    header: &[&str],
    numbers: &[usize],
    rows: impl Iterator<Item = Vec<String>>,
) {
    let mut rows = rows.peekable();
    if rows.peek().is_some() {
        *text += &format!("\n{}\n", table(header, numbers, rows));
    }
}

/// What was told, or that nothing was.
fn told(what: Option<impl ToString>) -> String {
    what.map_or_else(|| "-".to_owned(), |what| what.to_string())
}

/// Where operators look, and on which machine.
fn place(process: Option<&Process>) -> String {
    let Some(process) = process else {
        return "-".to_owned();
    };
    let admin = told(process.about.admin.as_ref());
    match &process.about.host {
        Some(host) => format!("{admin} on {host}"),
        None => admin,
    }
}

/// `0.4 s`, `12 s`, `5 min`, `3 h`, `2 d`.
fn span(ms: u64) -> String {
    const MINUTE: u64 = 60_000;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    match ms {
        0..10_000 => format!("{}.{} s", ms / 1_000, ms / 100 % 10),
        10_000..MINUTE => format!("{} s", ms / 1_000),
        MINUTE..HOUR => format!("{} min", ms / MINUTE),
        HOUR..DAY => format!("{} h", ms / HOUR),
        _ => format!("{} d", ms / DAY),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_time() {
        for (ms, expected) in [
            (0, "0.0 s"),
            (449, "0.4 s"),
            (9_999, "9.9 s"),
            (10_000, "10 s"),
            (59_999, "59 s"),
            (60_000, "1 min"),
            (3_600_000, "1 h"),
            (86_399_999, "23 h"),
            (172_800_000, "2 d"),
        ] {
            assert_eq!(span(ms), expected);
        }
    }
}
