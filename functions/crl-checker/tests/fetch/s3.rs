//! CRLs from S3, through the SDK's own client to a server that S3 is taken for.

use std::time::Duration;

use crl_checker::fetch::{FetchFault, Limits, TimeLimit};
use shared::decision::Reason;
use shared::fault::chain;
use shared::revocation::Validators;

use crate::server::{Got, Server, Step, answer, content, get, limits, validators};

const DATE: &str = "Tue, 01 Sep 2026 00:00:00 GMT";
const SOURCE: &str = "s3://my-crls/crl/a+b.crl";

async fn ask(
    source: &str,
    script: Vec<Step>,
    before: &Validators,
    limits: Limits,
) -> (Result<Got, FetchFault>, Server) {
    let server = Server::start([script]).await;
    // Private networks are not S3's matter.
    let got = get(&server.fetcher_of("", limits), source, &[], before).await;
    (got, server)
}

#[tokio::test]
async fn an_object_is_read_with_its_validators() {
    let text = format!("HTTP/1.1 200 OK\r\netag: \"a1\"\r\nlast-modified: {DATE}\r\ncontent-length: 5\r\n\r\nhello");
    let (got, server) = ask(SOURCE, answer(text), &Validators::default(), limits()).await;
    assert_eq!(got.unwrap(), content("hello", Some("\"a1\""), Some(DATE)));
    let asked = server.asked().concat().to_lowercase();
    assert!(asked.starts_with("get /my-crls/crl/a%2bb.crl?x-id=getobject http/1.1\r\n"), "{asked}");
    assert!(asked.contains("\r\nauthorization: "), "{asked}");
    assert!(!asked.contains("\r\nif-"), "{asked}");
}

#[tokio::test]
async fn web_addresses_of_configured_buckets_are_read_through_s3() {
    for source in [
        "http://my-crls.s3.eu-west-1.amazonaws.com/crl/a%20b.crl",
        "http://my-crls.s3.amazonaws.com/crl/a%20b.crl",
        "http://s3.eu-west-1.amazonaws.com/my-crls/crl/a%20b.crl",
        "https://my-crls.s3-eu-west-1.amazonaws.com/crl/a%20b.crl",
        "https://my-crls.s3-fips.dualstack.us-east-1.amazonaws.com/crl/a%20b.crl",
        "http://s3.dualstack.eu-west-1.amazonaws.com/my-crls/crl/a%20b.crl",
    ] {
        let text = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
        let (got, server) = ask(source, answer(text), &Validators::default(), limits()).await;
        assert_eq!(got.unwrap(), content("hello", None, None));
        let asked = server.asked().concat();
        assert!(asked.starts_with("GET /my-crls/crl/a%20b.crl?x-id=GetObject HTTP/1.1\r\n"), "{asked}");
    }
}

#[tokio::test]
async fn an_unchanged_object_is_told() {
    let before = validators(Some("\"a1\""), Some(DATE));
    let (got, server) = ask(SOURCE, answer("HTTP/1.1 304 Not Modified\r\n\r\n"), &before, limits()).await;
    assert_eq!(got.unwrap(), Got::NotModified);
    let asked = server.asked().concat().to_lowercase();
    assert!(asked.contains("\r\nif-none-match: \"a1\"\r\n"), "{asked}");

    let unasked = validators(None, Some(DATE));
    let (got, _) = ask(SOURCE, answer("HTTP/1.1 304 Not Modified\r\n\r\n"), &unasked, limits()).await;
    assert!(matches!(got, Err(FetchFault::Bucket { .. })), "{got:?}");
}

#[tokio::test]
async fn errors_name_bucket_and_key() {
    for (status, code) in [(404, "NoSuchKey"), (404, "NoSuchBucket"), (403, "AccessDenied"), (503, "SlowDown")] {
        let body = format!("<Error><Code>{code}</Code><Message>so it is</Message></Error>");
        let text = format!("HTTP/1.1 {status} No\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let (got, _) = ask(SOURCE, answer(text), &Validators::default(), limits()).await;
        let fault = got.unwrap_err();
        let expected = format!("s3://my-crls/crl/a+b.crl is not given by S3 (status {status}, {code})");
        assert_eq!(fault.to_string(), expected);
        assert_eq!(fault.reason(), Reason::CrlFetchFailed);
        assert!(chain(&fault).contains(code), "{}", chain(&fault));
    }
    let (got, _) = ask(SOURCE, Vec::new(), &Validators::default(), limits()).await;
    assert_eq!(got.unwrap_err().to_string(), "s3://my-crls/crl/a+b.crl is not given by S3 (no answer)");
}

#[tokio::test]
async fn size_and_time_are_limited() {
    let short = Duration::from_millis(300);
    let head = |text: &str| Step::Send(format!("HTTP/1.1 200 OK\r\n{text}"));
    let drip = |text, pause| Step::Repeat(text, Duration::from_millis(pause));
    let hasty = || Limits { connect: short * 5, idle: short, ..limits() };
    let cases = [
        ("length", vec![head("content-length: 1001\r\n\r\n"), Step::Wait], limits(), "too large"),
        ("endless", vec![head("\r\n"), drip("hello", 0)], limits(), "too large"),
        ("silence before the answer", vec![Step::Wait], hasty(), "idle"),
        ("silence within the body", vec![head("content-length: 9\r\n\r\nhello"), Step::Wait], hasty(), "idle"),
        ("silence in all", vec![Step::Wait], Limits { total: short, ..limits() }, "total"),
        ("drip", vec![head("\r\n"), drip("a", 50)], Limits { total: short * 3, ..limits() }, "total"),
        ("early end", vec![head("content-length: 9\r\n\r\nhello")], limits(), "early"),
    ];
    for (case, script, limits, expected) in cases {
        let (got, _) = ask(SOURCE, script, &Validators::default(), limits).await;
        let fault = got.unwrap_err();
        let kind = match fault {
            FetchFault::Read { received: 5, .. } => "early",
            FetchFault::TimedOut { limit: TimeLimit::Idle, .. } => "idle",
            FetchFault::TimedOut { limit: TimeLimit::Total, .. } => "total",
            FetchFault::TooLarge { max_octets: 1000, .. } => "too large",
            _ => "something else",
        };
        assert_eq!(kind, expected, "{case}: {fault:?}");
        assert!(fault.to_string().starts_with("s3://my-crls/crl/a+b.crl "), "{case}: {fault}");
    }
}
