//! What an activated device may do: its own client id and topics, and nothing else.

use anyhow::Result;
use jitr::device::session::Message;
use tests::stack::{PATIENCE, Stack};

use crate::{HOUR, unique};

#[tokio::test]
async fn a_device_can_not_publish_subscribe_or_connect_outside_its_own() -> Result<()> {
    let stack = Stack::connect().await;
    let fleet = stack.fleet("isolation", &[]).await?;
    let (name, neighbour) = (unique("pump"), unique("valve"));
    let device = fleet.device(&name, HOUR)?;
    let message = |topic: String| Message { topic, payload: b"{}".to_vec() };

    let mut own = fleet.admit(&device, &name).await?.session;
    own.publish(&message(format!("dt/{name}/temperature")), PATIENCE).await?;
    own.subscribe(&format!("cmd/{name}/#"), PATIENCE).await?;
    own.subscribe(&format!("$aws/things/{name}/shadow/update/accepted"), PATIENCE).await?;
    for shadow in ["shadow", "shadow/name/config"] {
        own.publish(&message(format!("$aws/things/{name}/{shadow}/get")), PATIENCE).await?;
    }
    own.disconnect().await;

    for topic in [
        format!("dt/{neighbour}/temperature"),
        format!("dt/{name}"),
        "telemetry".to_owned(),
        format!("$aws/things/{neighbour}/shadow/update"),
        format!("$aws/things/{name}/shadow/update/documents"),
        format!("$aws/things/{name}/shadow/name/config/update/accepted"),
    ] {
        let mut session = stack.session(&device, &name).await??;
        let published = session.publish(&message(topic.clone()), PATIENCE).await;
        assert!(published.is_err(), "the device published to {topic}");
    }
    for filter in [format!("cmd/{neighbour}/#"), "#".to_owned(), format!("$aws/things/{neighbour}/shadow/#")] {
        let mut session = stack.session(&device, &name).await??;
        assert!(session.subscribe(&filter, PATIENCE).await.is_err(), "the device subscribed to {filter}");
    }
    for client_id in [neighbour.as_str(), "", "x"] {
        let session = stack.session(&device, client_id).await?;
        assert!(session.is_err(), "the device connected as {client_id:?}");
    }
    Ok(())
}
