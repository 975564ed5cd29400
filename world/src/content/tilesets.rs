//! Handing files to the `tiled` crate, which refuses tilesets without `tilecount` and `columns`, and layers whose tiles are elements. Tiled wrote
//! neither attribute before 0.18, and games still ship such tilesets; what is missing is worked out from the image's size as the file is read.

use std::{
    io::{Cursor, Error, ErrorKind},
    path::{Component, Path},
};

use super::Files;
use crate::tmx;

/// What a map has in it that writes tiles as elements. (A tileset's tiles have no gid.)
const TILE: &str = "<tile gid=";

/// Reads from the files of a world.
#[derive(Debug)]
pub(super) struct Reader<'f> {
    pub(super) files: &'f Files,
}

impl tiled::ResourceReader for Reader<'_> {
    type Resource = Cursor<Vec<u8>>;
    type Error = Error;

    fn read_from(&mut self, path: &Path) -> Result<Self::Resource, Error> {
        let name = normal(path).ok_or_else(|| {
            Error::new(
                ErrorKind::NotFound,
                format!("{} is outside the world's folder", path.display()),
            )
        })?;
        let data = self
            .files
            .get(&name)
            .ok_or_else(|| Error::new(ErrorKind::NotFound, format!("there is no file {name}")))?;
        let completed = completed(data);
        if !std::str::from_utf8(&completed).is_ok_and(|text| text.contains(TILE)) {
            return Ok(Cursor::new(completed));
        }
        tmx::without_tile_elements(&completed)
            .map(Cursor::new)
            .map_err(|error| Error::new(ErrorKind::InvalidData, error))
    }
}

/// A path without `.` and `..`; None if it climbs out.
pub(super) fn normal(path: &Path) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => parts.push(part.to_str()?),
            Component::CurDir => {}
            Component::ParentDir => {
                parts.pop()?;
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(parts.join("/"))
}

/// The file with `tilecount` and `columns` in each tileset of its own that lacks them.
fn completed(data: &[u8]) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(data) else {
        return data.to_vec();
    };
    let mut out = String::with_capacity(text.len() + 64);
    let mut rest = text;
    while let Some(start) = rest.find("<tileset") {
        let Some(end) = rest[start..].find('>').map(|end| start + end) else {
            break;
        };
        let tag = &rest[start..end];
        let body = &rest[end..];
        let body = &body[..body.find("</tileset").unwrap_or(body.len())];
        out.push_str(rest[..end].trim_end_matches('/'));
        let is_empty = tag.ends_with('/');
        if attribute(tag, "source").is_none() && !is_empty {
            let (count, columns) = count(tag, body);
            for (name, number) in [("tilecount", count), ("columns", columns)] {
                if attribute(tag, name).is_none() {
                    out.push_str(&format!(" {name}=\"{number}\""));
                }
            }
        }
        if is_empty {
            out.push('/');
        }
        rest = &rest[end..];
    }
    out.push_str(rest);
    out.into_bytes()
}

/// How many tiles and columns an image has; 0 of each if its size is not written.
fn count(tag: &str, body: &str) -> (u32, u32) {
    let number = |tag: &str, name| attribute(tag, name).and_then(|text| text.parse::<u32>().ok());
    let Some(image) = body.find("<image").map(|start| &body[start..]) else {
        return (0, 0);
    };
    let image = &image[..image.find('>').unwrap_or(image.len())];
    let (margin, spacing) = (
        number(tag, "margin").unwrap_or(0),
        number(tag, "spacing").unwrap_or(0),
    );
    let along = |image_size: Option<u32>, tile_size: Option<u32>| {
        let room = image_size?
            .checked_sub(margin.checked_mul(2)?)?
            .checked_add(spacing)?;
        room.checked_div(tile_size?.checked_add(spacing)?)
    };
    let columns = along(number(image, "width"), number(tag, "tilewidth"));
    let rows = along(number(image, "height"), number(tag, "tileheight"));
    match (columns, rows) {
        (Some(columns), Some(rows)) => (columns.saturating_mul(rows), columns),
        _ => (0, 0),
    }
}

/// The value of an attribute in the text of a tag.
fn attribute<'t>(tag: &'t str, name: &str) -> Option<&'t str> {
    let mut from = 0;
    loop {
        let at = from + tag[from..].find(name)?;
        from = at + name.len();
        let is_whole = tag[..at].ends_with(char::is_whitespace);
        let value = tag[from..].trim_start();
        if let (true, Some(value)) = (is_whole, value.strip_prefix('=')) {
            let value = value.trim_start();
            let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
            return value[1..].split_once(quote).map(|(value, _)| value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_tilesets_are_completed_and_others_left_alone() {
        let cases = [
            (
                r#"<tileset name="a" tilewidth="32" tileheight="16"><image source="a.png" width="64" height="32"/></tileset>"#,
                r#"<tileset name="a" tilewidth="32" tileheight="16" tilecount="4" columns="2"><image source="a.png" width="64" height="32"/></tileset>"#,
            ),
            (
                r#"<tileset tilewidth="10" tileheight="10" spacing="2" margin="1" tilecount="7"><image width="24" height="12"/></tileset>"#,
                r#"<tileset tilewidth="10" tileheight="10" spacing="2" margin="1" tilecount="7" columns="2"><image width="24" height="12"/></tileset>"#,
            ),
            (
                r#"<map><tileset firstgid="1" source="x.tsx"/></map>"#,
                r#"<map><tileset firstgid="1" source="x.tsx"/></map>"#,
            ),
            (
                r#"<tileset tilewidth="10"><image/></tileset>"#,
                r#"<tileset tilewidth="10" tilecount="0" columns="0"><image/></tileset>"#,
            ),
        ];
        for (before, after) in cases {
            assert_eq!(
                String::from_utf8(completed(before.as_bytes())).unwrap(),
                after
            );
        }
    }

    #[test]
    fn paths_stay_inside() {
        assert_eq!(
            normal(Path::new("maps/../tilesets/./a.tsx")).as_deref(),
            Some("tilesets/a.tsx")
        );
        assert_eq!(normal(Path::new("maps/../../a.tsx")), None);
        assert_eq!(normal(Path::new("/etc/passwd")), None);
    }
}
