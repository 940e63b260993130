//! Histories that a broker could have seen, sent in every disorder: the row is the one that is true, by the rule alone
//! and by DynamoDB's conditions, and both agree on every write.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};
use serde_json::{Value, json};
use shared::port::Written;
use shared::presence::{Change, Connection, Device, PendingChange, SubscriptionsChange};
use shared::timestamp::{from_millis, to_text};
use tokio::task::JoinSet;

use crate::stage::{
    DEVICES, EVENTS, MINUTE, RETENTION, START, Stage, connect_failed, connected, decoded, disconnected, subscribed,
    unsubscribed,
};

const CLIENT: &str = "site/7 pump";
const SECOND: i64 = 1000;

/// What happens between the end of one connection and the beginning of the next.
#[derive(Clone, Copy, Debug)]
enum Gap {
    /// The next one takes the client id over; the end is told up to two seconds after the beginning.
    TakeOver(i64),
    /// Minutes offline, fewer than an hour.
    Minutes(i64),
    /// Minutes offline, after which the version starts again.
    Reset(i64),
}

#[derive(Clone, Debug)]
struct Plan {
    gap: Gap,
    minutes: i64,
    lost: (bool, bool),
    /// By how much the times of beginning, end and subscriptions are wrong, in seconds.
    skew: (i64, i64, i64),
    step: i64,
    /// Topic filters subscribed to or given up, ten seconds apart.
    subscriptions: Vec<(usize, bool)>,
    /// Whoever fails to connect meanwhile.
    failure: Option<String>,
    /// Whoever authenticates.
    principal: String,
}

/// A certificate, or a session of an application.
fn principal() -> impl Strategy<Value = String> {
    select(vec!["ce".repeat(32), "AROAEXAMPLE:ann".to_owned(), "AROAEXAMPLE:bob".to_owned()])
}

fn plan() -> impl Strategy<Value = Plan> {
    let gap = prop_oneof![
        (0..2000_i64).prop_map(Gap::TakeOver),
        (0..50_i64).prop_map(Gap::Minutes),
        (61..600_i64).prop_map(Gap::Reset),
    ];
    let lost = (prop::bool::weighted(0.2), prop::bool::weighted(0.2));
    let skew = (-120..=120_i64, -120..=120_i64, -120..=120_i64);
    let subscriptions = vec((0..4_usize, any::<bool>()), 0..5);
    let failure = prop::option::weighted(0.2, principal());
    (gap, 0..600_i64, lost, skew, 1..4_i64, subscriptions, failure, principal()).prop_map(
        |(gap, minutes, lost, skew, step, subscriptions, failure, principal)| Plan {
            gap,
            minutes,
            lost,
            skew,
            step,
            subscriptions,
            failure,
            principal,
        },
    )
}

/// The events that arrive, and what is true at the end as far as they can tell it.
#[derive(Clone, Debug)]
struct Story {
    events: Vec<Value>,
    /// Session, version, whether it has ended.
    connection: Option<(String, i64, bool)>,
    filters: BTreeSet<String>,
}

fn story(plans: &[Plan]) -> Story {
    let mut story = Story { events: Vec::new(), connection: None, filters: BTreeSet::new() };
    let (mut now, mut version) = (START, 0);
    for (n, plan) in plans.iter().enumerate() {
        let (session, mut end_is_late) = (format!("s{n}"), 0);
        match plan.gap {
            Gap::TakeOver(_) => version += plan.step,
            Gap::Minutes(minutes) => {
                now += minutes * MINUTE;
                version += plan.step;
            }
            Gap::Reset(minutes) => {
                now += minutes * MINUTE;
                version = 0;
            }
        }
        if let Some(Plan { gap: Gap::TakeOver(millis), .. }) = plans.get(n + 1) {
            end_is_late = *millis;
        }
        let (begin, first) = (now, story.events.len());
        let mut subscriptions: BTreeMap<usize, bool> = BTreeMap::new();
        for (filter, subscribes) in &plan.subscriptions {
            now += 10 * SECOND;
            let (name, at) = (format!("filter/{filter}"), now + plan.skew.2 * SECOND);
            let event = if *subscribes { subscribed } else { unsubscribed };
            story.events.push(event(CLIENT, at, &session, &[&name]));
            subscriptions.insert(*filter, *subscribes);
        }
        now += plan.minutes * MINUTE;
        if !plan.lost.0 {
            story.events.push(connected(CLIENT, begin + plan.skew.0 * SECOND, &session, version));
        }
        if !plan.lost.1 {
            let at = now + end_is_late + plan.skew.1 * SECOND;
            story.events.push(disconnected(CLIENT, at, &session, version));
        }
        for event in story.events.iter_mut().skip(first) {
            event["principalIdentifier"] = plan.principal.clone().into();
        }
        if let Some(principal) = &plan.failure {
            let mut failure = connect_failed(CLIENT, now, &format!("f{n}"));
            failure["principalIdentifier"] = principal.clone().into();
            story.events.push(failure);
        }
        if !plan.lost.0 || !plan.lost.1 {
            story.connection = Some((session, version, !plan.lost.1));
            let filters = subscriptions.iter().filter(|(_, subscribes)| **subscribes);
            story.filters = filters.map(|(filter, _)| format!("filter/{filter}")).collect();
        }
    }
    story
}

fn stories() -> impl Strategy<Value = Story> {
    vec(plan(), 1..7).prop_map(|plans| story(&plans)).prop_filter("no event", |story| !story.events.is_empty())
}

/// The events in a disorder that follows from the seed, three in ten of them twice or more.
fn disorder(events: &[Value], mut seed: u64) -> Vec<Value> {
    let mut chance = move |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap() % below
    };
    let mut sent = events.to_vec();
    while chance(10) < 3 || sent.len() < events.len() * 13 / 10 {
        sent.push(events[chance(events.len())].clone());
    }
    for n in (1..sent.len()).rev() {
        sent.swap(n, chance(n + 1));
    }
    sent
}

fn told(event: &Value) -> Device {
    Device::of(&decoded(event))
}

fn folded(events: &[Value]) -> Device {
    let unknown = Device::unknown(CLIENT.parse().unwrap());
    events.iter().fold(unknown, |row, event| row.heard(&told(event)))
}

/// All that readers see. Subscriptions of sessions that were never heard of otherwise are not for them.
fn visible(device: Device) -> Device {
    Device { connect_failures: 0, pending: BTreeMap::new(), ..device }
}

/// Whether a certificate has been connected, by the events alone; and when the row expires in seconds, if it does.
fn assert_expiry(stage: &Stage, events: &[Value]) {
    let certificate = |event: &&Value| event["principalIdentifier"].as_str().is_some_and(|text| text.len() == 64);
    let mut connections = events.iter().filter(|event| event["eventType"] != "connect_failed");
    let permanent = connections.any(|event| certificate(&event));
    let last = events.iter().map(|event| event["timestamp"].as_u64().unwrap()).max().unwrap();
    let seconds = last / 1000 + RETENTION.as_secs();
    let expected = if permanent { json!({"S": "never"}) } else { json!({"N": seconds.to_string()}) };
    assert_eq!(stage.only_row()["expiresAt"], expected);
}

fn assert_true(device: &Device, story: &Story) {
    let connection = device.connection.as_ref();
    let told =
        |connection: &Connection| (connection.session.to_string(), connection.version, connection.end().is_some());
    assert_eq!(connection.map(told), story.connection);
    if connection.is_some() {
        let filters: BTreeSet<String> = device.subscriptions.held().map(ToOwned::to_owned).collect();
        assert_eq!(filters, story.filters);
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap()
}

/// How many events the history holds, and what a row holds beside what is merged.
fn assert_kept(stage: &Stage, events: &[Value]) {
    let different: BTreeSet<String> = events.iter().map(ToString::to_string).collect();
    assert_eq!(stage.dynamodb.rows(EVENTS).len(), different.len());
    let failures = different.iter().filter(|event| event.contains("connect_failed")).count();
    let counted = stage.only_row()["connectFailures"]["N"].as_str().map_or(0, |count| count.parse().unwrap());
    assert_eq!(counted, failures);
    let last = events.iter().map(|event| event["timestamp"].as_u64().unwrap()).max().unwrap();
    assert_eq!(stage.only_row()["lastEventAt"]["S"], to_text(from_millis(last).unwrap()));
    assert_expiry(stage, events);
}

/// Events of which many contradict each other: connections of one session, one version or one time, and times that are
/// apart by what the rule tolerates.
fn any_event() -> impl Strategy<Value = Value> {
    let at = (0..2_i64, -1..=1_i64).prop_map(|(steps, millis)| START + 5 * steps * MINUTE + millis);
    let (ids, filters) = ((0..7_usize, 0..2_i64, 0..2_i64), subsequence(vec!["a", "b"], 1..=2));
    let principal = select(vec![Value::Null, "ce".repeat(32).into(), "AROAEXAMPLE:ann".into()]);
    let thing = select(vec![Value::Null, "pump".into(), "valve".into()]);
    (ids, at, filters, principal, thing, any::<bool>()).prop_map(|(ids, at, filters, principal, thing, details)| {
        let (kind, session, version) = (ids.0, format!("s{}", ids.1), ids.2);
        let mut event = match kind {
            0 | 1 => connected(CLIENT, at, &session, version),
            2 | 3 => disconnected(CLIENT, at, &session, version),
            4 => subscribed(CLIENT, at, &session, &filters),
            5 => unsubscribed(CLIENT, at, &session, &filters),
            _ => connect_failed(CLIENT, at, &session),
        };
        (event["principalIdentifier"], event["thingName"]) = (principal, thing);
        if !details {
            for name in ["clientInitiatedDisconnect", "disconnectReason", "ipAddress"] {
                event[name] = Value::Null;
            }
        }
        event
    })
}

/// A change that was made for one row meets another one: it is written if and only if the rule wants it there, and what
/// it leaves is what the rule leaves.
async fn assert_agreement(known: &[Value], believed: &[Value], news: &Device, likely: bool) {
    let stage = Stage::new();
    if !known.is_empty() {
        stage.recorded(known).await;
    }
    let row = stage.device(CLIENT).await.unwrap_or_else(|| folded(&[]));
    let belief = if likely { news.likely_row() } else { folded(believed) };
    let (change, right) = (belief.change(news), row.change(news));
    if change.is_empty() {
        return;
    }
    match stage.devices().change(&CLIENT.parse().unwrap(), &change, RETENTION).await.unwrap() {
        Written::Done(now) => {
            assert!(is_part_of(&change, &right, &row), "{change:?} was written, not {right:?}");
            assert_eq!(visible(now.heard(news)), visible(row.heard(news)));
        }
        Written::NotMet(met) => {
            assert!(!is_part_of(&change, &right, &row), "{change:?} was not written");
            assert_eq!(*met, row);
        }
    }
}

/// Whether each part of `change` is one that `right`, made for `row`, has as well; of subscriptions that come early,
/// whether they were made for this row.
fn is_part_of(change: &Change, right: &Change, row: &Device) -> bool {
    let session = row.connection.as_ref().map(|connection| &connection.session);
    let pending = |pending: &PendingChange| {
        pending.before == row.pending && (change.connection.is_some() || pending.session.as_ref() == session)
    };
    (change.connection.is_none() || change.connection == right.connection)
        && change.subscriptions.as_ref().is_none_or(|subscriptions| are_part_of(subscriptions, right))
        && change.pending.as_ref().is_none_or(pending)
        && (change.last_connect_failure.is_none() || change.last_connect_failure == right.last_connect_failure)
        && (change.last_event_at.is_none() || change.last_event_at == right.last_event_at)
}

/// Some of the subscriptions that are to be added may have been known where the change was made: the row that the write
/// returns lets the others follow.
fn are_part_of(subscriptions: &SubscriptionsChange, right: &Change) -> bool {
    match (subscriptions, &right.subscriptions) {
        (SubscriptionsChange::Put(session, some), Some(SubscriptionsChange::Put(of, all))) => {
            session == of && some.filters.iter().all(|(filter, last)| all.filters.get(filter) == Some(last))
        }
        (_, right) => right.as_ref() == Some(subscriptions),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn by_the_rule_every_disorder_ends_in_the_truth(story in stories(), seeds in vec(any::<u64>(), 4)) {
        let ordered = visible(folded(&story.events));
        assert_true(&ordered, &story);
        for seed in seeds {
            let sent = disorder(&story.events, seed);
            prop_assert_eq!(&visible(folded(&sent)), &ordered);
            let half = sent.len() / 2;
            let digests = folded(&sent[half..]).heard(&folded(&sent[..half]));
            prop_assert_eq!(&visible(digests), &ordered, "digests are merged like events");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn by_the_table_every_disorder_ends_in_the_truth(story in stories(), seed in any::<u64>(), size in 1..9_usize) {
        runtime().block_on(async {
            let stage = Stage::new();
            let sent = disorder(&story.events, seed);
            for batch in sent.chunks(size) {
                stage.recorded(batch).await;
            }
            assert_eq!(visible(stage.device(CLIENT).await.unwrap()), visible(folded(&story.events)));
            assert_kept(&stage, &story.events);
        });
    }

    #[test]
    fn so_it_does_when_many_write_at_once(story in stories(), seed in any::<u64>(), size in 1..5_usize) {
        runtime().block_on(async {
            let stage = Arc::new(Stage::new());
            stage.dynamodb.shuffle(seed);
            let mut writers = JoinSet::new();
            for batch in disorder(&story.events, seed).chunks(size) {
                let (stage, batch) = (Arc::clone(&stage), batch.to_vec());
                writers.spawn(async move { stage.recorded(&batch).await });
            }
            while let Some(writer) = writers.join_next().await {
                writer.unwrap();
            }
            assert_eq!(visible(stage.device(CLIENT).await.unwrap()), visible(folded(&story.events)));
            assert_kept(&stage, &story.events);
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn rule_and_conditions_agree(
        story in stories(), seed in any::<u64>(), known in any::<Index>(), believed in any::<Index>(),
        news in any::<Index>(), likely in any::<bool>(),
    ) {
        let sent = disorder(&story.events, seed);
        let part = |index: Index| &sent[..index.index(sent.len() + 1)];
        let news = told(&sent[news.index(sent.len())]);
        runtime().block_on(assert_agreement(part(known), part(believed), &news, likely));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn rule_and_conditions_agree_on_events_that_contradict_each_other(
        sent in vec(any_event(), 0..5), believed in any::<Index>(), news in any_event(), likely in any::<bool>(),
    ) {
        let believed = &sent[..believed.index(sent.len() + 1)];
        runtime().block_on(assert_agreement(&sent, believed, &told(&news), likely));
    }
}

#[test]
fn the_rows_of_this_file_are_in_the_table() {
    let stage = Stage::new();
    runtime().block_on(stage.recorded(&[connected(CLIENT, START, "s", 0)]));
    assert_eq!(stage.dynamodb.rows(DEVICES).len(), 1);
}
