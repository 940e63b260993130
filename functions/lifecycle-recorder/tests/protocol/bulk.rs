//! Failed attempts to connect in bulk: the tables grow by a bound, and the principal is told.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use shared::presence::MAX_FAILING_CLIENTS;

use crate::stage::{EVENTS, MINUTE, START, Stage, connect_failed, connected};

/// Events of a batch by the template's default.
const BATCH: i64 = 1000;

/// An attempt of a principal under a client id.
fn attempt(principal: &Value, client: &str, at: i64) -> Value {
    let mut event = connect_failed(client, at, &format!("f{at}"));
    event["principalIdentifier"] = principal.clone();
    event
}

fn certificate(n: i64) -> Value {
    format!("{n:064x}").into()
}

fn operations(stage: &Stage) -> BTreeMap<String, usize> {
    let mut operations = BTreeMap::new();
    for sent in stage.dynamodb.sent() {
        *operations.entry(sent.operation).or_default() += 1;
    }
    operations
}

#[tokio::test]
async fn one_principal_with_any_number_of_client_ids_has_few_rows() {
    for (batches, size) in [(20, BATCH), (200, 5)] {
        let stage = Stage::new();
        let (mut told, mut most) = (0, 0);
        for n in 0..batches {
            let events: Vec<Value> = (n * size..(n + 1) * size)
                .map(|n| attempt(&certificate(1), &format!("client-{:06}", n * 7919 % 999_983), START + n))
                .collect();
            let outcome = stage.record(&events).await;
            assert_eq!(outcome.failed.len(), 0);
            told += outcome.connect_failures;
            assert_eq!(outcome.failing[0].principal.as_str(), certificate(1));
            assert_eq!((outcome.failing[0].attempts, outcome.failing[0].clients), (events.len(), events.len()));
            most = most.max(operations(&stage).values().sum());
        }
        let attempts = u64::try_from(batches * size).unwrap();
        assert_eq!(told, attempts);
        assert_eq!(stage.client_rows().len(), MAX_FAILING_CLIENTS);
        assert_eq!(stage.dynamodb.rows(EVENTS).len(), MAX_FAILING_CLIENTS);
        assert!(most <= 4 * MAX_FAILING_CLIENTS + 2, "{most} requests for one batch");

        let row = &stage.principal_rows()[0];
        assert_eq!(stage.principal_rows().len(), 1);
        assert_eq!(row["connectFailures"], json!({"N": (attempts - 8).to_string()}));
        assert_eq!(row["clients"]["SS"].as_array().unwrap().len(), MAX_FAILING_CLIENTS);
        assert!(row["expiresAt"]["N"].is_string() && row["principal"].is_null(), "{row}");
        let failing = stage.devices().failing(10).await.unwrap();
        assert_eq!(failing.len(), 1);
        assert_eq!(
            (failing[0].attempts, failing[0].principal.as_str()),
            (attempts - 8, certificate(1).as_str().unwrap())
        );
        assert_eq!(
            failing[0].last,
            shared::timestamp::from_millis(u64::try_from(START).unwrap() + attempts - 1).unwrap()
        );
    }
}

#[tokio::test]
async fn sessions_of_a_role_are_one_principal_and_so_are_those_that_are_not_told() {
    let stage = Stage::new();
    let mut events = Vec::new();
    for n in 0..40 {
        events.push(attempt(&format!("AROAEXAMPLE:{n}").into(), &format!("a-{n:02}"), START + n));
        events.push(attempt(&Value::Null, &format!("b-{n:02}"), START + n));
    }
    stage.recorded(&events).await;
    assert_eq!(stage.client_rows().len(), 2 * MAX_FAILING_CLIENTS);
    let failing = stage.devices().failing(10).await.unwrap();
    let mut names: Vec<_> = failing.iter().map(|row| (row.principal.as_str(), row.attempts)).collect();
    names.sort_unstable();
    assert_eq!(names, [("AROAEXAMPLE", 32), ("unknown", 32)]);
}

#[tokio::test]
async fn a_fleet_that_may_not_connect_any_more_is_recorded_device_by_device() {
    let stage = Stage::new();
    let mut events: Vec<Value> = Vec::new();
    for n in 0..100 {
        let mut begun = connected(&format!("device-{n}"), START, "s1", 4);
        begun["principalIdentifier"] = certificate(n);
        stage.recorded(&[begun]).await;
        events.push(attempt(&certificate(n), &format!("device-{n}"), START + MINUTE));
    }
    let _ = stage.dynamodb.sent();
    let outcome = stage.record(&events).await;
    assert_eq!((outcome.connect_failures, outcome.failing.len()), (100, 100));
    assert_eq!(stage.client_rows().len(), 100);
    assert_eq!(stage.principal_rows().len(), 0, "whoever has a row takes no place of the principal's");
    assert!(stage.client_rows().iter().all(|row| row["connectFailures"] == json!({"N": "1"})));
    let expected = [("TransactWriteItems", 100), ("UpdateItem", 100)];
    assert_eq!(operations(&stage), expected.map(|(name, n)| (name.to_owned(), n)).into());
}

#[tokio::test]
async fn attempts_under_ids_that_were_admitted_are_counted_once_however_often_they_come() {
    let stage = Stage::new();
    let events: Vec<Value> = (0..8).map(|n| attempt(&certificate(1), &format!("c{n}"), START + n)).collect();
    for _ in 0..3 {
        stage.recorded(&events).await;
    }
    assert!(stage.client_rows().iter().all(|row| row["connectFailures"] == json!({"N": "1"})));
    assert_eq!(stage.devices().failing(10).await.unwrap(), [], "nothing was counted in bulk");
}
