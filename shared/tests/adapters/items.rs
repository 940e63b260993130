//! Items of any table.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use serde_json::{Value, json};
use shared::aws::items::Items;
use shared::fault::FaultKind::{Denied, Invalid, NotFound, Throttled, Unavailable};
use shared::item::{Attribute, Attributes, Effect, Expired, ItemKey, KeyAttribute, MAX_UPDATED, Write};
use shared::port::{BatchWritten, ItemStore, ItemWritten};
use shared::route::KeyValue;
use shared::substitution::{Number, Value as Data};
use shared::testing::dynamodb::{ScalarType, Tables};
use shared::testing::{DynamoDb, Fate};
use tokio::time::Instant;

use crate::wire::{Answer, Service, assert_fault, dynamodb_error, ok};

const BATCH: &str = "dynamodb:BatchWriteItem";
const NO_TIME: Duration = Duration::ZERO;
const REFUSALS: [&str; 3] =
    ["ItemCollectionSizeLimitExceededException", "SerializationException", "ValidationException"];

fn number(text: &str) -> Number {
    Number::parse(text).unwrap()
}

fn text_key(name: &str, value: &str) -> KeyAttribute {
    KeyAttribute { name: name.to_owned(), value: KeyValue::Text(value.to_owned()) }
}

fn number_key(name: &str, value: &str) -> KeyAttribute {
    KeyAttribute { name: name.to_owned(), value: KeyValue::Number(number(value)) }
}

/// The attributes of a JSON object.
fn attributes(object: &Value) -> Attributes {
    let Data::Object(members) = Data::from_json(object.to_string().as_bytes()).unwrap() else { unreachable!() };
    members.into_iter().map(|(name, value)| (name, Attribute::Json(value))).collect()
}

/// A write to `readings`, whose key is `device` and the number `at`.
fn reading(device: &str, at: &str, effect: Effect) -> Write {
    let key = ItemKey { hash: text_key("device", device), range: Some(number_key("at", at)) };
    Write { effect, key, table: "readings".to_owned() }
}

/// A write to `devices`, whose key is `device`.
fn device(id: &str, effect: Effect) -> Write {
    let key = ItemKey { hash: text_key("device", id), range: None };
    Write { effect, key, table: "devices".to_owned() }
}

fn put(object: &Value) -> Effect {
    Effect::Put(attributes(object))
}

fn put_request(item: &Value) -> Value {
    json!({"PutRequest": {"Item": item}})
}

fn unprocessed(tables: &Value) -> Answer {
    ok(&json!({"UnprocessedItems": tables}))
}

/// The adapter with waits that can be told from none.
fn patient(service: &Service) -> Items {
    let retries = RetryConfig::disabled().with_initial_backoff(Duration::from_millis(100));
    Items::new(&service.config().to_builder().retry_config(retries).build())
}

#[tokio::test]
async fn each_type_has_its_wire_form() {
    let json = json!({
        "array": ["a", [], {}], "false": false, "null": null, "object": {"": {"n": -1}, "o": {}}, "text": "", "true": true,
    });
    let mut all = attributes(&json);
    all.insert("octets".to_owned(), Attribute::Binary(vec![0, 255]));
    all.insert("nothing".to_owned(), Attribute::Binary(Vec::new()));
    all.insert("undefined".to_owned(), Attribute::Json(Data::Array(vec![Data::Undefined])));
    for text in ["0", "-1.50", "1E-130", "12345678901234567890123456789012345678"] {
        all.insert(text.to_owned(), Attribute::Json(Data::Number(number(text))));
    }
    let mut expected = json!({
        "array": {"L": [{"S": "a"}, {"L": []}, {"M": {}}]}, "false": {"BOOL": false}, "null": {"NULL": true},
        "object": {"M": {"": {"M": {"n": {"N": "-1"}}}, "o": {"M": {}}}}, "text": {"S": ""}, "true": {"BOOL": true},
        "octets": {"B": "AP8="}, "nothing": {"B": ""}, "undefined": {"L": [{"NULL": true}]},
        "0": {"N": "0"}, "-1.50": {"N": "-1.50"}, "1E-130": {"N": "1E-130"},
        "12345678901234567890123456789012345678": {"N": "12345678901234567890123456789012345678"},
    });
    let key = json!({"device": {"S": "pump"}, "at": {"N": "1.5"}});

    let service = Service::new(vec![ok(&json!({})); 3]);
    let items = service.items();
    let write = reading("pump", "1.5", Effect::Put(all.clone()));
    assert_eq!(items.write(&write).await.unwrap(), ItemWritten::Done);
    assert_eq!(items.write_batch(&[&write], NO_TIME).await.unwrap(), BatchWritten::Left(vec![]));
    let write = reading("pump", "1.5", Effect::Update(all.clone()));
    assert_eq!(items.write(&write).await.unwrap(), ItemWritten::Done);

    let [put, batch, update] = service.sent().try_into().unwrap();
    let values = update.values().as_object().unwrap();
    assert_eq!(values.len(), all.len());
    for (place, value) in values {
        let name = update.names()[place.replace(':', "#")].as_str().unwrap();
        assert_eq!(*value, expected[name], "{name}");
    }
    expected.as_object_mut().unwrap().extend(key.as_object().unwrap().clone());
    assert_eq!((put.target.as_str(), &put.body["Item"]), ("DynamoDB_20120810.PutItem", &expected));
    assert_eq!(put.text("TableName"), "readings");
    assert_eq!(put.body.as_object().unwrap().len(), 2, "{put:?}");
    assert_eq!(batch.target, "DynamoDB_20120810.BatchWriteItem");
    assert_eq!(batch.body, json!({"RequestItems": {"readings": [put_request(&expected)]}}));
    assert_eq!((update.target.as_str(), &update.body["Key"]), ("DynamoDB_20120810.UpdateItem", &key));
}

#[tokio::test]
async fn a_batch_goes_to_all_its_tables_in_one_request() {
    let writes = [
        reading("a", "1", put(&json!({"t": 20}))),
        device("a", Effect::Delete),
        reading("a", "2", Effect::Delete),
        device("b", put(&json!({}))),
    ];
    let service = Service::new([ok(&json!({}))]);
    let written = service.items().write_batch(&writes.each_ref(), NO_TIME).await.unwrap();
    assert_eq!(written, BatchWritten::Left(vec![]));
    let expected = json!({"RequestItems": {
        "devices": [{"DeleteRequest": {"Key": {"device": {"S": "a"}}}}, put_request(&json!({"device": {"S": "b"}}))],
        "readings": [
            put_request(&json!({"device": {"S": "a"}, "at": {"N": "1"}, "t": {"N": "20"}})),
            {"DeleteRequest": {"Key": {"device": {"S": "a"}, "at": {"N": "2"}}}},
        ],
    }});
    assert_eq!(service.only().body, expected);
}

#[tokio::test]
async fn no_request_is_sent_for_nothing_or_for_what_a_batch_cannot_take() {
    let service = Service::default();
    let items = service.items();
    assert_eq!(items.write_batch(&[], NO_TIME).await.unwrap(), BatchWritten::Left(vec![]));
    for effect in [Effect::PutNew(Attributes::new(), None), Effect::Update(Attributes::new())] {
        let written = items.write_batch(&[&device("a", effect)], NO_TIME).await;
        assert_fault(written, BATCH, Invalid, "a condition in a batch");
    }
    assert!(service.sent().is_empty());
}

#[tokio::test]
async fn single_writes_have_their_own_requests() {
    let service = Service::new(vec![ok(&json!({})); 4]);
    let items = service.items();
    let key = json!({"device": {"S": "a"}});
    for effect in [
        Effect::Delete,
        Effect::PutNew(attributes(&json!({"n": 1})), None),
        Effect::Update(attributes(&json!({"name": "x", "size": 2}))),
        Effect::Update(Attributes::new()),
    ] {
        assert_eq!(items.write(&device("a", effect)).await.unwrap(), ItemWritten::Done);
    }
    let sent = service.sent().into_iter().map(|sent| (sent.target.replace("DynamoDB_20120810.", ""), sent.body));
    let expected = [
        ("DeleteItem", json!({"TableName": "devices", "Key": key})),
        (
            "PutItem",
            json!({
                "TableName": "devices", "Item": {"device": {"S": "a"}, "n": {"N": "1"}},
                "ConditionExpression": "attribute_not_exists(#hash)", "ExpressionAttributeNames": {"#hash": "device"},
            }),
        ),
        (
            "UpdateItem",
            json!({
                "TableName": "devices", "Key": key, "UpdateExpression": "SET #0 = :0, #1 = :1",
                "ExpressionAttributeNames": {"#0": "name", "#1": "size"},
                "ExpressionAttributeValues": {":0": {"S": "x"}, ":1": {"N": "2"}},
            }),
        ),
        ("UpdateItem", json!({"TableName": "devices", "Key": key})),
    ];
    assert_eq!(sent.collect::<Vec<_>>(), expected.map(|(target, body)| (target.to_owned(), body)));
}

#[tokio::test]
async fn what_is_against_the_rules_is_refused_with_what_dynamodb_said() {
    let effects =
        [Effect::Delete, put(&json!({})), Effect::PutNew(Attributes::new(), None), Effect::Update(Attributes::new())];
    for code in REFUSALS {
        for effect in effects.clone() {
            let written = Service::new([dynamodb_error(400, code)]).items().write(&device("a", effect)).await.unwrap();
            assert_eq!(written, ItemWritten::Refused("so it is".to_owned()), "{code}");
        }
        let service = Service::new([dynamodb_error(400, code)]);
        let written = service.items().write_batch(&[&device("a", Effect::Delete)], NO_TIME).await.unwrap();
        assert_eq!(written, BatchWritten::Refused("so it is".to_owned()), "{code}");
    }
    // Without a message the code has to do.
    let silent = Answer {
        body: json!({"__type": "com.amazon.coral.service#SerializationException"}).to_string(),
        ..dynamodb_error(400, "")
    };
    let written = Service::new([silent]).items().write(&device("a", Effect::Delete)).await.unwrap();
    assert_eq!(written, ItemWritten::Refused("SerializationException".to_owned()));
}

#[tokio::test]
async fn faults_name_their_operation() {
    let cases = [
        (400, "ResourceNotFoundException", NotFound),
        (400, "AccessDeniedException", Denied),
        (400, "ProvisionedThroughputExceededException", Throttled),
        (400, "ThrottlingException", Throttled),
        (400, "TransactionConflictException", Unavailable),
        (400, "ReplicatedWriteConflictException", Unavailable),
        (500, "InternalServerError", Unavailable),
    ];
    let operations = [
        ("dynamodb:DeleteItem", Effect::Delete),
        ("dynamodb:PutItem", put(&json!({}))),
        ("dynamodb:PutItem", Effect::PutNew(Attributes::new(), None)),
        ("dynamodb:UpdateItem", Effect::Update(Attributes::new())),
    ];
    for (status, code, kind) in cases {
        for (operation, effect) in operations.clone() {
            let written = Service::new([dynamodb_error(status, code)]).items().write(&device("a", effect)).await;
            assert_fault(written, operation, kind, code);
        }
        let service = Service::new([dynamodb_error(status, code)]);
        let written = service.items().write_batch(&[&device("a", Effect::Delete)], Duration::from_secs(1)).await;
        assert_fault(written, BATCH, kind, code);
    }
    assert_fault(
        Service::default().items().write(&device("a", Effect::Delete)).await,
        "dynamodb:DeleteItem",
        Unavailable,
        "lost",
    );
}

#[tokio::test]
async fn a_new_item_exists_if_there_is_one_by_its_whole_key() {
    let dynamodb =
        DynamoDb::new(Tables::default().table_with("readings", ("device", ScalarType::S), Some(("at", ScalarType::N))));
    let items = Items::new(&dynamodb.config());
    let new = |at: &str, n: u8| reading("a", at, Effect::PutNew(attributes(&json!({"n": n})), None));
    assert_eq!(items.write(&new("1", 1)).await.unwrap(), ItemWritten::Done);
    assert_eq!(items.write(&new("2", 2)).await.unwrap(), ItemWritten::Done);
    assert_eq!(items.write(&new("1.0", 3)).await.unwrap(), ItemWritten::Exists);
    let row = |n: u8| json!({"device": {"S": "a"}, "at": {"N": n.to_string()}, "n": {"N": n.to_string()}});
    assert_eq!(dynamodb.rows("readings"), [row(1), row(2)]);
}

/// An item that expires at the very second has expired. One that does not say so in a number never does.
#[tokio::test]
async fn a_new_item_takes_the_place_of_one_that_has_expired() {
    let expired = |at| Some(Expired { at, field: "expires at".to_owned() });
    let cases = [
        (json!({"expires at": 7}), expired(7), true),
        (json!({"expires at": 7}), expired(6), false),
        (json!({"expires at": 7}), None, false),
        (json!({"expires at": "7"}), expired(u64::MAX), false),
        (json!({"expires at": null}), expired(u64::MAX), false),
        (json!({}), expired(u64::MAX), false),
    ];
    for (there, expired, is_replaced) in cases {
        let dynamodb = DynamoDb::new(Tables::default().table("devices", "device", None));
        let items = Items::new(&dynamodb.config());
        items.write(&device("a", put(&there))).await.unwrap();
        let new = device("a", Effect::PutNew(attributes(&json!({"n": 1})), expired.clone()));
        let written = items.write(&new).await.unwrap();
        assert_eq!(written, if is_replaced { ItemWritten::Done } else { ItemWritten::Exists }, "{there} {expired:?}");
        assert_eq!(dynamodb.rows("devices")[0].get("n").is_some(), is_replaced);
    }
}

#[tokio::test]
async fn an_update_sets_and_leaves_the_rest_up_to_the_greatest() {
    let dynamodb = DynamoDb::new(Tables::default().table("devices", "device", None));
    let items = Items::new(&dynamodb.config());
    let update = |effect| device("a", Effect::Update(effect));
    assert_eq!(items.write(&update(attributes(&json!({})))).await.unwrap(), ItemWritten::Done);
    assert_eq!(dynamodb.rows("devices"), [json!({"device": {"S": "a"}})]);
    for object in [json!({"a b": 1, "size": {"x": 1}}), json!({"size": "large", "": null}), json!({"size": [1]})] {
        let written = items.write(&update(attributes(&object))).await.unwrap();
        assert_eq!(written == ItemWritten::Done, object.get("").is_none(), "{written:?}");
    }
    let expected = json!({"device": {"S": "a"}, "a b": {"N": "1"}, "size": {"L": [{"N": "1"}]}});
    assert_eq!(dynamodb.rows("devices"), [expected]);

    let many = |count: usize| (0..count).map(|n| (n.to_string(), Attribute::Json(Data::Null))).collect();
    assert_eq!(items.write(&update(many(MAX_UPDATED))).await.unwrap(), ItemWritten::Done);
    assert_eq!(dynamodb.rows("devices")[0].as_object().unwrap().len(), 3 + MAX_UPDATED);
    let ItemWritten::Refused(problem) = items.write(&update(many(MAX_UPDATED + 1))).await.unwrap() else { panic!() };
    assert!(problem.contains("too many operators"), "{problem}");
    let ItemWritten::Refused(problem) = items.write(&update(attributes(&json!({"device": 1})))).await.unwrap() else {
        panic!()
    };
    assert!(problem.contains("part of the key"), "{problem}");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_taken_up_is_sent_again_until_it_is() {
    let dynamodb = DynamoDb::new(Tables::default().table("devices", "device", None).table_with(
        "readings",
        ("device", ScalarType::S),
        Some(("at", ScalarType::N)),
    ));
    let mut left = [3, 3, 2, 1].into_iter();
    dynamodb.when(move |_| left.next().map_or(Fate::CarriedOut, Fate::PartlyTaken));
    let writes = [
        reading("a", "1.50", put(&json!({"n": 1}))),
        device("a", put(&json!({"n": 2}))),
        reading("b", "1E1", Effect::Delete),
        reading("a", "100", put(&json!({"n": 3}))),
    ];
    let written = Items::new(&dynamodb.config()).write_batch(&writes.each_ref(), Duration::from_mins(1)).await.unwrap();
    assert_eq!(written, BatchWritten::Left(vec![]));
    let count =
        |body: &Value| body["RequestItems"].as_object().unwrap().values().map(|t| t.as_array().unwrap().len()).sum();
    let counts: Vec<usize> = dynamodb.sent().iter().map(|sent| count(&sent.body)).collect();
    assert_eq!(counts, [4, 3, 3, 2, 1]);
    assert_eq!((dynamodb.rows("devices").len(), dynamodb.rows("readings").len()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn what_is_left_at_the_end_is_told_by_place() {
    let writes = [
        reading("a", "1.5E1", put(&json!({"n": 1}))),
        device("a", Effect::Delete),
        reading("a", "100", Effect::Delete),
        reading("b", "15", put(&json!({"n": 1}))),
        device("15", put(&json!({}))),
    ];
    let key = |device: &str, at: &str| json!({"device": {"S": device}, "at": {"N": at}});
    let item = json!({"device": {"S": "a"}, "at": {"N": "15.0"}, "n": {"N": "1"}});
    let delete = |key: &Value| json!({"DeleteRequest": {"Key": key}});
    let cases = [
        (json!({}), vec![]),
        (json!({"readings": [], "devices": []}), vec![]),
        (json!({"readings": [put_request(&item)]}), vec![0]),
        (json!({"readings": [delete(&key("a", "1e2"))]}), vec![2]),
        (json!({"readings": [put_request(&key("b", "15")), put_request(&item)], "devices": []}), vec![0, 3]),
        (json!({"devices": [delete(&json!({"device": {"S": "a"}}))]}), vec![1]),
        (
            json!({"devices": [put_request(&json!({"device": {"S": "15"}}))], "readings": [delete(&key("a", "100"))]}),
            vec![2, 4],
        ),
        // For none of them: nothing may be taken for done.
        (json!({"devices": [delete(&json!({"device": {"S": "z"}}))]}), vec![0, 1, 2, 3, 4]),
        (json!({"devices": [delete(&json!({"device": {"N": "15"}}))]}), vec![0, 1, 2, 3, 4]),
        (json!({"other": [delete(&json!({"device": {"S": "a"}}))]}), vec![0, 1, 2, 3, 4]),
        (json!({"devices": [{}]}), vec![0, 1, 2, 3, 4]),
    ];
    for (left, expected) in cases {
        let service = Service::new([unprocessed(&left)]);
        let written = service.items().write_batch(&writes.each_ref(), NO_TIME).await.unwrap();
        assert_eq!(written, BatchWritten::Left(expected), "{left}");
        assert_eq!(service.sent().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn waits_grow_and_end_with_the_patience() {
    let one = json!({"devices": [put_request(&json!({"device": {"S": "a"}}))]});
    for (patience, least, most) in [(0, 1, 1), (99, 1, 1), (250, 2, 2), (5_000, 5, 12), (60_000, 30, 130)] {
        let patience = Duration::from_millis(patience);
        let service = Service::new(vec![unprocessed(&one); 200]);
        let start = Instant::now();
        let written = patient(&service).write_batch(&[&device("a", put(&json!({})))], patience).await.unwrap();
        assert_eq!(written, BatchWritten::Left(vec![0]));
        let requests = service.sent().len();
        assert!((least..=most).contains(&requests), "{patience:?}: {requests} requests");
        assert!(start.elapsed() <= patience, "{patience:?}: {:?}", start.elapsed());
    }
    // Lists of nothing are nothing to wait for.
    let service = Service::new([unprocessed(&json!({"devices": []}))]);
    let written =
        patient(&service).write_batch(&[&device("a", put(&json!({})))], Duration::from_mins(1)).await.unwrap();
    assert_eq!((written, service.sent().len()), (BatchWritten::Left(vec![]), 1));
    // Time without end does not overflow.
    let service = Service::new([unprocessed(&one), ok(&json!({}))]);
    let written = patient(&service).write_batch(&[&device("a", put(&json!({})))], Duration::MAX).await.unwrap();
    assert_eq!(written, BatchWritten::Left(vec![]));
}

#[tokio::test(start_paused = true)]
async fn a_fault_of_a_later_request_does_not_lose_what_was_taken_up() {
    let writes = ["a", "b", "c"].map(|id| device(id, put(&json!({}))));
    let left = |ids: &[&str]| {
        unprocessed(
            &json!({"devices": ids.iter().map(|id| put_request(&json!({"device": {"S": id}}))).collect::<Value>()}),
        )
    };
    let minute = Duration::from_mins(1);
    for error in [dynamodb_error(400, "ThrottlingException"), dynamodb_error(500, "InternalServerError")] {
        let service = Service::new([left(&["b", "c"]), left(&["c"]), error]);
        let written = service.items().write_batch(&writes.each_ref(), minute).await.unwrap();
        assert_eq!((written, service.sent().len()), (BatchWritten::Left(vec![2]), 3));
    }
    // A lost connection.
    let service = Service::new([left(&["b"])]);
    let written = service.items().write_batch(&writes.each_ref(), minute).await.unwrap();
    assert_eq!(written, BatchWritten::Left(vec![1]));

    let service = Service::new([left(&["b"]), dynamodb_error(400, "AccessDeniedException")]);
    assert_fault(service.items().write_batch(&writes.each_ref(), minute).await, BATCH, Denied, "denied");
    for code in REFUSALS {
        let service = Service::new([left(&["b"]), dynamodb_error(400, code)]);
        let written = service.items().write_batch(&writes.each_ref(), minute).await.unwrap();
        assert_eq!(written, BatchWritten::Refused("so it is".to_owned()));
    }
}
