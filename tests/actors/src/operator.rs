//! What an operator does.

use shared::attachment::Attachment;
use shared::convergence::{Convergence, NoSessions, NoSnapshots};
use shared::fault::Fault;
use shared::id::{CaCertificateId, CertificateId};
use shared::port::{Attachments as _, CertificateStatus, ThingRegistry as _};
use shared::profile::{PROFILE_RECORD, TakeOver};
use shared::registration::Process;
use shared::revocation::Snapshots;
use shared::testing::{CloudState, FakeCloud, Issued};

use crate::{Fleet, account, deadline, explored_time, next_request_id};

/// An operator's call that is no command of `jitr`. Whether it is answered is nobody's concern.
async fn call(cloud: &FakeCloud, effect: impl Fn(&mut CloudState) + Send + Sync + 'static) {
    drop(cloud.call("(operator)", effect).await);
}

/// Sets the status of a certificate, if it is there.
pub async fn set_status(cloud: &FakeCloud, id: &CertificateId, status: CertificateStatus) {
    let id = id.clone();
    let set = move |state: &mut CloudState| {
        if let Some(found) = state.certificates.get_mut(&id) {
            found.status = status.clone();
        }
    };
    call(cloud, set).await;
}

/// Detaches a certificate from everything and deletes it.
pub async fn delete(cloud: &FakeCloud, id: &CertificateId) {
    let id = id.clone();
    call(cloud, move |state| state.delete(&id)).await;
}

/// Connects a device whose certificate AWS IoT does not have: it registers the certificate.
pub async fn register(cloud: &FakeCloud, authority: &CaCertificateId, device: &Issued) {
    let (authority, id, pem) = (authority.clone(), device.id.clone(), device.pem.clone());
    let register = move |state: &mut CloudState| {
        state.register(&authority, &account(), &id, &pem);
        if state.has_intent(&id) {
            state.registered_amid.insert(id.clone());
        }
    };
    call(cloud, register).await;
}

/// Sets the take-over rule of a fleet, whose profile nobody else changes.
pub async fn set_rule(cloud: &FakeCloud, fleet: &Fleet, rule: TakeOver) {
    let changed = fleet.fork();
    changed.cloud.change_profile(fleet.id(), |profile| profile.take_over = Some(rule));
    let row = changed.cloud.record(fleet.id(), PROFILE_RECORD).expect("a profile");
    let id = fleet.id().clone();
    call(cloud, move |state| state.put_record(&id, PROFILE_RECORD, &row)).await;
}

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
    let now = explored_time();
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
    if let Some(thing) = cloud.thing(&name).await? {
        let attachment = Attachment::read(cloud, &cloud.principals(&name).await?).await?;
        convergence.release(&name, &thing, attachment.certificates).await?;
    }
    convergence.invite(&name).await
}
