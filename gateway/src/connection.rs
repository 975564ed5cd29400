//! One connection: one task that owns one socket. It reads requests, lets the [`Session`] decide what becomes of them, carries out what that
//! wants, and writes the replies. What a client costs is bounded here: how much is read, kept and written, and how long anything may take.

mod asked;
mod effects;
mod inbox;
mod line;
mod meter;
mod outbox;
mod patience;
mod replies;

use std::{
    future::pending,
    io,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures::future::BoxFuture;
use runtime::shutdown::Shutdown;
use tokio::{
    io::AsyncReadExt,
    net::{
        TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::watch,
};
use world::region_id::RegionId;

use crate::{
    flags::Told,
    login,
    replica::Watcher,
    service::Shared,
    session::{Output, Session, Ticket},
};
use inbox::{Inbox, Taken};
use line::{Heard, Line};
use outbox::Outbox;

/// How long a client has to close its side after we have closed ours, so that what it has sent meanwhile does not destroy the last reply on its way.
const LINGER: Duration = Duration::from_secs(1);

/// Why a connection was closed. The words are metric labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Closed {
    /// The client closed it.
    ByClient,
    /// The socket broke.
    Broken,
    /// The gateway stops.
    Shutdown,
    /// Too many bad messages in a row.
    BadMessages,
    /// A message did not come to its end in time.
    SlowMessage,
    /// The client was silent for too long.
    Idle,
    /// The client took none of what waits for it.
    NotReading,
    /// A later login of the same character has come.
    TakenOver,
    /// A game master wants it.
    Kicked,
    /// The outcome of a request cannot be known.
    OutcomeUnknown,
}

impl Closed {
    /// The word for it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::ByClient => "by_client",
            Self::Broken => "broken",
            Self::Shutdown => "shutdown",
            Self::BadMessages => "bad_messages",
            Self::SlowMessage => "slow_message",
            Self::Idle => "idle",
            Self::NotReading => "not_reading",
            Self::TakenOver => "taken_over",
            Self::Kicked => "kicked",
            Self::OutcomeUnknown => "outcome_unknown",
        }
    }

    /// Whether what still waits for the client is thrown away.
    fn is_abrupt(self) -> bool {
        matches!(self, Self::Broken | Self::NotReading)
    }
}

/// Speaks with a client until the connection ends, and says why it did.
pub(crate) async fn run(mut socket: TcpStream, shared: Arc<Shared>, shutdown: Shutdown) -> Closed {
    let mut connection = Connection::new(shared);
    let closed = {
        let (read, write) = socket.split();
        connection.converse(read, write, &shutdown).await
    };
    connection.leave().await;
    close(socket, closed).await;
    closed
}

/// A reset frees at once what the kernel holds for a client that does not read; everybody else gets what is on its way.
async fn close(mut socket: TcpStream, closed: Closed) {
    use tokio::io::AsyncWriteExt;
    if closed.is_abrupt() {
        let _is_closed_anyway = socket.set_zero_linger();
        return;
    }
    let farewell = async {
        socket.shutdown().await?;
        let mut rest = [0; 4096];
        while socket.read(&mut rest).await? > 0 {}
        io::Result::Ok(())
    };
    // Whatever comes of it, the socket is closed now.
    let _ended = tokio::time::timeout(LINGER, farewell).await;
}

/// What somebody else has answered.
enum Done {
    /// The account service.
    Login(login::Asked),
    /// The copies of maps.
    Map(Bytes),
    /// The image is pickled for this client now.
    Prepared,
}

/// The state of a connection.
struct Connection {
    shared: Arc<Shared>,
    session: Session,
    outputs: Vec<Output>,
    inbox: Inbox,
    outbox: Outbox,
    line: Line,
    told: Told,
    /// What was noted of the player, of whom the account service is being asked.
    map_noted: u64,
    /// Told with the login, until the character is in the world.
    map_told: u64,
    watcher: Option<Watcher>,
    /// The head's answer, if it comes from somewhere else.
    working: Option<BoxFuture<'static, Done>>,
    locating: Option<BoxFuture<'static, Result<Option<RegionId>, ()>>>,
    /// Since when the character is asked for.
    entering_since: Option<Instant>,
    /// The head is an `update` that waits for this; None in it: for news alone.
    looking: Option<Option<Instant>>,
    /// No more is read: the client has ended its half, or we end ours.
    closing: Option<Closed>,
    /// When anything last came or was taken.
    active_at: Instant,
    /// When the client last took something, while something waits.
    progress_at: Instant,
}

/// Why the task goes on.
enum Woken {
    Read(io::Result<usize>),
    Writable,
    Heard(Heard),
    Done(Done),
    Located(Result<Option<RegionId>, ()>),
    /// There is news, or time has passed: look again.
    Look,
    Shutdown,
}

impl Connection {
    fn new(shared: Arc<Shared>) -> Self {
        let now = Instant::now();
        Self {
            session: Session::new(shared.config.unanswered_count_max),
            outputs: Vec::new(),
            inbox: Inbox::new(&shared.config, now),
            outbox: Outbox::default(),
            line: Line::default(),
            told: Told::new(shared.served.versions()),
            map_noted: 0,
            map_told: 0,
            watcher: None,
            working: None,
            locating: None,
            entering_since: None,
            looking: None,
            closing: None,
            active_at: now,
            progress_at: now,
            shared,
        }
    }

    async fn converse(
        &mut self,
        mut read: ReadHalf<'_>,
        write: WriteHalf<'_>,
        shutdown: &Shutdown,
    ) -> Closed {
        let mut timer = Box::pin(tokio::time::sleep(self.shared.config.idle_timeout()));
        let mut news = self.shared.replica.news();
        loop {
            let now = Instant::now();
            self.inbox.look(now);
            if self.outbox.is_empty() {
                self.progress_at = now;
            }
            if let Err(error) = self.work(&write, now) {
                tracing::debug!(error = &error as &dyn std::error::Error, "cannot write");
                return Closed::Broken;
            }
            if let Some(closed) = self.is_over(now) {
                return closed;
            }
            if self.outbox.is_interrupted() {
                tokio::task::yield_now().await;
            }
            let deadline = self.deadline(now);
            if timer.deadline().into_std() > deadline || timer.is_elapsed() {
                timer.as_mut().reset(deadline.into());
            }
            let woken = self
                .wait(&mut read, &write, timer.as_mut(), &mut news, shutdown)
                .await;
            if let Some(closed) = self.wake(woken) {
                return closed;
            }
        }
    }

    async fn wait(
        &mut self,
        read: &mut ReadHalf<'_>,
        write: &WriteHalf<'_>,
        timer: Pin<&mut tokio::time::Sleep>,
        news: &mut watch::Receiver<u64>,
        shutdown: &Shutdown,
    ) -> Woken {
        let is_reading = self.is_reading();
        let is_writing = !self.outbox.is_empty();
        let is_looking = self.looking.is_some();
        let is_closing = self.closing.is_some();
        tokio::select! {
            heard = self.line.next() => Woken::Heard(heard),
            done = finished(&mut self.working) => Woken::Done(done),
            result = read.read_buf(self.inbox.buffer()), if is_reading => Woken::Read(result),
            result = write.writable(), if is_writing => match result {
                Ok(()) => Woken::Writable,
                Err(error) => Woken::Read(Err(error)),
            },
            found = finished(&mut self.locating) => Woken::Located(found),
            _ = news.changed(), if is_looking => Woken::Look,
            () = timer => Woken::Look,
            () = shutdown.triggered(), if !is_closing => Woken::Shutdown,
        }
    }

    /// Takes in what has happened. Some: it is the end.
    fn wake(&mut self, woken: Woken) -> Option<Closed> {
        let now = Instant::now();
        match woken {
            Woken::Read(Ok(0)) => self.closing = self.closing.or(Some(Closed::ByClient)),
            Woken::Read(Ok(count)) => {
                self.inbox.has_read(count, now);
                self.active_at = now;
            }
            Woken::Read(Err(error)) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "socket failed");
                return Some(Closed::Broken);
            }
            Woken::Writable => {}
            Woken::Heard(heard) => {
                self.hear(heard, now);
                // What is wanted is done before more is heard: from whom it counts depends on where the line leads.
                self.carry_out();
                while let Some(heard) = self.line.try_next() {
                    self.hear(heard, now);
                    self.carry_out();
                }
                self.follow();
            }
            Woken::Done(done) => self.done(done, now),
            Woken::Located(found) => self.session.located(found, now, &mut self.outputs),
            Woken::Look => self.session.tick(now, &mut self.outputs),
            Woken::Shutdown => self.closing = Some(Closed::Shutdown),
        }
        None
    }

    /// Does everything that can be done without waiting. What is written makes room for more answers.
    fn work(&mut self, write: &WriteHalf<'_>, now: Instant) -> io::Result<()> {
        loop {
            self.pump(now);
            self.flush(write, now)?;
            if !self.has_answer() {
                return Ok(());
            }
        }
    }

    /// Takes, decides and answers until there is no more to take, or no room for answers.
    fn pump(&mut self, now: Instant) {
        loop {
            self.carry_out();
            let has_answered = self.answer(now);
            let has_taken = self.take(now);
            if !has_answered && !has_taken && self.outputs.is_empty() {
                return;
            }
        }
    }

    /// Takes a message from what has been read.
    fn take(&mut self, now: Instant) -> bool {
        let is_ended = self.session.end().is_some() || self.closing == Some(Closed::BadMessages);
        if is_ended || !self.has_room() {
            return false;
        }
        match self.inbox.take(now) {
            Taken::Nothing => false,
            Taken::Bad => {
                self.shared.counters.bad_messages.increment(1);
                if self.inbox.bad_count() >= self.shared.config.bad_messages_max {
                    self.closing = Some(Closed::BadMessages);
                }
                true
            }
            Taken::Good(message) => {
                let ticket = Ticket {
                    kind: message.kind,
                    dialect: message.dialect,
                    came: now,
                    weight: message.weight,
                    span: tracing::debug_span!(
                        "request",
                        command = message.kind.as_str(),
                        region = tracing::field::Empty
                    ),
                };
                self.session
                    .request(message.asked, ticket, now, &mut self.outputs);
                true
            }
        }
    }

    fn flush(&mut self, write: &WriteHalf<'_>, now: Instant) -> io::Result<()> {
        if self.outbox.is_empty() {
            return Ok(());
        }
        if self.outbox.flush(write)? > 0 {
            self.progress_at = now;
            self.active_at = now;
        }
        if self.outbox.is_empty()
            && let Some(map) = self.told.take_unnoted()
            && let Some(character) = self.session.character()
        {
            self.shared.notes.note(Arc::clone(&character.key), map);
        }
        Ok(())
    }
}

async fn finished<T>(future: &mut Option<BoxFuture<'static, T>>) -> T {
    match future {
        Some(running) => {
            let result = running.await;
            *future = None;
            result
        }
        None => pending().await,
    }
}
