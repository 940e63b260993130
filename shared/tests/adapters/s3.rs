//! Snapshots in S3.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use shared::aws::snapshots::{SnapshotBucket, client};
use shared::fault::FaultKind::{Denied, Invalid, Missing, NotFound, Throttled, Unavailable};
use shared::port::{SnapshotPages, SnapshotStore};
use shared::snapshot::{Chunks, Scratch, ScratchFile};

use crate::wire::{Answer, Service, assert_fault, s3_error};

const GET: &str = "s3:GetObject";
const KEY: &str = "crl/ab.snapshot";

fn file(content: &[u8]) -> Arc<ScratchFile> {
    let mut file = Scratch::from(std::env::temp_dir()).file().unwrap();
    file.write_all(content).unwrap();
    Arc::new(file)
}

fn part(body: &str) -> Answer {
    Answer { body: body.to_owned(), headers: Vec::new(), status: 206 }
}

fn broken_off(status: u16) -> Answer {
    Answer { body: "abc".to_owned(), headers: vec![("content-length", "8")], status }
}

fn empty(status: u16) -> Answer {
    Answer { body: String::new(), headers: Vec::new(), status }
}

#[tokio::test]
async fn a_range_is_asked_for_by_its_first_and_last_octet() {
    let service = Service::new([part("abcdefgh")]);
    assert_eq!(service.snapshots().read(KEY, 8192..8200).await.unwrap(), b"abcdefgh");
    let sent = service.only();
    assert_eq!((sent.method.as_str(), sent.header("range")), ("GET", Some("bytes=8192-8199")));
    assert_eq!(sent.host, "snapshots.s3.us-east-1.amazonaws.com");
    assert_eq!(sent.path, format!("/{KEY}?x-id=GetObject"));
    assert_eq!(sent.header("x-amz-checksum-mode"), None);

    let service = Service::default();
    assert!(service.snapshots().read(KEY, 0..0).await.unwrap().is_empty());
    assert!(service.sent().is_empty());
}

#[tokio::test]
async fn an_answer_of_another_length_is_not_the_range() {
    for body in ["", "abcdefg", "abcdefghi"] {
        let service = Service::new([part(body)]);
        let text = assert_fault(service.snapshots().read(KEY, 0..8).await, GET, Missing, body);
        assert!(text.contains(KEY), "{text}");
        assert_eq!(service.sent().len(), 1);
    }
}

#[tokio::test]
async fn a_range_that_breaks_off_is_asked_for_again() {
    let service = Service::new([broken_off(206), part("abcdefgh")]);
    assert_eq!(service.snapshots().read(KEY, 0..8).await.unwrap(), b"abcdefgh");

    let service = Service::new(vec![broken_off(206); 4]);
    assert_fault(service.snapshots().read(KEY, 0..8).await, GET, Unavailable, "broken off");
    assert_eq!(service.sent().len(), 3);
}

#[tokio::test]
async fn errors_of_s3_are_classified_by_code() {
    let cases = [
        (404, "NoSuchKey", Missing),
        (404, "NoSuchBucket", NotFound),
        (416, "InvalidRange", Missing),
        // What S3 says of a missing object, too, if the role may not list the bucket: nothing is known to be lost.
        (403, "AccessDenied", Denied),
        (400, "ExpiredToken", Denied),
        (403, "SignatureDoesNotMatch", Denied),
        (503, "SlowDown", Throttled),
        (503, "ServiceUnavailable", Unavailable),
        (500, "InternalError", Unavailable),
        (400, "RequestTimeout", Unavailable),
        (400, "InvalidArgument", Invalid),
    ];
    for (status, code, kind) in cases {
        let bucket = || Service::new([s3_error(status, code)]).snapshots();
        assert_fault(bucket().read(KEY, 0..8).await, GET, kind, code);
        assert_fault(bucket().open(KEY).await, GET, kind, code);
    }
    assert_fault(Service::new([empty(404)]).snapshots().read(KEY, 0..8).await, GET, Missing, "404 without a body");
    assert_fault(Service::default().snapshots().read(KEY, 0..8).await, GET, Unavailable, "lost");
}

#[tokio::test]
async fn an_object_is_opened_as_a_stream() {
    let service = Service::new([Answer { status: 200, ..part("abcdefgh") }]);
    let mut content = service.snapshots().open(KEY).await.unwrap();
    let mut read = Vec::new();
    while let Some(piece) = content.next().await.unwrap() {
        read.extend(piece);
    }
    assert_eq!(read, b"abcdefgh");
    assert!(content.next().await.unwrap().is_none());
    assert_eq!(service.only().header("range"), None);

    let mut content = Service::new([broken_off(200)]).snapshots().open(KEY).await.unwrap();
    let end = loop {
        match content.next().await {
            Ok(Some(_)) => {}
            other => break other,
        }
    };
    assert_fault(end, GET, Unavailable, "broken off");
}

#[tokio::test]
async fn a_file_is_written_from_its_start_at_every_try() {
    let service = Service::new([s3_error(503, "SlowDown"), empty(200)]);
    service.snapshots().put(KEY, &file(b"a snapshot")).await.unwrap();
    let sent = service.sent();
    assert_eq!(sent.len(), 2);
    for sent in &sent {
        assert_eq!((sent.method.as_str(), &sent.content[..]), ("PUT", &b"a snapshot"[..]));
        assert_eq!(sent.header("content-length"), Some("10"));
        // Read as it is sent: neither hashed before, nor framed in a way that S3 alone knows.
        assert_eq!(sent.header("x-amz-content-sha256"), Some("UNSIGNED-PAYLOAD"));
        assert_eq!(sent.header("content-encoding"), None);
        assert!(sent.headers.keys().all(|name| !name.starts_with("x-amz-checksum")), "{sent:?}");
    }

    for (error, kind, tries) in [("SlowDown", Throttled, 3), ("AccessDenied", Denied, 1), ("NoSuchBucket", NotFound, 1)]
    {
        let status = match kind {
            Throttled => 503,
            Denied => 403,
            _ => 404,
        };
        let service = Service::new(vec![s3_error(status, error); 4]);
        assert_fault(service.snapshots().put(KEY, &file(b"")).await, "s3:PutObject", kind, error);
        assert_eq!(service.sent().len(), tries, "{error}");
    }
}

#[tokio::test]
async fn removing_what_is_not_there_is_fine() {
    let service = Service::new([empty(204), s3_error(404, "NoSuchKey")]);
    let bucket = service.snapshots();
    bucket.remove(KEY).await.unwrap();
    bucket.remove(KEY).await.unwrap();
    assert_eq!(service.sent()[0].method, "DELETE");
    for (status, code, kind) in [(404, "NoSuchBucket", NotFound), (403, "AccessDenied", Denied)] {
        let service = Service::new([s3_error(status, code)]);
        assert_fault(service.snapshots().remove(KEY).await, "s3:DeleteObject", kind, code);
    }
}

#[tokio::test]
async fn with_an_endpoint_of_its_own_the_bucket_is_in_the_path() {
    let service = Service::new([part("abcdefgh")]);
    let config = service.config().to_builder().endpoint_url("http://cloud.example:4566").build();
    SnapshotBucket::new(client(&config), "snapshots").read(KEY, 0..8).await.unwrap();
    let sent = service.only();
    assert_eq!((sent.host.as_str(), sent.path), ("cloud.example:4566", format!("/snapshots/{KEY}?x-id=GetObject")));
}

#[tokio::test]
async fn whole_objects_have_more_time_than_ranges() {
    let service = Service::new([part("abcdefgh"), part("abcdefgh"), empty(200)]).after(Duration::from_millis(50));
    let short = TimeoutConfig::builder().operation_attempt_timeout(Duration::from_millis(1)).build();
    let config = service.config().to_builder().timeout_config(short).build();
    let bucket = SnapshotBucket::new(client(&config), "snapshots");
    assert_fault(bucket.read(KEY, 0..8).await, GET, Unavailable, "a range");
    bucket.open(KEY).await.unwrap();
    bucket.put(KEY, &file(b"")).await.unwrap();
}

#[tokio::test]
async fn prewarming_reads_what_does_not_exist() {
    let within = Duration::from_secs(1);
    let service = Service::new([s3_error(404, "NoSuchKey"), s3_error(403, "AccessDenied")]);
    let bucket = service.snapshots();
    bucket.prewarm(within).await.unwrap();
    assert_fault(bucket.prewarm(within).await, GET, Denied, "prewarm");
    assert_eq!(service.sent()[0].path, "/snapshots/prewarm?x-id=GetObject");

    let slow = Service::new([s3_error(404, "NoSuchKey")]).after(Duration::from_mins(1)).snapshots();
    assert_fault(slow.prewarm(Duration::from_millis(1)).await, GET, Unavailable, "slow");
}
