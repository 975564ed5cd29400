//! `health` of each program: it asks the process that runs beside it, as the checks of containers do. It needs no database, no shell and no other
//! tool, and finds the process by the settings that the process itself was started with.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Context;
use axum::{
    body::{Body, to_bytes},
    http::{Request, StatusCode, header},
};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::{net::TcpStream, time::timeout};

use super::dialled;
use crate::{admin, settings};

/// How long the process has to answer. Those who check containers wait longer by default (Docker 30 s), but for Kubernetes, which waits 1 s unless
/// it is told otherwise.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// No page that is asked for is nearly so long.
const PAGE_BYTES_MAX: usize = 64 * 1024;

/// What all programs say of it.
pub const LONG_ABOUT: &str = "Ask the process that runs beside this command whether it is ready, and say what is missing.\n\n\
    It is looked for where admin_listen says: set by --config, then by the environment (PYMMORPG_ADMIN_LISTEN=…), then by --admin-listen, as it \
    was set for the process itself. Exit code 0: it is ready. 1: it is not, or nobody answers.";

/// What can be said of `health` on the command line.
#[derive(Debug, Default, clap::Args, Serialize)]
pub struct Arguments {
    /// Where the process has /healthz and /readyz [default: as the process itself].
    #[arg(long, value_name = "ADDR")]
    admin_listen: Option<SocketAddr>,
    /// The TOML file with the settings of the process.
    #[arg(long, value_name = "FILE")]
    #[serde(skip)]
    config: Option<PathBuf>,
    /// Ask only whether it lives, not whether it can serve.
    #[arg(long)]
    #[serde(skip)]
    live: bool,
    /// Print one line of JSON instead of text.
    #[arg(long)]
    #[serde(skip)]
    json: bool,
}

/// The one setting that counts. Whether the others can be used is for the process to say.
#[derive(Debug, Serialize, Deserialize)]
struct Watched {
    admin_listen: SocketAddr,
}

/// Asks and says what it was told. `default` is where such a process is if nothing else is set.
///
/// # Errors
/// There is no knowing where it is, or nobody answers there.
pub async fn probe(arguments: &Arguments, default: SocketAddr) -> anyhow::Result<ExitCode> {
    let settings::Loaded { settings, sources } = settings::load::<Watched>(
        arguments.config.as_deref(),
        Watched {
            admin_listen: default,
        },
        arguments,
    )?;
    let refuse = |problem: String| sources.refuse("admin_listen", problem);
    let address = settings.admin_listen;
    if address.port() == 0 {
        let problem = "is any port that was free, and nobody knows which; set one";
        return Err(refuse(problem.to_owned()).into());
    }
    let path = match arguments.live {
        true => admin::ALIVE,
        false => admin::READY,
    };
    let answer = match timeout(ANSWER_TIMEOUT, page(dialled(address), path)).await {
        Ok(answer) => answer,
        Err(_) => Err(anyhow::anyhow!("no answer within {ANSWER_TIMEOUT:?}")),
    };
    let (status, text) = answer.map_err(|error| refuse(format!("nobody answers: {error:#}")))?;
    let is_well = match status {
        StatusCode::OK => true,
        StatusCode::SERVICE_UNAVAILABLE => false,
        other => return Err(refuse(format!("whoever answers says {other} to {path}")).into()),
    };
    println!("{}", said(arguments, is_well, &text));
    Ok(match is_well {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// What is printed of an answer.
fn said(arguments: &Arguments, is_well: bool, text: &str) -> String {
    let missing: Vec<&str> = text.lines().filter_map(admin::missing).collect();
    match (arguments.json, arguments.live) {
        (true, true) => json!({ "live": is_well }).to_string(),
        (true, false) => json!({ "ready": is_well, "missing": missing }).to_string(),
        (false, true) => text.trim_end().to_owned(),
        (false, false) if is_well => "ready".to_owned(),
        (false, false) if missing.is_empty() => text.trim_end().to_owned(),
        (false, false) => format!("not ready: {}", missing.join(", ")),
    }
}

/// A page of whoever listens there.
async fn page(address: SocketAddr, path: &str) -> anyhow::Result<(StatusCode, String)> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::get(path)
        .header(header::HOST, address.to_string())
        .header(header::CONNECTION, "close")
        .body(Body::empty())?;
    let answer = async move {
        let answer = sender.send_request(request).await?;
        let (head, body) = answer.into_parts();
        let text = to_bytes(Body::new(body), PAGE_BYTES_MAX).await?;
        let text = String::from_utf8(text.into()).context("the page is no text")?;
        anyhow::Ok((head.status, text))
    };
    // The connection is what moves the bytes, and is over once nobody asks any more.
    let (answer, _ended) = tokio::join!(answer, connection);
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said() {
        let (ready, missing) = (
            "auth: ready\nzone: ready\n",
            "auth: not ready\nzone: ready\n",
        );
        let nothing = "nothing has started yet\n";
        // In JSON, about life; whether all is well, the page, what is said.
        let cases = [
            (false, false, true, ready, "ready"),
            (false, false, false, missing, "not ready: auth"),
            (false, false, false, nothing, "nothing has started yet"),
            (false, true, true, "alive\n", "alive"),
            (true, false, true, ready, r#"{"missing":[],"ready":true}"#),
            (
                true,
                false,
                false,
                missing,
                r#"{"missing":["auth"],"ready":false}"#,
            ),
            (true, true, true, "alive\n", r#"{"live":true}"#),
        ];
        for (json, live, is_well, text, expected) in cases {
            let arguments = Arguments {
                live,
                json,
                ..Arguments::default()
            };
            assert_eq!(said(&arguments, is_well, text), expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_answer_is_not_waited_for() {
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = silent.local_addr().unwrap();
        let error = probe(&Arguments::default(), address).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "admin_listen = \"{address}\": nobody answers: no answer within 2s (from the defaults)"
            )
        );
    }

    #[tokio::test]
    async fn who_is_somebody_else_is_not_taken_for_ours() {
        let router = axum::Router::new().route("/healthz", axum::routing::get(async || "fine"));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(axum::serve(listener, router).into_future());
        let error = probe(&Arguments::default(), address).await.unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains("whoever answers says 404 Not Found to /readyz"),
            "{error}"
        );
    }
}
