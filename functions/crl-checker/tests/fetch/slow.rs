//! Servers that are slow or never end. The limit that a test is about is short, the others are out of reach.

use std::time::Duration;

use crl_checker::fetch::{FetchFault, Limits, TimeLimit};
use shared::decision::Reason;
use shared::revocation::Validators;
use tokio::net::TcpListener;

use crate::server::{Server, Step, fault, get, limits};

const SHORT: Duration = Duration::from_millis(300);

fn head(text: &str) -> Step {
    Step::Send(format!("HTTP/1.1 200 OK\r\n{text}"))
}

#[track_caller]
fn assert_timed_out(fault: &FetchFault, expected: TimeLimit, time: Duration) {
    let as_expected = match fault {
        FetchFault::TimedOut { after, limit, .. } => *limit == expected && *after == time,
        _ => false,
    };
    assert!(as_expected, "{fault:?}");
    assert_eq!(fault.reason(), Reason::CrlFetchFailed);
}

#[tokio::test]
async fn silence_before_the_answer_ends() {
    for script in [vec![Step::Wait], vec![head("etag: \"a\"\r\n"), Step::Wait]] {
        let fault = fault(script, Limits { connect: SHORT * 5, idle: SHORT, ..limits() }).await;
        assert_timed_out(&fault, TimeLimit::Idle, SHORT * 6);
    }
}

#[tokio::test]
async fn silence_within_the_body_ends() {
    for script in [
        vec![head("content-length: 10\r\n\r\nhello"), Step::Wait],
        vec![head("transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"), Step::Wait],
        vec![head("\r\nhello"), Step::Wait],
    ] {
        let fault = fault(script, Limits { idle: SHORT, ..limits() }).await;
        assert_timed_out(&fault, TimeLimit::Idle, SHORT);
    }
}

#[tokio::test]
async fn a_header_that_drips_ends() {
    let script = vec![head("a: "), Step::Repeat("a", Duration::from_millis(20))];
    let fault = fault(script, Limits { connect: SHORT * 5, idle: SHORT, ..limits() }).await;
    assert_timed_out(&fault, TimeLimit::Idle, SHORT * 6);
}

#[tokio::test]
async fn a_body_that_drips_ends() {
    let script = vec![head("content-length: 1000\r\n\r\n"), Step::Repeat("a", Duration::from_millis(50))];
    let fault = fault(script, Limits { total: SHORT * 3, ..limits() }).await;
    assert_timed_out(&fault, TimeLimit::Total, SHORT * 3);
}

#[tokio::test]
async fn silence_ends_with_the_total_time_too() {
    for script in [vec![Step::Wait], vec![head("content-length: 10\r\n\r\nhello"), Step::Wait]] {
        let fault = fault(script, Limits { total: SHORT * 3, ..limits() }).await;
        assert_timed_out(&fault, TimeLimit::Total, SHORT * 3);
        assert!(fault.to_string().ends_with("/a.crl took longer than 900ms in all"), "{fault}");
    }
}

#[tokio::test]
async fn endless_bodies_end_at_the_size_limit() {
    for (framing, chunk) in [("transfer-encoding: chunked\r\n\r\n", "5\r\nhello\r\n"), ("\r\n", "hello")] {
        let fault = fault(vec![head(framing), Step::Repeat(chunk, Duration::ZERO)], limits()).await;
        assert!(matches!(fault, FetchFault::TooLarge { max_octets: 1000, .. }), "{fault:?}");
        assert_eq!(fault.reason(), Reason::CrlTooLarge);
    }
}

#[tokio::test]
async fn too_great_a_length_is_refused_unread() {
    for length in ["1001", "9223372036854775807"] {
        let script = vec![head(&format!("content-length: {length}\r\n\r\n")), Step::Wait];
        let fault = fault(script, limits()).await;
        assert!(matches!(fault, FetchFault::TooLarge { max_octets: 1000, .. }), "{fault:?}");
        assert!(fault.to_string().ends_with("/a.crl is larger than 1000 octets"), "{fault}");
    }
}

#[tokio::test]
async fn a_handshake_without_answer_ends() {
    // The system accepts the connection; nobody ever answers the client's hello.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/a.crl", listener.local_addr().unwrap());
    let server = Server::start([]).await;
    let fetcher = server.fetcher_within(Limits { connect: SHORT, ..limits() });
    let fault = get(&fetcher, &url, &[], &Validators::default()).await.unwrap_err();
    assert_timed_out(&fault, TimeLimit::Connect, SHORT);
}
