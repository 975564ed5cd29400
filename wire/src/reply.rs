//! Answers: `[result, flag…]`, framed. Whole replies are written at once; what many clients get alike is pickled once and copied, or shared.

use std::sync::OnceLock;

use bytes::Bytes;

use crate::{
    Value, frame,
    pickle::{
        Dialect,
        encode::{bytes as write_bytes, str as write_str},
        fragment,
    },
};

/// What a reply says beside its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flag {
    /// The map has changed: reload.
    Map,
    /// The client's version has changed: upgrade.
    Client,
}

impl Flag {
    /// The text of it in a reply.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Map => "map",
            Self::Client => "client",
        }
    }
}

/// Bytes of a reply beside its result: header, envelope and flags come to less.
const ENVELOPE_BYTES: usize = 64;

/// Writes a reply to the end of `out`.
pub fn write(result: &Value, flags: &[Flag], dialect: Dialect, out: &mut Vec<u8>) {
    let mut payload = Vec::with_capacity(ENVELOPE_BYTES);
    open(dialect, &mut payload);
    fragment(result, dialect, &mut payload);
    close(flags, dialect, &mut payload);
    frame::write_header(payload.len(), out);
    out.extend_from_slice(&payload);
}

/// Writes the reply to an `update`: a list of entities from fragments that are ready in this dialect.
///
/// `fragments` is walked twice: once to know the size, once to copy.
pub fn write_view<'f>(
    fragments: impl Iterator<Item = &'f [u8]> + Clone,
    flags: &[Flag],
    dialect: Dialect,
    out: &mut Vec<u8>,
) {
    let mut head = Vec::with_capacity(ENVELOPE_BYTES);
    open(dialect, &mut head);
    head.extend_from_slice(b"](");
    let mut tail = vec![b'e'];
    close(flags, dialect, &mut tail);
    let payload_bytes = head.len() + fragments.clone().map(<[u8]>::len).sum::<usize>() + tail.len();
    out.reserve(ENVELOPE_BYTES + payload_bytes);
    frame::write_header(payload_bytes, out);
    out.extend_from_slice(&head);
    for fragment in fragments {
        out.extend_from_slice(fragment);
    }
    out.extend_from_slice(&tail);
}

/// A file or folder of a client image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageEntry {
    /// `(name, data)`
    File {
        /// Its name, without folders.
        name: String,
        /// What is in it.
        data: Bytes,
    },
    /// `(name, [entries…])`
    Folder {
        /// Its name, without the folders that it is in.
        name: String,
        /// What is in it.
        entries: Vec<ImageEntry>,
    },
}

/// A client image. It is pickled once for each dialect in which somebody wants it, and shared by all who download it.
#[derive(Debug, Clone)]
pub struct Image {
    entries: Vec<ImageEntry>,
    fragments: [OnceLock<Bytes>; 4],
}

/// A reply in three pieces, of which the middle one is shared.
#[derive(Debug, Clone)]
pub struct ImageReply {
    /// The frame's header, and the beginning.
    pub head: Vec<u8>,
    /// The image, or another result that is shared.
    pub image: Bytes,
    /// The flags, and the end.
    pub tail: Vec<u8>,
}

impl Image {
    /// An image that is not pickled yet.
    #[must_use]
    pub fn new(entries: Vec<ImageEntry>) -> Self {
        Self {
            entries,
            fragments: Default::default(),
        }
    }

    /// Whether it is pickled in a dialect.
    #[must_use]
    pub fn is_ready(&self, dialect: Dialect) -> bool {
        self.fragments[dialect.index()].get().is_some()
    }

    /// Pickles it in a dialect, unless that was done before. It takes as long as the image is large.
    pub fn prepare(&self, dialect: Dialect) {
        self.fragment(dialect);
    }

    /// The reply to an `upgrade`. [`Image::prepare`] is for whoever cannot wait for it here.
    #[must_use]
    pub fn reply(&self, flags: &[Flag], dialect: Dialect) -> ImageReply {
        share(self.fragment(dialect).clone(), flags, dialect)
    }

    fn fragment(&self, dialect: Dialect) -> &Bytes {
        self.fragments[dialect.index()].get_or_init(|| {
            let mut out = Vec::with_capacity(bytes_of(&self.entries));
            write_entries(&self.entries, dialect, &mut out);
            Bytes::from(out)
        })
    }
}

/// A reply whose result is a [`fragment`] that is ready in this dialect, and too large to be copied for each client.
#[must_use]
pub fn share(result: Bytes, flags: &[Flag], dialect: Dialect) -> ImageReply {
    let mut start = Vec::with_capacity(ENVELOPE_BYTES);
    open(dialect, &mut start);
    let mut tail = Vec::new();
    close(flags, dialect, &mut tail);
    let mut head = Vec::with_capacity(ENVELOPE_BYTES);
    frame::write_header(start.len() + result.len() + tail.len(), &mut head);
    head.extend_from_slice(&start);
    ImageReply {
        head,
        image: result,
        tail,
    }
}

/// About as many as entries take when they are pickled.
fn bytes_of(entries: &[ImageEntry]) -> usize {
    let sizes = entries.iter().map(|entry| match entry {
        ImageEntry::File { name, data } => name.len() + data.len(),
        ImageEntry::Folder { name, entries } => name.len() + bytes_of(entries),
    });
    sizes.map(|bytes| bytes + ENVELOPE_BYTES).sum()
}

/// As deep as the image's folders are, which publishing bounds.
fn write_entries(entries: &[ImageEntry], dialect: Dialect, out: &mut Vec<u8>) {
    out.extend_from_slice(b"](");
    for entry in entries {
        match entry {
            ImageEntry::File { name, data } => {
                write_str(name, dialect, out);
                write_bytes(data, dialect, out);
            }
            ImageEntry::Folder { name, entries } => {
                write_str(name, dialect, out);
                write_entries(entries, dialect, out);
            }
        }
        out.push(0x86);
    }
    out.push(b'e');
}

fn open(dialect: Dialect, out: &mut Vec<u8>) {
    out.extend_from_slice(&[0x80, dialect.protocol(), b']', b'(']);
}

fn close(flags: &[Flag], dialect: Dialect, out: &mut Vec<u8>) {
    for flag in flags {
        write_str(flag.as_str(), dialect, out);
    }
    out.extend_from_slice(b"e.");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        frame::{Decoder, Event},
        pickle::{Limits, load},
    };

    fn read(bytes: &[u8]) -> Value {
        let mut decoder = Decoder::new(1 << 20);
        decoder.buffer().extend_from_slice(bytes);
        let Some(Event::Message(payload)) = decoder.next_event() else {
            panic!("no message in {bytes:?}")
        };
        assert!(!decoder.is_within_message(), "bytes are left over");
        load(&payload, &Limits::default()).unwrap()
    }

    fn text(text: &str) -> Value {
        Value::Str(text.to_owned())
    }

    #[test]
    fn replies_are_lists_with_flags_behind() {
        for dialect in Dialect::ALL {
            let mut out = Vec::new();
            write(&Value::Bool(true), &[], dialect, &mut out);
            assert_eq!(read(&out), Value::List(vec![Value::Bool(true)]));
            out.clear();
            write(&text("1.2"), &[Flag::Map, Flag::Client], dialect, &mut out);
            assert_eq!(
                read(&out),
                Value::List(vec![text("1.2"), text("map"), text("client")])
            );
        }
    }

    #[test]
    fn views_are_put_together_from_fragments() {
        for dialect in Dialect::ALL {
            for count in [0, 1, 7] {
                let entity = |n: i64| {
                    Value::Dict(vec![
                        (text("name"), text("Anna")),
                        (text("n"), Value::Int(n)),
                    ])
                };
                let fragments: Vec<Vec<u8>> = (0..count)
                    .map(|n| {
                        let mut out = Vec::new();
                        fragment(&entity(n), dialect, &mut out);
                        out
                    })
                    .collect();
                let mut out = Vec::new();
                write_view(
                    fragments.iter().map(Vec::as_slice),
                    &[Flag::Map],
                    dialect,
                    &mut out,
                );
                assert_eq!(
                    read(&out),
                    Value::List(vec![
                        Value::List((0..count).map(entity).collect()),
                        text("map")
                    ])
                );
            }
        }
    }

    #[test]
    fn images_keep_their_folders() {
        let file = |name: &str| ImageEntry::File {
            name: name.to_owned(),
            data: Bytes::from_static(b"\x00\xff"),
        };
        let image = Image::new(vec![
            file("a"),
            ImageEntry::Folder {
                name: "maps".to_owned(),
                entries: vec![file("b")],
            },
        ]);
        for dialect in [Dialect::Text2, Dialect::Three, Dialect::Four] {
            assert!(!image.is_ready(dialect));
            image.prepare(dialect);
            assert!(image.is_ready(dialect));
            let ImageReply { head, image, tail } = image.reply(&[Flag::Client], dialect);
            let file = |name| Value::Tuple(vec![text(name), Value::Bytes(vec![0, 255])]);
            let folder = Value::Tuple(vec![text("maps"), Value::List(vec![file("b")])]);
            let expected = Value::List(vec![Value::List(vec![file("a"), folder]), text("client")]);
            assert_eq!(read(&[head, image.to_vec(), tail].concat()), expected);
        }
    }
}
