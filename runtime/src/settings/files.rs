//! Values that are in files of their own, as containers are given their secrets: `sql_file` names the file that holds `sql`. What is in such a file is
//! shown nowhere.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use figment::{
    Figment,
    value::{Dict, Value},
};

use super::{Error, Source, Sources};

/// What is put behind a key to name a file.
const SUFFIX: &str = "_file";
/// No value is nearly so long. What is longer is another file than the one that was meant.
const BYTES_MAX: u64 = 64 * 1024;

/// The values of those keys that are in files, each as a source of its own, which must be the only one to have the key.
///
/// # Errors
/// A file cannot be used, or the value is given as well.
pub(super) fn read(figment: &Figment, keys: &[&str]) -> Result<Vec<(String, Source)>, Error> {
    let sources = Sources::new(figment.clone(), Vec::new());
    let mut found = Vec::new();
    for key in keys {
        let file_key = format!("{key}{SUFFIX}");
        let refuse = |problem: String| sources.refuse(&file_key, problem);
        let path = match figment.find_value(&file_key) {
            Err(_) | Ok(Value::Empty(..)) => continue,
            Ok(Value::String(_, path)) => path,
            Ok(_) => return Err(refuse("expected the path of a file".to_owned())),
        };
        if let Some(source_name) = sources.source_of(key) {
            let problem = format!("{key} is set too, from {source_name}; choose one of them");
            return Err(refuse(problem));
        }
        let text = value(Path::new(&path)).map_err(refuse)?;
        let source = Source {
            name: format!("the file {path}, which {file_key} names"),
            dict: Dict::from([((*key).to_owned(), Value::from(text))]),
        };
        found.push(((*key).to_owned(), source));
    }
    Ok(found)
}

/// What a file holds, without the newline that editors leave at its end.
fn value(path: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    let read = |bytes: &mut Vec<u8>| -> io::Result<usize> {
        File::open(path)?.take(BYTES_MAX + 1).read_to_end(bytes)
    };
    let byte_count = read(&mut bytes).map_err(|error| format!("cannot be read: {error}"))?;
    if byte_count as u64 > BYTES_MAX {
        return Err(format!("holds more than {BYTES_MAX} bytes"));
    }
    // Not the error of the conversion, which has the bytes in it.
    let text = String::from_utf8(bytes).map_err(|_| "is no text".to_owned())?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    match line {
        "" => Err("is empty".to_owned()),
        line if line.contains(['\n', '\r']) => Err("has more than one line".to_owned()),
        line => Ok(line.to_owned()),
    }
}
