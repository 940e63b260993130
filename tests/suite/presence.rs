//! Who is connected: what real clients do, as the tables and the operator's command line tell it.

mod crowd;
mod disorder;
mod trouble;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;
use shared::event::{DisconnectReason, LifecycleEvent, Occurrence};
use shared::id::ClientId;
use shared::presence::Device;
use tests::stack::{PATIENCE, Stack, eventually, jitr, now};

use crate::{HOUR, unique};

/// The row once it is as expected.
async fn row_when(stack: &Stack, client: &ClientId, what: &str, is_it: impl Fn(&Device) -> bool) -> Result<Device> {
    eventually(what, async || stack.devices.device(client).await.ok().flatten().filter(&is_it)).await
}

fn session(device: &Device) -> String {
    device.connection.as_ref().map(|connection| connection.session.to_string()).unwrap_or_default()
}

fn is_open(device: &Device) -> bool {
    device.connection.as_ref().is_some_and(|connection| connection.end().is_none())
}

/// What each session did, in words.
async fn history(stack: &Stack, client: &ClientId) -> Result<BTreeMap<String, Vec<String>>> {
    let events = stack.device_events.between(client, now() - HOUR, now() + HOUR, 1000).await?;
    let mut sessions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for event in events.into_iter().rev() {
        let words = words(&event);
        sessions.entry(event.session.to_string()).or_default().push(words);
    }
    Ok(sessions)
}

fn words(event: &LifecycleEvent) -> String {
    let kind = event.occurrence.event_type();
    match &event.occurrence {
        Occurrence::ConnectFailed { reason, .. } => format!("{kind} {}", reason.as_deref().unwrap_or_default()),
        Occurrence::Connected { .. } => kind.to_owned(),
        Occurrence::Disconnected { reason, .. } => {
            format!("{kind} {}", reason.as_ref().map(DisconnectReason::as_str).unwrap_or_default())
        }
        Occurrence::Subscribed(filters) | Occurrence::Unsubscribed(filters) => {
            format!("{kind} {}", filters.iter().cloned().collect::<Vec<_>>().join(" "))
        }
    }
}

async fn shown(client: &str) -> Result<Value> {
    Ok(serde_json::from_str(&jitr(&["--json", "devices", "show", client]).await?)?)
}

async fn listed(arguments: &[&str]) -> Result<String> {
    jitr(&[&["devices", "list"], arguments].concat()).await
}

#[tokio::test]
async fn row_and_history_tell_what_a_client_did() -> Result<()> {
    let stack = Stack::connect().await;
    let fleet = stack.fleet("presence", &[]).await?;
    let name = unique("pump");
    let client: ClientId = name.parse()?;
    let device = fleet.device(&name, HOUR)?;
    let filter = format!("cmd/{name}/+");

    let mut first = fleet.admit(&device, &name).await?.session;
    first.subscribe(&filter, PATIENCE).await?;
    let row = row_when(&stack, &client, "a subscription", |row| row.subscriptions.held().count() == 1).await?;
    assert!(is_open(&row), "{row:?}");
    assert_eq!(row.subscriptions.held().collect::<Vec<_>>(), [filter.as_str()]);
    let connection = row.connection.clone().unwrap();
    assert_eq!(connection.principal.as_deref(), Some(device.certificate_id.as_str()));
    assert_eq!(connection.beginning().unwrap().ip_address.as_deref(), Some("127.0.0.1"));
    let first_session = session(&row);

    // A second connection takes the client id over.
    let second = stack.session(&device, &name).await??;
    assert!(first.is_cut_off(PATIENCE).await?);
    let row = row_when(&stack, &client, "the take-over", |row| session(row) != first_session).await?;
    let second_session = session(&row);
    assert!(is_open(&row) && row.subscriptions.held().count() == 0, "{row:?}");
    let connected = listed(&["--connected"]).await?;
    assert!(connected.contains(&name), "{connected}");

    // It goes without a word.
    drop(second);
    let row = row_when(&stack, &client, "the lost connection", |row| !is_open(row)).await?;
    let end = row.connection.as_ref().unwrap().end().unwrap().clone();
    assert_eq!((session(&row), end.reason), (second_session.clone(), Some(DisconnectReason::ConnectionLost)));
    assert_eq!(end.client_initiated, Some(false));
    let report = shown(&name).await?;
    assert_eq!(
        (&report["state"], &report["connection"]["disconnectReason"]),
        (&"grace".into(), &"CONNECTION_LOST".into())
    );
    assert!(!listed(&["--offline-for", "0s"]).await?.contains(&name), "it is not told offline within the grace time");
    assert!(listed(&["--offline-for", "0s", "--grace", "0s"]).await?.contains(&name));

    // It comes back, and goes as one should.
    let third = stack.session(&device, &name).await??;
    let row = row_when(&stack, &client, "the reconnection", is_open).await?;
    let third_session = session(&row);
    assert_eq!(row.connection.unwrap().end(), None);
    third.disconnect().await;
    let row = row_when(&stack, &client, "the disconnection", |row| !is_open(row)).await?;
    let end = row.connection.unwrap().end().unwrap().clone();
    assert_eq!(end.reason, Some(DisconnectReason::ClientInitiatedDisconnect));
    assert_eq!((end.client_initiated, row.connect_failures), (Some(true), 0));

    let expected = BTreeMap::from([
        (
            first_session,
            vec!["connected".into(), format!("subscribed {filter}"), "disconnected DUPLICATE_CLIENTID".into()],
        ),
        (second_session, vec!["connected".into(), "disconnected CONNECTION_LOST".into()]),
        (third_session, vec!["connected".into(), "disconnected CLIENT_INITIATED_DISCONNECT".into()]),
    ]);
    let told = eventually("the whole history", async || {
        history(&stack, &client).await.ok().filter(|told| told.values().map(Vec::len).sum::<usize>() >= 7)
    });
    assert_eq!(told.await?, expected);
    assert_eq!(shown(&name).await?["events"].as_array().unwrap().len(), 7);
    Ok(())
}

#[tokio::test]
async fn an_attempt_under_a_foreign_client_id_is_counted_and_changes_nothing_else() -> Result<()> {
    let stack = Stack::connect().await;
    let fleet = stack.fleet("impostor", &[]).await?;
    let (name, neighbour) = (unique("pump"), unique("valve"));
    let client: ClientId = neighbour.parse()?;
    let (impostor, owner) = (fleet.device(&name, HOUR)?, fleet.device(&neighbour, HOUR)?);
    fleet.admit(&impostor, &name).await?.session.disconnect().await;
    let own = fleet.admit(&owner, &neighbour).await?.session;
    let before = row_when(&stack, &client, "the owner", is_open).await?;

    assert!(stack.session(&impostor, &neighbour).await?.is_err());
    let row = row_when(&stack, &client, "the failure", |row| row.connect_failures == 1).await?;
    let row = match row.last_connect_failure {
        Some(_) => row,
        None => row_when(&stack, &client, "its reason", |row| row.last_connect_failure.is_some()).await?,
    };
    assert_eq!(row.connection, before.connection);
    let failure = row.last_connect_failure.unwrap();
    assert_eq!(failure.reason.as_deref(), Some("AUTHORIZATION_FAILED"));
    assert_eq!(failure.principal.as_deref(), Some(impostor.certificate_id.as_str()));
    tokio::time::sleep(Duration::from_millis(10)).await;
    own.disconnect().await;
    Ok(())
}
