//! What a zone server says while it is tested: a warning or an error that a test has not expected fails it. Besides, its spans and its metrics.

use std::{
    fmt::{Debug, Write},
    sync::{Arc, Mutex, MutexGuard},
};

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id},
    subscriber::DefaultGuard,
};
use tracing_subscriber::{Layer, layer::Context, layer::SubscriberExt, registry::LookupSpan};

/// Watches all that happens on this thread.
pub(crate) struct Watch {
    seen: Arc<Mutex<Seen>>,
    metrics: PrometheusHandle,
    _subscriber: DefaultGuard,
    _recorder: metrics::LocalRecorderGuard<'static>,
}

#[derive(Default)]
struct Seen {
    trouble: Vec<String>,
    spans: Vec<String>,
}

impl Watch {
    pub(crate) fn begin() -> Self {
        let seen = Arc::<Mutex<Seen>>::default();
        let watching = tracing_subscriber::registry().with(Watching(Arc::clone(&seen)));
        // A recorder of a thread must outlive whatever uses it: as long as the test process lives.
        let recorder = Box::leak(Box::new(PrometheusBuilder::new().build_recorder()));
        Self {
            seen,
            metrics: recorder.handle(),
            _subscriber: tracing::subscriber::set_default(watching),
            _recorder: metrics::set_default_local_recorder(recorder),
        }
    }

    /// There was trouble that says this. It is forgiven.
    pub(crate) fn expect_trouble(&self, text: &str) {
        let mut seen = self.seen();
        let before = seen.trouble.len();
        seen.trouble.retain(|line| !line.contains(text));
        assert!(
            seen.trouble.len() < before,
            "{text} is not in {:#?}",
            seen.trouble
        );
    }

    /// Trouble that says this is forgiven, if there was any.
    pub(crate) fn forgive(&self, text: &str) {
        self.seen().trouble.retain(|line| !line.contains(text));
    }

    /// Whether there was trouble that says this.
    pub(crate) fn has_trouble(&self, text: &str) -> bool {
        self.seen().trouble.iter().any(|line| line.contains(text))
    }

    /// Whatever trouble there was is forgiven, if it says this among other things.
    pub(crate) fn expect_trouble_with(&self, text: &str) {
        self.expect_trouble(text);
        self.seen().trouble.clear();
    }

    /// The spans that have begun, each `parent > name fields`.
    pub(crate) fn spans(&self) -> Vec<String> {
        self.seen().spans.clone()
    }

    /// The value of a metric, as Prometheus is told it.
    pub(crate) fn metric(&self, name: &str) -> Option<f64> {
        let text = self.metrics.render();
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().parse().ok()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let trouble = std::mem::take(&mut self.seen().trouble);
        if !std::thread::panicking() {
            assert_eq!(trouble, Vec::<String>::new(), "nobody has expected this");
        }
    }
}

struct Watching(Arc<Mutex<Seen>>);

impl<S: Subscriber + for<'s> LookupSpan<'s>> Layer<S> for Watching {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if *event.metadata().level() <= Level::WARN {
            let mut line = Line(event.metadata().level().to_string());
            event.record(&mut line);
            self.0.lock().unwrap().trouble.push(line.0);
        }
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let span = context.span(id).unwrap();
        let parent = span.parent().map_or("", |parent| parent.name());
        let mut line = Line(format!("{parent} > {}", span.name()));
        attributes.record(&mut line);
        self.0.lock().unwrap().spans.push(line.0);
    }
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {}={value:?}", field.name()).unwrap();
    }
}
