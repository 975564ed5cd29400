//! The machine that reads a pickle's opcodes: an explicit list of those that build data, and no other.

use super::{
    Dialect, Error, Limits, Pickle,
    arena::{Arena, Handle, Item, NodeKind, push},
    calls, check, text,
    text::Integer,
};

/// Decodes one pickle after the other, with the same tables.
#[derive(Debug)]
pub struct Decoder {
    limits: Limits,
    arena: Arena,
    stack: Vec<Handle>,
    marks: Vec<u32>,
    memo: Memo,
}

/// Inputs of this many bytes are refused before anything is looked at: handles have thirty bits.
const INPUT_BYTES_MAX: usize = 1 << 29;

impl Decoder {
    /// A decoder with these limits.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            arena: Arena::default(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: Memo::default(),
        }
    }

    /// Decodes a pickle. Bytes after its end are ignored, as `pickle.loads` ignores them.
    ///
    /// # Errors
    /// Says why the bytes are no pickle of data within the limits.
    pub fn decode<'a>(&'a mut self, input: &'a [u8]) -> Result<Pickle<'a>, Error> {
        if input.len() > INPUT_BYTES_MAX {
            return Err(Error::Limit("bytes"));
        }
        self.arena.clear();
        self.stack.clear();
        self.stack.shrink_to(STACK_KEPT);
        self.marks.clear();
        self.memo.clear();
        let mut machine = Machine {
            limits: &self.limits,
            arena: &mut self.arena,
            stack: &mut self.stack,
            marks: &mut self.marks,
            memo: &mut self.memo,
            input,
            position: 0,
            end: input.len(),
            protocol: 0,
            has_byte_strings: false,
            must_check: false,
        };
        let root = machine.run()?;
        let dialect = Dialect::of(machine.protocol, machine.has_byte_strings);
        if machine.must_check {
            check::check(&self.arena, input, root, &self.limits)?;
        } else if self.arena.cells.len() >= self.limits.expanded_nodes_max as usize {
            // Nothing is shared, so there is a cell for every value but the outermost.
            return Err(Error::Limit("values"));
        }
        Ok(Pickle::new(&self.arena, input, root, dialect))
    }
}

/// A stack that has grown larger is given back, in entries.
const STACK_KEPT: usize = 256;

struct Machine<'a> {
    limits: &'a Limits,
    arena: &'a mut Arena,
    stack: &'a mut Vec<Handle>,
    marks: &'a mut Vec<u32>,
    memo: &'a mut Memo,
    input: &'a [u8],
    position: usize,
    /// Where the frame ends that is being read, or the input.
    end: usize,
    protocol: u8,
    has_byte_strings: bool,
    /// Whether something may be shared, must be hashable, or is a call.
    must_check: bool,
}

impl<'a> Machine<'a> {
    fn run(&mut self) -> Result<Handle, Error> {
        loop {
            if self.position == self.end {
                self.end = self.input.len();
            }
            let opcode = self.byte()?;
            if opcode == b'.' {
                return self.pop();
            }
            self.step(opcode)?;
            if self.arena.nodes.len() > self.limits.nodes_max as usize {
                return Err(Error::Limit("nodes"));
            }
        }
    }

    fn step(&mut self, opcode: u8) -> Result<(), Error> {
        match opcode {
            b'N' => self.push(Handle::NONE),
            0x88 => self.push(Handle::TRUE),
            0x89 => self.push(Handle::FALSE),
            b')' => self.push(Handle::EMPTY_TUPLE),
            b'K' | b'M' | b'J' | b'I' | b'L' | 0x8a | 0x8b => self.number(opcode),
            b'G' | b'F' => self.float(opcode),
            b'X' | 0x8c | 0x8d | b'V' => self.unicode(opcode),
            b'U' | b'T' | b'S' => self.byte_string(opcode),
            b'C' | b'B' | 0x8e | 0x96 => self.bytes_object(opcode),
            b'(' => self.mark(),
            b'0' => self.discard(),
            b'1' => self.pop_mark().map(|start| self.stack.truncate(start)),
            b'2' => self.duplicate(),
            b']' => self.container(NodeKind::List),
            b'}' => self.container(NodeKind::Dict),
            0x8f => self.container(NodeKind::Set),
            b'l' | b'd' | 0x91 | b't' => self.build(opcode),
            0x85 => self.tuple(1),
            0x86 => self.tuple(2),
            0x87 => self.tuple(3),
            b'a' => self.extend(NodeKind::List, 1),
            b's' => self.extend(NodeKind::Dict, 2),
            b'e' => self.extend_from_mark(NodeKind::List),
            b'u' => self.extend_from_mark(NodeKind::Dict),
            0x90 => self.extend_from_mark(NodeKind::Set),
            b'p' | b'q' | b'r' | 0x94 => self.put(opcode),
            b'g' | b'h' | b'j' => self.get(opcode),
            b'c' | 0x93 => self.global(opcode),
            b'R' => self.reduce(),
            0x80 => self.protocol(),
            0x95 => self.frame(),
            other => Err(Error::Opcode(other)),
        }
    }

    // Reading.

    fn byte(&mut self) -> Result<u8, Error> {
        if self.position >= self.end {
            return Err(Error::Truncated);
        }
        let byte = self.input[self.position];
        self.position += 1;
        Ok(byte)
    }

    /// The place of the next `count` bytes.
    fn take(&mut self, count: u64) -> Result<(usize, usize), Error> {
        let start = self.position;
        let left = (self.end - start) as u64;
        if count > left {
            return Err(Error::Truncated);
        }
        self.position += usize::try_from(count).map_err(|_| Error::Truncated)?;
        Ok((start, self.position))
    }

    fn unsigned(&mut self, width: usize) -> Result<u64, Error> {
        let (start, end) = self.take(width as u64)?;
        let mut bytes = [0; 8];
        bytes[..width].copy_from_slice(&self.input[start..end]);
        Ok(u64::from_le_bytes(bytes))
    }

    /// The bytes up to the next line feed.
    fn line(&mut self) -> Result<&'a [u8], Error> {
        let rest = &self.input[self.position..self.end];
        let length = rest
            .iter()
            .position(|&byte| byte == b'\n')
            .ok_or(Error::Truncated)?;
        self.position += length + 1;
        Ok(&rest[..length])
    }

    // The stack.

    fn push(&mut self, handle: Handle) -> Result<(), Error> {
        push(self.stack, handle);
        Ok(())
    }

    /// Where the part of the stack begins that is above the last mark.
    fn floor(&self) -> usize {
        self.marks.last().map_or(0, |&mark| mark as usize)
    }

    fn pop(&mut self) -> Result<Handle, Error> {
        if self.stack.len() <= self.floor() {
            return Err(Error::Stack);
        }
        self.stack.pop().ok_or(Error::Stack)
    }

    fn top(&self) -> Result<Handle, Error> {
        if self.stack.len() <= self.floor() {
            return Err(Error::Stack);
        }
        self.stack.last().copied().ok_or(Error::Stack)
    }

    fn mark(&mut self) -> Result<(), Error> {
        if self.marks.len() >= self.limits.marks_max as usize {
            return Err(Error::Limit("marks"));
        }
        self.marks
            .push(u32::try_from(self.stack.len()).map_err(|_| Error::Limit("stack"))?);
        Ok(())
    }

    fn pop_mark(&mut self) -> Result<usize, Error> {
        self.marks
            .pop()
            .map(|mark| mark as usize)
            .ok_or(Error::Stack)
    }

    /// POP: a value, or a mark that nothing is above.
    fn discard(&mut self) -> Result<(), Error> {
        if self.stack.len() > self.floor() {
            self.stack.pop();
            return Ok(());
        }
        self.pop_mark().map(drop)
    }

    fn duplicate(&mut self) -> Result<(), Error> {
        self.must_check = true;
        let top = self.top()?;
        self.push(top)
    }

    // Atoms.

    fn number(&mut self, opcode: u8) -> Result<(), Error> {
        let number = match opcode {
            b'K' => Integer::Fits(i64::from(self.byte()?)),
            b'M' => Integer::Fits(self.unsigned(2)?.cast_signed()),
            b'J' => Integer::Fits(i64::from((self.unsigned(4)? << 32).cast_signed() >> 32)),
            0x8a => {
                let length = u64::from(self.byte()?);
                self.long(length)?
            }
            0x8b => {
                let length = self.unsigned(4)?;
                self.long(length)?
            }
            b'I' => match self.line()? {
                b"00" => return self.push(Handle::FALSE),
                b"01" => return self.push(Handle::TRUE),
                line => text::integer(line, self.limits)?,
            },
            _ => {
                let line = self.line()?.trim_ascii_end();
                text::integer(line.strip_suffix(b"L").unwrap_or(line), self.limits)?
            }
        };
        let handle = match number {
            Integer::Fits(number) => self.arena.add_int(number),
            Integer::Big(bytes) => self.arena.add_side(NodeKind::Big, &bytes),
        };
        self.push(handle)
    }

    /// A little-endian two's complement of `length` bytes.
    fn long(&mut self, length: u64) -> Result<Integer, Error> {
        if length > u64::from(self.limits.integer_bytes_max) {
            return Err(Error::Limit("integer bytes"));
        }
        let (start, end) = self.take(length)?;
        let bytes = &self.input[start..end];
        let fill = if bytes.last().is_some_and(|last| last & 0x80 != 0) {
            0xFF
        } else {
            0
        };
        let mut number = [fill; 8];
        if bytes.len() <= 8 {
            number[..bytes.len()].copy_from_slice(bytes);
        } else if bytes[8..].iter().all(|&byte| byte == fill) && (bytes[7] ^ fill) & 0x80 == 0 {
            number.copy_from_slice(&bytes[..8]);
        } else {
            return Ok(Integer::Big(bytes.to_vec()));
        }
        Ok(Integer::Fits(i64::from_le_bytes(number)))
    }

    fn float(&mut self, opcode: u8) -> Result<(), Error> {
        let number = if opcode == b'G' {
            f64::from_bits(self.unsigned(8)?.swap_bytes())
        } else {
            text::float(self.line()?)?
        };
        let handle = self.arena.add_float(number);
        self.push(handle)
    }

    fn sized(&mut self, opcode: u8) -> Result<(usize, usize), Error> {
        let length = match opcode {
            b'U' | b'C' | 0x8c => u64::from(self.byte()?),
            b'X' | b'B' | b'T' => self.unsigned(4)?,
            _ => self.unsigned(8)?,
        };
        if length > u64::from(self.limits.string_bytes_max) {
            return Err(Error::Limit("string bytes"));
        }
        self.take(length)
    }

    fn unicode(&mut self, opcode: u8) -> Result<(), Error> {
        let handle = if opcode == b'V' {
            let line = self.line()?;
            self.within_string(line.len())?;
            let text = text::unescape(line)?;
            self.arena.add_side(NodeKind::Text, text.as_bytes())
        } else {
            let (start, end) = self.sized(opcode)?;
            std::str::from_utf8(&self.input[start..end])
                .map_err(|_| Error::Malformed("unicode"))?;
            self.arena.add_span(NodeKind::Text, start, end)
        };
        self.push(handle)
    }

    /// A Python 2 `str`: text if it is valid UTF-8, otherwise bytes.
    fn byte_string(&mut self, opcode: u8) -> Result<(), Error> {
        self.has_byte_strings = true;
        let kind = |bytes: &[u8]| {
            if std::str::from_utf8(bytes).is_ok() {
                NodeKind::Text
            } else {
                NodeKind::Bytes
            }
        };
        let handle = if opcode == b'S' {
            let line = self.line()?;
            self.within_string(line.len())?;
            let bytes = text::unquote(line)?;
            self.arena.add_side(kind(&bytes), &bytes)
        } else {
            let (start, end) = self.sized(opcode)?;
            self.arena
                .add_span(kind(&self.input[start..end]), start, end)
        };
        self.push(handle)
    }

    fn within_string(&self, bytes: usize) -> Result<(), Error> {
        if bytes > self.limits.string_bytes_max as usize {
            Err(Error::Limit("string bytes"))
        } else {
            Ok(())
        }
    }

    fn bytes_object(&mut self, opcode: u8) -> Result<(), Error> {
        let (start, end) = self.sized(opcode)?;
        let kind = if opcode == 0x96 {
            NodeKind::ByteArray
        } else {
            NodeKind::Bytes
        };
        let handle = self.arena.add_span(kind, start, end);
        self.push(handle)
    }

    // Containers.

    fn container(&mut self, kind: NodeKind) -> Result<(), Error> {
        self.must_check |= kind != NodeKind::List;
        let handle = self.arena.add(kind, 1, 0);
        self.push(handle)
    }

    fn tuple(&mut self, count: usize) -> Result<(), Error> {
        let start = self
            .stack
            .len()
            .checked_sub(count)
            .filter(|&start| start >= self.floor())
            .ok_or(Error::Stack)?;
        self.collect(NodeKind::Tuple, start)
    }

    fn build(&mut self, opcode: u8) -> Result<(), Error> {
        let start = self.pop_mark()?;
        match opcode {
            b't' if start == self.stack.len() => self.push(Handle::EMPTY_TUPLE),
            b't' => self.collect(NodeKind::Tuple, start),
            b'l' => self.collect(NodeKind::List, start),
            b'd' if (self.stack.len() - start) % 2 == 1 => Err(Error::Stack),
            b'd' => self.collect(NodeKind::Dict, start),
            _ => self.collect(NodeKind::FrozenSet, start),
        }
    }

    /// Replaces the stack from `start` by a container of what was there.
    fn collect(&mut self, kind: NodeKind, start: usize) -> Result<(), Error> {
        self.must_check |= !matches!(kind, NodeKind::Tuple | NodeKind::List);
        let handle = self.arena.add(kind, 1, 0);
        self.fill(handle, start)?;
        self.push(handle)
    }

    /// Puts the stack from `start` into a container.
    fn fill(&mut self, container: Handle, start: usize) -> Result<(), Error> {
        let Item::Node(index) = container.item() else {
            return Err(Error::Stack);
        };
        for position in start..self.stack.len() {
            let depth = self.arena.append(index, self.stack[position]);
            if u32::from(depth) > self.limits.depth_max {
                return Err(Error::Limit("depth"));
            }
        }
        self.stack.truncate(start);
        Ok(())
    }

    fn extend(&mut self, kind: NodeKind, count: usize) -> Result<(), Error> {
        let start = self
            .stack
            .len()
            .checked_sub(count)
            .filter(|&start| start > self.floor())
            .ok_or(Error::Stack)?;
        self.extend_from(kind, start)
    }

    fn extend_from_mark(&mut self, kind: NodeKind) -> Result<(), Error> {
        let start = self.pop_mark()?;
        if start <= self.floor() || (kind == NodeKind::Dict && (self.stack.len() - start) % 2 == 1)
        {
            return Err(Error::Stack);
        }
        self.extend_from(kind, start)
    }

    fn extend_from(&mut self, kind: NodeKind, start: usize) -> Result<(), Error> {
        let container = self.stack[start - 1];
        if self
            .arena
            .node(container)
            .is_none_or(|node| node.kind != kind)
        {
            return Err(Error::Stack);
        }
        self.fill(container, start)
    }

    // The memo.

    fn put(&mut self, opcode: u8) -> Result<(), Error> {
        let index = match opcode {
            0x94 => self.memo.len(),
            _ => self.memo_index(opcode == b'p', if opcode == b'q' { 1 } else { 4 })?,
        };
        let top = self.top()?;
        self.memo.put(index, top, self.limits.memo_max as usize)
    }

    fn get(&mut self, opcode: u8) -> Result<(), Error> {
        let index = self.memo_index(opcode == b'g', if opcode == b'h' { 1 } else { 4 })?;
        self.must_check = true;
        let handle = self.memo.get(index).ok_or(Error::Memo)?;
        self.push(handle)
    }

    fn memo_index(&mut self, is_text: bool, width: usize) -> Result<u32, Error> {
        if !is_text {
            return u32::try_from(self.unsigned(width)?).map_err(|_| Error::Memo);
        }
        match text::integer(self.line()?, self.limits)? {
            Integer::Fits(index) => u32::try_from(index).map_err(|_| Error::Memo),
            Integer::Big(_) => Err(Error::Memo),
        }
    }

    // Names and calls.

    fn global(&mut self, opcode: u8) -> Result<(), Error> {
        self.must_check = true;
        let kind = if opcode == b'c' {
            let module = self.line()?;
            calls::named(module, self.line()?)?
        } else {
            let (name, module) = (self.pop()?, self.pop()?);
            let text = |handle| {
                self.arena
                    .node(handle)
                    .filter(|node| node.kind == NodeKind::Text)
                    .ok_or(Error::Call)
            };
            calls::named(
                self.arena.bytes(self.input, text(module)?),
                self.arena.bytes(self.input, text(name)?),
            )?
        };
        let handle = self.arena.add(kind, 0, 0);
        self.push(handle)
    }

    fn reduce(&mut self) -> Result<(), Error> {
        self.must_check = true;
        let (arguments, function) = (self.pop()?, self.pop()?);
        let handle = calls::reduce(self.arena, self.input, function, arguments)?;
        self.push(handle)
    }

    // The envelope.

    fn protocol(&mut self) -> Result<(), Error> {
        match self.byte()? {
            protocol @ 0..=5 => self.protocol = protocol,
            protocol => return Err(Error::Protocol(protocol)),
        }
        Ok(())
    }

    /// A frame's end must be an opcode's end, and must lie within the input.
    fn frame(&mut self) -> Result<(), Error> {
        let length = self.unsigned(8)?;
        let left = (self.input.len() - self.position) as u64;
        if self.end != self.input.len() || length > left {
            return Err(Error::Malformed("frame"));
        }
        self.end =
            self.position + usize::try_from(length).map_err(|_| Error::Malformed("frame"))?;
        Ok(())
    }
}

/// The memo. Python numbers its entries from 0 or 1 upward; whatever else is numbered otherwise is kept in a list that is searched.
#[derive(Debug, Default)]
struct Memo {
    dense: Vec<Option<Handle>>,
    sparse: std::collections::BTreeMap<u32, Handle>,
    len: u32,
}

/// An index this far beyond the last one still goes into the dense table.
const GAP_MAX: usize = 8;

impl Memo {
    fn clear(&mut self) {
        self.dense.clear();
        self.dense.shrink_to(STACK_KEPT);
        self.sparse.clear();
        self.len = 0;
    }

    fn len(&self) -> u32 {
        self.len
    }

    fn put(&mut self, index: u32, handle: Handle, max: usize) -> Result<(), Error> {
        if self.len as usize >= max {
            return Err(Error::Limit("memo entries"));
        }
        let place = index as usize;
        let before = if place < self.dense.len() {
            self.dense[place].replace(handle)
        } else if place <= self.dense.len() + GAP_MAX {
            while self.dense.len() < place {
                // What was kept apart because it came too early stays where it is: see `get`.
                push(&mut self.dense, None);
            }
            push(&mut self.dense, Some(handle));
            self.sparse.remove(&index)
        } else {
            self.sparse.insert(index, handle)
        };
        self.len += u32::from(before.is_none());
        Ok(())
    }

    fn get(&self, index: u32) -> Option<Handle> {
        self.dense
            .get(index as usize)
            .copied()
            .flatten()
            .or_else(|| self.sparse.get(&index).copied())
    }
}
