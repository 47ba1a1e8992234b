//! What the program counts about itself. Labels are words of our own, never ids, names or addresses.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::http::connection::Slow;

/// Upper bounds of the buckets of request durations, in seconds.
const DURATION_BUCKETS_S: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// A gauge of a number with fractions.
pub type FloatGauge = Gauge<f64, AtomicU64>;

/// Labels of requests.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: Arc<str>,
    status_class: &'static str,
}

/// One label, why.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

/// One label, what kind of event.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EventKind {
    kind: &'static str,
}

#[derive(Clone, Debug)]
struct Durations;

impl MetricConstructor<Histogram> for Durations {
    fn new_metric(&self) -> Histogram {
        Histogram::new(DURATION_BUCKETS_S)
    }
}

/// Everything that is counted as it happens. What is only looked up when somebody asks is in `ops::metrics`.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Histogram, Durations>,
    connections: Gauge,
    refused: Family<Reason, Counter>,
    slow: Family<Reason, Counter>,
    upload_bytes: Counter,
    uploads_active: Gauge,
    events: Family<EventKind, Counter>,
}

impl Metrics {
    /// Nothing counted yet.
    pub fn new() -> Arc<Self> {
        let mut registry = Registry::with_prefix("peegel");
        let metrics = Self {
            requests: Family::new_with_constructor(Durations),
            connections: Gauge::default(),
            refused: Family::default(),
            slow: Family::default(),
            upload_bytes: Counter::default(),
            uploads_active: Gauge::default(),
            events: Family::default(),
            registry: Registry::default(),
        };
        registry.register_with_unit(
            "http_request_duration",
            "Time from the head of a request to its answer",
            Unit::Seconds,
            metrics.requests.clone(),
        );
        registry.register("http_connections", "Connections that are open", metrics.connections.clone());
        registry.register(
            "http_connections_refused",
            "Connections refused because there were too many, in total or from one address",
            metrics.refused.clone(),
        );
        registry.register(
            "http_connections_slow",
            "Connections closed because the client was too slow with a head, a pause or taking an answer",
            metrics.slow.clone(),
        );
        registry.register_with_unit("upload", "Bytes of files received", Unit::Bytes, metrics.upload_bytes.clone());
        registry.register("uploads_active", "Files being received", metrics.uploads_active.clone());
        registry.register("events", "Facts added to the history of firms", metrics.events.clone());
        Arc::new(Self { registry, ..metrics })
    }

    /// Notes an answered request. `route` is the address with the names of its parameters.
    pub fn request(&self, method: &str, route: Arc<str>, status: u16, duration_s: f64) {
        let labels = RequestLabels { method: known_method(method), route, status_class: class_of(status) };
        self.requests.get_or_create(&labels).observe(duration_s);
    }

    /// Notes a connection for as long as what this returns lives.
    pub fn connection_open(&self) -> Counted<'_> {
        Counted::new(&self.connections)
    }

    /// Notes a connection that was refused.
    pub fn connection_refused(&self, reason: &'static str) {
        self.refused.get_or_create(&Reason { reason }).inc();
    }

    /// Notes a connection that was closed because the client was slow.
    pub fn connection_slow(&self, slow: Slow) {
        self.slow.get_or_create(&Reason { reason: slow.name() }).inc();
    }

    /// Notes a file being received for as long as what this returns lives.
    pub fn upload_active(&self) -> Counted<'_> {
        Counted::new(&self.uploads_active)
    }

    /// Notes bytes of a file that came.
    pub fn uploaded(&self, bytes: u64) {
        self.upload_bytes.inc_by(bytes);
    }

    /// Notes a fact in the history of a firm.
    pub fn event(&self, kind: &'static str) {
        self.events.get_or_create(&EventKind { kind }).inc();
    }

    /// All figures as OpenMetrics text, with those of `more` at the end.
    ///
    /// # Errors
    ///
    /// [`std::fmt::Error`] never in practice: writing to a text does not fail.
    pub fn text(&self, more: &[&Registry]) -> Result<String, std::fmt::Error> {
        let mut page = String::new();
        for registry in std::iter::once(&self.registry).chain(more.iter().copied()) {
            text::encode_registry(&mut page, registry)?;
        }
        text::encode_eof(&mut page)?;
        Ok(page)
    }
}

/// Adds one to a gauge for as long as it lives.
#[derive(Debug)]
pub struct Counted<'a>(&'a Gauge);

impl<'a> Counted<'a> {
    fn new(gauge: &'a Gauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Anybody can make up a method; figures must not grow with that.
fn known_method(method: &str) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    KNOWN.into_iter().find(|known| *known == method).unwrap_or("other")
}

fn class_of(status: u16) -> &'static str {
    match status {
        ..200 => "1xx",
        200..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        _ => "5xx",
    }
}
