//! The gRPC service: the only file here that knows protobuf types. It decides nothing.

use std::time::Instant;

use proto::{auth_server, verdict::Outcome};
use runtime::trace;
use tonic::{Request, Response, Status};
use tracing::{Instrument, Span, field};

use crate::registrar::{Answer, Credentials, Error, Refusal, Registrar};

/// Answers gateways.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) registrar: Registrar,
}

#[tonic::async_trait]
impl auth_server::Auth for Service {
    async fn create(
        &self,
        request: Request<proto::Credentials>,
    ) -> Result<Response<proto::Verdict>, Status> {
        answer("create", request, |credentials| {
            self.registrar.create(credentials)
        })
        .await
    }

    async fn login(
        &self,
        request: Request<proto::Credentials>,
    ) -> Result<Response<proto::Verdict>, Status> {
        answer("login", request, |credentials| {
            self.registrar.login(credentials)
        })
        .await
    }
}

/// Does what is the same for every RPC: the span, the metrics, the log line, and the translation both ways.
async fn answer<F: Future<Output = Answer>>(
    rpc: &'static str,
    request: Request<proto::Credentials>,
    decide: impl FnOnce(Credentials) -> F,
) -> Result<Response<proto::Verdict>, Status> {
    let started = Instant::now();
    let credentials = credentials(&request);
    let span = tracing::info_span!("auth", rpc, gateway = %credentials.gateway, player = ?credentials.name, outcome = field::Empty);
    if let Some(parent) = request.metadata().get(trace::KEY)
        && let Ok(parent) = parent.to_str()
    {
        trace::follow(&span, parent);
    }
    async {
        let answer = decide(credentials).await;
        let outcome = label(&answer);
        Span::current().record("outcome", outcome);
        metrics::counter!("pymmorpg_auth_requests_total", "rpc" => rpc, "outcome" => outcome)
            .increment(1);
        metrics::histogram!("pymmorpg_auth_request_seconds", "rpc" => rpc)
            .record(started.elapsed().as_secs_f64());
        match answer {
            Ok(answer) => {
                tracing::debug!(outcome, "answered");
                Ok(Response::new(verdict(answer)))
            }
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "no answer");
                Err(status(&error))
            }
        }
    }
    .instrument(span)
    .await
}

fn credentials(request: &Request<proto::Credentials>) -> Credentials {
    let proto::Credentials {
        name,
        password,
        gateway,
    } = request.get_ref();
    Credentials {
        name: name.clone(),
        password: password.to_vec(),
        gateway: gateway.clone(),
    }
}

fn verdict(answer: Result<store::accounts::SessionStart, Refusal>) -> proto::Verdict {
    let outcome = match answer {
        Ok(start) => Outcome::Session(proto::Session {
            name: start.name,
            generation: start.generation,
            region: Some(proto::Region {
                level: start.region.level,
                column: start.region.column,
                row: start.region.row,
            }),
            map_told: start.map_told,
        }),
        Err(refusal) => {
            let refusal = match refusal {
                Refusal::Wrong => proto::Refusal::Wrong,
                Refusal::NameTaken => proto::Refusal::NameTaken,
                Refusal::NameInvalid => proto::Refusal::NameInvalid,
                Refusal::PasswordInvalid => proto::Refusal::PasswordInvalid,
                Refusal::Busy => proto::Refusal::Busy,
            };
            Outcome::Refusal(refusal.into())
        }
    };
    proto::Verdict {
        outcome: Some(outcome),
    }
}

fn label(answer: &Answer) -> &'static str {
    match answer {
        Ok(Ok(_)) => "session",
        Ok(Err(Refusal::Wrong)) => "wrong",
        Ok(Err(Refusal::NameTaken)) => "name_taken",
        Ok(Err(Refusal::NameInvalid)) => "name_invalid",
        Ok(Err(Refusal::PasswordInvalid)) => "password_invalid",
        Ok(Err(Refusal::Busy)) => "busy",
        Err(Error::NothingPublished) => "nothing_published",
        Err(Error::Store(_)) => "store_failed",
        Err(Error::Hasher(_)) => "hash_failed",
    }
}

/// What a gateway is told, without what is nobody's business but the operator's.
fn status(error: &Error) -> Status {
    match error {
        Error::NothingPublished => {
            Status::failed_precondition("no world was published: `pymmorpg world publish DIR`")
        }
        Error::Store(store::Error::Closing) => Status::unavailable("the process is stopping"),
        Error::Store(_) => Status::unknown("the database did not answer"),
        Error::Hasher(_) => Status::internal("the password could not be hashed"),
    }
}
