//! What an operator does.

use shared::attachment::Attachment;
use shared::convergence::{Convergence, NoSessions, NoSnapshots};
use shared::fault::Fault;
use shared::port::{Attachments as _, ThingRegistry as _};
use shared::registration::Process;
use shared::revocation::Snapshots;
use shared::testing::FakeCloud;

use crate::{deadline, next_request_id, now};

/// `jitr thing release --force`.
///
/// # Errors
/// The fault that ended it.
pub async fn release_thing(cloud: &FakeCloud, name: &str) -> Result<(), Fault> {
    release_thing_as(&next_request_id(), cloud, name).await
}

/// The same as a process of this id. An exploration runs the code of an actor many times: it is the same process then.
///
/// # Errors
/// The fault that ended it.
pub async fn release_thing_as(process: &str, cloud: &FakeCloud, name: &str) -> Result<(), Fault> {
    let name = name.parse().expect("a thing name");
    let now = now();
    let (authorities, registrations) = (cloud.authorities(), cloud.registrations());
    let convergence = Convergence {
        authorities: &authorities,
        now,
        process: Process { id: process.to_owned(), until: deadline() },
        registrations: &registrations,
        registry: cloud,
        sessions: &NoSessions,
        snapshots: &Snapshots::new(NoSnapshots),
    };
    let Some(thing) = cloud.thing(&name).await? else { return Ok(()) };
    let attachment = Attachment::read(cloud, &cloud.principals(&name).await?).await?;
    convergence.release(&name, thing.version, attachment.certificates).await
}
