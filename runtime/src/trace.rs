//! One trace from a client's frame to the commit, across processes: the context travels as a W3C `traceparent`. It does not know what carries it.

use opentelemetry::{
    propagation::{Extractor, TextMapPropagator},
    trace::TraceContextExt,
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The header, or the key of gRPC metadata, that carries it.
pub const KEY: &str = "traceparent";

/// A span's context, for another process to [`follow`]. Empty if traces are not exported. A trace that is not sampled has a context that says
/// so: the processes that follow it then do not sample it either, and none begins a trace of its own in the middle of a request.
#[must_use]
pub fn traceparent(span: &Span) -> String {
    let context = span.context();
    let span = context.span();
    let span = span.span_context();
    if !span.is_valid() {
        return String::new();
    }
    format!(
        "00-{}-{}-{:02x}",
        span.trace_id(),
        span.span_id(),
        span.trace_flags().to_u8() & 1
    )
}

/// Makes what another process sent the parent of a span. Nothing happens if it is empty or malformed, or if traces are not exported.
/// Call it before the span is entered, has children, or is asked for its own context: after that its parent is settled.
pub fn follow(span: &Span, traceparent: &str) {
    if traceparent.is_empty() || span.is_disabled() {
        return;
    }
    let context = TraceContextPropagator::new().extract(&Carrier(traceparent));
    if context.span().span_context().is_valid() {
        // An error says that nobody exports the span, or that it is settled: it has no parent to be given then.
        let _settled = span.set_parent(context);
    }
}

struct Carrier<'t>(&'t str);

impl Extractor for Carrier<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        (key == KEY).then_some(self.0)
    }

    fn keys(&self) -> Vec<&str> {
        vec![KEY]
    }
}
