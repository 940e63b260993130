//! One request and its answer.

use crl_checker::fetch::FetchFault;
use shared::decision::Reason;
use shared::fault::chain;
use shared::revocation::Validators;

use crate::server::{Got, Server, answer, content, fault, get, limits, validators};

const DATE: &str = "Tue, 01 Sep 2026 00:00:00 GMT";

async fn ask(text: &str, before: &Validators) -> (Result<Got, FetchFault>, Server) {
    let server = Server::start([answer(text)]).await;
    let got = get(&server.fetcher(), &server.url("/ca/a.crl?b=c"), &[], before).await;
    (got, server)
}

#[tokio::test]
async fn the_body_comes_with_its_validators() {
    let text = format!("HTTP/1.1 200 OK\r\netag: \"a1\"\r\nlast-modified: {DATE}\r\ncontent-length: 5\r\n\r\nhello");
    let (got, server) = ask(&text, &Validators::default()).await;
    assert_eq!(got.unwrap(), content("hello", Some("\"a1\""), Some(DATE)));
    let asked = server.asked().concat().to_lowercase();
    assert!(asked.starts_with("get /ca/a.crl?b=c http/1.1\r\n"), "{asked}");
    assert!(asked.contains("\r\nuser-agent: iot-jitr\r\n"), "{asked}");
    for header in ["accept-encoding", "cookie", "referer", "authorization", "if-"] {
        assert!(!asked.contains(&format!("\r\n{header}")), "{asked}");
    }
}

#[tokio::test]
async fn bodies_of_other_framings_are_read() {
    for (text, expected) in [
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", "hello"),
        ("HTTP/1.1 200 OK\r\n\r\nhello", "hello"),
        ("HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello, too much", "hello"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", ""),
        ("HTTP/1.1 200 OK\r\ncontent-encoding: identity\r\ncontent-length: 5\r\n\r\nhello", "hello"),
        ("HTTP/1.1 200 OK\r\ncontent-encoding: binary\r\ncontent-length: 5\r\n\r\nhello", "hello"),
    ] {
        assert_eq!(ask(text, &Validators::default()).await.0.unwrap(), content(expected, None, None), "{text}");
    }
}

#[tokio::test]
async fn validators_are_sent_and_an_unchanged_crl_is_told() {
    let before = validators(Some("W/\"a1\""), Some(DATE));
    let (got, server) = ask("HTTP/1.1 304 Not Modified\r\n\r\n", &before).await;
    assert_eq!(got.unwrap(), Got::NotModified);
    let asked = server.asked().concat();
    assert!(asked.contains("\r\nif-none-match: W/\"a1\"\r\n"), "{asked}");
    assert!(asked.contains(&format!("\r\nif-modified-since: {DATE}\r\n")), "{asked}");
    for before in [validators(Some("\"a\""), None), validators(None, Some(DATE))] {
        let (got, _) = ask("HTTP/1.1 304 Not Modified\r\n\r\n", &before).await;
        assert_eq!(got.unwrap(), Got::NotModified);
    }
}

#[tokio::test]
async fn every_other_status_is_a_fault() {
    for (line, expected) in [
        ("204 No Content", 204),
        ("206 Partial Content", 206),
        ("300 Multiple Choices", 300),
        // Nobody asked whether anything has changed.
        ("304 Not Modified", 304),
        ("404 Not Found", 404),
        ("500 Internal Server Error", 500),
    ] {
        let text = format!("HTTP/1.1 {line}\r\ncontent-length: 0\r\n\r\n");
        let (got, server) = ask(&text, &Validators::default()).await;
        let fault = got.unwrap_err();
        assert!(matches!(fault, FetchFault::Status { status, .. } if status == expected), "{fault:?}");
        assert_eq!(fault.to_string(), format!("{} answered with status {expected}", server.url("/ca/a.crl?b=c")));
        assert_eq!(fault.reason(), Reason::CrlFetchFailed);
    }
}

#[tokio::test]
async fn a_long_validator_is_not_kept() {
    let long = "a".repeat(511);
    let text = format!("HTTP/1.1 200 OK\r\netag: \"{long}\"\r\nlast-modified: {DATE}\r\ncontent-length: 0\r\n\r\n");
    assert_eq!(ask(&text, &Validators::default()).await.0.unwrap(), content("", None, Some(DATE)));
}

#[tokio::test]
async fn a_crl_of_just_the_limit_is_read_and_one_octet_more_is_not() {
    let (most, more) = ("a".repeat(1000), "a".repeat(1001));
    for (text, good) in [
        (format!("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{most}"), true),
        (format!("HTTP/1.1 200 OK\r\n\r\n{most}"), true),
        (format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3e8\r\n{most}\r\n0\r\n\r\n"), true),
        (format!("HTTP/1.1 200 OK\r\ncontent-length: 1001\r\n\r\n{more}"), false),
        (format!("HTTP/1.1 200 OK\r\n\r\n{more}"), false),
        (format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3e9\r\n{more}\r\n0\r\n\r\n"), false),
    ] {
        match ask(&text, &Validators::default()).await.0 {
            Ok(got) => assert!(good && got == content(&most, None, None), "{text}"),
            Err(fault) => {
                assert!(!good, "{text}: {fault}");
                assert_eq!(fault.reason(), Reason::CrlTooLarge, "{fault}");
            }
        }
    }
}

#[tokio::test]
async fn a_body_that_ends_early_is_a_fault() {
    for text in [
        "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n",
    ] {
        let fault = fault(answer(text), limits()).await;
        assert!(matches!(fault, FetchFault::Read { received: 5, .. }), "{text}: {fault:?}");
        assert_eq!(fault.reason(), Reason::CrlFetchFailed);
    }
}

#[tokio::test]
async fn what_is_not_http_is_a_fault() {
    for text in [
        "",
        "hello",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
    ] {
        let fault = fault(answer(text), limits()).await;
        assert!(matches!(fault, FetchFault::Request { .. }), "{text}: {fault:?}");
        assert!(!chain(&fault).contains("for url"), "{}", chain(&fault));
    }
}

#[tokio::test]
async fn a_compressed_crl_is_a_fault() {
    for coding in ["gzip", "GZIP", "x-gzip", "deflate", "br", "zstd", "identity, gzip"] {
        let text = format!("HTTP/1.1 200 OK\r\ncontent-encoding: {coding}\r\ncontent-length: 5\r\n\r\nhello");
        let fault = fault(answer(text), limits()).await;
        assert!(matches!(&fault, FetchFault::Encoded { coding: named, .. } if named == coding), "{fault:?}");
    }
}

#[tokio::test]
async fn a_host_that_nobody_serves_is_a_fault() {
    let server = Server::start([]).await;
    // Port 1 of loopback: no test starts a server there.
    let got = get(&server.fetcher(), "http://127.0.0.1:1/a.crl", &[], &Validators::default()).await;
    let fault = got.unwrap_err();
    assert!(matches!(fault, FetchFault::Request { .. }), "{fault:?}");
    assert_eq!(fault.to_string(), "http://127.0.0.1:1/a.crl can't be asked");
}
