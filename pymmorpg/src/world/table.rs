//! How tables look on a terminal.

use comfy_table::{CellAlignment, Table, TableComponent, presets};
use world::report::MapSummary;

use super::summary::share;

/// A table whose columns of numbers, by index, are aligned to the right.
pub(crate) fn table(
    header: &[&str],
    numbers: &[usize],
    rows: impl Iterator<Item = Vec<String>>,
) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_style(TableComponent::HeaderLines, '─');
    table.set_style(TableComponent::MiddleHeaderIntersections, '─');
    table.set_header(header);
    rows.for_each(|row| {
        table.add_row(row);
    });
    for &index in numbers {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

/// A line for each map.
pub(super) fn maps(maps: &[MapSummary]) -> String {
    let header = [
        "map",
        "size",
        "level",
        "place",
        "regions",
        "blocked",
        "warps",
        "nowhere",
        "spawns",
        "creatures",
        "NPCs",
        "unknown classes",
    ];
    table(
        &header,
        &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
        maps.iter().map(row),
    )
}

fn row(map: &MapSummary) -> Vec<String> {
    let tiles = u64::from(map.width) * u64::from(map.height);
    let unknown: Vec<String> = map
        .unknown_classes
        .iter()
        .map(|(class, count)| {
            if *count == 1 {
                class.clone()
            } else {
                format!("{class} × {count}")
            }
        })
        .collect();
    vec![
        map.name.clone(),
        format!("{} × {}", map.width, map.height),
        map.level.to_string(),
        format!("{}, {}", map.x, map.y),
        map.region_count.to_string(),
        format!("{:.1} %", share(map.blocked_count as u64, tiles) * 100.0),
        map.warp_count.to_string(),
        map.dead_warp_count.to_string(),
        map.spawn_count.to_string(),
        map.creature_count.to_string(),
        map.npc_count.to_string(),
        unknown.join(", "),
    ]
}
