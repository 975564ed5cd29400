//! Logs, traces and metrics of a process: how they begin, and how they end. What is said in them is for the services.

use std::error::Error as StdError;

use serde::{Deserialize, Serialize};
use tracing_subscriber::{Layer, layer::SubscriberExt, util::SubscriberInitExt};

mod logs;
mod metrics;
mod traces;

pub use metrics::Metrics;
#[cfg(test)]
pub(crate) use metrics::tests::recorded;

/// What a process chooses.
#[derive(Debug, Clone)]
pub struct Config {
    /// Which log lines: `info,zone_server=debug`. None: as `RUST_LOG` says, and `info` without it.
    pub filter: Option<String>,
    /// How they look. None: pretty on a terminal, JSON otherwise.
    pub format: Option<Format>,
    /// The name of the service in traces, unless `OTEL_SERVICE_NAME` says another.
    pub service: &'static str,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// For people.
    Pretty,
    /// For machines: one JSON object a line, with `timestamp`, `level`, `target`, `message`, the line's own fields, and its `spans`.
    Json,
}

/// Why telemetry cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The filter of log lines is none.
    #[error("{text:?} is no filter of log lines; an example of one is \"info,gateway=debug\"")]
    Filter {
        /// What was given.
        text: String,
        /// What is wrong with it.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The process has a subscriber of logs and traces already.
    #[error("logs have begun already")]
    Logs(#[from] tracing_subscriber::util::TryInitError),
    /// The process has a recorder of metrics already.
    #[error("metrics have begun already")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
    /// Traces cannot be exported to where `OTEL_EXPORTER_OTLP_ENDPOINT` says.
    #[error("cannot export traces as the OTEL_ variables of the environment say")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
    /// The system gave no thread.
    #[error("cannot start a thread")]
    Thread(#[from] std::io::Error),
}

/// Telemetry that has begun, until [`Self::finish`].
#[derive(Debug)]
pub struct Telemetry {
    metrics: metrics::Recorder,
    export: Option<traces::Export>,
}

/// Begins logs (to standard error), traces and metrics for the whole process, once. Traces are exported by OTLP over gRPC when
/// `OTEL_EXPORTER_OTLP_ENDPOINT` (or the `_TRACES_` form) is set; `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG` choose how many, all
/// without them. Works inside of a tokio runtime and without one: what needs threads has its own.
///
/// # Errors
/// One of them cannot begin.
pub fn init(config: Config) -> Result<Telemetry, Error> {
    let filter = logs::filter(config.filter)?;
    let export = traces::Export::from_environment(config.service)?;
    let metrics = metrics::Recorder::install()?;
    let spans = export
        .as_ref()
        .map(|export| export.layer().with_filter(traces::filter()));
    tracing_subscriber::registry()
        .with(spans)
        .with(logs::layer(config.format).with_filter(filter))
        .try_init()?;
    Ok(Telemetry { metrics, export })
}

impl Telemetry {
    /// What `/metrics` shows.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        self.metrics.metrics()
    }

    /// Sends the traces that have not been sent, which may take seconds and blocks the thread: the last thing that a process does.
    pub fn finish(self) {
        if let Some(export) = self.export {
            export.finish();
        }
        self.metrics.finish();
    }
}
