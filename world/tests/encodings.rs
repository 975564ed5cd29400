//! Every way in which Tiled writes a layer's tiles, read, edited and read again.

use std::io::Write;

use base64::Engine;
use bytes::Bytes;
use world::{
    content::{Content, Files, Placements, load},
    terrain::TileEdit,
    tmx,
};

/// Four by two tiles; those with a 2 block.
const GIDS: [u32; 8] = [0, 2, 0, 1, 2, 0, 0, 2];

fn packed(compress: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let bytes: Vec<u8> = GIDS.iter().flat_map(|gid| gid.to_le_bytes()).collect();
    base64::engine::general_purpose::STANDARD.encode(compress(&bytes))
}

fn csv() -> String {
    GIDS.map(|gid| gid.to_string()).join(",")
}

/// A map whose `Collision` layer has this `data`.
fn map(is_infinite: bool, data: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?>\n<map version=\"1.10\" orientation=\"orthogonal\" width=\"4\" height=\"2\" tilewidth=\"16\" tileheight=\"16\" infinite=\"{}\">\n \
         <tileset firstgid=\"1\" name=\"t\" tilewidth=\"16\" tileheight=\"16\" tilecount=\"4\" columns=\"4\"><image source=\"t.png\" width=\"64\" height=\"16\"/></tileset>\n \
         <layer id=\"1\" name=\"Collision\" width=\"4\" height=\"2\">{data}</layer>\n</map>",
        u8::from(is_infinite)
    )
}

fn read(text: &str) -> Content {
    let files = Files::from([("a.tmx".to_owned(), Bytes::from(text.as_bytes().to_vec()))]);
    let loaded = load(&files, &Placements::new());
    let problems = loaded.report.problems;
    loaded.content.unwrap_or_else(|| panic!("{problems:?}"))
}

/// Where somebody is stopped, row by row.
fn blocked(content: &Content) -> Vec<(i32, i32)> {
    let map = content.terrain.map("a").expect("the map is there");
    let (west, north, east, south) = map.area();
    (north..south)
        .flat_map(|y| (west..east).map(move |x| (x, y)))
        .filter(|&(x, y)| content.terrain.is_blocked(map.level, x, y))
        .collect()
}

fn edit(x: i32, y: i32, gid: u32) -> TileEdit {
    TileEdit {
        map: "a".to_owned(),
        layer: "Collision".to_owned(),
        x,
        y,
        gid,
    }
}

#[test]
fn every_encoding_is_read_and_rewritten() {
    let deflated = |encoder: fn(&[u8]) -> Vec<u8>| packed(encoder);
    let zlib = |bytes: &[u8]| {
        let mut encoder =
            flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).expect("memory takes all");
        encoder.finish().expect("memory takes all")
    };
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).expect("memory takes all");
        encoder.finish().expect("memory takes all")
    };
    let zstd = |bytes: &[u8]| zstd::bulk::compress(bytes, 3).expect("memory takes all");
    let tiles: String = GIDS
        .iter()
        .map(|gid| format!("<tile gid=\"{gid}\"/>"))
        .collect();
    let layers = [
        format!("<data encoding=\"csv\">\n{}\n</data>", csv()),
        format!("<data>{tiles}</data>"),
        format!(
            "<data encoding=\"base64\">\n   {}\n  </data>",
            deflated(<[u8]>::to_vec)
        ),
        format!(
            "<data encoding=\"base64\" compression=\"zlib\">{}</data>",
            deflated(zlib)
        ),
        format!(
            "<data encoding=\"base64\" compression=\"gzip\">{}</data>",
            deflated(gzip)
        ),
        format!(
            "<data encoding=\"base64\" compression=\"zstd\">{}</data>",
            deflated(zstd)
        ),
    ];
    for layer in layers {
        let text = map(false, &layer);
        let content = read(&text);
        assert_eq!(blocked(&content), [(1, 0), (0, 1), (3, 1)], "{layer}");
        let edits = [edit(1, 0, 0), edit(2, 1, 2)];
        let rewritten = tmx::with_edits(text.as_bytes(), &edits).expect("a map");
        let rewritten = String::from_utf8(rewritten).expect("text");
        assert_eq!(
            blocked(&read(&rewritten)),
            [(0, 1), (2, 1), (3, 1)],
            "{rewritten}"
        );
    }
}

#[test]
fn infinite_maps_begin_where_their_first_chunk_does() {
    let mut tiles = vec![0; 256];
    tiles[0] = 2;
    tiles[17] = 2;
    let rows: Vec<String> = tiles.iter().map(u32::to_string).collect();
    let layer = format!(
        "<data encoding=\"csv\"><chunk x=\"-16\" y=\"0\" width=\"16\" height=\"16\">{}</chunk></data>",
        rows.join(",")
    );
    let text = map(true, &layer);
    let content = read(&text);
    assert_eq!(
        content.terrain.map("a").map(|map| map.area()),
        Some((-16, 0, 0, 16))
    );
    assert_eq!(blocked(&content), [(-16, 0), (-15, 1)]);
    // One edit in the chunk, and one beside it, which makes a chunk.
    let edits = [edit(-16, 0, 0), edit(3, 2, 2)];
    let rewritten = tmx::with_edits(text.as_bytes(), &edits).expect("a map");
    let again = read(&String::from_utf8(rewritten).expect("text"));
    assert_eq!(
        again.terrain.map("a").map(|map| map.area()),
        Some((-16, 0, 16, 16))
    );
    assert_eq!(blocked(&again), [(-15, 1), (3, 2)]);
}

#[test]
fn tiles_and_layers_block_by_their_property() {
    let map = |layer: &str, tile: &str| {
        format!(
            "<map version=\"1.10\" orientation=\"orthogonal\" width=\"3\" height=\"1\" tilewidth=\"16\" tileheight=\"16\">\n\
             <tileset firstgid=\"1\" name=\"t\" tilewidth=\"16\" tileheight=\"16\" tilecount=\"4\" columns=\"4\"><image source=\"t.png\" width=\"64\" height=\"16\"/>{tile}</tileset>\n\
             <group id=\"9\" name=\"g\">{layer}</group></map>"
        )
    };
    let blocked_property =
        "<properties><property name=\"blocked\" type=\"bool\" value=\"true\"/></properties>";
    let layer = |properties: &str| {
        format!(
            "<layer id=\"1\" name=\"Things\" width=\"3\" height=\"1\">{properties}<data encoding=\"csv\">1,0,3</data></layer>"
        )
    };
    let tile = format!("<tile id=\"2\">{blocked_property}</tile>");
    assert_eq!(blocked(&read(&map(&layer(""), ""))), []);
    assert_eq!(blocked(&read(&map(&layer(""), &tile))), [(2, 0)]);
    assert_eq!(
        blocked(&read(&map(&layer(blocked_property), ""))),
        [(0, 0), (2, 0)]
    );
}
