//! Metrics in Prometheus's text form. It does not know which there are, only what their names' endings mean.

use std::{sync::mpsc, thread::JoinHandle, time::Duration};

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use super::Error;

/// Upper bounds for what ends in `_seconds`: from a read in a process's own memory to a password that waits for its hash.
const SECONDS: [f64; 17] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
    1.0, 2.5, 5.0, 10.0,
];
/// Upper bounds for what ends in `_bytes`: from a `move` to a client image.
const BYTES: [f64; 12] = [
    64.0,
    256.0,
    1_024.0,
    4_096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
    268_435_456.0,
];
/// Upper bounds for everything else, which is counts: sizes of batches, depths of queues.
const COUNTS: [f64; 14] = [
    1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1_024.0, 2_048.0, 4_096.0, 8_192.0,
];
/// How often samples of histograms are folded into their buckets. Until then they lie in memory.
const UPKEEP: Duration = Duration::from_secs(5);

/// What `/metrics` shows. Clones show the same.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

/// The process's recorder, and the thread that keeps its memory small.
#[derive(Debug)]
pub(super) struct Recorder {
    metrics: Metrics,
    upkeep: JoinHandle<()>,
    /// The thread ends when this is dropped.
    stop: mpsc::Sender<()>,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

impl Metrics {
    /// All metrics as they stand, in Prometheus's text form.
    #[must_use]
    pub fn render(&self) -> String {
        self.0.render()
    }
}

impl Recorder {
    pub(super) fn install() -> Result<Self, Error> {
        let handle = builder()?.install_recorder()?;
        let (stop, stopped) = mpsc::channel();
        let kept = handle.clone();
        let upkeep = std::thread::Builder::new()
            .name("metrics-upkeep".to_owned())
            .spawn(move || {
                while stopped.recv_timeout(UPKEEP) == Err(mpsc::RecvTimeoutError::Timeout) {
                    kept.run_upkeep();
                }
            })?;
        Ok(Self {
            metrics: Metrics(handle),
            upkeep,
            stop,
        })
    }

    pub(super) fn metrics(&self) -> Metrics {
        self.metrics.clone()
    }

    pub(super) fn finish(self) {
        drop(self.stop);
        if self.upkeep.join().is_err() {
            tracing::error!("upkeep of metrics panicked");
        }
    }
}

/// Without bounds of buckets, histograms would be shown as summaries, which cannot be added up over processes.
fn builder() -> Result<PrometheusBuilder, Error> {
    Ok(PrometheusBuilder::new()
        .set_buckets(&COUNTS)?
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_bytes".to_owned()), &BYTES)?)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Metrics of a recorder that is not the process's.
    pub(crate) fn recorded(record: impl FnOnce()) -> Metrics {
        let recorder = builder().unwrap().build_recorder();
        metrics::with_local_recorder(&recorder, record);
        Metrics(recorder.handle())
    }

    #[test]
    fn histograms_have_buckets_that_fit_their_unit() {
        let text = recorded(|| {
            metrics::histogram!("request_seconds").record(0.002);
            metrics::histogram!("frame_bytes").record(5_000.0);
            metrics::histogram!("batch_operations").record(3.0);
        })
        .render();
        for line in [
            r#"request_seconds_bucket{le="0.001"} 0"#,
            r#"request_seconds_bucket{le="0.0025"} 1"#,
            r#"frame_bytes_bucket{le="4096"} 0"#,
            r#"frame_bytes_bucket{le="16384"} 1"#,
            r#"batch_operations_bucket{le="2"} 0"#,
            r#"batch_operations_bucket{le="4"} 1"#,
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        assert!(!text.contains("quantile"), "{text}");
    }
}
