//! One HTTP connection: one request, one answer, and it ends.

use std::{convert::Infallible, io, sync::Arc, time::Duration};

use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{ALLOW, CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::encoding::prometheus_text;
use tokio::{net::TcpStream, sync::Semaphore, time::timeout};

use super::{Source, text};

/// How long a client may take to ask.
const ASK: Duration = Duration::from_secs(5);
/// How long a connection may last, from its first octet to its last: three times what Prometheus waits for a scrape.
pub(super) const WHOLE: Duration = Duration::from_secs(30);
/// Octets of request line and headers.
const MAX_HEADER: usize = 8192;

const PLAIN: &str = "text/plain; charset=utf-8";

/// Answers one connection.
pub(super) async fn attend(
    stream: TcpStream,
    source: Arc<dyn Source>,
    scrapes: Arc<Semaphore>,
) -> io::Result<()> {
    let answer = service_fn(move |request: Request<Incoming>| {
        let (source, scrapes) = (Arc::clone(&source), Arc::clone(&scrapes));
        async move { Ok::<_, Infallible>(answer(request.method(), request.uri().path(), source, scrapes).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(ASK)
        .max_header_size(MAX_HEADER)
        .max_buf_size(2 * MAX_HEADER)
        // Scrapes are seconds apart: a connection that is kept for the next one only takes a place.
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), answer);
    timeout(WHOLE, connection).await?.map_err(io::Error::other)
}

async fn answer(
    method: &Method,
    path: &str,
    source: Arc<dyn Source>,
    scrapes: Arc<Semaphore>,
) -> Response<Full<Bytes>> {
    let is_read = matches!(*method, Method::GET | Method::HEAD);
    match path {
        "/metrics" | "/" if !is_read => {
            let mut answer = say(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are answered here\n");
            answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            answer
        }
        "/metrics" => match scrape(source, scrapes).await {
            Ok(text) => respond(StatusCode::OK, prometheus_text::CONTENT_TYPE, text),
            Err(why) => {
                tracing::warn!("a scrape has no answer: {why}");
                say(StatusCode::SERVICE_UNAVAILABLE, &format!("{why}\n"))
            }
        },
        "/" => say(StatusCode::OK, "xdp-dhcrelay: the metrics are at /metrics\n"),
        _ => say(StatusCode::NOT_FOUND, "there is nothing here; the metrics are at /metrics\n"),
    }
}

/// Gathers on a thread that may block. The place among the scrapes is given back when that is done, whether or not anybody
/// still waits for it.
async fn scrape(source: Arc<dyn Source>, scrapes: Arc<Semaphore>) -> Result<String, String> {
    let place = scrapes.acquire_owned().await.map_err(|error| error.to_string())?;
    let gathered = tokio::task::spawn_blocking(move || {
        let _place = place;
        text::render(source.facts()?).map_err(|error| format!("the metrics cannot be written: {error}"))
    });
    gathered.await.map_err(|error| format!("the metrics were not gathered: {error}"))?
}

fn say(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    respond(status, PLAIN, text.to_owned())
}

fn respond(status: StatusCode, kind: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
