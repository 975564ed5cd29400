//! Telemetry begins once in a process, and its settings are variables of the environment: each case here is a process of its own, which sends
//! its traces to a collector in this one.
#![expect(
    clippy::unwrap_used,
    reason = "all of it is tests, though clippy knows only those functions that are one each"
)]

use std::{
    process::{Command, Output},
    sync::{Arc, Mutex},
    time::Duration,
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    trace::v1::Span,
};
use runtime::telemetry::{self, Telemetry};
use tokio::net::TcpListener;
use tonic::{Request, Response, Status, transport::server::TcpIncoming};

/// Tells a process of [`child`] which runtime it has.
const RUNTIME: &str = "TEST_RUNTIME";

/// What a collector has been sent.
#[derive(Debug, Clone, Default)]
struct Collected(Arc<Mutex<Vec<ExportTraceServiceRequest>>>);

#[tonic::async_trait]
impl TraceService for Collected {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.0.lock().unwrap().push(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collected {
    fn spans(&self) -> Vec<Span> {
        let requests = self.0.lock().unwrap();
        requests
            .iter()
            .flat_map(|request| &request.resource_spans)
            .flat_map(|resource| &resource.scope_spans)
            .flat_map(|scope| scope.spans.clone())
            .collect()
    }

    fn services(&self) -> String {
        let requests = self.0.lock().unwrap();
        let resources: Vec<_> = requests
            .iter()
            .flat_map(|request| &request.resource_spans)
            .map(|resource| &resource.resource)
            .collect();
        format!("{resources:?}")
    }
}

/// Runs a process with telemetry, and says what it has sent and written.
async fn run(runtime: &str, variables: &[(&str, &str)]) -> (Collected, Output) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let collected = Collected::default();
    let server = tonic::transport::Server::builder()
        .add_service(TraceServiceServer::new(collected.clone()))
        .serve_with_incoming(TcpIncoming::from(listener));
    let server = tokio::spawn(server);
    let mut child = Command::new(std::env::current_exe().unwrap());
    child
        .args(["--exact", "child", "--ignored", "--nocapture"])
        .env_remove("RUST_LOG")
        .env(RUNTIME, runtime)
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        .envs(variables.iter().copied());
    let output = tokio::task::spawn_blocking(move || child.output())
        .await
        .unwrap()
        .unwrap();
    server.abort();
    assert!(output.status.success(), "{output:?}");
    (collected, output)
}

#[test]
#[ignore = "the other tests run it, in processes of its own"]
fn child() {
    let config = telemetry::Config {
        filter: None,
        format: None,
        service: "test-service",
    };
    match std::env::var(RUNTIME).unwrap().as_str() {
        "none" => work(telemetry::init(config).unwrap()),
        "current thread" => tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(async { work(telemetry::init(config).unwrap()) }),
        "multi thread" => tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(async {
                let telemetry = telemetry::init(config.clone()).unwrap();
                assert!(telemetry::init(config).is_err(), "it begins once");
                work(telemetry);
            }),
        other => panic!("{other}"),
    }
}

fn work(telemetry: Telemetry) {
    let outer = tracing::info_span!("outer", player = "Anna");
    outer.in_scope(|| {
        tracing::debug_span!("inner").in_scope(|| tracing::info!(regions = 3, "world loaded"));
    });
    let own = runtime::trace::traceparent(&outer);
    drop(outer);
    metrics::histogram!("test_seconds").record(0.002);
    println!("traceparent {own}\n{}", telemetry.metrics().render());
    telemetry.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_arrive_whatever_runtime_the_process_has() {
    for runtime in ["none", "current thread", "multi thread"] {
        let (collected, output) = run(runtime, &[]).await;
        let spans = collected.spans();
        let span = |name| spans.iter().find(|span| span.name == name).unwrap();
        let (outer, inner) = (span("outer"), span("inner"));
        assert_eq!(spans.len(), 2, "{runtime}: {spans:?}");
        assert_eq!(inner.parent_span_id, outer.span_id, "{runtime}");
        assert_eq!(inner.trace_id, outer.trace_id, "{runtime}");
        let services = collected.services();
        assert!(services.contains("test-service"), "{runtime}: {services}");
        let stdout = String::from_utf8(output.stdout).unwrap();
        assert!(stdout.contains("traceparent 00-"), "{runtime}: {stdout}");
        assert!(
            stdout.contains("test_seconds_bucket{le=\"0.0025\"} 1"),
            "{runtime}: {stdout}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_are_json_on_standard_error() {
    let (_, output) = run("none", &[]).await;
    let stderr = String::from_utf8(output.stderr).unwrap();
    let lines: Vec<serde_json::Value> = stderr
        .lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 1, "{stderr}");
    assert_eq!(lines[0]["level"], "INFO");
    assert_eq!(lines[0]["message"], "world loaded");
    assert_eq!(lines[0]["regions"], 3);
    assert_eq!(lines[0]["spans"][0]["player"], "Anna");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_standard_variables_count() {
    let (collected, _) = run("none", &[("OTEL_TRACES_SAMPLER", "always_off")]).await;
    assert!(collected.spans().is_empty());
    let (collected, _) = run("none", &[("OTEL_SERVICE_NAME", "another")]).await;
    let services = collected.services();
    assert!(services.contains("another"), "{services}");
    assert!(!services.contains("test-service"), "{services}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_endpoint_nothing_is_sent_and_all_else_works() {
    let (collected, output) = run("none", &[("OTEL_EXPORTER_OTLP_ENDPOINT", "")]).await;
    assert!(collected.spans().is_empty());
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(stdout.contains("traceparent \n"), "{stdout}");
    assert!(stdout.contains("test_seconds_count 1"), "{stdout}");
}

/// A collector that is not there costs the end of the process some time, but not without end, and somebody is told.
#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_not_there_holds_nobody_up() {
    let started = std::time::Instant::now();
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1");
    let (_, output) = run("current thread", &[endpoint]).await;
    assert!(started.elapsed() < Duration::from_secs(30));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        stderr.contains("\"level\":\"ERROR\"") || stderr.contains("\"level\":\"WARN\""),
        "{stderr}"
    );
}
