//! A process that starts and stops a server, and that outlives us for a moment: when it hears nothing from us any more, it stops the server and
//! takes its folder away. So nothing is left behind by a test that panics, is killed or just ends.

use std::{
    io::{BufRead, BufReader, Write},
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

/// Its arguments are the folder, the signal that ends the server in the end, and the server's command. It reads `start` and answers with a process id, and `stop SIGNAL`, and answers when the
/// server has ended.
const SCRIPT: &str = r#"
folder=$1
last=$2
shift 2
server=
stop() {
    if [ -n "$server" ]; then
        kill "-$1" "$server" 2>/dev/null
        wait "$server" 2>/dev/null
        server=
    fi
}
while read -r word signal; do
    case $word in
    start)
        "$@" >>"$folder/log" 2>&1 </dev/null &
        server=$!
        echo "$server"
        ;;
    stop)
        stop "$signal"
        echo stopped
        ;;
    esac
done
stop "$last"
rm -rf "$folder"
"#;

/// The way to the keeper of one server.
#[derive(Debug)]
pub(crate) struct Keeper {
    folder: PathBuf,
    process: Child,
    /// None: it has heard nothing more from us.
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Keeper {
    /// A keeper of a folder that is its own from now on, and of the server that a command starts and a signal ends.
    pub(crate) fn new(folder: PathBuf, last_signal: &str, command: &[String]) -> Self {
        let mut process = Command::new("sh")
            .args(["-c", SCRIPT, "keeper"])
            .arg(&folder)
            .arg(last_signal)
            .args(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // Ctrl-C is for the tests; it ends when they have.
            .process_group(0)
            .spawn()
            .expect("there is a shell");
        Self {
            folder,
            orders: process.stdin.take(),
            answers: BufReader::new(process.stdout.take().expect("it is piped")),
            process,
        }
    }

    /// Starts the server; its process id.
    pub(crate) fn start(&mut self) -> u32 {
        let answer = self.order("start");
        answer
            .parse()
            .unwrap_or_else(|_| panic!("no process id: {answer:?}"))
    }

    /// Stops the server by a signal, and waits until it has ended.
    pub(crate) fn stop(&mut self, signal: &str) {
        self.order(&format!("stop {signal}"));
    }

    /// What the server has said.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    fn order(&mut self, order: &str) -> String {
        let orders = self.orders.as_mut().expect("only dropping takes them");
        writeln!(orders, "{order}").expect("the keeper lives as long as we do");
        let mut answer = String::new();
        self.answers
            .read_line(&mut answer)
            .expect("the keeper answers");
        answer.trim_end().to_owned()
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.orders = None;
        // It takes the folder away; how it ends tells nothing more.
        let _ended = self.process.wait();
    }
}
