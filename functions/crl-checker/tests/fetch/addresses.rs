//! Hosts of private networks, by address and by name.

use crl_checker::fetch::FetchFault;
use shared::decision::Reason;
use shared::fault::chain;
use shared::revocation::Validators;

use crate::server::{Server, answer, content, get, limits};

const GOOD: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

#[tokio::test]
async fn loopback_is_asked_only_where_it_is_allowed() {
    for (private, host, good) in [
        ("", "127.0.0.1", false),
        ("", "localhost", false),
        ("10.0.0.0/8, ::1", "127.0.0.1", false),
        ("10.0.0.0/8, 127.0.0.2", "localhost", false),
        ("127.0.0.1", "127.0.0.1", true),
        // Where the name has ::1 as well, only the address that is allowed is used.
        ("127.0.0.1", "localhost", true),
        ("127.0.0.0/8", "LOCALHOST", true),
    ] {
        let server = Server::start([answer(GOOD)]).await;
        let url = format!("http://{host}:{}/a.crl", server.address.port());
        let got = get(&server.fetcher_of(private, limits()), &url, &[], &Validators::default()).await;
        if good {
            assert_eq!(got.unwrap(), content("hello", None, None), "{private} {url}");
            continue;
        }
        let fault = got.unwrap_err();
        assert!(matches!(fault, FetchFault::Address { .. }), "{private} {url}: {fault:?}");
        assert_eq!(fault.reason(), Reason::CrlFetchFailed);
        let text = chain(&fault);
        assert!(text.starts_with(&format!("{url} is not asked: {host} is ")), "{text}");
        assert!(text.contains("127.0.0.1"), "{text}");
        assert!(server.asked().is_empty());
    }
}

#[tokio::test]
async fn hosts_that_are_read_in_two_ways_are_not_asked() {
    let server = Server::start([answer(GOOD)]).await;
    for host in ["127.1", "2130706433", "0x7f.0.0.1", "[::ffff:127.0.0.1]", "localhost\\.example.com", "%6cocalhost"] {
        let url = format!("http://{host}/a.crl");
        let got = get(&server.fetcher(), &url, &["127.0.0.1", "localhost"], &Validators::default()).await;
        assert!(matches!(got, Err(FetchFault::Url { .. })), "{host}: {got:?}");
    }
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_a_fault() {
    let server = Server::start([]).await;
    // RFC 6761 section 6.4: never a name.
    let got = get(&server.fetcher(), "http://crl.invalid/a.crl", &[], &Validators::default()).await;
    assert!(matches!(got, Err(FetchFault::Request { .. } | FetchFault::Address { .. })), "{got:?}");
}
