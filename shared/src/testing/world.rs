//! The tables and AWS IoT's registry in memory, with the conditions and status rules of the real ones.
//!
//! Every call can be made to fail, to never return, or to take long, so that tests can stop a protocol at each of its
//! calls. A call of AWS IoT takes one second of tokio's clock: with the clock paused, the time that has
//! passed is the number of calls in sequence.

#![expect(clippy::expect_used, reason = "a broken fake ends the test")]

mod authorities;
mod registrations;
mod registry;
mod revocation;
mod schedule;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use time::OffsetDateTime;

pub use revocation::Content;
pub use schedule::{Interleavings, Program};

use self::schedule::Turns;
use super::InjectedFault;
use crate::decision::{Reason, Verdict};
use crate::fault::{Fault, FaultKind};
use crate::id::{AccountId, CaCertificateId, CertificateId, PolicyName, Serial, ThingName};
use crate::port::{CertificateStatus, RegisteredCertificate, Replaced};
use crate::profile::Profile;
use crate::registration::{Candidate, Registration, RegistrationId};
use crate::revocation::{Comparison, CrlSource, CrlState};
use crate::text::Detail;
use crate::timestamp;

/// A thing in the registry.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct FakeThing {
    /// Its attributes.
    pub attributes: BTreeMap<String, String>,
    /// Its groups.
    pub groups: BTreeSet<ThingName>,
    /// ARNs attached to it.
    pub principals: BTreeSet<String>,
    /// Its type.
    pub thing_type: Option<ThingName>,
    /// Counts its changes.
    pub version: i64,
}

/// A row of the `Registrations` table.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The columns that people read.
    pub registration: Registration,
    /// Whom an interrupted activation was replacing.
    pub replacing: Option<Replaced>,
}

/// Everything that the ports can change.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// Announced names, by CA.
    pub announced_names: BTreeSet<(CaCertificateId, ThingName)>,
    /// Announced serial numbers, by CA, with the thing name they are bound to.
    pub announced_serials: BTreeMap<(CaCertificateId, Serial), Option<ThingName>>,
    /// PEM of the registered CAs.
    pub authorities: BTreeMap<CaCertificateId, String>,
    /// Device certificates.
    pub certificates: BTreeMap<CertificateId, RegisteredCertificate>,
    /// Comparisons of registrations with CRLs, of one CA or of all.
    pub comparisons: BTreeMap<Option<CaCertificateId>, Comparison>,
    /// Clients with a live session, with the certificate they came in with.
    pub connected: BTreeMap<String, CertificateId>,
    /// States of CRLs.
    pub crl_states: BTreeMap<(CaCertificateId, CrlSource), CrlState>,
    /// States of CRLs as they were when the world began.
    pub(crate) crl_states_at_start: BTreeMap<(CaCertificateId, CrlSource), CrlState>,
    /// Policies attached, by certificate ARN.
    pub policies: BTreeMap<String, BTreeSet<PolicyName>>,
    /// Profiles.
    pub profiles: BTreeMap<CaCertificateId, Profile>,
    /// Registration rows.
    pub rows: BTreeMap<RegistrationId, Row>,
    /// Rejected payloads with their reasons.
    pub rejections: Vec<(String, Reason)>,
    /// Objects of the snapshot bucket.
    pub snapshots: BTreeMap<String, Vec<u8>>,
    /// Things.
    pub things: BTreeMap<ThingName, FakeThing>,
}

#[derive(Debug, Default)]
struct Inner {
    calls: Vec<&'static str>,
    mishap: Option<(usize, InjectedFault)>,
    octets_read: u64,
    out_of_order: bool,
    state: State,
    turns: Option<Turns>,
}

/// The world behind the ports.
#[derive(Debug, Default)]
pub struct World {
    inner: Mutex<Inner>,
}

impl World {
    /// A world in this state.
    #[must_use]
    pub fn new(mut state: State) -> Self {
        state.crl_states_at_start = state.crl_states.clone();
        Self { inner: Mutex::new(Inner { state, ..Inner::default() }) }
    }

    /// Lets the n-th call from now (the first is 0) meet a mishap, once.
    pub fn plan(&self, n: usize, mishap: InjectedFault) {
        let mut inner = self.lock();
        let at = inner.calls.len() + n;
        inner.mishap = Some((at, mishap));
    }

    /// Lets every reading of CRL states answer with what they were when the world began, as if the activator read them
    /// before it writes its row: the mistake that its order of steps avoids.
    pub fn read_crl_states_out_of_order(&self) {
        self.lock().out_of_order = true;
    }

    fn is_out_of_order(&self) -> bool {
        self.lock().out_of_order
    }

    /// The names of all calls so far, as AWS names the operations.
    #[must_use]
    pub fn calls(&self) -> Vec<&'static str> {
        self.lock().calls.clone()
    }

    /// Octets read from the snapshots so far, page by page.
    #[must_use]
    pub fn octets_read(&self) -> u64 {
        self.lock().octets_read
    }

    /// A copy of the state.
    #[must_use]
    pub fn state(&self) -> State {
        self.lock().state.clone()
    }

    /// Changes the state by hand, as an operator would.
    pub fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.lock().state)
    }

    /// A certificate that AWS IoT has just registered in time.
    pub fn register(&self, authority: &CaCertificateId, account: &AccountId, id: &CertificateId, pem: &str) {
        let certificate = RegisteredCertificate {
            arn: format!("arn:aws:iot:us-east-1:{account}:cert/{id}"),
            ca_certificate_id: Some(authority.clone()),
            owned_by: Some(account.clone()),
            pem: pem.to_owned(),
            status: CertificateStatus::PendingActivation,
        };
        self.change(|state| state.certificates.insert(id.clone(), certificate));
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no test panics while it holds the world")
    }

    async fn call<T: Debug>(&self, name: &'static str, effect: impl FnOnce(&mut State) -> T) -> Result<T, Fault> {
        if self.lock().turns.is_some() {
            schedule::turn(self, name).await;
            let answer = self.change(effect);
            schedule::observe(self, &answer);
            return Ok(answer);
        }
        if name.starts_with("iot:") {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let mishap = {
            let mut inner = self.lock();
            let n = inner.calls.len();
            inner.calls.push(name);
            inner.mishap.filter(|(at, _)| *at == n).map(|(_, mishap)| mishap)
        };
        match mishap {
            None => Ok(self.change(effect)),
            Some(InjectedFault::DiedAfter) => {
                self.change(effect);
                std::future::pending().await
            }
            Some(InjectedFault::DiedBefore) => std::future::pending().await,
            Some(InjectedFault::AnswerLost) => {
                self.change(effect);
                Err(Fault::new(name, FaultKind::Unavailable, "injected fault"))
            }
            Some(InjectedFault::Refused) => Err(Fault::new(name, FaultKind::Unavailable, "injected fault")),
            Some(InjectedFault::Stalled) => {
                tokio::time::sleep(Duration::from_secs(30)).await;
                Ok(self.change(effect))
            }
        }
    }
}

impl State {
    /// The state of a source, made if there is none.
    fn crl_state(&mut self, id: &CaCertificateId, source: &CrlSource) -> &mut CrlState {
        self.crl_states.entry((id.clone(), source.clone())).or_insert_with(|| CrlState::new(source.clone()))
    }

    /// A row, if it is about this certificate.
    fn row_of(&mut self, id: &RegistrationId, certificate: &CertificateId) -> Option<&mut Registration> {
        let row = self.rows.get_mut(id)?;
        (row.registration.certificate_id == *certificate).then_some(&mut row.registration)
    }

    fn belongs_to_another(&self, id: &RegistrationId, candidate: &Candidate) -> bool {
        self.rows.get(id).is_some_and(|row| row.registration.certificate_id != candidate.certificate_id)
    }

    fn write(&mut self, candidate: &Candidate, verdict: &Verdict, now: OffsetDateTime) -> &mut Row {
        let now = timestamp::to_text(now);
        let row = self.rows.entry(candidate.id.clone()).or_insert_with(|| Row {
            registration: Registration {
                activated_at: None,
                attempts: 0,
                ca_certificate_id: candidate.ca_certificate_id.clone(),
                certificate_id: candidate.certificate_id.clone(),
                crl_number: None,
                decided_at: now.clone(),
                decision: verdict.decision,
                detail: Detail::default(),
                first_seen_at: now.clone(),
                held_at: None,
                last_error: None,
                last_error_at: None,
                not_after: candidate.not_after.map(timestamp::to_text),
                not_before: candidate.not_before.map(timestamp::to_text),
                reason: verdict.reason,
                registration_id: candidate.id.to_string(),
                revocation_reason: None,
                revoked_at: None,
                serial: candidate.serial.as_ref().map(ToString::to_string),
                subject: candidate.subject.clone(),
                superseded_at: None,
                superseded_by: None,
                thing_name: None,
            },
            replacing: None,
        });
        row.registration.decided_at = now;
        row.registration.decision = verdict.decision;
        row.registration.detail.clone_from(&verdict.detail);
        row.registration.reason = verdict.reason;
        if candidate.thing_name.is_some() {
            row.registration.thing_name.clone_from(&candidate.thing_name);
        }
        row
    }
}
