//! A line between two that can be cut without either being told: what is sent into it is kept back, and nothing is ever refused.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// How often a thread that has nothing to do looks whether anything has changed.
const PAUSE: Duration = Duration::from_millis(10);
const BUFFER_BYTES: usize = 1 << 16;

/// A line to a port of this machine.
#[derive(Debug)]
pub struct Wire {
    port: u16,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    is_cut: AtomicBool,
    is_gone: AtomicBool,
    /// The near end of each connection.
    near: Mutex<Vec<TcpStream>>,
}

impl Wire {
    /// Lays one.
    #[must_use]
    pub fn to(target: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let state = Arc::new(State::default());
        let held = Arc::clone(&state);
        std::thread::spawn(move || accept(&listener, target, &held));
        Self { port, state }
    }

    /// Where it begins.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// From now on nothing gets through.
    pub fn cut(&self) {
        self.state.is_cut.store(true, Ordering::SeqCst);
    }

    /// From now on everything does, with what was kept back first.
    pub fn mend(&self) {
        self.state.is_cut.store(false, Ordering::SeqCst);
    }

    /// Ends every connection, for those at the near end only: what they had sent is still done at the other.
    pub fn hang_up(&self) {
        let near = std::mem::take(&mut *self.state.near.lock().expect("nothing panics with it"));
        for connection in near {
            // One that has ended already cannot be.
            let _shut = connection.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.state.is_gone.store(true, Ordering::SeqCst);
        // So that the thread that accepts sees it.
        let _last = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

fn accept(listener: &TcpListener, target: u16, state: &Arc<State>) {
    for near in listener.incoming() {
        if state.is_gone.load(Ordering::SeqCst) {
            return;
        }
        let Ok(near) = near else { continue };
        if let Ok(clone) = near.try_clone() {
            state
                .near
                .lock()
                .expect("nothing panics with it")
                .push(clone);
        }
        let state = Arc::clone(state);
        std::thread::spawn(move || join(&near, target, &state));
    }
}

fn join(near: &TcpStream, target: u16, state: &Arc<State>) {
    while state.is_cut.load(Ordering::SeqCst) {
        std::thread::sleep(PAUSE);
    }
    let Ok(far) = TcpStream::connect((Ipv4Addr::LOCALHOST, target)) else {
        return;
    };
    std::thread::scope(|scope| {
        scope.spawn(|| carry(near, &far, state));
        carry(&far, near, state);
    });
}

fn carry(mut from: &TcpStream, mut to: &TcpStream, state: &State) {
    let mut buffer = vec![0; BUFFER_BYTES];
    let _set = from.set_read_timeout(Some(PAUSE));
    while !state.is_gone.load(Ordering::SeqCst) {
        if state.is_cut.load(Ordering::SeqCst) {
            std::thread::sleep(PAUSE);
            continue;
        }
        match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => {
                while state.is_cut.load(Ordering::SeqCst) && !state.is_gone.load(Ordering::SeqCst) {
                    std::thread::sleep(PAUSE);
                }
                if to.write_all(&buffer[..count]).is_err() {
                    break;
                }
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => break,
        }
    }
    // Whether the other side still listens is its own affair.
    let _shut = to.shutdown(Shutdown::Write);
}
