//! A small world for unit tests.

use std::collections::BTreeMap;

use bytes::Bytes;
use world::content::{Content, Files, load};

/// A map of 8 by 6 tiles named `town`, and nothing else.
pub(crate) fn files() -> Files {
    let row = ["0"; 8].join(",");
    let csv = [row.as_str(); 6].join(",\n");
    let tmx = format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<map version="1.10" orientation="orthogonal" renderorder="right-down" width="8" height="6" tilewidth="16" tileheight="16" infinite="0">
 <layer id="1" name="Ground" width="8" height="6">
  <data encoding="csv">
{csv}
</data>
 </layer>
</map>
"#
    );
    BTreeMap::from([("town.tmx".to_owned(), Bytes::from(tmx))])
}

/// The world that files are.
pub(crate) fn content(files: &Files) -> Content {
    let loaded = load(files, &Default::default());
    loaded.content.expect("the test's world can be served")
}
