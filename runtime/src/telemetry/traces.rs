//! Traces: spans on their way out by OTLP over gRPC, as the standard `OTEL_` variables say. It does not know what the spans are of.

use opentelemetry::{Key, trace::TracerProvider};
use opentelemetry_otlp::{
    OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, SpanExporter,
};
use opentelemetry_sdk::{Resource, trace::SdkTracer, trace::SdkTracerProvider};
use tokio::runtime::Runtime;
use tracing::{Level, Subscriber, level_filters::LevelFilter};
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::{filter::Targets, registry::LookupSpan};

use super::Error;

/// Libraries whose spans and events stay out of traces: the exporter uses them itself, and would have no end of exporting what it says of its own
/// exports.
const SILENT: [&str; 10] = [
    "h2",
    "hyper",
    "hyper_util",
    "opentelemetry",
    "opentelemetry_sdk",
    "opentelemetry-otlp",
    "opentelemetry_otlp",
    "tonic",
    "tower",
    "sqlx",
];

/// What sends spans away.
#[derive(Debug)]
pub(super) struct Export {
    provider: SdkTracerProvider,
    service: &'static str,
    /// The exporter's connection lives here: it then works whatever runtime the process has, and also while that one is blocked or gone.
    /// Some until it is dropped.
    runtime: Option<Runtime>,
}

impl Export {
    /// An export, if the environment names somebody to export to.
    pub(super) fn from_environment(service: &'static str) -> Result<Option<Self>, Error> {
        let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        if !is_set(OTEL_EXPORTER_OTLP_ENDPOINT) && !is_set(OTEL_EXPORTER_OTLP_TRACES_ENDPOINT) {
            return Ok(None);
        }
        Self::begin(service, SpanExporter::builder().with_tonic()).map(Some)
    }

    fn begin(
        service: &'static str,
        exporter: opentelemetry_otlp::SpanExporterBuilder<
            opentelemetry_otlp::TonicExporterBuilderSet,
        >,
    ) -> Result<Self, Error> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("otlp")
            .enable_all()
            .build()?;
        let entered = runtime.enter();
        let provider = SdkTracerProvider::builder()
            .with_resource(resource(service))
            .with_batch_exporter(exporter.build()?)
            .build();
        drop(entered);
        Ok(Self {
            provider,
            service,
            runtime: Some(runtime),
        })
    }

    pub(super) fn layer<S>(&self) -> OpenTelemetryLayer<S, SdkTracer>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        tracing_opentelemetry::layer().with_tracer(self.provider.tracer(self.service))
    }

    /// Sends what is left.
    pub(super) fn finish(self) {
        if let Err(error) = self.provider.shutdown() {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the last traces were lost"
            );
        }
    }
}

impl Drop for Export {
    fn drop(&mut self) {
        // A runtime that is dropped waits for its threads, and panics if that happens inside of another one.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Which spans are made for an export: ours down to DEBUG, whatever log lines are shown.
pub(super) fn filter() -> Targets {
    Targets::new()
        .with_default(Level::DEBUG)
        .with_targets(SILENT.map(|name| (name, LevelFilter::OFF)))
}

fn resource(service: &'static str) -> Resource {
    let from_environment = Resource::builder().build();
    let is_named = from_environment
        .get(&Key::new("service.name"))
        .is_some_and(|name| !name.as_str().starts_with("unknown_service"));
    if is_named {
        from_environment
    } else {
        Resource::builder().with_service_name(service).build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_exporter_says_is_not_exported() {
        let filter = filter();
        for target in [
            "h2::proto",
            "tonic::transport",
            "opentelemetry_sdk",
            "hyper",
        ] {
            assert!(!filter.would_enable(target, &Level::ERROR), "{target}");
        }
        for target in ["gateway::session", "zone_server", "auth"] {
            assert!(filter.would_enable(target, &Level::DEBUG), "{target}");
            assert!(!filter.would_enable(target, &Level::TRACE), "{target}");
        }
    }
}
