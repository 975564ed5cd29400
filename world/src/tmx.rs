//! A map's file as it stands after edits: the layers that were edited are written anew as CSV; every other byte stays.

use std::{collections::BTreeMap, io::Read, ops::Range};

use base64::Engine;
use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};

use crate::terrain::TileEdit;

/// A map's file that cannot be rewritten.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is no XML.
    #[error("the map's file is no XML")]
    Xml(#[from] quick_xml::Error),
    /// A layer's tiles cannot be read.
    #[error("the tiles of layer {0:?} cannot be read")]
    Data(String),
}

/// A layer's tiles are never more than this many, in bytes: the largest map that is served.
const DATA_BYTES_MAX: u64 = 16_384 * 16_384 * 4;
/// The side of the chunk that an edit outside every chunk of an infinite map makes, in tiles: Tiled's own.
const CHUNK: i32 = 16;

/// The file with edits in it. Edits of layers or tiles that it has not are left out.
///
/// # Errors
/// The file is no map.
pub fn with_edits(file: &[u8], edits: &[TileEdit]) -> Result<Vec<u8>, Error> {
    let mut by_layer: BTreeMap<&str, Vec<&TileEdit>> = BTreeMap::new();
    for edit in edits {
        by_layer.entry(&edit.layer).or_default().push(edit);
    }
    replace(file, |data| {
        by_layer.get(data.layer.as_str()).map(Vec::as_slice)
    })
}

/// The file with layers as CSV whose tiles were elements of their own: Tiled still writes those, and the `tiled` crate does not read them.
///
/// # Errors
/// The file is no map.
pub(crate) fn without_tile_elements(file: &[u8]) -> Result<Vec<u8>, Error> {
    replace(file, |data| data.encoding.is_none().then_some(&[]))
}

/// Writes those `data` elements anew for which there are edits, if only none at all.
fn replace<'e>(
    file: &[u8],
    edits_of: impl Fn(&Data) -> Option<&'e [&'e TileEdit]>,
) -> Result<Vec<u8>, Error> {
    let mut out = Vec::with_capacity(file.len());
    let mut copied = 0;
    for data in find_data(file)? {
        let Some(edits) = edits_of(&data) else {
            continue;
        };
        out.extend_from_slice(&file[copied..data.range.start]);
        out.extend_from_slice(rewrite(file, &data, edits)?.as_bytes());
        copied = data.range.end;
    }
    out.extend_from_slice(&file[copied..]);
    Ok(out)
}

/// A `data` element.
struct Data {
    layer: String,
    width: i32,
    height: i32,
    encoding: Option<String>,
    compression: Option<String>,
    /// From the beginning of its tag to the end of its end tag.
    range: Range<usize>,
    parts: Vec<Part>,
}

/// The tiles of it, or of one chunk.
struct Part {
    /// East, south, width, height, for a chunk.
    chunk: Option<[i32; 4]>,
    text: Range<usize>,
    /// Tiles that are elements of their own.
    gids: Vec<u32>,
}

fn find_data(file: &[u8]) -> Result<Vec<Data>, Error> {
    let mut reader = Reader::from_reader(file);
    let mut found = Vec::new();
    let mut layer = (String::new(), 0, 0);
    let mut data: Option<Data> = None;
    loop {
        let before = reader.buffer_position();
        let event = reader.read_event()?;
        let after = reader.buffer_position();
        match event {
            Event::Eof => return Ok(found),
            Event::Start(tag) if tag.name().as_ref() == b"layer" => {
                layer = (
                    text(&tag, "name").unwrap_or_default(),
                    number(&tag, "width"),
                    number(&tag, "height"),
                );
            }
            Event::Start(tag) if tag.name().as_ref() == b"data" => {
                let part = Part {
                    chunk: None,
                    text: after..after,
                    gids: Vec::new(),
                };
                data = Some(Data {
                    layer: layer.0.clone(),
                    width: layer.1,
                    height: layer.2,
                    encoding: text(&tag, "encoding"),
                    compression: text(&tag, "compression"),
                    range: before..after,
                    parts: vec![part],
                });
            }
            Event::Start(tag) if tag.name().as_ref() == b"chunk" => {
                if let Some(data) = &mut data {
                    let chunk = ["x", "y", "width", "height"].map(|name| number(&tag, name));
                    data.parts.retain(|part| part.chunk.is_some());
                    data.parts.push(Part {
                        chunk: Some(chunk),
                        text: after..after,
                        gids: Vec::new(),
                    });
                }
            }
            Event::Empty(tag) if tag.name().as_ref() == b"tile" => {
                if let Some(part) = data.as_mut().and_then(|data| data.parts.last_mut()) {
                    part.gids.push(
                        text(&tag, "gid")
                            .and_then(|gid| gid.parse().ok())
                            .unwrap_or(0),
                    );
                }
            }
            Event::Text(_) | Event::CData(_) => {
                if let Some(part) = data
                    .as_mut()
                    .and_then(|data| data.parts.last_mut())
                    .filter(|part| part.text.is_empty())
                {
                    part.text = before..after;
                }
            }
            Event::End(tag) if tag.name().as_ref() == b"data" => {
                if let Some(mut data) = data.take() {
                    data.range.end = after;
                    found.push(data);
                }
            }
            _ => {}
        }
    }
}

fn text(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let attribute = tag.try_get_attribute(name).ok()??;
    attribute
        .unescape_value()
        .ok()
        .map(|value| value.into_owned())
}

fn number(tag: &BytesStart<'_>, name: &str) -> i32 {
    text(tag, name)
        .and_then(|text| text.parse().ok())
        .unwrap_or(0)
}

fn rewrite(file: &[u8], data: &Data, edits: &[&TileEdit]) -> Result<String, Error> {
    let is_infinite = data.parts.iter().any(|part| part.chunk.is_some()) || data.parts.is_empty();
    let mut areas: Vec<([i32; 4], Vec<u32>)> = Vec::new();
    for part in &data.parts {
        let area = part.chunk.unwrap_or([0, 0, data.width, data.height]);
        let gids = if data.encoding.is_none() {
            part.gids.clone()
        } else {
            decode(&file[part.text.clone()], data)?
        };
        if gids.len() != usize::try_from(i64::from(area[2]) * i64::from(area[3])).unwrap_or(0) {
            return Err(Error::Data(data.layer.clone()));
        }
        areas.push((area, gids));
    }
    for edit in edits {
        let place = |([west, north, width, height], _): &([i32; 4], Vec<u32>)| {
            let (column, row) = (edit.x - west, edit.y - north);
            ((0..*width).contains(&column) && (0..*height).contains(&row))
                .then(|| usize::try_from(row * width + column).ok())
                .flatten()
        };
        let found = areas
            .iter()
            .enumerate()
            .find_map(|(area, tiles)| Some((area, place(tiles)?)));
        let (area, index) = match found {
            Some(found) => found,
            None if is_infinite => {
                let corner = [
                    edit.x.div_euclid(CHUNK) * CHUNK,
                    edit.y.div_euclid(CHUNK) * CHUNK,
                    CHUNK,
                    CHUNK,
                ];
                areas.push((corner, vec![0; 256]));
                let last = areas.len() - 1;
                let Some(index) = place(&areas[last]) else {
                    continue;
                };
                (last, index)
            }
            None => continue,
        };
        areas[area].1[index] = edit.gid;
    }
    let mut out = String::from("<data encoding=\"csv\">");
    for ([x, y, width, height], gids) in areas {
        if is_infinite {
            out.push_str(&format!(
                "\n   <chunk x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\">"
            ));
        }
        out.push_str(&csv(&gids, width));
        if is_infinite {
            out.push_str("</chunk>");
        }
    }
    out.push_str("</data>");
    Ok(out)
}

fn csv(gids: &[u32], width: i32) -> String {
    let width = usize::try_from(width).unwrap_or(0).max(1);
    let rows: Vec<String> = gids
        .chunks(width)
        .map(|row| row.iter().map(u32::to_string).collect::<Vec<_>>().join(","))
        .collect();
    format!("\n{}\n", rows.join(",\n"))
}

fn decode(text: &[u8], data: &Data) -> Result<Vec<u32>, Error> {
    let wrong = || Error::Data(data.layer.clone());
    let text = std::str::from_utf8(text).map_err(|_| wrong())?;
    let text = text
        .trim()
        .trim_start_matches("<![CDATA[")
        .trim_end_matches("]]>")
        .trim();
    if data.encoding.as_deref() == Some("csv") {
        return text
            .split(',')
            .map(|gid| gid.trim().parse().map_err(|_| wrong()))
            .collect();
    }
    let packed = base64::engine::general_purpose::STANDARD
        .decode(text)
        .map_err(|_| wrong())?;
    let mut bytes = Vec::new();
    let read = match data.compression.as_deref() {
        None | Some("") => packed.as_slice().read_to_end(&mut bytes),
        Some("zlib") => flate2::read::ZlibDecoder::new(packed.as_slice())
            .take(DATA_BYTES_MAX)
            .read_to_end(&mut bytes),
        Some("gzip") => flate2::read::GzDecoder::new(packed.as_slice())
            .take(DATA_BYTES_MAX)
            .read_to_end(&mut bytes),
        Some("zstd") => zstd::stream::read::Decoder::new(packed.as_slice())
            .and_then(|reader| reader.take(DATA_BYTES_MAX).read_to_end(&mut bytes)),
        Some(_) => return Err(wrong()),
    };
    read.map_err(|_| wrong())?;
    Ok(bytes
        .chunks_exact(4)
        .map(|four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]))
        .collect())
}
