//! Edits as the audit log has them: a line for people.

use store::edits;
use wire::Value;
use world::{
    position::Position,
    region::{Audit, Edit},
};

/// The longest list of attributes in a line, in bytes; the rest is left out.
const ATTRIBUTES_BYTES_MAX: usize = 1_024;

/// The line of an edit.
pub(crate) fn line(audit: &Audit) -> edits::Audit {
    edits::Audit {
        author: audit.author.clone(),
        id: audit.id,
        command: describe(&audit.edit),
    }
}

fn describe(edit: &Edit) -> String {
    match edit {
        Edit::Tile(tile) => format!(
            "tile {:?} {:?} ({}, {}) {}",
            tile.map, tile.layer, tile.x, tile.y, tile.gid
        ),
        Edit::Spawn {
            name,
            position,
            attributes,
            behaviour,
        } => {
            let mut line = format!("spawn {name:?} {}", place(position));
            line.push_str(&list(attributes));
            if let Some(behaviour) = behaviour {
                line.push_str(&format!(" behaviour {behaviour:?}"));
            }
            line
        }
        Edit::Despawn(name) => format!("despawn {name:?}"),
        Edit::Teleport { name, position } => format!("teleport {name:?} {}", place(position)),
        Edit::Kick(name) => format!("kick {name:?}"),
        Edit::Reload(map) => format!("reload {map:?}"),
        Edit::Reset(map) => format!("reset {map:?}"),
    }
}

fn place(position: &Position) -> String {
    format!("({}, {}, {})", position.x, position.y, position.z)
}

fn list(attributes: &[(String, Value)]) -> String {
    let mut text = String::new();
    for (name, value) in attributes {
        let one = format!(" {name}={value:?}");
        if text.len() + one.len() > ATTRIBUTES_BYTES_MAX {
            text.push_str(" …");
            break;
        }
        text.push_str(&one);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_say_what_was_done() {
        let position = Position {
            x: 1.5,
            y: 2.0,
            z: 0,
        };
        let spawn = |value: Value| Edit::Spawn {
            name: "Ox".to_owned(),
            position,
            attributes: vec![("hp".to_owned(), value)],
            behaviour: Some("graze".to_owned()),
        };
        let cases = [
            (Edit::Kick("Anna\n".to_owned()), r#"kick "Anna\n""#),
            (
                spawn(Value::Int(3)),
                r#"spawn "Ox" (1.5, 2, 0) hp=Int(3) behaviour "graze""#,
            ),
            (
                spawn(Value::Bytes(vec![0; 4_000])),
                r#"spawn "Ox" (1.5, 2, 0) … behaviour "graze""#,
            ),
        ];
        for (edit, expected) in cases {
            assert_eq!(describe(&edit), expected);
        }
    }
}
