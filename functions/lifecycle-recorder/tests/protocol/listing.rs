//! Listing of clients by presence.

use serde_json::{Value, json};
use shared::aws::devices::{Listed, SHARDS, Since};
use shared::testing::Fate;
use shared::testing::dynamodb::Answer;

use crate::stage::{MINUTE, START, Stage, connected, disconnected};

async fn shards(stage: &Stage, console: bool, connected: bool) -> Vec<Vec<Listed>> {
    let mut shards = Vec::new();
    for shard in 0..SHARDS {
        shards.push(stage.devices().listed(shard, console, connected, Since::Any).await.unwrap());
    }
    shards
}

#[tokio::test]
async fn clients_are_spread_over_all_shards_and_each_lists_the_longest_connected_first() {
    let stage = Stage::new();
    let events: Vec<Value> = (0..200).map(|n| connected(&format!("c{n}"), START + n, "s", 0)).collect();
    stage.recorded(&events).await;
    let shards = shards(&stage, false, true).await;
    assert_eq!(shards.iter().map(Vec::len).sum::<usize>(), 200);
    for shard in shards {
        assert!(shard.len() > 1, "{shard:?}");
        assert!(shard.is_sorted_by_key(|listed| listed.since), "{shard:?}");
    }
}

#[tokio::test]
async fn a_console_client_is_told_apart_when_it_has_gone() {
    let stage = Stage::new();
    for mut event in
        [connected("iotconsole-4b0d", START, "s", 0), disconnected("iotconsole-4b0d", START + MINUTE, "s", 0)]
    {
        event["principalIdentifier"] = "AROAEXAMPLE:ann".into();
        stage.recorded(&[event]).await;
    }
    for (console, connected, found) in [(true, false, 1), (true, true, 0), (false, false, 0)] {
        assert_eq!(shards(&stage, console, connected).await.concat().len(), found, "{console} {connected}");
    }
}

#[tokio::test]
async fn a_listing_goes_on_after_its_first_page() {
    let stage = Stage::new();
    stage.recorded(&[connected("c", START, "s", 0)]).await;
    let mut pages = 0;
    stage.dynamodb.when(move |sent| {
        let presence = &sent.body["ExpressionAttributeValues"][":presence"];
        pages += 1;
        if pages % 2 == 0 {
            return Fate::CarriedOut;
        }
        let last =
            json!({"clientId": {"S": "b"}, "presence": presence, "presenceSince": {"S": "2026-09-21T14:13:19.000Z"}});
        Fate::Answered(Answer { status: 200, body: json!({"Items": [], "LastEvaluatedKey": last}) })
    });
    assert_eq!(shards(&stage, false, true).await.concat().len(), 1);
}
