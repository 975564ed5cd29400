//! The stack, the marks and what opcodes do with them. Where operands come from it does not know.

use super::{
    Budget, Error, Limits,
    arena::{Arena, Node, NodeKind},
    calls,
    handle::{Handle, Item},
    memo::Memo,
    table::{push, reset},
};

/// The tables of one pickle's decoding, which the next one uses again.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) limits: Limits,
    pub(super) arena: Arena,
    stack: Vec<Handle>,
    /// Heights of the stack.
    marks: Vec<usize>,
    memo: Memo,
    /// Whether something may be shared, must be hashable, or is a call.
    pub(super) must_check: bool,
    /// Whether there was a byte string of Python 2.
    pub(super) has_byte_strings: bool,
}

/// A stack that has grown larger is given back as soon as most of it is in containers, in entries.
const STACK_KEPT: usize = 2_048;

impl Machine {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            arena: Arena::default(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: Memo::default(),
            must_check: false,
            has_byte_strings: false,
        }
    }

    pub(super) fn clear(&mut self) {
        self.arena.clear();
        reset(&mut self.stack);
        self.marks.clear();
        self.memo.clear();
        self.must_check = false;
        self.has_byte_strings = false;
    }

    // The stack.

    pub(super) fn push(&mut self, handle: Handle) {
        push(&mut self.stack, handle);
    }

    /// Where the part of the stack begins that is above the last mark.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    pub(super) fn pop(&mut self) -> Result<Handle, Error> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    fn top(&self) -> Result<Handle, Error> {
        match self.stack.last() {
            Some(&top) if self.stack.len() > self.floor() => Ok(top),
            _ => Err(Error::Stack),
        }
    }

    /// Where the last `count` values begin, all of them above the last mark.
    fn last(&self, count: usize) -> Result<usize, Error> {
        self.stack
            .len()
            .checked_sub(count)
            .filter(|&start| start >= self.floor())
            .ok_or(Error::Stack)
    }

    pub(super) fn mark(&mut self) -> Result<(), Error> {
        if self.marks.len() >= self.limits.marks_max as usize {
            return Err(Error::Limit(Budget::Marks));
        }
        self.marks.push(self.stack.len());
        Ok(())
    }

    fn pop_mark(&mut self) -> Result<usize, Error> {
        self.marks.pop().ok_or(Error::Stack)
    }

    /// POP: a value, or a mark that nothing is above.
    pub(super) fn discard(&mut self) -> Result<(), Error> {
        if self.stack.len() > self.floor() {
            self.stack.pop();
            return Ok(());
        }
        self.pop_mark().map(drop)
    }

    /// POP_MARK: the last mark and everything above it.
    pub(super) fn discard_to_mark(&mut self) -> Result<(), Error> {
        let start = self.pop_mark()?;
        self.stack.truncate(start);
        Ok(())
    }

    pub(super) fn duplicate(&mut self) -> Result<(), Error> {
        self.must_check = true;
        let top = self.top()?;
        self.push(top);
        Ok(())
    }

    // Containers.

    /// An empty list, dict or set.
    pub(super) fn empty(&mut self, kind: NodeKind) {
        self.must_check |= kind != NodeKind::List;
        let handle = self.arena.add_node(Node::empty(kind));
        self.push(handle);
    }

    /// A tuple of the last `count` values.
    pub(super) fn tuple(&mut self, count: usize) -> Result<(), Error> {
        let start = self.last(count)?;
        self.collect(NodeKind::Tuple, start)
    }

    /// A container of everything above the last mark.
    pub(super) fn collect_to_mark(&mut self, kind: NodeKind) -> Result<(), Error> {
        let start = self.pop_mark()?;
        if kind == NodeKind::Tuple && start == self.stack.len() {
            self.push(Handle::EMPTY_TUPLE);
            return Ok(());
        }
        self.collect(kind, start)
    }

    /// Replaces the stack from `start` by a container of what was there.
    fn collect(&mut self, kind: NodeKind, start: usize) -> Result<(), Error> {
        self.must_check |= !matches!(kind, NodeKind::Tuple | NodeKind::List);
        let node = self.filled(Node::empty(kind), start)?;
        let handle = self.arena.add_node(node);
        self.push(handle);
        Ok(())
    }

    /// Adds the last `count` values to the container below them.
    pub(super) fn extend(&mut self, kind: NodeKind, count: usize) -> Result<(), Error> {
        let start = self.last(count)?;
        self.extend_from(kind, start)
    }

    /// Adds everything above the last mark to the container below it.
    pub(super) fn extend_to_mark(&mut self, kind: NodeKind) -> Result<(), Error> {
        let start = self.pop_mark()?;
        self.extend_from(kind, start)
    }

    fn extend_from(&mut self, kind: NodeKind, start: usize) -> Result<(), Error> {
        if start <= self.floor() {
            return Err(Error::Stack);
        }
        match self.stack[start - 1].item() {
            Item::Node(index) if self.arena.nodes[index].kind == kind => {
                self.arena.nodes[index] = self.filled(self.arena.nodes[index], start)?;
                Ok(())
            }
            _ => Err(Error::Stack),
        }
    }

    /// Moves the stack from `start` into a container; the container as it is after that.
    fn filled(&mut self, container: Node, start: usize) -> Result<Node, Error> {
        let items = &self.stack[start..];
        if container.kind == NodeKind::Dict && items.len() % 2 == 1 {
            return Err(Error::Stack);
        }
        if self.arena.cells.len() + items.len() >= self.limits.expanded_nodes_max as usize {
            // Only values that are thrown away again could make it fewer, and Python writes none.
            return Err(Error::Limit(Budget::ExpandedNodes));
        }
        let container = self.arena.append(container, items);
        if u32::from(container.depth) > self.limits.depth_max {
            return Err(Error::Limit(Budget::Depth));
        }
        self.stack.truncate(start);
        if self.stack.capacity() > STACK_KEPT && start < STACK_KEPT / 2 {
            // What was on it is in the cells now, and counts once.
            self.stack.shrink_to(STACK_KEPT / 2);
        }
        Ok(container)
    }

    // The memo.

    /// MEMOIZE: the top of the stack gets the next number.
    pub(super) fn memoize(&mut self) -> Result<(), Error> {
        self.put(self.memo.len())
    }

    /// Gives the top of the stack a number.
    pub(super) fn put(&mut self, index: u32) -> Result<(), Error> {
        let top = self.top()?;
        self.memo.put(index, top, self.limits.memo_max)
    }

    /// Pushes what has this number.
    pub(super) fn get(&mut self, index: u32) -> Result<(), Error> {
        self.must_check = true;
        let handle = self.memo.get(index)?;
        self.push(handle);
        Ok(())
    }

    // Names and calls.

    /// A name: one of the few by which Python writes data.
    pub(super) fn name(&mut self, module: &[u8], name: &[u8]) -> Result<(), Error> {
        self.must_check = true;
        let handle = self.arena.add(calls::named(module, name)?, 0, 0);
        self.push(handle);
        Ok(())
    }

    /// STACK_GLOBAL: a name whose parts are texts on the stack.
    pub(super) fn name_from_stack(&mut self, input: &[u8]) -> Result<(), Error> {
        let (name, module) = (self.pop()?, self.pop()?);
        let kind = calls::named(
            self.arena.text(input, module).ok_or(Error::Call)?,
            self.arena.text(input, name).ok_or(Error::Call)?,
        )?;
        self.must_check = true;
        let handle = self.arena.add(kind, 0, 0);
        self.push(handle);
        Ok(())
    }

    /// REDUCE: a call of a name with a tuple of arguments, taken for the data that it stands for.
    pub(super) fn reduce(&mut self, input: &[u8]) -> Result<(), Error> {
        self.must_check = true;
        let (arguments, function) = (self.pop()?, self.pop()?);
        let handle = calls::reduce(&mut self.arena, input, function, arguments)?;
        self.push(handle);
        Ok(())
    }
}
