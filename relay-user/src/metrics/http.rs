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

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, mpsc};

    use http_body_util::BodyExt as _;

    use super::*;
    use crate::metrics::Facts;

    async fn get(source: Arc<dyn Source>, scrapes: &Arc<Semaphore>) -> (u16, String) {
        let answer = answer(&Method::GET, "/metrics", source, Arc::clone(scrapes)).await;
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.expect("a body of one piece").to_bytes();
        (status, String::from_utf8(body.into()).expect("text"))
    }

    struct Silent;

    impl Source for Silent {
        fn facts(&self) -> Result<Facts, String> {
            Err("the client table does not answer".to_owned())
        }
    }

    struct Broken;

    impl Source for Broken {
        fn facts(&self) -> Result<Facts, String> {
            panic!("on purpose, by the test")
        }
    }

    #[tokio::test]
    async fn a_scrape_without_facts_is_503_with_the_reason_and_its_place_is_given_back() {
        let scrapes = Arc::new(Semaphore::new(1));
        for _ in 0..3 {
            let (status, said) = get(Arc::new(Silent), &scrapes).await;
            assert_eq!((status, said.as_str()), (503, "the client table does not answer\n"));
            let (status, said) = get(Arc::new(Broken), &scrapes).await;
            assert!(status == 503 && said.starts_with("the metrics were not gathered: "), "{status} {said}");
        }
        assert_eq!(scrapes.available_permits(), 1);
    }

    /// It says that it has begun, and goes on when it is told to.
    struct Slow {
        began: mpsc::Sender<()>,
        goes_on: Mutex<mpsc::Receiver<()>>,
    }

    impl Source for Slow {
        fn facts(&self) -> Result<Facts, String> {
            self.began.send(()).map_err(|error| error.to_string())?;
            let goes_on = self.goes_on.lock().map_err(|error| error.to_string())?;
            goes_on.recv().map_err(|error| error.to_string())?;
            Err("done".to_owned())
        }
    }

    #[tokio::test]
    async fn no_more_scrapes_are_gathered_at_once_than_there_are_places_also_when_nobody_waits_for_them() {
        let scrapes = Arc::new(Semaphore::new(2));
        let (began, beginnings) = mpsc::channel();
        let (go_on, goes_on) = mpsc::channel();
        let source = Arc::new(Slow { began, goes_on: Mutex::new(goes_on) });
        let ask = || {
            let (source, scrapes) = (Arc::clone(&source), Arc::clone(&scrapes));
            tokio::spawn(async move { get(source, &scrapes).await })
        };
        let abandoned = [ask(), ask()];
        while scrapes.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        abandoned.iter().for_each(|asked| asked.abort());
        let third = ask();
        tokio::task::yield_now().await;
        assert_eq!(scrapes.available_permits(), 0, "nobody waits for them, and they are still gathered");
        assert!(!third.is_finished());
        go_on.send(()).expect("the first goes on");
        go_on.send(()).expect("the second goes on");
        go_on.send(()).expect("the third goes on");
        assert_eq!(third.await.expect("an answer"), (503, "done\n".to_owned()));
        assert_eq!(beginnings.try_iter().count(), 3);
    }
}
