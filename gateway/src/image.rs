//! The client's image: what `upgrade` sends. It is the folder `client/` of the world, with the maps in a folder `maps` and the atlas in
//! `atlas.json`. It does not know who downloads it.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Serialize;
use wire::{
    Dialect,
    reply::{Image, ImageEntry},
};
use world::{content::Files, terrain::Terrain};

/// The folder of the world that is the client's.
const CLIENT: &str = "client/";
/// The folder of the image that the world's own files are in.
const MAPS: &str = "maps/";
/// The endings of the files that maps consist of.
const MAP_ENDINGS: [&str; 3] = [".tmx", ".tsx", ".world"];
/// The name, place and size of every map.
const ATLAS: &str = "atlas.json";

/// A line of the atlas: a map's name, and where it is in the world, in tiles.
#[derive(Debug, Serialize)]
struct AtlasEntry<'m> {
    name: &'m str,
    x: i32,
    y: i32,
    z: i32,
    width: u32,
    height: u32,
}

/// Puts the image of a world together, and pickles it for the many; for who writes older pickles, it is done when the first of them asks. Either
/// takes as long as the image is large: not for async threads.
pub(crate) fn build(files: &Files, terrain: &Terrain) -> Image {
    let image = Image::new(entries(files, terrain));
    image.prepare(Dialect::Four);
    image
}

fn entries(files: &Files, terrain: &Terrain) -> Vec<ImageEntry> {
    let mut root = Folder::default();
    for (path, data) in files {
        if let Some(path) = path.strip_prefix(CLIENT) {
            root.put(path, data.clone());
        } else if MAP_ENDINGS.iter().any(|ending| path.ends_with(ending)) {
            root.put(&format!("{MAPS}{path}"), data.clone());
        }
    }
    root.put(ATLAS, atlas(terrain).into());
    root.entries()
}

fn atlas(terrain: &Terrain) -> Vec<u8> {
    let lines: Vec<AtlasEntry<'_>> = terrain
        .maps()
        .map(|map| {
            let (x, y, ..) = map.area();
            AtlasEntry {
                name: &map.name,
                x,
                y,
                z: map.level,
                width: map.width,
                height: map.height,
            }
        })
        .collect();
    serde_json::to_vec_pretty(&lines).expect("text and numbers are always JSON")
}

/// A folder being filled.
#[derive(Debug, Default)]
struct Folder(BTreeMap<String, Node>);

#[derive(Debug)]
enum Node {
    File(Bytes),
    Folder(Folder),
}

impl Folder {
    /// Publishing has seen to it that no path climbs out or is deeper than folders may be.
    fn put(&mut self, path: &str, data: Bytes) {
        match path.split_once('/') {
            None => {
                self.0.insert(path.to_owned(), Node::File(data));
            }
            Some((folder, rest)) => {
                let node = self
                    .0
                    .entry(folder.to_owned())
                    .or_insert_with(|| Node::Folder(Folder::default()));
                // A file and a folder of one name cannot come from one folder on a disk; the folder would win.
                if let Node::File(_) = node {
                    *node = Node::Folder(Folder::default());
                }
                if let Node::Folder(folder) = node {
                    folder.put(rest, data);
                }
            }
        }
    }

    fn entries(self) -> Vec<ImageEntry> {
        let entries = self.0.into_iter().map(|(name, node)| match node {
            Node::File(data) => ImageEntry::File { name, data },
            Node::Folder(folder) => ImageEntry::Folder {
                name,
                entries: folder.entries(),
            },
        });
        entries.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn names(entries: &[ImageEntry]) -> Vec<String> {
        entries
            .iter()
            .flat_map(|entry| match entry {
                ImageEntry::File { name, .. } => vec![name.clone()],
                ImageEntry::Folder { name, entries } => names(entries)
                    .into_iter()
                    .map(|inner| format!("{name}/{inner}"))
                    .collect(),
            })
            .collect()
    }

    #[test]
    fn the_clients_folder_the_maps_and_the_atlas() {
        let mut files = testing::files();
        files.insert("client/VERSION".to_owned(), Bytes::from_static(b"1.2"));
        files.insert("client/maps/own.txt".to_owned(), Bytes::from_static(b"x"));
        files.insert(
            "tiles/grass.tsx".to_owned(),
            Bytes::from_static(b"<tileset/>"),
        );
        let content = testing::content(&testing::files());
        let entries = entries(&files, &content.terrain);
        assert_eq!(
            names(&entries),
            [
                "VERSION",
                "atlas.json",
                "maps/own.txt",
                "maps/tiles/grass.tsx",
                "maps/town.tmx"
            ]
        );
        let Some(ImageEntry::File { data, .. }) = entries.get(1) else {
            panic!("no atlas in {entries:?}")
        };
        let atlas: serde_json::Value = serde_json::from_slice(data).unwrap();
        assert_eq!(
            atlas,
            serde_json::json!([{"name": "town", "x": 0, "y": 0, "z": 0, "width": 8, "height": 6}])
        );
    }

    #[test]
    fn a_world_without_a_client_has_an_image_too() {
        let files = testing::files();
        let content = testing::content(&files);
        assert_eq!(
            names(&entries(&files, &content.terrain)),
            ["atlas.json", "maps/town.tmx"]
        );
    }
}
