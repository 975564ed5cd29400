//! A Python that reads pickles and writes what it has read, in every protocol that it has.

use std::{
    io::{BufRead, BufReader, Read, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

/// For each frame that comes: the number of answers, and that many frames; or 0 and a frame that says why there is none.
const SCRIPT: &str = r#"
import builtins, codecs, io, pickle, resource, sys

resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))

class Unpickler(pickle.Unpickler):
    def find_class(self, module, name):
        if (module, name) == ("_codecs", "encode"):
            return codecs.encode
        if module in ("builtins", "__builtin__") and name in ("bytes", "bytearray", "set", "frozenset"):
            return getattr(builtins, name)
        raise pickle.UnpicklingError(module + "." + name)

def write(data):
    sys.stdout.buffer.write(b"%d " % len(data) + data)

while True:
    size = b""
    while not size.endswith(b" "):
        byte = sys.stdin.buffer.read(1)
        if not byte:
            sys.exit()
        size += byte
    data = sys.stdin.buffer.read(int(size))
    try:
        value = Unpickler(io.BytesIO(data), encoding="utf-8").load()
        answers = [pickle.dumps(value, protocol) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)]
        sys.stdout.buffer.write(b"%d " % len(answers))
    except Exception as error:
        answers = [repr(error).encode()]
        sys.stdout.buffer.write(b"0 ")
    for answer in answers:
        write(answer)
    sys.stdout.flush()
"#;

/// A running Python. It ends when it is dropped.
pub(crate) struct Python {
    process: Child,
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Python {
    pub(crate) fn start() -> Self {
        let mut process = Command::new("python3")
            .args(["-c", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 is needed for these tests, and tests/run installs it");
        Self {
            requests: process.stdin.take(),
            answers: BufReader::new(process.stdout.take().expect("it is piped")),
            process,
        }
    }

    /// What Python writes of a pickle that it has read, in each protocol; or why it cannot read it.
    pub(crate) fn write_again(&mut self, pickle: &[u8]) -> Result<Vec<Vec<u8>>, String> {
        let requests = self.requests.as_mut().expect("it is piped");
        let mut frame = Vec::new();
        wire::frame::write_header(pickle.len(), &mut frame);
        frame.extend_from_slice(pickle);
        requests.write_all(&frame).expect("Python reads");
        requests.flush().expect("Python reads");
        match self.number() {
            0 => Err(String::from_utf8_lossy(&self.frame()).into_owned()),
            count => Ok((0..count).map(|_| self.frame()).collect()),
        }
    }

    fn number(&mut self) -> usize {
        let mut digits = Vec::new();
        self.answers
            .read_until(b' ', &mut digits)
            .expect("Python answers");
        String::from_utf8_lossy(&digits)
            .trim()
            .parse()
            .expect("Python answers with a number")
    }

    fn frame(&mut self) -> Vec<u8> {
        let mut bytes = vec![0; self.number()];
        self.answers
            .read_exact(&mut bytes)
            .expect("Python answers in whole");
        bytes
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        // Python ends when there is nothing more to read.
        drop(self.requests.take());
        let _ended = self.process.wait();
    }
}
