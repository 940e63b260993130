//! The states of CRLs in the `Authorities` table.

use serde_json::{Value, json};
use shared::aws::authorities::{RECORD_INDEX, crl_record};
use shared::decision::Reason;
use shared::fault::FaultKind::{Invalid, NotFound, Throttled};
use shared::port::{Continuation, CrlPublication, CrlStates};
use shared::revocation::{
    CheckFault, Comparison, CrlSource, CrlState, FleetWalk, Progress, PublishedCrl, SnapshotObject, Validators,
};

use crate::wire::{NOW, Sent, Service, assert_fault, authority, condition_failed, dynamodb_error, ok};

const NOW_TEXT: &str = "2026-09-01T00:00:00.000Z";
const SOURCE: &str = "http://crl.example.com/fleet.crl";
const UPDATE: &str = "dynamodb:UpdateItem";

fn source() -> CrlSource {
    SOURCE.parse().unwrap()
}

fn snapshot(key: &str) -> SnapshotObject {
    let layout = json!({"entries": 7, "id": "0b".repeat(16), "pages": 1, "seed": "5e".repeat(8)});
    serde_json::from_value(json!({"key": key, "layout": layout, "sha256": "ab".repeat(32)})).unwrap()
}

fn snapshot_item(key: &str) -> Value {
    json!({"M": {
        "key": {"S": key},
        "layout": {"M": {
            "entries": {"N": "7"}, "id": {"S": "0b".repeat(16)}, "pages": {"N": "1"}, "seed": {"S": "5e".repeat(8)},
        }},
        "sha256": {"S": "ab".repeat(32)},
    }})
}

fn published(key: &str) -> PublishedCrl {
    PublishedCrl {
        number: Some("1f".parse().unwrap()),
        next_update: NOW,
        scope: serde_json::from_value(json!({"certificates": "user", "distributionPoints": [SOURCE], "reasons": 258}))
            .unwrap(),
        skipped: 3,
        snapshot: snapshot(key),
        this_update: NOW,
    }
}

fn published_item(key: &str) -> Value {
    json!({"M": {
        "number": {"S": "1f"},
        "nextUpdate": {"S": NOW_TEXT},
        "scope": {"M": {
            "certificates": {"S": "user"}, "distributionPoints": {"L": [{"S": SOURCE}]}, "reasons": {"N": "258"},
        }},
        "skipped": {"N": "3"},
        "snapshot": snapshot_item(key),
        "thisUpdate": {"S": NOW_TEXT},
    }})
}

fn validators() -> Validators {
    Validators::new(Some("\"e1\"".to_owned()), None)
}

fn row(more: &Value) -> Value {
    let mut row = json!({
        "caCertificateId": {"S": authority().as_str()}, "record": {"S": format!("crl#{SOURCE}")},
        "source": {"S": SOURCE}, "version": {"N": "3"},
    });
    row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    row
}

fn assert_key(sent: &Sent) {
    assert_eq!((sent.target.as_str(), sent.text("TableName")), ("DynamoDB_20120810.UpdateItem", "authorities"));
    let key = json!({"caCertificateId": {"S": authority().as_str()}, "record": {"S": format!("crl#{SOURCE}")}});
    assert_eq!(sent.body["Key"], key);
}

#[tokio::test]
async fn all_states_of_a_ca_are_read_consistently() {
    let full = row(&json!({
        "applied": snapshot_item("old"), "checkedAt": {"S": NOW_TEXT}, "current": published_item("new"),
        "lastError": {"M": {"at": {"S": NOW_TEXT}, "detail": {"S": "gone"}, "reason": {"S": "crl_fetch_failed"}}},
        "validators": {"M": {"etag": {"S": "\"e1\""}}},
        "note": {"B": "AAE="},
    }));
    let key = json!({"caCertificateId": full["caCertificateId"], "record": full["record"]});
    let asked = json!({"record": {"S": "crl#s3://bucket/a"}, "source": {"S": "s3://bucket/a"}});
    let service =
        Service::new([ok(&json!({"Items": [full], "LastEvaluatedKey": key})), ok(&json!({"Items": [asked]}))]);
    let states = service.authorities().crl_states(&authority()).await.unwrap();
    let problem = CheckFault { at: NOW, detail: "gone".into(), reason: Reason::CrlFetchFailed };
    let expected = CrlState {
        applied: Some(snapshot("old")),
        checked_at: Some(NOW),
        current: Some(published("new")),
        last_error: Some(problem),
        validators: validators(),
        version: 3,
        ..CrlState::new(source())
    };
    assert_eq!(states, [expected, CrlState::new("s3://bucket/a".parse().unwrap())]);

    let sent = service.sent();
    for sent in &sent {
        assert_eq!((sent.target.as_str(), sent.text("TableName")), ("DynamoDB_20120810.Query", "authorities"));
        assert_eq!(sent.body["ConsistentRead"], true);
        assert_eq!(sent.text("KeyConditionExpression"), "#authority = :authority AND begins_with(#record, :crl)");
        assert_eq!(*sent.names(), json!({"#authority": "caCertificateId", "#record": "record"}));
        assert_eq!(*sent.values(), json!({":authority": {"S": authority().as_str()}, ":crl": {"S": "crl#"}}));
    }
    assert_eq!(sent[1].body["ExclusiveStartKey"], key);
}

#[tokio::test]
async fn a_state_that_cannot_be_read_says_so_and_costs_the_others_nothing() {
    let mut late = published_item("new");
    late["M"]["nextUpdate"] = json!({"S": "soon"});
    let cases = [
        (json!({"version": {"S": "3"}}), "version"),
        (json!({"source": {"S": "ftp://crl.example.com/a"}}), "source"),
        (json!({"source": {"S": "http://crl.example.com/other.crl"}}), "source"),
        (json!({"current": late}), "current.nextUpdate"),
        (json!({"applied": {"M": {"key": {"S": "a"}}}}), "applied"),
        (json!({"validators": {"S": "e1"}}), "validators"),
    ];
    for (more, attribute) in cases {
        let other = json!({"record": {"S": "crl#s3://bucket/a"}, "source": {"S": "s3://bucket/a"}});
        let nonsense = json!({"record": {"S": "crl#nonsense"}});
        let service = Service::new([ok(&json!({"Items": [row(&more), nonsense, other]}))]);
        let states = service.authorities().crl_states(&authority()).await.unwrap();
        let problem = states[0].unreadable.clone().unwrap();
        assert_eq!(
            states,
            [CrlState::unreadable(source(), &*problem), CrlState::new("s3://bucket/a".parse().unwrap())]
        );
        let named = format!("row {} of {}: attribute {attribute}:", crl_record(&source()), authority());
        assert!(problem.starts_with(&named), "{problem}");
    }
}

#[tokio::test]
async fn half_of_the_states_is_not_an_answer() {
    let service = Service::new([
        ok(&json!({"Items": [row(&json!({}))], "LastEvaluatedKey": {"record": {"S": "crl#"}}})),
        dynamodb_error(400, "ThrottlingException"),
    ]);
    assert_fault(service.authorities().crl_states(&authority()).await, "dynamodb:Query", Throttled, "second page");
}

#[tokio::test]
async fn a_request_for_a_crl_leaves_a_state_that_exists_alone() {
    let service = Service::new([ok(&json!({})), condition_failed(&row(&json!({})))]);
    let authorities = service.authorities();
    authorities.request_crl(&authority(), &source()).await.unwrap();
    authorities.request_crl(&authority(), &source()).await.unwrap();
    let sent = &service.sent()[0];
    assert_key(sent);
    assert_eq!(sent.text("ConditionExpression"), "attribute_not_exists(#record)");
    assert_eq!(sent.text("UpdateExpression"), "SET #source = :source, #validators = :validators, #version = :version");
    assert_eq!(*sent.values(), json!({":source": {"S": SOURCE}, ":validators": {"M": {}}, ":version": {"N": "0"}}));
    assert_eq!(sent.names()["#record"], "record");
}

#[tokio::test]
async fn cas_with_crls_are_found_through_the_index() {
    let other = "0a".repeat(32);
    let service = Service::new([
        ok(&json!({"Items": [], "LastEvaluatedKey": {"record": {"S": "profile"}}})),
        ok(&json!({"Items": [{"caCertificateId": {"S": other}}], "LastEvaluatedKey": {"record": {"S": "more"}}})),
        ok(&json!({"Items": [{"caCertificateId": {"S": authority().as_str()}}]})),
    ]);
    let found = service.authorities().authorities_with_crls().await.unwrap();
    assert_eq!(found, [other.parse().unwrap(), authority()]);
    let sent = &service.sent()[2];
    assert_eq!((sent.text("IndexName"), RECORD_INDEX), ("byRecord", "byRecord"));
    assert_eq!(sent.text("KeyConditionExpression"), "#record = :profile");
    assert_eq!(
        sent.text("FilterExpression"),
        "attribute_exists(#enrolled) AND (attribute_exists(#sources) OR attribute_exists(#hosts))"
    );
    assert_eq!(sent.text("ProjectionExpression"), "#authority");
    let names = json!({
        "#authority": "caCertificateId", "#enrolled": "enrolledAt", "#hosts": "crlHosts", "#record": "record", "#sources": "crlSources",
    });
    assert_eq!((sent.names(), sent.values()), (&names, &json!({":profile": {"S": "profile"}})));
    // DynamoDB refuses consistent reads of a global index.
    assert_eq!(sent.body["ConsistentRead"], Value::Null);

    let service = Service::new([ok(&json!({"Items": [{"caCertificateId": {"S": "pumps"}}]}))]);
    let found = service.authorities().authorities_with_crls().await;
    let text = assert_fault(found, "dynamodb:Query", Invalid, "id");
    assert!(text.contains("\"pumps\""), "{text}");
}

#[tokio::test]
async fn all_cas_that_are_enrolled_are_found_through_the_index() {
    let service = Service::new([ok(&json!({"Items": [{"caCertificateId": {"S": authority().as_str()}}]}))]);
    assert_eq!(service.authorities().enrolled_authorities().await.unwrap(), [authority()]);
    let sent = &service.sent()[0];
    assert_eq!(sent.text("IndexName"), RECORD_INDEX);
    assert_eq!(sent.text("FilterExpression"), "attribute_exists(#enrolled)");
    assert_eq!(sent.names(), &json!({"#authority": "caCertificateId", "#enrolled": "enrolledAt", "#record": "record"}));
}

#[tokio::test]
async fn a_check_that_went_well_clears_the_fault_and_a_fault_leaves_the_validators() {
    let problem = CheckFault { at: NOW, detail: "gone".into(), reason: Reason::CrlFetchFailed };
    let service = Service::new([ok(&json!({})), ok(&json!({}))]);
    let authorities = service.authorities();
    authorities.record_check(&authority(), &source(), &validators(), None, NOW).await.unwrap();
    authorities.record_check(&authority(), &source(), &validators(), Some(&problem), NOW).await.unwrap();

    let sent = service.sent();
    let common = "SET #checkedAt = :checkedAt, #source = :source, #version = if_not_exists(#version, :version)";
    let [well, badly] = [0, 1].map(|at| sent[at].text("UpdateExpression"));
    assert_eq!(well, format!("{common}, #validators = :validators REMOVE #lastError"));
    assert_eq!(badly, format!("{common}, #lastError = :lastError"));
    let mut expected = json!({
        ":checkedAt": {"S": NOW_TEXT}, ":source": {"S": SOURCE}, ":version": {"N": "0"},
        ":validators": {"M": {"etag": {"S": "\"e1\""}}},
    });
    assert_eq!(*sent[0].values(), expected);
    expected.as_object_mut().unwrap().remove(":validators");
    expected[":lastError"] =
        json!({"M": {"at": {"S": NOW_TEXT}, "detail": {"S": "gone"}, "reason": {"S": "crl_fetch_failed"}}});
    assert_eq!(*sent[1].values(), expected);
    for sent in &sent {
        assert_key(sent);
        assert_eq!(sent.body["ConditionExpression"], Value::Null);
    }
}

#[tokio::test]
async fn a_crl_is_published_over_the_version_that_was_read() {
    let service = Service::new([ok(&json!({})), ok(&json!({}))]);
    let authorities = service.authorities();
    for version in [3, 0] {
        assert!(
            authorities.publish(&authority(), &source(), version, &published("new"), &validators(), NOW).await.unwrap()
        );
    }
    let sent = service.sent();
    assert_key(&sent[0]);
    assert_eq!(sent[0].text("ConditionExpression"), "#version = :expected");
    assert_eq!(
        sent[0].text("UpdateExpression"),
        "SET #checkedAt = :checkedAt, #current = :current, #source = :source, #validators = :validators, \
         #version = :version REMOVE #lastError"
    );
    let expected = json!({
        ":checkedAt": {"S": NOW_TEXT}, ":current": published_item("new"), ":expected": {"N": "3"},
        ":source": {"S": SOURCE}, ":validators": {"M": {"etag": {"S": "\"e1\""}}}, ":version": {"N": "4"},
    });
    assert_eq!(*sent[0].values(), expected);
    assert_eq!(sent[1].text("ConditionExpression"), "(attribute_not_exists(#version) OR #version = :expected)");
    let values = sent[1].values();
    assert_eq!((&values[":expected"], &values[":version"]), (&json!({"N": "0"}), &json!({"N": "1"})));
}

#[tokio::test]
async fn publishing_tells_a_rival_from_its_own_lost_answer() {
    let cases = [
        (Value::Null, false),
        (row(&json!({"version": {"N": "4"}, "current": published_item("rival")})), false),
        (row(&json!({"version": {"N": "5"}, "current": published_item("new")})), false),
        (row(&json!({"version": {"N": "4"}})), false),
        (row(&json!({"version": {"N": "4"}, "current": published_item("new")})), true),
    ];
    for (old, expected) in cases {
        let authorities = Service::new([condition_failed(&old)]).authorities();
        let done = authorities.publish(&authority(), &source(), 3, &published("new"), &validators(), NOW).await;
        assert_eq!(done.unwrap(), expected, "{old}");
    }
}

fn carried_out(step: u64) -> CrlState {
    let progress = Progress {
        after: Some("a1b".parse().unwrap()),
        number: None,
        target: snapshot("new"),
        walk: Some(FleetWalk { from: Some(Continuation("ca#07".to_owned())), requests_left: 9 }),
    };
    let retry = vec!["0f".parse().unwrap()];
    CrlState { applied: Some(snapshot("old")), progress: Some(progress), retry, step, ..CrlState::new(source()) }
}

#[tokio::test]
async fn progress_moves_on_from_where_it_stood() {
    let service = Service::new([ok(&json!({})), ok(&json!({}))]);
    let authorities = service.authorities();
    assert!(authorities.record_progress(&authority(), &carried_out(7)).await.unwrap());
    assert!(authorities.record_progress(&authority(), &CrlState::new(source())).await.unwrap());
    let sent = service.sent();
    sent.iter().for_each(assert_key);
    let expression = "SET #step = :step, #applied = :applied, #progress = :progress, #retry = :retry";
    assert_eq!(sent[0].text("UpdateExpression"), expression);
    assert_eq!(sent[0].text("ConditionExpression"), "#step = :expected");
    let values = sent[0].values();
    assert_eq!((&values[":expected"], &values[":step"]), (&json!({"N": "7"}), &json!({"N": "8"})));
    assert_eq!(values[":applied"], snapshot_item("old"));
    assert_eq!(values[":retry"], json!({"L": [{"S": "f"}]}));
    let walk = json!({"M": {"from": {"S": "ca#07"}, "requestsLeft": {"N": "9"}}});
    let progress = json!({"M": {"after": {"S": "a1b"}, "target": snapshot_item("new"), "walk": walk}});
    assert_eq!(values[":progress"], progress);
    assert_eq!(sent[1].text("UpdateExpression"), "SET #step = :step REMOVE #applied, #progress, #retry");
    assert_eq!(sent[1].text("ConditionExpression"), "attribute_exists(#source) AND attribute_not_exists(#step)");

    let own = |step: &str, after: &str| {
        let mut moved = progress.clone();
        moved["M"]["after"]["S"] = json!(after);
        row(&json!({
            "applied": snapshot_item("old"), "progress": moved, "retry": {"L": [{"S": "f"}]}, "step": {"N": step},
        }))
    };
    // The answer to the first try was lost, or another run was faster.
    for (found, expected) in
        [(own("8", "a1b"), true), (own("8", "a1c"), false), (own("9", "a1b"), false), (Value::Null, false)]
    {
        let authorities = Service::new([condition_failed(&found)]).authorities();
        let done = authorities.record_progress(&authority(), &carried_out(7)).await;
        assert_eq!(done.unwrap(), expected, "{found}");
    }
}

#[tokio::test]
async fn what_was_written_of_the_progress_is_read_again() {
    let state = carried_out(7);
    let service = Service::new([ok(&json!({}))]);
    service.authorities().record_progress(&authority(), &state).await.unwrap();
    let values = service.only().values().clone();
    let written = row(&json!({
        "applied": values[":applied"], "progress": values[":progress"], "retry": values[":retry"],
        "step": values[":expected"], "version": {"N": "0"},
    }));
    let states = Service::new([ok(&json!({"Items": [written]}))]).authorities().crl_states(&authority()).await.unwrap();
    assert_eq!(states, [state]);
}

#[tokio::test]
async fn a_comparison_goes_on_from_where_it_stood() {
    let row = |step: &str, from: &str| {
        json!({
            "caCertificateId": {"S": "all"}, "record": {"S": "comparison"}, "again": {"BOOL": false},
            "due": {"BOOL": true}, "from": {"S": from}, "step": {"N": step},
        })
    };
    let comparison = |step| Comparison { again: false, due: true, from: Some(Continuation("ca#07".to_owned())), step };
    let service =
        Service::new([ok(&json!({"Item": row("3", "ca#07")})), ok(&json!({})), ok(&json!({})), ok(&json!({}))]);
    let authorities = service.authorities();
    assert_eq!(authorities.comparison(None).await.unwrap(), comparison(3));
    assert!(authorities.record_comparison(None, &comparison(3)).await.unwrap());
    assert!(authorities.record_comparison(Some(&authority()), &Comparison::default()).await.unwrap());
    assert_eq!(authorities.comparison(Some(&authority())).await.unwrap(), Comparison::default());
    let sent = service.sent();
    let key = |partition: &str| json!({"caCertificateId": {"S": partition}, "record": {"S": "comparison"}});
    assert_eq!((&sent[0].body["Key"], &sent[0].body["ConsistentRead"]), (&key("all"), &json!(true)));
    assert_eq!((&sent[1].body["Key"], &sent[2].body["Key"]), (&key("all"), &key(authority().as_str())));
    let expression = "SET #again = :again, #due = :due, #step = :step, #from = :from";
    assert_eq!(
        (sent[1].text("UpdateExpression"), sent[1].text("ConditionExpression")),
        (expression, "#step = :expected")
    );
    assert_eq!((&sent[1].values()[":step"], &sent[1].values()[":expected"]), (&json!({"N": "4"}), &json!({"N": "3"})));
    assert_eq!(sent[2].text("ConditionExpression"), "attribute_not_exists(#step)");

    for (found, expected) in [(row("4", "ca#07"), true), (row("4", "ca#08"), false), (Value::Null, false)] {
        let authorities = Service::new([condition_failed(&found)]).authorities();
        assert_eq!(authorities.record_comparison(None, &comparison(3)).await.unwrap(), expected, "{found}");
    }
}

#[tokio::test]
async fn every_call_reports_its_operation() {
    let service = Service::new(vec![dynamodb_error(400, "ResourceNotFoundException"); 9]);
    let (table, id, source) = (service.authorities(), authority(), source());
    assert_fault(table.crl_states(&id).await, "dynamodb:Query", NotFound, "crl_states");
    assert_fault(table.authorities_with_crls().await, "dynamodb:Query", NotFound, "authorities_with_crls");
    assert_fault(table.enrolled_authorities().await, "dynamodb:Query", NotFound, "enrolled_authorities");
    assert_fault(table.request_crl(&id, &source).await, UPDATE, NotFound, "request_crl");
    let checked = table.record_check(&id, &source, &validators(), None, NOW).await;
    assert_fault(checked, UPDATE, NotFound, "record_check");
    let done = table.publish(&id, &source, 0, &published("new"), &validators(), NOW).await;
    assert_fault(done, UPDATE, NotFound, "publish");
    assert_fault(table.record_progress(&id, &CrlState::new(source)).await, UPDATE, NotFound, "record_progress");
    assert_fault(table.comparison(None).await, "dynamodb:GetItem", NotFound, "comparison");
    let written = table.record_comparison(None, &Comparison::default()).await;
    assert_fault(written, UPDATE, NotFound, "record_comparison");
    assert_eq!(service.sent().len(), 9);
}
