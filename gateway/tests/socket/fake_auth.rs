//! An account service that lets everybody in whose password is `secret`, or does what the test says.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use proto::{Credentials, Refusal, Verdict, auth_server, verdict::Outcome};
use tokio::{
    net::{TcpListener, TcpStream},
    task::AbortHandle,
};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

use crate::cluster::START;

/// The service's state, shared with the test.
#[derive(Debug, Clone, Default)]
pub(crate) struct FakeAuth(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    generations: BTreeMap<String, u64>,
    map_told: u64,
    /// So many calls are answered with an error.
    failure_count: usize,
    /// So many calls find the queue full.
    busy_count: usize,
    calls: Vec<(String, bool)>,
    serving: Option<(SocketAddr, AbortHandle)>,
}

impl FakeAuth {
    /// Serves, and says where.
    pub(crate) async fn start(&self) -> String {
        let address = self.serve(SocketAddr::from(([127, 0, 0, 1], 0))).await;
        format!("http://{address}")
    }

    /// Lets nobody connect any more.
    pub(crate) async fn stop(&self) {
        let (address, task) = self.0.lock().unwrap().serving.take().unwrap();
        task.abort();
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
        self.0.lock().unwrap().serving = Some((address, task));
    }

    /// Serves again, where it did before.
    pub(crate) async fn start_again(&self) {
        let before = self.0.lock().unwrap().serving.take();
        self.serve(before.unwrap().0).await;
    }

    async fn serve(&self, address: SocketAddr) -> SocketAddr {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = auth_server::AuthServer::new(self.clone());
        let task = tokio::spawn(
            tonic::transport::Server::builder()
                .add_service(service)
                .serve_with_incoming(TcpListenerStream::new(listener)),
        );
        self.0.lock().unwrap().serving = Some((address, task.abort_handle()));
        address
    }

    pub(crate) fn fail(&self, count: usize) {
        self.0.lock().unwrap().failure_count = count;
    }

    pub(crate) fn be_busy(&self, count: usize) {
        self.0.lock().unwrap().busy_count = count;
    }

    pub(crate) fn set_map_told(&self, version: u64) {
        self.0.lock().unwrap().map_told = version;
    }

    /// Every call: the name, and whether it was a `new`.
    pub(crate) fn calls(&self) -> Vec<(String, bool)> {
        self.0.lock().unwrap().calls.clone()
    }

    fn answer(&self, credentials: &Credentials, is_new: bool) -> Result<Response<Verdict>, Status> {
        let mut state = self.0.lock().unwrap();
        state.calls.push((credentials.name.clone(), is_new));
        if state.failure_count > 0 {
            state.failure_count -= 1;
            return Err(Status::unavailable("as the test says"));
        }
        let outcome = if state.busy_count > 0 {
            state.busy_count -= 1;
            Outcome::Refusal(Refusal::Busy.into())
        } else if credentials.password == "secret".as_bytes() {
            let generation = state
                .generations
                .entry(credentials.name.clone())
                .or_default();
            *generation += 1;
            let generation = *generation;
            Outcome::Session(proto::Session {
                name: credentials.name.clone(),
                generation,
                region: Some(START),
                map_told: state.map_told,
            })
        } else {
            Outcome::Refusal(Refusal::Wrong.into())
        };
        Ok(Response::new(Verdict {
            outcome: Some(outcome),
        }))
    }
}

#[tonic::async_trait]
impl auth_server::Auth for FakeAuth {
    async fn create(&self, request: Request<Credentials>) -> Result<Response<Verdict>, Status> {
        self.answer(request.get_ref(), true)
    }

    async fn login(&self, request: Request<Credentials>) -> Result<Response<Verdict>, Status> {
        self.answer(request.get_ref(), false)
    }
}
