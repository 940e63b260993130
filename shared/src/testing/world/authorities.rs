//! The `Authorities` table in memory.

use time::OffsetDateTime;

use super::World;
use crate::fault::Fault;
use crate::id::{CaCertificateId, Serial, ThingName};
use crate::port::{Announcement, AuthorityStore, CrlPublication, CrlStates};
use crate::profile::Profile;
use crate::revocation::{CheckFault, Comparison, CrlSource, CrlState, PublishedCrl, Validators};
use crate::timestamp;

impl AuthorityStore for &World {
    async fn profile(&self, id: &CaCertificateId) -> Result<Option<Profile>, Fault> {
        self.call("dynamodb:GetItem", |state| state.profiles.get(id).cloned()).await
    }

    async fn keep_authority(&self, id: &CaCertificateId, pem: &str, now: OffsetDateTime) -> Result<(), Fault> {
        self.call("dynamodb:UpdateItem", |state| {
            let profile = state.profiles.entry(id.clone()).or_default();
            profile.ca_pem.get_or_insert_with(|| pem.to_owned());
            profile.created_at.get_or_insert_with(|| timestamp::to_text(now));
            profile.updated_at = Some(timestamp::to_text(now));
        })
        .await
    }

    async fn announced_serial(&self, id: &CaCertificateId, serial: &Serial) -> Result<Option<Announcement>, Fault> {
        let key = (id.clone(), serial.clone());
        self.call("dynamodb:GetItem", |state| {
            state.announced_serials.get(&key).map(|thing_name| Announcement { thing_name: thing_name.clone() })
        })
        .await
    }

    async fn announced_name(&self, id: &CaCertificateId, name: &ThingName) -> Result<Option<Announcement>, Fault> {
        let key = (id.clone(), name.clone());
        self.call("dynamodb:GetItem", |state| {
            state.announced_names.contains(&key).then_some(Announcement { thing_name: None })
        })
        .await
    }
}

impl CrlStates for &World {
    async fn crl_states(&self, id: &CaCertificateId) -> Result<Vec<CrlState>, Fault> {
        let late = self.is_out_of_order();
        self.call("dynamodb:Query", |state| {
            let states = if late { &state.crl_states_at_start } else { &state.crl_states };
            states.iter().filter(|((ca, _), _)| ca == id).map(|(_, state)| state.clone()).collect()
        })
        .await
    }

    async fn request_crl(&self, id: &CaCertificateId, source: &CrlSource) -> Result<(), Fault> {
        self.call("dynamodb:UpdateItem", |state| {
            state.crl_states.entry((id.clone(), source.clone())).or_insert_with(|| CrlState::new(source.clone()));
        })
        .await
    }
}

impl CrlPublication for &World {
    async fn authorities_with_crls(&self) -> Result<Vec<CaCertificateId>, Fault> {
        self.call("dynamodb:Query", |state| {
            let named = |profile: &Profile| !profile.crl_sources.is_empty() || !profile.crl_hosts.is_empty();
            let counts = |profile: &Profile| profile.is_enrolled() && named(profile);
            state.profiles.iter().filter(|(_, profile)| counts(profile)).map(|(id, _)| id.clone()).collect()
        })
        .await
    }

    async fn record_check(
        &self,
        id: &CaCertificateId,
        source: &CrlSource,
        validators: &Validators,
        fault: Option<&CheckFault>,
        now: OffsetDateTime,
    ) -> Result<(), Fault> {
        self.call("dynamodb:UpdateItem", |state| {
            let row = state.crl_state(id, source);
            row.checked_at = Some(now);
            row.last_error = fault.cloned();
            if fault.is_none() {
                row.validators = validators.clone();
            }
        })
        .await
    }

    async fn publish(
        &self,
        id: &CaCertificateId,
        source: &CrlSource,
        version: u64,
        crl: &PublishedCrl,
        validators: &Validators,
        now: OffsetDateTime,
    ) -> Result<bool, Fault> {
        self.call("dynamodb:UpdateItem", |state| {
            let row = state.crl_state(id, source);
            if row.version != version {
                return false;
            }
            row.checked_at = Some(now);
            row.current = Some(crl.clone());
            row.last_error = None;
            row.validators = validators.clone();
            row.version += 1;
            true
        })
        .await
    }

    async fn record_progress(&self, id: &CaCertificateId, state: &CrlState) -> Result<bool, Fault> {
        self.call("dynamodb:UpdateItem", |world| {
            let row = world.crl_state(id, &state.source);
            if row.step != state.step {
                return false;
            }
            row.applied.clone_from(&state.applied);
            row.progress.clone_from(&state.progress);
            row.retry.clone_from(&state.retry);
            row.step += 1;
            true
        })
        .await
    }

    async fn comparison(&self, authority: Option<&CaCertificateId>) -> Result<Comparison, Fault> {
        let key = authority.cloned();
        self.call("dynamodb:GetItem", |state| state.comparisons.get(&key).cloned().unwrap_or_default()).await
    }

    async fn record_comparison(
        &self,
        authority: Option<&CaCertificateId>,
        comparison: &Comparison,
    ) -> Result<bool, Fault> {
        let key = authority.cloned();
        self.call("dynamodb:UpdateItem", |state| {
            let row = state.comparisons.entry(key).or_default();
            if row.step != comparison.step {
                return false;
            }
            *row = Comparison { step: comparison.step + 1, ..comparison.clone() };
            true
        })
        .await
    }
}
