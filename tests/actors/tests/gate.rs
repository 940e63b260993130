//! What keeps a revoked device out: the row is written before the CRLs are asked.

use actors::Turns;
use actors::activation::answer_at;
use actors::scene::Actor::{Older, Run};
use actors::scene::Published::New;
use actors::scene::Scene;
use actors::scene::Start::Pending;
use shared::aws::authorities::Authorities;
use shared::fault::Fault;
use shared::id::{CaCertificateId, Serial, ThingName};
use shared::pki::crl::RevocationReason::KeyCompromise;
use shared::port::{Announcement, AuthorityStore, CrlStates};
use shared::profile::{Profile, TakeOver};
use shared::revocation::{CrlSource, CrlState};
use time::OffsetDateTime;
use tokio::sync::Mutex;

/// The `Authorities` table for a gate that asks too early: its CRL states are those of before the row was written.
struct ReadEarly {
    inner: Authorities,
    states: Mutex<Vec<CrlState>>,
}

impl AuthorityStore for ReadEarly {
    async fn profile(&self, id: &CaCertificateId) -> Result<Option<Profile>, Fault> {
        *self.states.lock().await = self.inner.crl_states(id).await?;
        self.inner.profile(id).await
    }

    async fn keep_authority(&self, id: &CaCertificateId, pem: &str, now: OffsetDateTime) -> Result<(), Fault> {
        self.inner.keep_authority(id, pem, now).await
    }

    async fn renew_decisions(&self, id: &CaCertificateId, now: OffsetDateTime) -> Result<(), Fault> {
        self.inner.renew_decisions(id, now).await
    }

    async fn announced_serial(&self, id: &CaCertificateId, serial: &Serial) -> Result<Option<Announcement>, Fault> {
        self.inner.announced_serial(id, serial).await
    }

    async fn announced_name(&self, id: &CaCertificateId, name: &ThingName) -> Result<Option<Announcement>, Fault> {
        self.inner.announced_name(id, name).await
    }
}

impl CrlStates for ReadEarly {
    async fn crl_states(&self, _: &CaCertificateId) -> Result<Vec<CrlState>, Fault> {
        Ok(self.states.lock().await.clone())
    }

    async fn request_crl(&self, id: &CaCertificateId, source: &CrlSource) -> Result<(), Fault> {
        self.inner.request_crl(id, source).await
    }
}

/// Shows that the explored orders can fail.
#[test]
fn a_gate_that_reads_the_crl_states_before_the_row_is_written_lets_a_revoked_device_in() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let scene = runtime.block_on(Scene::new(Pending, New(Some(KeyCompromise)), TakeOver::Rotate, Turns::AtOnce));
    let _inside = runtime.enter();
    let (event, now) = (scene.event_of_older(), actors::now());
    let explored = scene
        .exploration(&[Older, Run], 0)
        .instead_of("first", |cloud| {
            let authorities = ReadEarly { inner: cloud.authorities(), states: Mutex::default() };
            let event = &event;
            async move { drop(answer_at(now, "first", &cloud, authorities, event).await) }
        })
        .exhaustive();
    let failure = explored.failure.unwrap();
    assert!(failure.problem.starts_with("the older one is on the newest list"), "{failure}");
}
