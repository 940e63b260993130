//! Whose message it is.

use std::time::Duration;

use rule_sink::Outcome;
use serde_json::{Value, json};
use shared::batch::SqsRecord;
use shared::fault::{Fault, FaultKind};
use shared::id::CertificateId;
use shared::port::{Holders, Holding};
use shared::testing::{Fate, InjectedFault};
use tokio::time::Instant;

use crate::stage::{LATEST, MESSAGES, Stage, hex, json_message, message, now, sink};

fn thing(name: &str) -> Holding {
    Holding::Thing(name.parse().unwrap())
}

#[tokio::test]
async fn a_device_writes_under_its_own_name_only() {
    let stage = Stage::new();
    stage.certificate(1, thing("pump"));
    let own = json_message("claimed", "pump", 0, &json!(1));
    let other = json_message("claimed", "valve", 1, &json!(2));
    let outcome = stage.take(&[own, other]).await;
    assert_eq!((outcome.written, outcome.rejected, outcome.mismatches), (1, 1, 1), "{outcome:?}");
    assert_eq!(stage.only_row(MESSAGES)["device"]["S"], "pump");
    let rejected = &stage.rejected()[0]["rejected"];
    assert_eq!(rejected["reason"], "principal_mismatch");
    let detail = rejected["detail"].as_str().unwrap();
    assert!(detail.contains("pump") && detail.contains("valve") && detail.contains(&hex(1)), "{detail}");
}

/// A client id is chosen by whoever connects; the certificate is not.
#[tokio::test]
async fn the_client_id_proves_nothing() {
    let stage = Stage::new();
    stage.certificate(1, thing("pump"));
    let mut other = json_message("claimed", "valve", 0, &json!(1));
    other["clientId"] = "valve".into();
    assert_eq!(stage.refused(&[other]).await[0].0, "principal_mismatch");
}

#[tokio::test]
async fn who_was_never_let_in_writes_nothing() {
    let stage = Stage::new();
    stage.certificate(1, Holding::Nothing);
    let unknown = json_message("claimed", "pump", 0, &json!(1));
    let mut nobody = unknown.clone();
    nobody.as_object_mut().unwrap().remove("principal");
    let mut application = unknown.clone();
    application["principal"] = "AROA1:session".into();
    let refused = stage.refused(&[unknown, nobody, application]).await;
    assert!(refused.iter().all(|(reason, _)| reason == "principal_unknown"), "{refused:?}");
    assert_eq!(refused.len(), 3);
}

#[tokio::test]
async fn a_topic_that_names_no_device_is_nobodys() {
    let stage = Stage::new();
    stage.certificate(1, thing("pump"));
    let mut message = message("claimed", "pump", 0, b"1");
    message["topic"] = "dt".into();
    assert_eq!(stage.refused(&[message]).await[0].0, "key");
}

#[tokio::test(start_paused = true)]
async fn who_is_just_being_let_in_is_waited_for() {
    let stage = Stage::new();
    let id = stage.certificate(1, Holding::NotYet);
    let let_in = async {
        tokio::time::sleep(Duration::from_millis(1200)).await;
        stage.holders.set(id, thing("pump"));
    };
    let messages = [json_message("claimed", "pump", 0, &json!(1))];
    tokio::join!(stage.written(&messages), let_in);
    assert_eq!(stage.holders.asked().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn who_is_being_let_in_for_long_is_asked_for_at_the_next_delivery() {
    let stage = Stage::new();
    let id = stage.certificate(1, Holding::NotYet);
    let message = json_message("claimed", "pump", 0, &json!(1));
    let outcome = stage.take(std::slice::from_ref(&message)).await;
    assert_eq!(outcome.failed, ["0"]);
    assert_eq!(stage.holders.asked().len(), 5);
    assert_eq!(stage.rejected().len(), 0);
    stage.holders.set(id, thing("pump"));
    stage.written(&[message]).await;
}

#[tokio::test]
async fn a_certificate_is_asked_for_once_if_it_was_let_in() {
    let stage = Stage::new();
    stage.certificate(1, thing("pump"));
    stage.certificate(2, Holding::Nothing);
    let own = json_message("claimed", "pump", 0, &json!(1));
    let mut unknown = json_message("claimed", "pump", 1, &json!(1));
    unknown["principal"] = hex(2).into();
    let messages = [own.clone(), json_message("claimed", "pump", 2, &json!(2)), unknown];
    stage.take(&messages).await;
    stage.take(&messages).await;
    assert_eq!(stage.holders.asked(), [hex(1), hex(2), hex(2)].map(|id| id.parse().unwrap()));
}

#[tokio::test]
async fn while_nobody_can_tell_whose_it_is_the_message_waits() {
    let stage = Stage::new();
    stage.certificate(1, thing("pump"));
    stage.holders.when(|_| Some(FaultKind::Throttled));
    let claimed = json_message("claimed", "pump", 0, &json!(1));
    let free = json_message("all", "pump", 1, &json!(1));
    let outcome = stage.take(&[claimed.clone(), free]).await;
    assert_eq!((outcome.failed, outcome.written), (vec!["0".to_owned()], 1));
    assert_eq!(stage.rejected().len(), 0);
    stage.holders.when(|_| None);
    stage.written(&[claimed]).await;
}

/// Names are the same if every letter is, and no part of a name is one.
#[tokio::test]
async fn a_name_that_only_resembles_is_another_one() {
    for (own, other) in [("Pump", "pump"), ("pump", "pump-1"), ("pump-1", "pump")] {
        let stage = Stage::new();
        stage.certificate(1, thing(own));
        let refused = stage.refused(&[json_message("claimed", other, 0, &json!(1))]).await;
        assert_eq!(refused[0].0, "principal_mismatch", "{own} {other}");
    }
}

#[tokio::test]
async fn a_device_that_the_topic_does_not_name_is_nobody() {
    let stage = Stage::new();
    stage.certificate(1, thing("pump"));
    let mut message = json_message("owned", "pump", 0, &json!(1));
    message["topic"] = "dt/pump".into();
    let outcome = stage.take(std::slice::from_ref(&message)).await;
    assert_eq!((outcome.rejected, outcome.mismatches), (1, 1), "{outcome:?}");
    assert_eq!(stage.rejected()[0]["rejected"]["reason"], "principal_mismatch");
}

#[tokio::test]
async fn only_claims_count_as_mismatches() {
    let stage = Stage::new();
    stage.certificate(1, Holding::Nothing);
    let messages = [json_message("claimed", "pump", 0, &json!(1)), json_message("nowhere", "pump", 0, &json!(1))];
    let outcome = stage.take(&messages).await;
    assert_eq!((outcome.rejected, outcome.mismatches), (2, 1), "{outcome:?}");
}

/// Not only while DynamoDB is busy: a permission that is missing says nothing about the certificate.
#[tokio::test]
async fn while_nobody_may_ask_whose_it_is_the_message_waits() {
    let stage = Stage::new();
    stage.certificate(1, thing("pump"));
    stage.holders.when(|_| Some(FaultKind::Denied));
    let outcome = stage.take(&[json_message("claimed", "pump", 0, &json!(1))]).await;
    assert_eq!((outcome.failed, outcome.rejected), (vec!["0".to_owned()], 0));
}

/// Answers after a while, or never.
struct Slow(Option<Duration>);

impl Holders for Slow {
    async fn holding(&self, _: &CertificateId) -> Result<Holding, Fault> {
        match self.0 {
            Some(time) => tokio::time::sleep(time).await,
            None => std::future::pending().await,
        }
        Ok(thing("pump"))
    }
}

/// Takes messages of the device `pump`, each with its own certificate; tells what became of them, and how long it took.
async fn take_slowly(holders: Slow, certificates: u8) -> (Outcome, Duration) {
    let Stage { dynamodb, queue, .. } = Stage::new();
    let sink = sink(&dynamodb, queue, holders);
    let message = |n: u8| {
        let mut message = json_message("claimed", "pump", n.into(), &json!(n));
        message["principal"] = hex(n).into();
        SqsRecord { body: message.to_string(), message_id: n.to_string() }
    };
    let records: Vec<SqsRecord> = (0..certificates).map(message).collect();
    let start = Instant::now();
    let outcome = sink.take(&records, now(), start + Duration::from_mins(1)).await;
    (outcome, start.elapsed())
}

#[tokio::test(start_paused = true)]
async fn certificates_are_asked_for_at_the_same_time() {
    let second = Duration::from_secs(1);
    let (outcome, taken) = take_slowly(Slow(Some(second)), 16).await;
    assert_eq!(outcome, Outcome { written: 16, ..Outcome::default() });
    assert!(taken < second * 2, "{taken:?}");
}

#[tokio::test(start_paused = true)]
async fn a_question_without_answer_ends_while_there_is_time_for_refusals() {
    let (outcome, taken) = take_slowly(Slow(None), 1).await;
    assert_eq!((outcome.failed, outcome.rejected), (vec!["0".to_owned()], 0));
    assert!(taken <= Duration::from_secs(55), "{taken:?}");
}

/// Not even the time: DynamoDB may be slow as well.
#[tokio::test(start_paused = true)]
async fn a_question_without_answer_costs_other_messages_nothing() {
    let Stage { dynamodb, queue, .. } = Stage::new();
    dynamodb.when(|_| Fate::Struck(InjectedFault::Stalled));
    let sink = sink(&dynamodb, queue, Slow(None));
    let of = |route: &str| SqsRecord {
        body: json_message(route, "pump", 0, &json!(1)).to_string(),
        message_id: route.to_owned(),
    };
    let until = Instant::now() + Duration::from_mins(1);
    let outcome = sink.take(&[of("claimed"), of("all")], now(), until).await;
    assert_eq!((outcome.failed, outcome.written), (vec!["claimed".to_owned()], 1));
}

/// Answers never for the first certificate, and for others after a second.
struct HangsForTheFirst;

impl Holders for HangsForTheFirst {
    async fn holding(&self, certificate: &CertificateId) -> Result<Holding, Fault> {
        if certificate.as_str() == hex(1) {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok(thing("pump"))
    }
}

/// Neither what makes no claim waits for an answer, nor for long what has been answered for.
#[tokio::test(start_paused = true)]
async fn a_question_without_answer_delays_its_own_messages_only() {
    let Stage { dynamodb, queue, .. } = Stage::new();
    let sink = sink(&dynamodb, queue, HangsForTheFirst);
    let mut other = json_message("claimed", "pump", 1, &json!(1));
    other["principal"] = hex(2).into();
    let bodies = [json_message("claimed", "pump", 0, &json!(1)), other, json_message("all", "pump", 2, &json!(1))];
    let record = |(n, body): (usize, &Value)| SqsRecord { body: body.to_string(), message_id: n.to_string() };
    let records: Vec<SqsRecord> = bodies.iter().enumerate().map(record).collect();
    let taken = sink.take(&records, now(), Instant::now() + Duration::from_mins(1));
    let looked = async {
        tokio::time::sleep(Duration::from_millis(1)).await;
        let free = dynamodb.rows(MESSAGES).len();
        tokio::time::sleep(Duration::from_secs(4)).await;
        (free, dynamodb.rows(MESSAGES).len())
    };
    let (outcome, rows) = tokio::join!(taken, looked);
    assert_eq!(rows, (1, 2));
    assert_eq!((outcome.failed, outcome.written), (vec!["0".to_owned()], 2));
}

/// Among many that hang, one that would be answered is asked about.
#[tokio::test(start_paused = true)]
async fn certificates_without_answer_do_not_keep_others_from_being_asked_about() {
    struct Hangs;
    impl Holders for Hangs {
        async fn holding(&self, certificate: &CertificateId) -> Result<Holding, Fault> {
            // Whoever is asked too late is not told.
            tokio::time::sleep(Duration::from_millis(1)).await;
            if *certificate.as_str() < *hex(40) { std::future::pending().await } else { Ok(thing("pump")) }
        }
    }
    let Stage { dynamodb, queue, .. } = Stage::new();
    let sink = sink(&dynamodb, queue, Hangs);
    let record = |n: u8| {
        let mut message = json_message("claimed", "pump", n.into(), &json!(n));
        message["principal"] = hex(n).into();
        SqsRecord { body: message.to_string(), message_id: n.to_string() }
    };
    let records: Vec<SqsRecord> = (0..50).map(record).collect();
    let outcome = sink.take(&records, now(), Instant::now() + Duration::from_mins(1)).await;
    assert_eq!((outcome.failed.len(), outcome.written), (40, 10), "{outcome:?}");
}

/// A claim that is proven late does not let its message overtake a later one.
#[tokio::test(start_paused = true)]
async fn what_comes_after_a_claim_for_the_same_item_waits_for_it() {
    let messages = [
        json_message("latest", "pump", 0, &json!(0)),
        json_message("mine", "pump", 1, &json!(1)),
        json_message("latest", "pump", 2, &json!(2)),
        json_message("latest", "valve", 3, &json!(3)),
    ];
    for max_slice_weight in [1, usize::MAX] {
        let stage = Stage::with_max_slice_weight(max_slice_weight);
        let id = stage.certificate(1, Holding::NotYet);
        let outcome = stage.take(&messages).await;
        assert_eq!((outcome.failed, outcome.written), (vec!["1".to_owned(), "2".to_owned()], 2));
        let values = || stage.dynamodb.rows(LATEST).iter().map(|row| row["payload"]["N"].clone()).collect::<Vec<_>>();
        assert_eq!(values(), ["0", "3"]);
        let let_in = async {
            tokio::time::sleep(Duration::from_millis(1200)).await;
            stage.holders.set(id, thing("pump"));
        };
        tokio::join!(stage.written(&messages), let_in);
        assert_eq!(values(), ["2", "3"]);
    }
}
