//! Worlds as designers leave them in folders.

use std::{
    fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

/// A map: `#` blocks, `n` is an NPC, `w` a warp to tile (1, 1) of the map that is named.
pub(crate) fn map(rows: &[&str], warp_to: &str) -> String {
    let (width, height) = (rows[0].len(), rows.len());
    let mut gids = Vec::new();
    let mut objects = String::new();
    for (y, row) in rows.iter().enumerate() {
        for (x, tile) in row.chars().enumerate() {
            gids.push(if tile == '#' { "2" } else { "0" });
            let place = format!(
                "x=\"{}\" y=\"{}\" width=\"16\" height=\"16\"",
                x * 16,
                y * 16
            );
            let id = y * width + x + 1;
            match tile {
                'n' => objects.push_str(&format!(
                    "  <object id=\"{id}\" name=\"Mara\" type=\"npc\" {place}/>\n"
                )),
                'w' => objects.push_str(&format!(
                    "  <object id=\"{id}\" type=\"warp\" {place}><properties><property name=\"dest_map\" value=\"{warp_to}\"/>\
                     <property name=\"dest_x\" value=\"1\"/><property name=\"dest_y\" value=\"1\"/></properties></object>\n"
                )),
                's' => objects.push_str(&format!(
                    "  <object id=\"{id}\" type=\"start\" {place}/>\n"
                )),
                _ => {}
            }
        }
    }
    format!(
        "<?xml version=\"1.0\"?>\n\
         <map version=\"1.10\" orientation=\"orthogonal\" width=\"{width}\" height=\"{height}\" tilewidth=\"16\" tileheight=\"16\">\n \
         <tileset firstgid=\"1\" name=\"t\" tilewidth=\"16\" tileheight=\"16\" tilecount=\"4\" columns=\"4\"><image source=\"t.png\" width=\"64\" height=\"16\"/></tileset>\n \
         <layer id=\"1\" name=\"Collision\" width=\"{width}\" height=\"{height}\"><data encoding=\"csv\">{}</data></layer>\n \
         <objectgroup id=\"2\" name=\"Objects\">\n{objects} </objectgroup>\n\
         </map>\n",
        gids.join(",")
    )
}

/// Writes a file of a world, and the folders on the way to it.
pub(crate) fn write(folder: &Path, name: &str, content: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// A folder with a world in `world`, and room for `data`.
pub(crate) struct Folders {
    /// Both are in it.
    pub(crate) root: TempDir,
}

impl Folders {
    /// A hall with an NPC, a start and a warp to the cellar, which has a warp back. Both are in one region each.
    pub(crate) fn new() -> Self {
        let folders = Self {
            root: tempfile::tempdir().unwrap(),
        };
        folders.write("world.toml", "name = \"Hall and cellar\"\n");
        folders.write("hall.tmx", &map(&["s...", "#.n.", "...w"], "cellar"));
        folders.write("cellar.tmx", &map(&["##", "..", "w."], "hall"));
        folders.write("client/VERSION", "1.0.0\n");
        folders
    }

    /// The world's folder.
    pub(crate) fn world(&self) -> PathBuf {
        self.root.path().join("world")
    }

    /// The data folder.
    pub(crate) fn data(&self) -> PathBuf {
        self.root.path().join("data")
    }

    /// Writes a file of the world.
    pub(crate) fn write(&self, name: &str, content: &str) {
        write(&self.world(), name, content);
    }
}
