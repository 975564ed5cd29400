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

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{TraceId, TracerProvider};
    use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    const SENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    /// Runs something as a process does that exports traces.
    fn exporting<T>(sampler: Sampler, run: impl FnOnce() -> T) -> T {
        let provider = SdkTracerProvider::builder().with_sampler(sampler).build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), run)
    }

    fn trace_of(traceparent: &str) -> TraceId {
        TraceId::from_hex(traceparent.split('-').nth(1).unwrap()).unwrap()
    }

    #[test]
    fn a_span_that_follows_is_in_the_same_trace() {
        let (first, second) = exporting(Sampler::AlwaysOn, || {
            let first = traceparent(&tracing::info_span!("gateway"));
            let span = tracing::info_span!("auth");
            follow(&span, &first);
            (first, traceparent(&span))
        });
        assert_eq!(trace_of(&first), trace_of(&second));
        assert_ne!(first, second, "a span of its own");
        assert!(second.ends_with("-01"), "{second}");
    }

    #[test]
    fn what_is_not_sampled_stays_so() {
        let first = exporting(Sampler::AlwaysOff, || {
            traceparent(&tracing::info_span!("gateway"))
        });
        assert!(first.ends_with("-00"), "{first}");
        let parent_based = Sampler::ParentBased(Box::new(Sampler::AlwaysOn));
        let second = exporting(parent_based, || {
            let span = tracing::info_span!("auth");
            follow(&span, &first);
            traceparent(&span)
        });
        assert_eq!(trace_of(&first), trace_of(&second));
        assert!(second.ends_with("-00"), "{second}");
    }

    #[test]
    fn what_is_malformed_is_not_followed() {
        for text in [
            "",
            "nonsense",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            let (outer, own) = exporting(Sampler::AlwaysOn, || {
                let outer = tracing::info_span!("stream");
                let span = outer.in_scope(|| tracing::info_span!("auth"));
                follow(&span, text);
                (traceparent(&outer), traceparent(&span))
            });
            assert_ne!(trace_of(&own), trace_of(SENT), "{text}");
            assert_eq!(
                trace_of(&own),
                trace_of(&outer),
                "{text}: the parent that it had"
            );
        }
    }

    #[test]
    fn without_an_export_there_is_nothing_to_send() {
        let subscriber = tracing_subscriber::registry();
        tracing::subscriber::with_default(subscriber, || {
            let span = tracing::info_span!("auth");
            follow(&span, SENT);
            assert_eq!(traceparent(&span), "");
        });
        assert_eq!(traceparent(&Span::none()), "");
    }
}
