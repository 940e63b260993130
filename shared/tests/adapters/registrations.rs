//! The `Registrations` table as revocation reads and changes it.

use serde_json::{Value, json};
use shared::decision::{Decision, Reason, Verdict};
use shared::fault::FaultKind::{Invalid, Throttled};
use shared::pki::crl::RevocationReason;
use shared::port::{Continuation, Finish, ListedRegistrations, RegistrationStore};
use shared::registration::RegistrationId;
use shared::revocation::Listing;

use crate::wire::{
    Answer, NOW, Sent, Service, assert_fault, authority, candidate, certificate, condition_failed, dynamodb_error, ok,
};

const NOW_TEXT: &str = "2026-09-01T00:00:00.000Z";

fn listing(reason: RevocationReason) -> Listing {
    Listing { crl_number: Some("1f".parse().unwrap()), reason }
}

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

#[tokio::test]
async fn an_activation_is_completed_unless_listed_or_superseded() {
    let service = Service::new([ok(&json!({}))]);
    let number = "1f".parse().unwrap();
    let finish = service.registrations().finish(&candidate(), &Verdict::released(), Some(&number), NOW).await.unwrap();
    assert_eq!(finish, Finish::Finished);
    let sent = service.only();
    assert_eq!(
        sent.text("ConditionExpression"),
        "#certificateId = :certificateId AND attribute_not_exists(supersededBy) AND NOT #decision IN (:held, :revoked)"
    );
    let values = sent.values();
    assert_eq!((&values[":held"], &values[":revoked"]), (&json!({"S": "held"}), &json!({"S": "revoked"})));
    assert_eq!(values[":crlNumber"], json!({"S": "1f"}));
    assert_eq!(values[":activatedAt"], json!({"S": NOW_TEXT}));
    assert_eq!(
        (&values[":decision"], &values[":reason"]),
        (&json!({"S": "activated"}), &json!({"S": "hold_released"}))
    );
    assert_eq!(sent.text("ReturnValuesOnConditionCheckFailure"), "ALL_OLD");
    let update = sent.text("UpdateExpression");
    let removed = " ADD #attempts :one REMOVE #heldAt, #lastError, #lastErrorAt, #replacing, #revocationReason";
    assert!(update.ends_with(removed), "{update}");

    let service = Service::new([ok(&json!({}))]);
    service.registrations().finish(&candidate(), &Verdict::activated(), None, NOW).await.unwrap();
    assert_eq!(service.only().values()[":crlNumber"], Value::Null);
}

#[tokio::test]
async fn a_row_that_stands_in_the_way_of_completion_tells_why() {
    let revoked = json!({
        "decision": {"S": "revoked"}, "reason": {"S": "certificate_revoked"},
        "revocationReason": {"S": "keyCompromise"}, "crlNumber": {"S": "1f"},
    });
    let held = json!({"decision": {"S": "held"}, "reason": {"S": "certificate_hold"}});
    let superseded = json!({"supersededBy": {"S": "0f".repeat(32)}});
    let listed_too = json!({"supersededBy": {"S": "0f".repeat(32)}, "decision": {"S": "held"}});
    let foreign = json!({"certificateId": {"S": "0f".repeat(32)}, "decision": {"S": "revoked"}});
    let id = candidate().id;
    let cases = [
        (row(id.as_str(), &revoked), Finish::Listed(listing(RevocationReason::KeyCompromise))),
        (
            row(id.as_str(), &held),
            Finish::Listed(Listing { crl_number: None, reason: RevocationReason::CertificateHold }),
        ),
        (row(id.as_str(), &superseded), Finish::Superseded),
        (
            row(id.as_str(), &listed_too),
            Finish::Listed(Listing { crl_number: None, reason: RevocationReason::CertificateHold }),
        ),
        // The listing is another certificate's, which must not take this one out for good.
        (row(id.as_str(), &foreign), Finish::Superseded),
        (Value::Null, Finish::Superseded),
    ];
    for (row, expected) in cases {
        let service = Service::new([condition_failed(&row)]);
        let finish = service.registrations().finish(&candidate(), &Verdict::activated(), None, NOW).await.unwrap();
        assert_eq!(finish, expected, "{row}");
    }

    let broken = row(id.as_str(), &json!({"decision": {"S": "withdrawn"}}));
    let service = Service::new([condition_failed(&broken)]);
    let finish = service.registrations().finish(&candidate(), &Verdict::activated(), None, NOW).await;
    let text = assert_fault(finish, "dynamodb:UpdateItem", Invalid, "withdrawn");
    assert!(text.contains(id.as_str()) && text.contains("attribute decision:"), "{text}");
}

#[tokio::test]
async fn a_listing_is_written_over_all_but_a_revocation_by_a_hold() {
    let own = "#certificateId = :certificateId";
    let id = candidate().id;

    let service = Service::new([ok(&json!({}))]);
    let revoked = listing(RevocationReason::KeyCompromise);
    assert!(service.registrations().list(&id, &certificate(), &revoked, NOW).await.unwrap());
    let sent = service.only();
    assert_eq!(sent.body["Key"], json!({"registrationId": {"S": id.as_str()}}));
    assert_eq!(sent.text("ConditionExpression"), own);
    assert_eq!(
        sent.text("UpdateExpression"),
        "SET #certificateId = :certificateId, #decidedAt = :decidedAt, #decision = :decision, #detail = :detail, \
         #reason = :reason, #crlNumber = :crlNumber, #revocationReason = :revocationReason"
    );
    let expected = json!({
        ":certificateId": {"S": certificate().as_str()}, ":crlNumber": {"S": "1f"}, ":decidedAt": {"S": NOW_TEXT},
        ":decision": {"S": "revoked"}, ":detail": {"S": revoked.verdict().detail},
        ":reason": {"S": "certificate_revoked"}, ":revocationReason": {"S": "keyCompromise"},
    });
    assert_eq!(*sent.values(), expected);

    let service = Service::new([ok(&json!({}))]);
    let held = Listing { crl_number: None, reason: RevocationReason::CertificateHold };
    assert!(service.registrations().list(&id, &certificate(), &held, NOW).await.unwrap());
    let sent = service.only();
    assert_eq!(sent.text("ConditionExpression"), format!("{own} AND #decision <> :revoked"));
    assert_eq!(
        (&sent.values()[":revoked"], &sent.values()[":decision"]),
        (&json!({"S": "revoked"}), &json!({"S": "held"}))
    );
    assert_eq!(sent.values()[":crlNumber"], Value::Null);

    let service = Service::new([condition_failed(&Value::Null)]);
    assert!(!service.registrations().list(&id, &certificate(), &held, NOW).await.unwrap());
}

#[tokio::test]
async fn a_listing_is_settled_while_it_still_stands() {
    let cases = [
        (RevocationReason::CertificateHold, "heldAt", "held"),
        (RevocationReason::Unspecified, "revokedAt", "revoked"),
    ];
    for (reason, attribute, decision) in cases {
        let service = Service::new([ok(&json!({})), condition_failed(&Value::Null)]);
        let registrations = service.registrations();
        for stands in [true, false] {
            let settled = registrations.settle(&candidate().id, &certificate(), &listing(reason), NOW).await.unwrap();
            assert_eq!(settled, stands);
        }
        let sent = &service.sent()[0];
        assert_eq!(sent.text("UpdateExpression"), format!("SET #{attribute} = :{attribute} ADD #attempts :one"));
        assert_eq!(sent.text("ConditionExpression"), "#certificateId = :certificateId AND #decision = :decision");
        let mut expected = json!({
            ":certificateId": {"S": certificate().as_str()}, ":decision": {"S": decision}, ":one": {"N": "1"},
        });
        expected[format!(":{attribute}")] = json!({"S": NOW_TEXT});
        assert_eq!(*sent.values(), expected);
        assert_eq!(sent.names()["#decision"], "decision");
        assert_eq!(sent.names()["#certificateId"], "certificateId");
    }
}

#[tokio::test]
async fn only_what_a_hold_has_shut_out_is_released() {
    let service = Service::new([ok(&json!({})), condition_failed(&Value::Null)]);
    let registrations = service.registrations();
    assert!(registrations.release(&candidate().id, &certificate(), NOW).await.unwrap());
    assert!(!registrations.release(&candidate().id, &certificate(), NOW).await.unwrap());
    let sent = &service.sent()[0];
    assert_eq!(
        sent.text("ConditionExpression"),
        "#certificateId = :certificateId AND (attribute_exists(#heldAt) OR attribute_exists(#activatedAt)) \
         AND #decision IN (:held, :decision)"
    );
    assert_eq!(
        sent.text("UpdateExpression"),
        "SET #certificateId = :certificateId, #decidedAt = :decidedAt, #decision = :decision, #detail = :detail, \
         #reason = :reason"
    );
    let values = sent.values();
    assert_eq!((&values[":held"], &values[":decision"]), (&json!({"S": "held"}), &json!({"S": "activating"})));
    assert_eq!(values[":reason"], json!({"S": "hold_released"}));
    assert_eq!((&sent.names()["#heldAt"], &sent.names()["#activatedAt"]), (&json!("heldAt"), &json!("activatedAt")));
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
    let rows: Vec<&str> = rows.iter().map(|row| row.registration_id.as_str()).collect();
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
    assert_eq!((rows.len(), rows[0].decision, rows[0].reason), (1, Decision::Activated, Reason::ChecksPassed));
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
async fn a_row_that_cannot_be_read_is_named() {
    let broken = row("ca#0007", &json!({"revocationReason": {"S": "mislaid"}}));
    let read = Service::new([found(std::slice::from_ref(&broken))]).registrations().registrations(&ids(7..8)).await;
    let batch = assert_fault(read, "dynamodb:BatchGetItem", Invalid, "batch");
    let read = Service::new([ok(&json!({"Items": [broken]}))]).registrations().walk(None).await;
    let walk = assert_fault(read, "dynamodb:Scan", Invalid, "walk");
    for text in [batch, walk] {
        assert!(text.contains("ca#0007") && text.contains("attribute revocationReason:"), "{text}");
    }
    let lost = ok(&json!({"Items": [], "LastEvaluatedKey": {"id": {"S": "x"}}}));
    assert_fault(Service::new([lost]).registrations().walk(None).await, "dynamodb:Scan", Invalid, "LastEvaluatedKey");
}

#[tokio::test]
async fn every_call_reports_its_operation() {
    let service = Service::new(vec![dynamodb_error(400, "ThrottlingException"); 5]);
    let (registrations, id, certificate) = (service.registrations(), candidate().id, certificate());
    let listing = listing(RevocationReason::CertificateHold);
    let update = "dynamodb:UpdateItem";
    assert_fault(registrations.list(&id, &certificate, &listing, NOW).await, update, Throttled, "list");
    assert_fault(registrations.settle(&id, &certificate, &listing, NOW).await, update, Throttled, "settle");
    assert_fault(registrations.release(&id, &certificate, NOW).await, update, Throttled, "release");
    assert_fault(registrations.registrations(&[id]).await, "dynamodb:BatchGetItem", Throttled, "registrations");
    assert_fault(registrations.walk(None).await, "dynamodb:Scan", Throttled, "walk");
    assert_eq!(service.sent().len(), 5);
}
