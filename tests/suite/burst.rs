//! Many devices at once.

use anyhow::Result;
use shared::decision::Decision;
use tests::stack::Stack;
use tokio::task::JoinSet;

use crate::{HOUR, unique};

const DEVICES: usize = 50;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_devices_at_once_all_get_in_once_each() -> Result<()> {
    let stack = Stack::connect().await;
    let fleet = std::sync::Arc::new(stack.fleet("burst", &[]).await?);
    let batch = unique("burst");
    let mut devices = JoinSet::new();
    for n in 0..DEVICES {
        let fleet = std::sync::Arc::clone(&fleet);
        let name = format!("{batch}-{n}");
        devices.spawn(async move {
            let device = fleet.device(&name, HOUR)?;
            fleet.admit(&device, &name).await?;
            anyhow::Ok((name, device))
        });
    }
    let mut admitted = 0;
    while let Some(device) = devices.join_next().await {
        let (name, device) = device??;
        let row = stack.decided(&fleet.id, &device, Decision::Activated).await?;
        assert_eq!(row.last_error, None, "{name}");
        let principals = stack.iot.list_thing_principals().thing_name(&name).send().await?;
        assert_eq!(principals.principals().len(), 1, "{name}");
        admitted += 1;
    }
    assert_eq!(admitted, DEVICES);
    Ok(())
}
