//! The ledger's own figures, read when they are asked for.

use grantbook_engine::Ledger;
use grantbook_engine::leases::Outstanding;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

/// A figure of what is leased.
type Figure = fn(&Outstanding) -> u64;

pub(super) struct EngineCollector {
    ledger: Ledger,
}

impl std::fmt::Debug for EngineCollector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EngineCollector")
    }
}

impl EngineCollector {
    pub(super) fn new(ledger: Ledger) -> Self {
        Self { ledger }
    }
}

impl Collector for EngineCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let stats = self.ledger.stats();
        let witnessed = self.ledger.witnessed().map_or(0, |witnessed| witnessed.size.0);
        let mut family =
            encoder.encode_descriptor("appended", "Entries appended, by kind", None, MetricType::Counter)?;
        for (kind, count) in &stats.appended {
            let labels = [("kind", kind.name())];
            ConstCounter::new(*count).encode(family.encode_family(&labels)?)?;
        }
        for (name, help, value) in [
            ("refused", "Appends refused", stats.refused),
            ("commits", "Batches made durable", stats.batches),
        ] {
            let counter = ConstCounter::new(value);
            counter.encode(encoder.encode_descriptor(name, help, None, MetricType::Counter)?)?;
        }
        let seconds = ConstCounter::new(as_seconds(stats.commit_ns));
        let help = "Time spent making batches durable";
        seconds.encode(encoder.encode_descriptor(
            "commit",
            help,
            Some(&Unit::Seconds),
            MetricType::Counter,
        )?)?;
        let longest = ConstGauge::new(as_seconds(stats.commit_ns_max));
        let help = "The longest time that a batch took to become durable";
        longest.encode(encoder.encode_descriptor(
            "commit_max",
            help,
            Some(&Unit::Seconds),
            MetricType::Gauge,
        )?)?;
        for (name, help, value) in [
            ("tree_size", "Entries of the published tree", stats.tree_size),
            ("queue_length", "Appends that wait for the sequencer", stats.queue_length),
            ("archived_bundles", "Complete bundles kept as files", stats.archived_bundles),
            ("witnessed_tree_size", "Entries that the witnessed checkpoint covers", witnessed),
            ("stopped", "1 once a fault has stopped the sequencer", u64::from(stats.stopped)),
        ] {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            gauge.encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)?;
        }
        let kinds = [("grant", stats.leased_grants), ("budget", stats.leased_budgets)];
        let figures: [(&str, &str, Figure); 3] = [
            ("leases", "Leases whose records may still arrive, by kind of limit", |leased| leased.leases),
            ("leased_units", "Their units that are not recorded", |leased| leased.charged.outstanding),
            (
                "written_off_units",
                "Leased units that count as used since nobody accounted for them",
                |leased| leased.charged.written_off,
            ),
        ];
        for (name, help, figure) in figures {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for (limit, leased) in &kinds {
                let gauge = ConstGauge::new(i64::try_from(figure(leased)).unwrap_or(i64::MAX));
                gauge.encode(family.encode_family(&[("limit", *limit)])?)?;
            }
        }
        Ok(())
    }
}

fn as_seconds(nanoseconds: u64) -> f64 {
    std::time::Duration::from_nanos(nanoseconds).as_secs_f64()
}
