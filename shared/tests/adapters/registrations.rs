//! Rows of the `Registrations` table, written as differences under their revision, and read one by one, together, page by
//! page, and by what is not confirmed.

use serde_json::{Value, json};
use shared::decision::{Decision, Reason, Verdict};
use shared::fault::FaultKind::{Invalid, Throttled};
use shared::port::{
    CertificateStatus, Continuation, ListedRegistrations, RegistrationStore, Saved, UnconfirmedKey, UnreadableRow,
};
use shared::registration::{NewStatus, Process, Registration, RegistrationId};
use time::Duration;

use crate::wire::{
    Answer, NOW, Sent, Service, assert_fault, authority, candidate, certificate, condition_failed, dynamodb_error, ok,
};

const NOW_TEXT: &str = "2026-09-01T00:00:00.000Z";

fn row(id: &str, more: &Value) -> Value {
    let mut row = json!({
        "registrationId": {"S": id}, "caCertificateId": {"S": authority().as_str()},
        "certificateId": {"S": certificate().as_str()}, "decidedAt": {"S": NOW_TEXT},
        "decision": {"S": "activated"}, "reason": {"S": "checks_passed"}, "serial": {"S": "a1"},
    });
    row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    row
}

fn ids(numbers: impl Iterator<Item = u32>) -> Vec<RegistrationId> {
    numbers.map(|number| RegistrationId::from_text(&format!("ca#{number:04x}"))).collect()
}

fn process() -> Process {
    Process { id: "attempt".to_owned(), until: NOW + Duration::minutes(1) }
}

/// The row of an attempt that has begun, not written yet.
fn begun(new: &Registration) -> Registration {
    new.clone()
        .seen(&CertificateStatus::PendingActivation, NOW)
        .admitted(&candidate(), NOW)
        .intending(&process(), NewStatus::Active)
}

async fn written(registration: &Registration, after: Registration) -> (Registration, Sent) {
    let service = Service::new([ok(&json!({}))]);
    let Saved::Done(saved) = service.registrations().save(registration, after).await.unwrap() else {
        panic!("no condition was in the way")
    };
    (saved, service.only())
}

#[tokio::test]
async fn a_new_row_is_written_whole_if_there_still_is_none() {
    let new = Registration::new(&candidate(), NOW);
    let (saved, sent) = written(&new, begun(&new)).await;
    assert_eq!(saved.revision, 1);
    assert_eq!((sent.target.as_str(), sent.text("TableName")), ("DynamoDB_20120810.UpdateItem", "registrations"));
    assert_eq!(sent.body["Key"], json!({"registrationId": {"S": candidate().id.as_str()}}));
    assert_eq!(sent.text("ConditionExpression"), "attribute_not_exists(#registrationId)");
    assert_eq!(sent.text("ReturnValuesOnConditionCheckFailure"), "ALL_OLD");
    let values = sent.values();
    for (name, value) in [
        (":admittedAt", json!({"S": NOW_TEXT})),
        (":decision", json!({"S": "activating"})),
        (":firstSeenAt", json!({"S": NOW_TEXT})),
        (
            ":intents",
            json!({"M": {"attempt": {"M": {"until": {"S": "2026-09-01T00:01:00.000Z"}, "wanted": {"S": "ACTIVE"}}}}}),
        ),
        (":notAfter", json!({"S": "2027-09-01T00:00:00.000Z"})),
        (":revision", json!({"N": "1"})),
        (":serial", json!({"S": "a1"})),
        (":status", json!({"S": "PENDING_ACTIVATION"})),
        (":thingName", json!({"S": "pump-17"})),
        (":unconfirmed", json!({"S": "unconfirmed"})),
    ] {
        assert_eq!(values[name], value, "{name}");
    }
    assert_eq!(values[":registrationId"], Value::Null);
    assert!(!sent.text("UpdateExpression").contains("REMOVE"));
}

#[tokio::test]
async fn a_row_that_was_read_is_changed_where_it_differs_if_nobody_has_written_since() {
    let new = Registration::new(&candidate(), NOW);
    let (before, _) = written(&new, begun(&new)).await;
    let after = before.clone().set_to(NewStatus::Active, &process(), NOW);
    let (saved, sent) = written(&before, after).await;
    assert_eq!((saved.revision, saved.is_confirmed()), (2, true));
    assert_eq!(sent.text("ConditionExpression"), "#revision = :before");
    assert_eq!(
        sent.text("UpdateExpression").split(" REMOVE ").last().map(|removed| {
            let mut removed: Vec<_> = removed.split(", ").collect();
            removed.sort_unstable();
            removed
        }),
        Some(vec!["#intents", "#unconfirmed"])
    );
    let mut values: Vec<_> = sent.values().as_object().unwrap().keys().map(String::as_str).collect();
    values.sort_unstable();
    assert_eq!(values, [":activatedAt", ":attempts", ":before", ":decision", ":detail", ":revision", ":status"]);
    assert_eq!((&sent.values()[":before"], &sent.values()[":revision"]), (&json!({"N": "1"}), &json!({"N": "2"})));
}

/// What was sent, as the row that it leaves.
fn item(sent: &Sent) -> Value {
    let mut item = json!({"registrationId": sent.body["Key"]["registrationId"]});
    for (name, value) in sent.values().as_object().unwrap() {
        item[name.trim_start_matches(':')] = value.clone();
    }
    item
}

#[tokio::test]
async fn a_row_that_others_have_written_is_given_back_and_what_was_written_before_is_done() {
    let new = Registration::new(&candidate(), NOW);
    let after = begun(&new);
    let (saved, sent) = written(&new, after.clone()).await;

    // The answer to the first try was lost, and the second one found what it had written.
    let own = item(&sent);
    let service = Service::new([condition_failed(&own)]);
    assert_eq!(service.registrations().save(&new, after.clone()).await.unwrap(), Saved::Done(saved));

    let mut other = own.clone();
    other["revision"] = json!({"N": "2"});
    let service = Service::new([condition_failed(&other)]);
    let Saved::Outdated(Some(found)) = service.registrations().save(&new, after.clone()).await.unwrap() else {
        panic!("another revision is no success")
    };
    assert_eq!(found.revision, 2);

    let mut other = own;
    other["supersededBy"] = json!({"S": "0f".repeat(32)});
    let service = Service::new([condition_failed(&other)]);
    let outdated = service.registrations().save(&new, after.clone()).await.unwrap();
    assert!(matches!(outdated, Saved::Outdated(Some(_))), "{outdated:?}");

    let service = Service::new([condition_failed(&Value::Null)]);
    assert_eq!(service.registrations().save(&new, after.clone()).await.unwrap(), Saved::Outdated(None));

    let broken = row(candidate().id.as_str(), &json!({"decision": {"S": "withdrawn"}}));
    let service = Service::new([condition_failed(&broken)]);
    let saved = service.registrations().save(&new, after).await;
    let text = assert_fault(saved, "dynamodb:UpdateItem", Invalid, "withdrawn");
    assert!(text.contains(candidate().id.as_str()) && text.contains("attribute decision:"), "{text}");
}

#[tokio::test]
async fn a_row_from_before_revisions_is_converted_and_then_written_whole() {
    let old = row(candidate().id.as_str(), &json!({"activatedAt": {"S": NOW_TEXT}, "attempts": {"N": "1"}}));
    let service = Service::new([ok(&json!({"Item": old}))]);
    let before = service.registrations().registration(&candidate().id).await.unwrap().unwrap();
    assert_eq!((before.revision, before.admitted_at.as_deref()), (0, Some(NOW_TEXT)));
    assert_eq!(before.status, Some(CertificateStatus::Active));
    let (saved, sent) = written(&before, before.clone().released(NOW)).await;
    assert_eq!(saved.revision, 1);
    let condition = "attribute_exists(#registrationId) AND attribute_not_exists(#revision)";
    assert_eq!(sent.text("ConditionExpression"), condition);
    assert_eq!(
        (&sent.values()[":admittedAt"], &sent.values()[":status"]),
        (&json!({"S": NOW_TEXT}), &json!({"S": "ACTIVE"}))
    );
    assert_eq!(sent.values()[":unconfirmed"], json!({"S": "unconfirmed"}));
}

#[test]
fn marks_of_old_rows_are_facts() {
    let earlier = "2026-08-01T00:00:00.000Z";
    let read = |more: Value| -> Registration {
        let mut row = json!({
            "caCertificateId": authority(), "certificateId": certificate(), "decidedAt": NOW_TEXT,
            "decision": "activated", "reason": "checks_passed", "registrationId": "ca#a1",
        });
        row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value::<Registration>(row).unwrap().converted()
    };
    let held = read(json!({"decision": "held", "activatedAt": earlier, "heldAt": NOW_TEXT}));
    assert!(held.is_on_hold() && held.is_confirmed());
    let begun = read(json!({"decision": "held", "activatedAt": NOW_TEXT, "heldAt": earlier}));
    assert!(begun.is_on_hold() && !begun.is_confirmed(), "an earlier hold says nothing of this one");
    let revoked = read(json!({"decision": "revoked", "activatedAt": earlier, "revokedAt": NOW_TEXT}));
    assert!(revoked.is_revoked() && revoked.is_confirmed());
    let again = read(json!({"decision": "revoked", "activatedAt": NOW_TEXT, "revokedAt": earlier}));
    assert!(again.is_revoked() && !again.is_confirmed(), "it came in again since it was revoked");
    let refused = read(json!({"decision": "refused", "reason": "not_listed"}));
    assert_eq!(
        (refused.status.as_ref(), refused.admitted_at.as_ref()),
        (Some(&CertificateStatus::PendingActivation), None)
    );
    let superseded = read(json!({"supersededBy": "0f".repeat(32), "activatedAt": earlier}));
    assert!(!superseded.is_confirmed() && superseded.wanted(&CertificateStatus::Active) == Some(NewStatus::Inactive));
}

#[tokio::test]
async fn unconfirmed_rows_are_read_from_their_index_page_by_page() {
    let last = json!({
        "registrationId": {"S": "ca#0009"}, "decidedAt": {"S": NOW_TEXT}, "unconfirmed": {"S": "unconfirmed"},
    });
    let service = Service::new([
        ok(&json!({"Items": [{"registrationId": {"S": "ca#0001"}}], "LastEvaluatedKey": last})),
        ok(&json!({"Items": []})),
    ]);
    let registrations = service.registrations();
    let (found, next) = registrations.unconfirmed(None).await.unwrap();
    assert_eq!(found, ids(1..2));
    let key = UnconfirmedKey { decided_at: NOW_TEXT.to_owned(), id: RegistrationId::from_text("ca#0009") };
    assert_eq!(next, Some(key.clone()));
    assert_eq!(registrations.unconfirmed(Some(&key)).await.unwrap(), (Vec::new(), None));
    let sent = service.sent();
    for sent in &sent {
        assert_eq!((sent.target.as_str(), sent.text("IndexName")), ("DynamoDB_20120810.Query", "byUnconfirmed"));
        assert_eq!(sent.text("KeyConditionExpression"), "#unconfirmed = :unconfirmed");
    }
    assert_eq!((&sent[0].body["ExclusiveStartKey"], &sent[1].body["ExclusiveStartKey"]), (&Value::Null, &last));

    let broken = Service::new([ok(&json!({"Items": [{"decidedAt": {"S": NOW_TEXT}}]}))]);
    assert_fault(broken.registrations().unconfirmed(None).await, "dynamodb:Query", Invalid, "registrationId");
}

fn found(rows: &[Value]) -> Answer {
    ok(&json!({"Responses": {"registrations": rows}}))
}

fn asked(sent: &Sent) -> Vec<&str> {
    let keys = sent.body["RequestItems"]["registrations"]["Keys"].as_array().unwrap();
    keys.iter().map(|key| key["registrationId"]["S"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn rows_are_read_consistently_in_parts_of_a_hundred_keys_each_once() {
    let service =
        Service::new([found(&[row("ca#0000", &json!({}))]), found(&[]), found(&[row("ca#00f9", &json!({}))])]);
    let rows = service.registrations().registrations(&ids((0..250).chain(0..250).rev())).await.unwrap();
    let rows: Vec<&str> = rows.iter().map(|row| row.as_ref().unwrap().registration_id.as_str()).collect();
    assert_eq!(rows, ["ca#0000", "ca#00f9"]);

    let sent = service.sent();
    assert_eq!(sent.iter().map(|sent| asked(sent).len()).collect::<Vec<_>>(), [100, 100, 50]);
    assert_eq!(
        sent.iter().flat_map(asked).collect::<Vec<_>>(),
        ids(0..250).iter().map(RegistrationId::as_str).collect::<Vec<_>>()
    );
    for sent in &sent {
        assert_eq!(sent.target, "DynamoDB_20120810.BatchGetItem");
        assert_eq!(sent.body["RequestItems"]["registrations"]["ConsistentRead"], true);
    }

    let service = Service::default();
    assert!(service.registrations().registrations(&[]).await.unwrap().is_empty());
    assert!(service.sent().is_empty());
}

/// An answer with one row, and one key left.
fn partly() -> Answer {
    let left = json!({"Keys": [{"registrationId": {"S": "ca#0001"}}], "ConsistentRead": true});
    ok(&json!({
        "Responses": {"registrations": [row("ca#0000", &json!({}))]}, "UnprocessedKeys": {"registrations": left},
    }))
}

#[tokio::test]
async fn keys_left_unprocessed_are_asked_for_again_eight_times() {
    let service = Service::new([partly(), found(&[row("ca#0001", &json!({}))])]);
    let rows = service.registrations().registrations(&ids(0..2)).await.unwrap();
    assert_eq!(rows.len(), 2);
    let sent = service.sent();
    assert_eq!((asked(&sent[0]), asked(&sent[1])), (vec!["ca#0000", "ca#0001"], vec!["ca#0001"]));
    assert_eq!(sent[1].body["RequestItems"]["registrations"]["ConsistentRead"], true);

    let service = Service::new(vec![partly(); 9]);
    let read = service.registrations().registrations(&ids(0..2)).await;
    assert_fault(read, "dynamodb:BatchGetItem", Throttled, "unprocessed");
    assert_eq!(service.sent().len(), 8);
}

#[tokio::test]
async fn all_rows_with_a_proven_serial_number_are_walked_page_by_page() {
    let service = Service::new([
        ok(&json!({"Items": [row("ca#0001", &json!({}))], "LastEvaluatedKey": {"registrationId": {"S": "ca#0009"}}})),
        ok(&json!({"Items": []})),
    ]);
    let registrations = service.registrations();
    let (rows, next) = registrations.walk(None).await.unwrap();
    assert_eq!(rows.len(), 1);
    let row = rows[0].as_ref().unwrap();
    assert_eq!((row.decision, row.reason), (Decision::Activated, Reason::ChecksPassed));
    assert_eq!(next, Some(Continuation("ca#0009".to_owned())));
    let (rows, end) = registrations.walk(next.as_ref()).await.unwrap();
    assert_eq!((rows.len(), end), (0, None));

    let sent = service.sent();
    for sent in &sent {
        assert_eq!((sent.target.as_str(), sent.text("TableName")), ("DynamoDB_20120810.Scan", "registrations"));
        assert_eq!(sent.text("FilterExpression"), "attribute_exists(#serial)");
        assert_eq!(sent.names()["#serial"], "serial");
        assert_eq!(sent.body["ConsistentRead"], true);
    }
    assert_eq!(sent[0].body["ExclusiveStartKey"], Value::Null);
    assert_eq!(sent[1].body["ExclusiveStartKey"], json!({"registrationId": {"S": "ca#0009"}}));
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_named_and_costs_the_others_nothing() {
    let broken = row("ca#0007", &json!({"revocationReason": {"S": "mislaid"}}));
    let rows = [broken, row("ca#0008", &json!({}))];
    let batch = Service::new([found(&rows)]).registrations().registrations(&ids(7..9)).await.unwrap();
    let (walk, _) = Service::new([ok(&json!({"Items": rows}))]).registrations().walk(None).await.unwrap();
    for (read, operation) in [(batch, "dynamodb:BatchGetItem"), (walk, "dynamodb:Scan")] {
        let mut read = read.into_iter();
        let (Some(Err(UnreadableRow { fault, id })), Some(Ok(good)), None) = (read.next(), read.next(), read.next())
        else {
            panic!("{operation}")
        };
        assert_eq!((id.as_str(), good.registration_id.as_str()), ("ca#0007", "ca#0008"));
        let text = assert_fault(Err::<(), _>(fault), operation, Invalid, operation);
        assert!(text.contains("ca#0007") && text.contains("attribute revocationReason:"), "{text}");
    }
    let lost = ok(&json!({"Items": [], "LastEvaluatedKey": {"id": {"S": "x"}}}));
    assert_fault(Service::new([lost]).registrations().walk(None).await, "dynamodb:Scan", Invalid, "LastEvaluatedKey");
}

#[tokio::test]
async fn every_call_reports_its_operation() {
    let service = Service::new(vec![dynamodb_error(400, "ThrottlingException"); 5]);
    let (registrations, id) = (service.registrations(), candidate().id);
    let row = Registration::new(&candidate(), NOW);
    let verdict = Verdict::new(Decision::Rejected, Reason::EventNotAnObject, "not an object");
    assert_fault(registrations.save(&row, row.clone()).await, "dynamodb:UpdateItem", Throttled, "save");
    assert_fault(
        registrations.record_rejection("[]", &verdict, NOW).await,
        "dynamodb:UpdateItem",
        Throttled,
        "rejection",
    );
    assert_fault(registrations.registrations(&[id]).await, "dynamodb:BatchGetItem", Throttled, "registrations");
    assert_fault(registrations.walk(None).await, "dynamodb:Scan", Throttled, "walk");
    assert_fault(registrations.unconfirmed(None).await, "dynamodb:Query", Throttled, "unconfirmed");
    assert_eq!(service.sent().len(), 5);
}
