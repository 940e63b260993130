//! Redirects: where they may lead, and how often.

use crl_checker::fetch::{FetchFault, Limits};
use shared::decision::Reason;
use shared::revocation::Validators;

use crate::server::{Got, Server, Step, answer, content, get, limits, redirect, validators};

const GOOD: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

/// Asks a server that redirects to `location` first and then answers well.
async fn ask(location: &str, hosts: &[&str]) -> (Result<Got, FetchFault>, Server) {
    let server = Server::start([redirect(location), answer(GOOD)]).await;
    let got = get(&server.fetcher(), &server.url("/ca/a.crl"), hosts, &Validators::default()).await;
    (got, server)
}

#[tokio::test]
async fn relative_redirects_are_followed() {
    for (location, line) in [("b.crl", "GET /ca/b.crl "), ("/b.crl", "GET /b.crl "), ("../b.crl#c", "GET /b.crl ")] {
        let (got, server) = ask(location, &[]).await;
        assert_eq!(got.unwrap(), content("hello", None, None));
        let asked = server.asked();
        assert_eq!(asked.len(), 2);
        assert!(asked.last().is_some_and(|head| head.starts_with(line)), "{asked:?}");
    }
}

#[tokio::test]
async fn every_kind_of_redirect_is_followed_with_the_validators() {
    let before = validators(Some("\"a1\""), Some("Tue, 01 Sep 2026 00:00:00 GMT"));
    for status in [301, 302, 303, 307, 308] {
        let moved = format!("HTTP/1.1 {status} Moved\r\nlocation: /b\r\ncontent-length: 0\r\n\r\n");
        let server = Server::start([answer(moved), answer("HTTP/1.1 304 Not Modified\r\n\r\n")]).await;
        let got = get(&server.fetcher(), &server.url("/a.crl"), &[], &before).await;
        assert_eq!(got.unwrap(), Got::NotModified);
        for head in server.asked() {
            assert!(head.contains("\r\nif-none-match: \"a1\"\r\n"), "{head}");
            assert!(head.contains("\r\nif-modified-since: Tue, 01 Sep 2026 00:00:00 GMT\r\n"), "{head}");
            assert!(!head.contains("referer"), "{head}");
        }
        assert_eq!(server.asked().len(), 2);
    }
}

#[tokio::test]
async fn an_allowed_host_is_followed_and_no_other() {
    let other = Server::start([answer(GOOD)]).await;
    let location = format!("http://localhost:{}/b.crl", other.address.port());
    let (got, _) = ask(&location, &["localhost.example", "example.localhost"]).await;
    let fault = got.unwrap_err();
    assert!(matches!(&fault, FetchFault::Redirect { target, .. } if *target == location), "{fault:?}");
    assert!(fault.to_string().ends_with("its host is not among those allowed"), "{fault}");
    assert_eq!(fault.reason(), Reason::CrlFetchFailed);
    assert!(other.asked().is_empty());

    let (got, _) = ask(&location, &["localhost"]).await;
    assert_eq!(got.unwrap(), content("hello", None, None));
    assert!(other.asked().concat().starts_with("GET /b.crl "));
}

#[tokio::test]
async fn private_addresses_are_not_asked_though_the_host_is_allowed() {
    let hosts = [
        "127.0.0.2",
        "169.254.169.254",
        "[::1]",
        "[::ffff:7f00:2]",
        "[64:ff9b::a9fe:a9fe]",
        "[2002:7f00:1::]",
        "0.0.0.0",
    ];
    for location in [
        "http://127.0.0.2/",
        "http://127.2/",
        "http://2130706434/",
        "http://0x7f000002/",
        "http://0177.0.0.2/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.2]/",
        "http://[64:ff9b::169.254.169.254]/",
        "http://[2002:7f00:1::]/",
        "http://0/",
    ] {
        let (got, _) = ask(location, &hosts).await;
        let fault = got.unwrap_err();
        assert!(matches!(fault, FetchFault::Address { .. }), "{location}: {fault:?}");
    }
}

#[tokio::test]
async fn other_targets_are_not_followed() {
    for location in [
        "ftp://127.0.0.1/a",
        "file:///etc/passwd",
        "s3://my-crls/a",
        "http://user:secret@127.0.0.1/a",
        "http://",
        "",
        "\u{e9}",
    ] {
        let (got, server) = ask(location, &[]).await;
        let fault = got.unwrap_err();
        assert!(matches!(fault, FetchFault::Redirect { .. }), "{location}: {fault:?}");
        assert_eq!(server.asked().len(), 1);
    }
    let nowhere = "HTTP/1.1 302 Found\r\ncontent-length: 0\r\n\r\n";
    let server = Server::start([answer(nowhere)]).await;
    let got = get(&server.fetcher(), &server.url("/a.crl"), &[], &Validators::default()).await;
    assert!(matches!(got, Err(FetchFault::Redirect { .. })), "{got:?}");
}

#[tokio::test]
async fn the_number_of_redirects_is_limited() {
    for (limit, hops, good) in [(3, 3, true), (3, 4, false), (0, 1, false), (0, 0, true)] {
        let server = Server::start(vec![redirect("/a.crl"); hops].into_iter().chain([answer(GOOD)])).await;
        let fetcher = server.fetcher_within(Limits { redirects: limit, ..limits() });
        let got = get(&fetcher, &server.url("/a.crl"), &[], &Validators::default()).await;
        match got {
            Ok(got) => assert!(good && got == content("hello", None, None)),
            Err(fault) => {
                assert!(!good, "{fault}");
                let named = matches!(fault, FetchFault::TooManyRedirects { redirects, .. } if redirects == limit);
                assert!(named, "{fault:?}");
                assert_eq!(server.asked().len(), limit + 1);
            }
        }
    }
}

#[tokio::test]
async fn the_body_of_a_redirect_is_not_waited_for() {
    let endless = "HTTP/1.1 302 Found\r\nlocation: /b\r\ncontent-length: 1000000\r\n\r\n";
    let server = Server::start([vec![Step::Send(endless.to_owned()), Step::Wait], answer(GOOD)]).await;
    let got = get(&server.fetcher(), &server.url("/a.crl"), &[], &Validators::default()).await;
    assert_eq!(got.unwrap(), content("hello", None, None));
}
