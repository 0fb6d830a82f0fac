//! Scrapes of the daemon's metrics, as Prometheus makes them: HTTP from inside the relay's namespace, and the samples by name and
//! labels.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use ureq::Agent;

use crate::lab::Namespace;

/// How long an answer may take, also behind connections that have to be given up first.
const DEADLINE: Duration = Duration::from_secs(120);

/// An answer of the listener.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Of HTTP.
    pub status: u16,
    /// The header of that name.
    pub content_type: String,
    /// The header `Allow`, if there is one.
    pub allow: Option<String>,
    /// The header `Content-Length`.
    pub length: usize,
    /// What came behind the headers.
    pub body: String,
}

/// Samples by what stands before the value: `name{label="value"}`.
#[derive(Clone, Debug, PartialEq)]
pub struct Samples(BTreeMap<String, f64>);

/// One request from `host`; `method` is GET, HEAD or POST.
///
/// # Errors
/// Nobody listens, or there is no answer.
pub fn request(host: &Namespace, method: &str, address: SocketAddr, path: &str) -> Result<Answer> {
    let url = format!("http://{address}{path}");
    let answer = host.enter(|| -> Result<Answer> {
        let config = Agent::config_builder().timeout_global(Some(DEADLINE)).http_status_as_error(false);
        let agent: Agent = config.proxy(None).build().into();
        let mut response = match method {
            "GET" => agent.get(&url).call(),
            "HEAD" => agent.head(&url).call(),
            _ => agent.post(&url).send("a=1"),
        }?;
        let header = |name: &str| {
            let value = response.headers().get(name)?;
            value.to_str().ok().map(str::to_owned)
        };
        Ok(Answer {
            status: response.status().as_u16(),
            content_type: header("content-type").context("a content type")?,
            allow: header("allow"),
            length: header("content-length").context("a length")?.parse()?,
            body: response.body_mut().read_to_string()?,
        })
    })?;
    answer.with_context(|| format!("{method} {url} from {}", host.name()))
}

/// The samples of a scrape.
///
/// # Errors
/// There is no answer, or it is not what Prometheus reads.
pub fn scrape(host: &Namespace, address: SocketAddr) -> Result<Samples> {
    let answer = request(host, "GET", address, "/metrics")?;
    ensure!(answer.status == 200, "{answer:?}");
    ensure!(answer.content_type == "text/plain; version=0.0.4; charset=utf-8", "{}", answer.content_type);
    Samples::read(&answer.body)
}

impl Samples {
    /// Of a text in the format that Prometheus reads.
    ///
    /// # Errors
    /// A line is no sample, or a sample comes twice.
    pub fn read(text: &str) -> Result<Self> {
        let mut samples = BTreeMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (name, value) = line.rsplit_once(' ').with_context(|| line.to_owned())?;
            let value = value.parse().with_context(|| line.to_owned())?;
            ensure!(samples.insert(name.to_owned(), value).is_none(), "twice: {line}");
        }
        Ok(Self(samples))
    }

    /// The value of `xdp_dhcrelay_` and the rest of a name with its labels.
    ///
    /// # Errors
    /// There is no such sample.
    pub fn get(&self, rest: &str) -> Result<f64> {
        self.find(rest).with_context(|| format!("no sample {rest} among {:#?}", self.0))
    }

    /// The same, if it is there.
    pub fn find(&self, rest: &str) -> Option<f64> {
        self.0.get(&format!("xdp_dhcrelay_{rest}")).copied()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(name, value)| (name.as_str(), *value))
    }
}
