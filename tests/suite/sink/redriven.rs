//! What was refused can be moved back as it is once the cause is gone.

use std::collections::BTreeSet;

use anyhow::Result;
use serde_json::json;
use tests::queue::Queue;
use tests::sink::{Table, deliver, deliveries, envelope};
use tests::stack::Stack;

use super::{Sink, route};
use crate::unique;

#[tokio::test]
async fn a_refused_message_is_stored_when_its_route_is_mended() -> Result<()> {
    let stack = Stack::connect().await;
    let name = unique("mended");
    let table = Table::new(&stack, &name).await?;
    let mut sink = Sink::new(&stack, &stack.url, &name, &json!({})).await?;
    let mut nameless = envelope("mended", &format!("dt/{name}/nameless"), 1, br#"{"t":21.50}"#);
    nameless.as_object_mut().unwrap().remove("traceId");
    let named = envelope("mended", &format!("dt/{name}/named"), 2, b"\xff\x00");
    let originals = deliveries(&[nameless.to_string(), named.to_string()]);
    let mut function = sink.start().await?;
    assert_eq!(deliver(&mut function, &originals).await?, BTreeSet::new());
    assert_eq!(sink.rejected.len().await?, 2);

    // Moved twice, as it happens when the cause was another one: it is not wrapped twice.
    let inbox = Queue::new(&stack, &format!("{name}-inbox")).await?;
    for repaired in [false, true] {
        let refused = sink.rejected.receive(10).await?;
        for message in &refused {
            inbox.send(std::slice::from_ref(&message.body)).await?;
        }
        sink.rejected.delete(&refused).await?;
        let moved = inbox.receive(10).await?;
        assert_eq!(moved.len(), 2);
        if repaired {
            let mended = json!({"mended": route(&table, json!({}))});
            sink.variables.push(("MORE_ROUTES".to_owned(), mended.to_string()));
            function = sink.start().await?;
        }
        assert_eq!(deliver(&mut function, &moved).await?, BTreeSet::new());
        inbox.delete(&moved).await?;
        if !repaired {
            let mut told: Vec<String> = Vec::new();
            for refused in sink.refused().await? {
                assert_eq!(refused["rejected"]["reason"], "route_unknown", "{refused}");
                told.push(refused["original"].as_str().unwrap().to_owned());
            }
            told.sort_unstable();
            let mut expected: Vec<String> = originals.iter().map(|original| original.body.clone()).collect();
            expected.sort_unstable();
            assert_eq!(told, expected);
        }
    }

    assert_eq!(sink.rejected.len().await?, 0);
    let stored = table.contents().await?;
    let mut payloads: Vec<&str> = stored.iter().map(|item| item["payload"].as_str()).collect();
    payloads.sort_unstable();
    assert_eq!(payloads, ["0xff00", r#"{"t": "215e-1"}"#]);
    // On its way it has kept its names: the same message, delivered as it was at first, is no other one.
    assert_eq!(deliver(&mut function, &originals).await?, BTreeSet::new());
    assert_eq!(table.all().await?.len(), 2);
    Ok(())
}
