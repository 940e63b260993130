//! A fleet that comes at once, under the quotas of AWS IoT: real devices over mutual TLS, the deployed activator with the
//! template's settings. A proxy before the local cloud plays the quotas, which the emulator does not have.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result};
use jitr::device::connect::{BackOff, Options, connect};
use jitr::device::session::Message;
use shared::decision::Decision;
use tests::deployed::Deployed;
use tests::queue::Queue;
use tests::recorder::Recorder;
use tests::stack::{Fleet, PATIENCE, Stack};
use tests::template::Template;
use tokio::task::JoinSet;

const DEVICES: usize = 300;
/// The narrow operations, and the variables that tell the functions their quotas.
const NARROW: [(&str, &str, &str); 3] = [
    ("iot:AttachPolicy", "AttachPolicyQuota", "ATTACH_POLICY_QUOTA"),
    ("iot:DescribeCertificate", "DescribeCertificateQuota", "DESCRIBE_CERTIFICATE_QUOTA"),
    ("iot:UpdateCertificate", "UpdateCertificateQuota", "UPDATE_CERTIFICATE_QUOTA"),
];
/// Calls to AWS IoT that let a device in, where the CA signs with ECDSA.
const CALLS_ALONE: usize = 6;
/// As patient as devices should be: a fleet waits longer than any of its devices would have to alone.
const BACK_OFF: BackOff = BackOff { first: Duration::from_secs(5), longest: Duration::from_secs(20) };
const TIME_OUT: Duration = Duration::from_mins(8);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_hundred_devices_at_once_are_all_in_under_the_quotas_of_aws_iot() -> Result<()> {
    let stack = Stack::connect().await;
    let proxy = Recorder::start(&stack.url).await?;
    let mut variables = vec![("AWS_ENDPOINT_URL_IOT".to_owned(), proxy.url.clone())];
    let template = Template::transformed()?;
    for (operation, parameter, variable) in NARROW {
        let quota = template.at(&format!("/Parameters/{parameter}/Default"))?.as_u64().context("no number")?;
        proxy.limit(operation, u32::try_from(quota)?);
        variables.push((variable.to_owned(), quota.to_string()));
    }
    let activator = Deployed::of(&stack, "activator").await?;
    let failed = Queue::of(&stack, "failed-registrations").await?;
    let before = failed.len().await?;

    activator.set(variables).await?;
    let begun = Instant::now();
    let came_in = come_in_at_once(&stack).await;
    activator.reset().await?;

    let devices = came_in?;
    let calls = proxy.take().len();
    println!("{devices} devices in {:?}, {calls} calls to AWS IoT", begun.elapsed());
    assert_eq!((devices, failed.len().await?), (DEVICES, before));
    // The emulator starts as many instances as it likes: each of them has to find out how much of a quota is left.
    assert!(calls <= 2 * DEVICES * CALLS_ALONE, "{calls} calls, more than twice what the devices cost alone");
    Ok(())
}

/// Lets the fleet come, and counts those that are in, each with a thing of its own.
async fn come_in_at_once(stack: &Stack) -> Result<usize> {
    let fleet = Arc::new(stack.fleet("burst", &[]).await?);
    let batch = format!("burst-{:x}", SystemTime::UNIX_EPOCH.elapsed()?.as_nanos());
    let mut devices = JoinSet::new();
    for n in 0..DEVICES {
        devices.spawn(come_in(Arc::clone(&fleet), format!("{batch}-{n}")));
    }
    let mut inside = 0;
    while let Some(name) = devices.join_next().await {
        let name = name??;
        let principals = stack.iot.list_thing_principals().thing_name(&name).send().await?;
        assert_eq!(principals.principals().len(), 1, "{name}");
        inside += 1;
    }
    Ok(inside)
}

async fn come_in(fleet: Arc<Fleet>, name: String) -> Result<String> {
    let device = fleet.device(&name, Duration::from_hours(1))?;
    let message = Message { topic: format!("dt/{name}/hello"), payload: br#"{"hello":true}"#.to_vec() };
    let target = fleet.stack.target(&device, &name)?;
    let options = Options { target, message, time_out: TIME_OUT, patience: PATIENCE, back_off: BACK_OFF };
    connect(&options, &mut |_, _| {}).await.with_context(|| format!("{name} is not let in"))?;
    let row = fleet.stack.decided(&fleet.id, &device, Decision::Activated).await?;
    assert_eq!(row.last_error, None, "{name}");
    Ok(name)
}
