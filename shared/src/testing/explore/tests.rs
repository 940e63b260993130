use serde_json::json;

use super::*;
use crate::fault::Fault;
use crate::testing::Object;

const COUNTER: &str = "https://example.com/counter";

/// A cloud with a number in it.
fn cloud() -> FakeCloud {
    let cloud = FakeCloud::default();
    cloud.publish_crl(&COUNTER.parse().unwrap(), vec![0]);
    cloud
}

fn value(cloud: &FakeCloud) -> u8 {
    cloud.state().sources[&COUNTER.parse().unwrap()][0]
}

async fn read(cloud: &FakeCloud) -> Result<u8, Fault> {
    cloud.call("read", |state| state.sources[&COUNTER.parse().unwrap()][0]).await
}

/// Writes a number, if the one before is still `expected`; tells whether it was.
async fn write(cloud: &FakeCloud, number: u8, expected: Option<u8>) -> Result<bool, Fault> {
    let write = cloud.call("write", move |state| {
        let found: &mut Object = state.sources.get_mut(&COUNTER.parse().unwrap()).unwrap();
        let is_met = expected.is_none_or(|expected| found[0] == expected);
        if is_met {
            found.change(|bytes| bytes[0] = number);
        }
        is_met
    });
    write.await
}

/// Counts one up; without a condition, a count may be lost.
async fn count(cloud: FakeCloud, is_conditional: bool) {
    while let Ok(before) = read(&cloud).await {
        if matches!(write(&cloud, before + 1, is_conditional.then_some(before)).await, Ok(true) | Err(_)) {
            return;
        }
    }
}

fn counts(cloud: &FakeCloud, expected: u8) -> Result<(), String> {
    let found = value(cloud);
    (found == expected).then_some(()).ok_or_else(|| format!("{found} instead of {expected}"))
}

#[test]
fn a_lost_update_is_found_and_told() {
    let explore = |is_conditional| {
        Exploration::new(&cloud())
            .actor("one", move |cloud| count(cloud, is_conditional))
            .actor("other", move |cloud| count(cloud, is_conditional))
            .at_the_end(|cloud| counts(cloud, 2))
    };
    let explored = explore(true).exhaustive();
    explored.assert_holds();
    assert_eq!(explored.orders, 6, "{explored}");

    let failure = explore(false).exhaustive().failure.unwrap();
    let actors: Vec<_> = failure.steps.iter().map(|step| (step.actor, step.call)).collect();
    assert_eq!(failure.problem, "1 instead of 2");
    assert_eq!(actors.iter().filter(|(_, call)| *call == "read").count(), 2);
    assert_ne!(actors[0].0, actors[1].0, "both read before one writes: {failure}");

    let failure = explore(false).random(0..100).failure.unwrap();
    let seed = failure.seed.unwrap();
    assert_eq!(explore(false).random(seed..seed + 1).failure, Some(failure), "a seed is an order");
    explore(true).random(0..100).assert_holds();
}

/// Of two rows of calls there are as many orders as ways to mix them; equal points are gone on from once.
#[test]
fn orders_are_counted_and_equal_points_are_not_repeated() {
    async fn look(cloud: FakeCloud) {
        for _ in 0..10 {
            read(&cloud).await.unwrap();
        }
    }
    let explored = Exploration::new(&cloud()).actor("one", look).actor("other", look).exhaustive();
    assert_eq!((explored.orders, explored.points, explored.ends), (184_756, 121, 1), "{explored}");
    let three = Exploration::new(&cloud()).actor("a", look).actor("b", look).actor("c", look).exhaustive();
    assert_eq!((three.orders, three.points), (5_550_996_791_340, 1_331), "{three}");
    let bounded = Exploration::new(&cloud()).actor("one", look).actor("other", look).bound(50).exhaustive();
    assert!(!bounded.is_complete && bounded.failure.is_none(), "{bounded}");
}

/// First one thing, then the other: the other is never there without the first.
async fn two_steps(cloud: FakeCloud, are_swapped: bool) {
    let steps = if are_swapped { [2, 1] } else { [1, 2] };
    for bit in steps {
        let set = cloud.call("set", move |state| {
            state.sources.get_mut(&COUNTER.parse().unwrap()).unwrap().change(|bytes| bytes[0] |= bit);
        });
        if set.await.is_err() {
            return;
        }
    }
}

#[test]
fn a_death_between_two_steps_is_found() {
    let explore = |are_swapped, faults| {
        Exploration::new(&cloud())
            .actor("setter", move |cloud| two_steps(cloud, are_swapped))
            .faults(faults)
            .afterwards(move |cloud| two_steps(cloud, are_swapped))
            .always(|cloud| (value(cloud) != 2).then_some(()).ok_or_else(|| "the second without the first".to_owned()))
            .at_the_end(|cloud| counts(cloud, 3))
    };
    explore(false, 2).exhaustive().assert_holds();
    assert!(explore(true, 0).exhaustive().failure.is_some(), "the invariant is looked at after every call");

    let without_repetition = Exploration::new(&cloud())
        .actor("setter", |cloud| two_steps(cloud, false))
        .at_the_end(|cloud| counts(cloud, 3));
    without_repetition.exhaustive().assert_holds();
    for kind in InjectedFault::STOPS {
        let failure = Exploration::new(&cloud())
            .actor("setter", |cloud| two_steps(cloud, false))
            .faults_of(1, &[kind])
            .at_the_end(|cloud| counts(cloud, 3))
            .exhaustive()
            .failure
            .unwrap();
        assert_eq!(failure.steps.iter().filter_map(|step| step.fault).collect::<Vec<_>>(), [kind], "{failure}");
    }
}

/// An answer that is lost looks like a refusal: whoever tries again without a condition counts twice.
#[test]
fn a_lost_answer_is_found() {
    let explore = |kinds: &[InjectedFault]| {
        let counter = |cloud: FakeCloud| async move {
            let add = || {
                cloud.call("add", |state| {
                    state.sources.get_mut(&COUNTER.parse().unwrap()).unwrap().change(|bytes| bytes[0] += 1);
                })
            };
            if add().await.is_err() {
                add().await.unwrap();
            }
        };
        let exploration = Exploration::new(&cloud()).actor("counter", counter);
        exploration.faults_of(1, kinds).at_the_end(|cloud| counts(cloud, 1)).exhaustive()
    };
    explore(&[InjectedFault::Refused]).assert_holds();
    assert!(explore(&[InjectedFault::AnswerLost]).failure.is_some());
}

/// Who leaves an id of its own in a row, and takes it away again if it still is its own.
async fn lock(cloud: FakeCloud, is_careful: bool) {
    let id = format!("{:08x}-0000-4000-8000-{:012x}", fastrand::u32(..), fastrand::u32(..));
    let client = aws_sdk_dynamodb::Client::new(&cloud.config());
    let key = || aws_sdk_dynamodb::types::AttributeValue::S("lock".to_owned());
    let own = || aws_sdk_dynamodb::types::AttributeValue::S(id.clone());
    let mut put = client.put_item().table_name("devices").item("clientId", key()).item("owner", own());
    if is_careful {
        put = put.condition_expression("attribute_not_exists(clientId)");
    }
    if put.send().await.is_err() {
        return;
    }
    // Whoever has the lock finds itself in it.
    let row = client.get_item().table_name("devices").key("clientId", key()).send().await.unwrap().item.unwrap();
    let note = if row["owner"] == own() { "own" } else { "another's" };
    client
        .update_item()
        .table_name("devices")
        .key("clientId", aws_sdk_dynamodb::types::AttributeValue::S(format!("note {note}")))
        .update_expression("SET seen = :one")
        .expression_attribute_values(":one", aws_sdk_dynamodb::types::AttributeValue::N("1".to_owned()))
        .send()
        .await
        .unwrap();
}

#[test]
fn made_up_ids_are_followed_through_tables() {
    let explore = |is_careful| {
        let exploration = Exploration::new(&FakeCloud::default())
            .actor("one", move |cloud| lock(cloud, is_careful))
            .actor("other", move |cloud| lock(cloud, is_careful));
        exploration.at_the_end(|cloud| {
            let rows = cloud.rows_of("devices");
            let is_found = rows.iter().any(|row| row["clientId"] == json!({"S": "note another's"}));
            (!is_found).then_some(()).ok_or_else(|| "the lock is another's".to_owned())
        })
    };
    let explored = explore(true).exhaustive();
    explored.assert_holds();
    assert!(explored.points < 30, "ids do not make points differ: {explored}");
    assert!(explore(false).exhaustive().failure.is_some());
    explore(true).random(0..50).assert_holds();
    assert!(explore(false).random(0..50).failure.is_some());
}

/// Of calls that an actor makes at once, either may come first.
#[test]
fn calls_at_once_come_in_every_order() {
    async fn set(cloud: &FakeCloud, bit: u8) {
        let set = cloud.call("set", move |state| {
            state.sources.get_mut(&COUNTER.parse().unwrap()).unwrap().change(|bytes| bytes[0] |= bit);
        });
        drop(set.await);
    }
    let both = |cloud: FakeCloud| async move {
        tokio::join!(set(&cloud, 1), set(&cloud, 2));
    };
    let explore = |never: u8| {
        Exploration::new(&cloud())
            .actor("both", both)
            .always(move |cloud| (value(cloud) != never).then_some(()).ok_or_else(|| "seen".to_owned()))
            .at_the_end(|cloud| counts(cloud, 3))
    };
    for never in [1, 2] {
        assert!(explore(never).exhaustive().failure.is_some(), "{never}");
    }
    let explored = explore(4).exhaustive();
    explored.assert_holds();
    assert_eq!((explored.orders, explored.ends), (2, 1), "{explored}");
    assert!(explore(2).random(0..50).failure.is_some());
}
