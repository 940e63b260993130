//! Events that the tables answer: a device that waits comes back every few seconds, and each time AWS IoT publishes one.
//!
//! AWS IoT is not asked about them, so that neither a burst nor a device that won't stop takes its quota from others.

use std::fmt::Write as _;

use shared::event::RegisteredEvent;
use shared::fault::Fault;
use shared::port::{Announcement, AuthorityStore, CrlStates, RegistrationStore};
use shared::profile::Profile;
use shared::registration::{Basis, Ground, Registration, Repeat};
use shared::revocation::CrlState;
use time::OffsetDateTime;

use super::{Activator, Attempt};
use crate::settings::Settings;

/// What an attempt has read of what its decision may rest on, as text that changes with it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inputs {
    /// What was read last, and decides if the attempt ends here; none for the rules.
    last: Option<(Ground, String)>,
    rules: String,
}

impl Inputs {
    /// The stack's settings and the CA's profile.
    pub(super) fn read_rules(&mut self, settings: &Settings, profile: Option<&Profile>) {
        let profile = profile.map(|profile| serde_json::to_string(profile).unwrap_or_default());
        let Settings { account_id, defaults, unenrolled_authorities, .. } = settings;
        self.rules = format!("{account_id:?} {defaults:?} {unenrolled_authorities:?} {profile:?}");
        self.last = None;
    }

    /// The announcements of the certificate's serial number and of its thing's name.
    pub(super) fn read_announcements(&mut self, by_serial: Option<&Announcement>, by_name: Option<&Announcement>) {
        self.last = Some((Ground::AllowList, format!("{by_serial:?} {by_name:?}")));
    }

    /// What is known of the CRLs: which ones count.
    pub(super) fn read_crls(&mut self, states: &[CrlState]) {
        let mut text = String::new();
        for CrlState { current, source, unreadable, version, .. } in states {
            let snapshot = current.as_ref().map(|crl| &crl.snapshot.key);
            // Writing to a string can't fail.
            let _ = write!(text, "{source:?} {version} {snapshot:?} {unreadable:?};");
        }
        self.last = Some((Ground::Crls, text));
    }

    /// The check that was made with what was read last has passed.
    pub(super) fn passed(&mut self) {
        self.last = None;
    }

    /// What a decision rests on that is made now.
    pub(super) fn basis(&self) -> Basis {
        match &self.last {
            Some((ground, text)) => Basis::new(*ground, &[&self.rules, text]),
            None => Basis::new(Ground::Rules, &[&self.rules]),
        }
    }
}

impl<R, A, S, P> Activator<R, A, S, P>
where
    A: AuthorityStore + CrlStates + Sync,
    S: RegistrationStore + Sync,
{
    /// The row about the certificate of an event that was decided last.
    pub(super) async fn newest_row(&self, event: &RegisteredEvent) -> Result<Option<Registration>, Fault> {
        let rows = self.registrations.registrations_about(&event.certificate_id).await?;
        let of_authority = rows.into_iter().filter(|row| row.ca_certificate_id == event.ca_certificate_id);
        Ok(of_authority.max_by(|one, other| one.decided_at.cmp(&other.decided_at)))
    }

    /// What the newest row about a certificate says about an event.
    pub(super) async fn repeat(
        &self,
        event: &RegisteredEvent,
        row: &Registration,
        attempt: &mut Attempt,
    ) -> Result<Repeat, Fault> {
        let is_current = match row.current_backoff().map(|backoff| &backoff.basis) {
            Some(basis) => *basis == self.basis_now(basis.ground, row, &mut attempt.inputs).await?,
            None => false,
        };
        attempt.inputs.passed();
        let repeat = |published_at| row.repeat(published_at, is_current, &attempt.process, attempt.now);
        let newest = repeat(event.timestamp);
        // The newest event counts, unless it needs no answer because an earlier one waits for it, and is in the same batch.
        let earliest =
            attempt.earliest.map(repeat).filter(|earliest| newest.acknowledges() && !earliest.acknowledges());
        Ok(earliest.unwrap_or(newest))
    }

    /// Whether what the decision that a row tells rests on has changed since it was read, be it the time alone.
    pub(crate) async fn has_changed(&self, row: &Registration, now: OffsetDateTime) -> Result<bool, Fault> {
        if row.has_become_valid(now) {
            return Ok(true);
        }
        let Some(backoff) = row.current_backoff() else { return Ok(false) };
        let profile = self.authorities.profile(&row.ca_certificate_id).await?;
        let mut inputs = Inputs::default();
        inputs.read_rules(&self.settings, profile.as_ref());
        Ok(backoff.basis != self.basis_now(backoff.basis.ground, row, &mut inputs).await?)
    }

    /// What a decision on the same ground would rest on now.
    async fn basis_now(&self, ground: Ground, row: &Registration, inputs: &mut Inputs) -> Result<Basis, Fault> {
        let authority = &row.ca_certificate_id;
        match ground {
            Ground::Rules => {}
            Ground::AllowList => {
                let candidate = row.candidate();
                if let (Some(serial), Some(name)) = (&candidate.serial, &candidate.thing_name) {
                    let (by_serial, by_name) = self.announcements(authority, serial, name).await?;
                    inputs.read_announcements(by_serial.as_ref(), by_name.as_ref());
                }
            }
            Ground::Crls => inputs.read_crls(&self.authorities.crl_states(authority).await?),
        }
        Ok(inputs.basis())
    }
}
