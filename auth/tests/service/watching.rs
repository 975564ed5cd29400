//! What operators see: metrics by outcome, and a span that is a part of the caller's trace.

use std::sync::{Arc, Mutex};

use metrics_exporter_prometheus::PrometheusBuilder;
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{SdkTracerProvider, Span, SpanData, SpanProcessor},
};
use tracing_subscriber::layer::SubscriberExt;

use crate::harness::{auth, credentials};

/// The spans that have ended.
#[derive(Debug, Clone, Default)]
struct Ended(Arc<Mutex<Vec<SpanData>>>);

/// What the caller says of its own span.
const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

impl Ended {
    fn of_trace(&self, id: &str) -> Vec<SpanData> {
        let ended = self.0.lock().unwrap();
        ended
            .iter()
            .filter(|span| span.span_context.trace_id().to_string() == id)
            .cloned()
            .collect()
    }
}

impl SpanProcessor for Ended {
    fn on_start(&self, _span: &mut Span, _context: &opentelemetry::Context) {}

    fn on_end(&self, span: SpanData) {
        self.0.lock().unwrap().push(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _timeout: std::time::Duration) -> OTelSdkResult {
        Ok(())
    }
}

#[tokio::test]
async fn a_span_follows_the_callers_trace() {
    let ended = Ended::default();
    let provider = SdkTracerProvider::builder()
        .with_span_processor(ended.clone())
        .build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
    // For all tests of this process: what a thread without a subscriber meets first would be off for all threads.
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer)).unwrap();
    let auth = auth().await;
    let mut request = credentials("Nobody", b"hunter2");
    request
        .metadata_mut()
        .insert("traceparent", PARENT.parse().unwrap());
    auth.client.clone().login(request).await.unwrap();
    let spans = ended.of_trace("0af7651916cd43dd8448eb211c80319c");
    let span = |name: &str| spans.iter().find(|span| span.name == name).unwrap();
    let (rpc, hash) = (span("auth"), span("hash"));
    assert_eq!(rpc.parent_span_id.to_string(), "b7ad6b7169203331");
    assert_eq!(hash.parent_span_id, rpc.span_context.span_id());
    let text = format!("{:?}", rpc.attributes);
    for part in ["login", "gateway-1", "Nobody", "wrong"] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert!(!format!("{spans:?}").contains("hunter2"));
}

#[tokio::test]
async fn requests_are_counted_by_outcome() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let auth = auth().await;
    auth.create("Anna", b"secret").await.unwrap();
    auth.create("Anna", b"secret").await.unwrap();
    auth.create("An!", b"secret").await.unwrap();
    auth.create("Bert", b"").await.unwrap();
    auth.login("Anna", b"secret").await.unwrap();
    auth.login("Anna", b"wrong").await.unwrap();
    let text = recorder.handle().render();
    for (rpc, outcome) in [
        ("create", "session"),
        ("create", "name_taken"),
        ("create", "name_invalid"),
        ("create", "password_invalid"),
        ("login", "session"),
        ("login", "wrong"),
    ] {
        let line = format!("pymmorpg_auth_requests_total{{rpc=\"{rpc}\",outcome=\"{outcome}\"}} 1");
        assert!(text.contains(&line), "{line} is not in\n{text}");
    }
    assert!(text.contains("pymmorpg_auth_hashes_queued 0"), "{text}");
}
