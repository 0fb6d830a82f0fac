//! From facts to the text of a scrape. Only here are samples written, and what has to be escaped is escaped by the
//! encoder.

use std::fmt;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, prometheus_text},
    registry::Registry,
};

use super::{
    Facts, clients,
    families::{Family, Kind, PREFIX},
    relaying, servers,
};
use crate::control::model::Count;

/// The text of a scrape, in the format that Prometheus calls text 0.0.4: every scraper reads it.
///
/// # Errors
/// A label has another number of values than the metric has names; no facts lead to that.
pub fn render(facts: Facts) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix(PREFIX);
    registry.register_collector(Box::new(Scrape(facts)));
    let mut text = String::new();
    prometheus_text::encode(&mut text, &registry)?;
    Ok(text)
}

/// The facts of one scrape, as the encoder asks for them.
#[derive(Debug)]
struct Scrape(Facts);

impl Collector for Scrape {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Facts { status, stats, gone, table } = &self.0;
        let mut text = Text(encoder);
        servers::standing(&mut text, status, &table.servers)?;
        relaying::write(&mut text, stats, gone)?;
        clients::write(&mut text, status, &stats.clients, &table.clients)?;
        servers::watched(&mut text, &table.ever)
    }
}

/// Where families are written.
pub(super) struct Text<'a>(DescriptorEncoder<'a>);

impl Text<'_> {
    /// A family, with the samples that `fill` puts.
    pub(super) fn family<const N: usize>(
        &mut self,
        family: &Family<N>,
        fill: impl FnOnce(&mut Samples<'_, N>) -> fmt::Result,
    ) -> fmt::Result {
        let Family { name, kind, labels, help } = *family;
        let encoder = self.0.encode_descriptor(name, help, None, kind.encoded())?;
        fill(&mut Samples { encoder, kind, labels })
    }

    /// A family that is one number.
    pub(super) fn number(&mut self, family: &Family<0>, value: u64) -> fmt::Result {
        self.family(family, |samples| samples.put([], value))
    }
}

/// The samples of a family.
pub(super) struct Samples<'a, const N: usize> {
    encoder: MetricEncoder<'a>,
    kind: Kind,
    labels: [&'static str; N],
}

impl<const N: usize> Samples<'_, N> {
    /// One sample; of an info metric the value is 1 whatever is given.
    pub(super) fn put(&mut self, values: [&str; N], value: u64) -> fmt::Result {
        let set = self.set(values);
        match self.kind {
            Kind::Counter => {
                self.encoder.encode_family(&set)?.encode_counter::<NoLabelSet, u64, u64>(&value, None)
            }
            Kind::Gauge => self.encoder.encode_family(&set)?.encode_gauge(&value),
            Kind::Info => self.encoder.encode_info(&set),
            Kind::Histogram => Err(fmt::Error),
        }
    }

    /// One sample for each path.
    pub(super) fn by_path(
        &mut self,
        values: impl Fn(&'static str) -> [&'static str; N],
        count: Count,
    ) -> fmt::Result {
        let Count { fast, slow } = count;
        self.put(values("fast"), fast)?;
        self.put(values("slow"), slow)
    }

    /// The present one of several states is 1, the others are 0.
    pub(super) fn one_of<'v>(
        &mut self,
        values: impl Fn(&'v str) -> [&'v str; N],
        states: &[&'v str],
        present: &str,
    ) -> fmt::Result {
        states.iter().try_for_each(|state| self.put(values(state), u64::from(*state == present)))
    }

    /// How often something took how long: `counts` by upper bound in seconds, the last one being without.
    pub(super) fn distribution(
        &mut self,
        values: [&str; N],
        sum: f64,
        counts: impl Iterator<Item = (f64, u64)>,
    ) -> fmt::Result {
        let set = self.set(values);
        let buckets: Vec<(f64, u64)> = counts.collect();
        let all = buckets.iter().map(|(_, count)| count).sum();
        self.encoder.encode_family(&set)?.encode_histogram::<NoLabelSet>(sum, all, &buckets, None)
    }

    fn set<'v>(&self, values: [&'v str; N]) -> [(&'static str, &'v str); N] {
        std::array::from_fn(|place| (self.labels[place], values[place]))
    }
}
