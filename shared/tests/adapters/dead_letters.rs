//! The queue of what can't be done.

use serde_json::{Value, json};
use shared::fault::FaultKind::{self, Denied, Invalid, NotFound, Throttled, Unavailable};
use shared::fault::{Fault, chain};
use shared::port::DeadLetters;

use crate::wire::{Answer, Sent, Service, ok, sqs_error};

/// The answer of a queue that takes the messages at these places.
fn taken(places: impl IntoIterator<Item = usize>) -> Answer {
    partly(places, &json!([]))
}

/// The answer of a queue that takes some, and says of others why not.
fn partly(places: impl IntoIterator<Item = usize>, failed: &Value) -> Answer {
    let entry = |place: usize| json!({"Id": place.to_string(), "MD5OfMessageBody": "0", "MessageId": "m"});
    ok(&json!({"Successful": places.into_iter().map(entry).collect::<Value>(), "Failed": failed}))
}

fn bodies(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{{\"n\":{n}}}")).collect()
}

/// The messages of a request by their ids.
fn entries(sent: &Sent) -> Vec<(&str, &str)> {
    let text = |entry: &'_ Value, name: &str| entry[name].as_str().unwrap().to_owned().leak() as &str;
    let entry = |entry: &'_ Value| (text(entry, "Id"), text(entry, "MessageBody"));
    sent.body["Entries"].as_array().unwrap().iter().map(entry).collect()
}

#[track_caller]
fn assert_faults(faults: &[(usize, Fault)], expected: &[(usize, FaultKind, &str)]) {
    let found: Vec<_> = faults.iter().map(|(place, fault)| (*place, fault.kind)).collect();
    assert_eq!(found, expected.iter().map(|(place, kind, _)| (*place, *kind)).collect::<Vec<_>>(), "{faults:?}");
    for ((_, fault), (.., text)) in faults.iter().zip(expected) {
        assert_eq!(fault.operation, "sqs:SendMessageBatch");
        assert!(chain(fault).contains(text), "{}", chain(fault));
    }
}

#[tokio::test]
async fn messages_are_sent_as_they_are() {
    let service = Service::new([taken([0, 1])]);
    let bodies = ["{\"a\":\"é\"}".to_owned(), "b".to_owned()];
    assert_faults(&service.dead_letters().send(&bodies).await, &[]);
    let sent = service.only();
    assert_eq!(sent.target, "AmazonSQS.SendMessageBatch");
    assert_eq!(sent.text("QueueUrl"), "https://sqs.us-east-1.amazonaws.com/000000000000/refused");
    assert_eq!(entries(&sent), [("0", bodies[0].as_str()), ("1", "b")]);

    let service = Service::default();
    assert_faults(&service.dead_letters().send(&[]).await, &[]);
    assert!(service.sent().is_empty());
}

#[tokio::test]
async fn messages_that_the_queue_does_not_take_are_told_apart() {
    let failed = json!([
        {"Id": "1", "SenderFault": true, "Code": "InvalidMessageContents", "Message": "a character"},
        {"Id": "3", "SenderFault": false, "Code": "InternalError", "Message": "later"},
    ]);
    let service = Service::new([partly([0, 2, 4], &failed)]);
    let faults = service.dead_letters().send(&bodies(5)).await;
    let expected = [(1, Invalid, "InvalidMessageContents: a character"), (3, Unavailable, "InternalError: later")];
    assert_faults(&faults, &expected);
}

#[tokio::test]
async fn what_the_answer_does_not_mention_is_not_taken() {
    let service = Service::new([taken([1])]);
    let faults = service.dead_letters().send(&bodies(3)).await;
    assert_faults(&faults, &[(0, Unavailable, "does not tell"), (2, Unavailable, "does not tell")]);
}

#[tokio::test]
async fn a_request_that_fails_fails_for_all_its_messages() {
    let service = Service::new([sqs_error(400, "RequestThrottled", "RequestThrottled;Sender")]);
    let faults = service.dead_letters().send(&bodies(3)).await;
    assert_faults(&faults, &[0, 1, 2].map(|place| (place, Throttled, "RequestThrottled")));
}

#[tokio::test]
async fn errors_of_sqs_are_classified() {
    let cases = [
        (400, "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue;Sender", NotFound),
        (400, "QueueDoesNotExist", "", NotFound),
        (400, "RequestThrottled", "", Throttled),
        (400, "KmsThrottled", "KMS.ThrottlingException;Sender", Throttled),
        (400, "KmsThrottled", "", Throttled),
        (400, "KmsAccessDenied", "KMS.AccessDeniedException;Sender", Denied),
        (400, "KmsAccessDenied", "", Denied),
        (403, "AccessDeniedException", "AccessDenied;Sender", Denied),
        (400, "BatchRequestTooLong", "AWS.SimpleQueueService.BatchRequestTooLong;Sender", Invalid),
        (500, "InternalFailure", "", Unavailable),
        (503, "ServiceUnavailable", "", Unavailable),
    ];
    for (status, code, query, kind) in cases {
        let service = Service::new([sqs_error(status, code, query)]);
        let faults = service.dead_letters().send(&bodies(1)).await;
        assert_eq!(
            faults.iter().map(|(place, fault)| (*place, fault.kind)).collect::<Vec<_>>(),
            [(0, kind)],
            "{code} {query}"
        );
        assert!(chain(&faults[0].1).contains("so it is"), "{faults:?}");
    }
    assert_faults(&Service::default().dead_letters().send(&bodies(1)).await, &[(0, Unavailable, "no answer")]);
}
