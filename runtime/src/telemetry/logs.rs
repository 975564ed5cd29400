//! Log lines: which of them, and how they look. They go to standard error.

use std::io::IsTerminal;

use tracing::Subscriber;
use tracing_subscriber::{EnvFilter, Layer, fmt, fmt::MakeWriter, registry::LookupSpan};

use super::{Error, Format};

/// Which lines there are, if nobody says otherwise.
const DEFAULT_FILTER: &str = "info";
/// Where else the filter may come from.
const VARIABLE: &str = "RUST_LOG";
/// Set by those who want no colours: <https://no-color.org>.
const NO_COLOR: &str = "NO_COLOR";

/// The filter that was chosen.
pub(super) fn filter(chosen: Option<String>) -> Result<EnvFilter, Error> {
    let text = chosen
        .or_else(|| std::env::var(VARIABLE).ok())
        .filter(|text| !text.trim().is_empty())
        .unwrap_or_else(|| DEFAULT_FILTER.to_owned());
    EnvFilter::builder()
        .parse(&text)
        .map_err(|source| Error::Filter {
            text,
            source: Box::new(source),
        })
}

/// Lines to standard error.
pub(super) fn layer<S>(format: Option<Format>) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let is_terminal = std::io::stderr().is_terminal();
    let format = format.unwrap_or(if is_terminal {
        Format::Pretty
    } else {
        Format::Json
    });
    let wants_none = std::env::var_os(NO_COLOR).is_some_and(|value| !value.is_empty());
    layer_to(std::io::stderr, format, is_terminal && !wants_none)
}

fn layer_to<S, W>(writer: W, format: Format, ansi: bool) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let lines = fmt::layer().with_writer(writer);
    match format {
        Format::Pretty => lines.with_ansi(ansi).boxed(),
        Format::Json => lines
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .boxed(),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        sync::{Arc, Mutex},
    };

    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn lines(format: Format, filter_text: &str) -> String {
        let buffer = Buffer::default();
        let writer = buffer.clone();
        let layer = layer_to(move || writer.clone(), format, false)
            .with_filter(filter(Some(filter_text.to_owned())).unwrap());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let span = tracing::info_span!("connection", player = "Anna");
            let _entered = span.enter();
            tracing::info!(regions = 3, "world loaded");
            tracing::debug!("not of interest");
        });
        String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn json_has_level_message_fields_and_spans_at_hand() {
        let text = lines(Format::Json, "info");
        assert_eq!(text.lines().count(), 1, "{text}");
        for part in [
            r#""level":"INFO""#,
            r#""message":"world loaded""#,
            r#""regions":3"#,
            r#""spans":[{"name":"connection","player":"Anna"}]"#,
        ] {
            let part = part.replace(
                r#"{"name":"connection","player":"Anna"}"#,
                r#"{"player":"Anna","name":"connection"}"#,
            );
            assert!(text.contains(&part), "{part} is not in {text}");
        }
    }

    #[test]
    fn pretty_is_for_people() {
        let text = lines(Format::Pretty, "debug");
        assert!(text.contains("connection{player=\"Anna\"}"), "{text}");
        assert!(text.contains("world loaded regions=3"), "{text}");
        assert!(text.contains("not of interest"), "{text}");
    }

    #[test]
    fn a_filter_that_is_none_is_shown() {
        let error = filter(Some("info,gateway=loud".to_owned())).unwrap_err();
        assert!(error.to_string().contains("info,gateway=loud"), "{error}");
    }
}
