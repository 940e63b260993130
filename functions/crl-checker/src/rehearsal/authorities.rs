//! States of CRLs, and comparisons, as a dry run would have written them.

use std::collections::BTreeMap;

use shared::fault::Fault;
use shared::id::{CaCertificateId, Serial, ThingName};
use shared::port::{Announcement, AuthorityStore, CrlPublication, CrlStates};
use shared::profile::Profile;
use shared::revocation::{CheckFault, Comparison, CrlSource, CrlState, PublishedCrl, Validators};
use time::OffsetDateTime;

use super::{Rehearsable, lock};

/// The rows that would be there.
#[derive(Debug, Default)]
pub(super) struct States {
    comparisons: BTreeMap<Option<CaCertificateId>, Comparison>,
    crls: BTreeMap<(CaCertificateId, CrlSource), CrlState>,
}

impl<A: CrlStates + Sync> Rehearsable<'_, A> {
    /// The state of a source, as the run would find it.
    async fn state(&self, id: &CaCertificateId, source: &CrlSource) -> Result<CrlState, Fault> {
        let states = self.crl_states(id).await?.into_iter();
        let found = states.into_iter().find(|state| state.source == *source);
        Ok(found.unwrap_or_else(|| CrlState::new(source.clone())))
    }
}

impl States {
    fn keep(&mut self, id: &CaCertificateId, state: CrlState) {
        self.crls.insert((id.clone(), state.source.clone()), state);
    }
}

impl<A: AuthorityStore + Sync> AuthorityStore for Rehearsable<'_, A> {
    async fn profile(&self, id: &CaCertificateId) -> Result<Option<Profile>, Fault> {
        self.port.profile(id).await
    }

    async fn keep_authority(&self, id: &CaCertificateId, pem: &str, now: OffsetDateTime) -> Result<(), Fault> {
        match self.draft {
            Some(_) => Ok(()),
            None => self.port.keep_authority(id, pem, now).await,
        }
    }

    async fn renew_decisions(&self, id: &CaCertificateId, now: OffsetDateTime) -> Result<(), Fault> {
        match self.draft {
            Some(_) => Ok(()),
            None => self.port.renew_decisions(id, now).await,
        }
    }

    async fn announced_serial(&self, id: &CaCertificateId, serial: &Serial) -> Result<Option<Announcement>, Fault> {
        self.port.announced_serial(id, serial).await
    }

    async fn announced_name(&self, id: &CaCertificateId, name: &ThingName) -> Result<Option<Announcement>, Fault> {
        self.port.announced_name(id, name).await
    }
}

impl<A: CrlStates + Sync> CrlStates for Rehearsable<'_, A> {
    async fn crl_states(&self, id: &CaCertificateId) -> Result<Vec<CrlState>, Fault> {
        let found = self.port.crl_states(id).await?;
        let Some(draft) = self.draft else { return Ok(found) };
        let states = lock(&draft.states);
        let drafted: Vec<&CrlState> =
            states.crls.iter().filter(|((of, _), _)| of == id).map(|(_, state)| state).collect();
        let is_drafted = |found: &CrlState| drafted.iter().any(|state| state.source == found.source);
        let kept = found.into_iter().filter(|found| !is_drafted(found));
        Ok(kept.chain(drafted.iter().copied().cloned()).collect())
    }

    async fn request_crl(&self, id: &CaCertificateId, source: &CrlSource) -> Result<(), Fault> {
        match self.draft {
            Some(_) => Ok(()),
            None => self.port.request_crl(id, source).await,
        }
    }
}

impl<A: CrlPublication + Sync> CrlPublication for Rehearsable<'_, A> {
    async fn authorities_with_crls(&self) -> Result<Vec<CaCertificateId>, Fault> {
        self.port.authorities_with_crls().await
    }

    async fn enrolled_authorities(&self) -> Result<Vec<CaCertificateId>, Fault> {
        self.port.enrolled_authorities().await
    }

    async fn record_check(
        &self,
        id: &CaCertificateId,
        source: &CrlSource,
        validators: &Validators,
        fault: Option<&CheckFault>,
        now: OffsetDateTime,
    ) -> Result<(), Fault> {
        let Some(draft) = self.draft else {
            return self.port.record_check(id, source, validators, fault, now).await;
        };
        let state = self.state(id, source).await?;
        let validators = if fault.is_some() { state.validators.clone() } else { validators.clone() };
        let checked = CrlState { checked_at: Some(now), last_error: fault.cloned(), validators, ..state };
        lock(&draft.states).keep(id, checked);
        Ok(())
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
        let Some(draft) = self.draft else {
            return self.port.publish(id, source, version, crl, validators, now).await;
        };
        let state = self.state(id, source).await?;
        if state.version != version {
            return Ok(false);
        }
        let published = CrlState {
            checked_at: Some(now),
            current: Some(crl.clone()),
            last_error: None,
            validators: validators.clone(),
            version: version.saturating_add(1),
            ..state
        };
        lock(&draft.states).keep(id, published);
        Ok(true)
    }

    async fn record_progress(&self, id: &CaCertificateId, state: &CrlState) -> Result<bool, Fault> {
        let Some(draft) = self.draft else { return self.port.record_progress(id, state).await };
        let found = self.state(id, &state.source).await?;
        if found.step != state.step {
            return Ok(false);
        }
        let CrlState { applied, progress, retry, step, .. } = state.clone();
        let step = step.saturating_add(1);
        lock(&draft.states).keep(id, CrlState { applied, progress, retry, step, ..found });
        Ok(true)
    }

    async fn comparison(&self, authority: Option<&CaCertificateId>) -> Result<Comparison, Fault> {
        let drafted = self.draft.and_then(|draft| lock(&draft.states).comparisons.get(&authority.cloned()).cloned());
        match drafted {
            Some(comparison) => Ok(comparison),
            None => self.port.comparison(authority).await,
        }
    }

    async fn record_comparison(
        &self,
        authority: Option<&CaCertificateId>,
        comparison: &Comparison,
    ) -> Result<bool, Fault> {
        let Some(draft) = self.draft else { return self.port.record_comparison(authority, comparison).await };
        if self.comparison(authority).await?.step != comparison.step {
            return Ok(false);
        }
        let written = Comparison { step: comparison.step.saturating_add(1), ..comparison.clone() };
        lock(&draft.states).comparisons.insert(authority.cloned(), written);
        Ok(true)
    }
}
