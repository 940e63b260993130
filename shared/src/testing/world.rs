//! The tables and AWS IoT's registry in memory, with the conditions and status rules of the real ones.
//!
//! Every call can be made to fail, to never return, or to take long, so that tests can stop a protocol at each of its
//! calls. A call of AWS IoT takes one second of tokio's clock: with the clock paused, the time that has
//! passed is the number of calls in sequence.

#![expect(clippy::expect_used, reason = "a broken fake ends the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use time::OffsetDateTime;

use crate::decision::{Reason, Verdict};
use crate::fault::{Fault, FaultKind};
use crate::id::{AccountId, CaCertificateId, CertificateId, PolicyName, Serial, ThingName};
use crate::port::{
    Announcement, AuthorityStore, Begin, CertificateRegistry, CertificateStatus, Creation, Finish, NewStatus, NewThing,
    Principal, RegisteredCertificate, RegistrationStore, Replaced, StatusChange, Thing, ThingRegistry,
};
use crate::profile::Profile;
use crate::registration::{Candidate, REGISTRATION_ATTRIBUTE, Registration, RegistrationId};
use crate::timestamp;

/// What happens to one call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mishap {
    /// Never returns, and has its effect.
    DieAfter,
    /// Never returns, and has no effect.
    DieBefore,
    /// Returns a passing fault, and has its effect.
    FailAfter,
    /// Returns a passing fault, and has no effect.
    FailBefore,
    /// Takes half a minute before it has its effect.
    Stall,
}

impl Mishap {
    /// The kinds that stop an attempt.
    pub const STOPS: [Self; 4] = [Self::DieAfter, Self::DieBefore, Self::FailAfter, Self::FailBefore];
}

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
    /// Policies attached, by certificate ARN.
    pub policies: BTreeMap<String, BTreeSet<PolicyName>>,
    /// Profiles.
    pub profiles: BTreeMap<CaCertificateId, Profile>,
    /// Registration rows.
    pub rows: BTreeMap<RegistrationId, Row>,
    /// Rejected payloads with their reasons.
    pub rejections: Vec<(String, Reason)>,
    /// Things.
    pub things: BTreeMap<ThingName, FakeThing>,
}

#[derive(Debug, Default)]
struct Inner {
    calls: Vec<&'static str>,
    mishap: Option<(usize, Mishap)>,
    state: State,
}

/// The world behind the ports.
#[derive(Debug, Default)]
pub struct World {
    inner: Mutex<Inner>,
}

impl World {
    /// A world in this state.
    #[must_use]
    pub fn new(state: State) -> Self {
        Self { inner: Mutex::new(Inner { state, ..Inner::default() }) }
    }

    /// Lets the n-th call from now (the first is 0) meet a mishap, once.
    pub fn plan(&self, n: usize, mishap: Mishap) {
        let mut inner = self.lock();
        let at = inner.calls.len() + n;
        inner.mishap = Some((at, mishap));
    }

    /// The names of all calls so far, as AWS names the operations.
    #[must_use]
    pub fn calls(&self) -> Vec<&'static str> {
        self.lock().calls.clone()
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

    async fn call<T>(&self, name: &'static str, effect: impl FnOnce(&mut State) -> T) -> Result<T, Fault> {
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
            Some(Mishap::DieAfter) => {
                self.change(effect);
                std::future::pending().await
            }
            Some(Mishap::DieBefore) => std::future::pending().await,
            Some(Mishap::FailAfter) => {
                self.change(effect);
                Err(Fault::new(name, FaultKind::Unavailable, "planned mishap"))
            }
            Some(Mishap::FailBefore) => Err(Fault::new(name, FaultKind::Unavailable, "planned mishap")),
            Some(Mishap::Stall) => {
                tokio::time::sleep(Duration::from_secs(30)).await;
                Ok(self.change(effect))
            }
        }
    }
}

impl CertificateRegistry for &World {
    async fn certificate(&self, id: &CertificateId) -> Result<Option<RegisteredCertificate>, Fault> {
        self.call("iot:DescribeCertificate", |state| state.certificates.get(id).cloned()).await
    }

    async fn authority_pem(&self, id: &CaCertificateId) -> Result<Option<String>, Fault> {
        self.call("iot:DescribeCACertificate", |state| state.authorities.get(id).cloned()).await
    }

    async fn set_status(&self, id: &CertificateId, status: NewStatus) -> Result<StatusChange, Fault> {
        self.call("iot:UpdateCertificate", |state| {
            let Some(certificate) = state.certificates.get_mut(id) else { return StatusChange::Impossible };
            let status = match status {
                NewStatus::Active => CertificateStatus::Active,
                NewStatus::Inactive => CertificateStatus::Inactive,
                NewStatus::Revoked => CertificateStatus::Revoked,
            };
            if certificate.status == CertificateStatus::Revoked && status != CertificateStatus::Revoked {
                return StatusChange::Impossible;
            }
            certificate.status = status;
            StatusChange::Done
        })
        .await
    }
}

impl ThingRegistry for &World {
    async fn create_thing(&self, thing: &NewThing) -> Result<Creation, Fault> {
        self.call("iot:CreateThing", |state| match state.things.get(&thing.name) {
            Some(found) if found.attributes == thing.attributes && found.thing_type == thing.thing_type => {
                Creation::Made
            }
            Some(_) => Creation::Taken,
            None => {
                let made = FakeThing {
                    attributes: thing.attributes.clone(),
                    thing_type: thing.thing_type.clone(),
                    version: 1,
                    ..FakeThing::default()
                };
                state.things.insert(thing.name.clone(), made);
                Creation::Made
            }
        })
        .await
    }

    async fn thing(&self, name: &ThingName) -> Result<Option<Thing>, Fault> {
        self.call("iot:DescribeThing", |state| {
            state.things.get(name).map(|thing| Thing {
                registration_id: thing
                    .attributes
                    .get(REGISTRATION_ATTRIBUTE)
                    .map(|text| RegistrationId::from_text(text)),
                version: thing.version,
            })
        })
        .await
    }

    async fn rewrite_thing(&self, thing: &NewThing, version: i64) -> Result<bool, Fault> {
        self.call("iot:UpdateThing", |state| match state.things.get_mut(&thing.name) {
            Some(found) if found.version == version => {
                found.attributes.extend(thing.attributes.clone());
                found.version += 1;
                true
            }
            _ => false,
        })
        .await
    }

    async fn principals(&self, name: &ThingName) -> Result<Vec<Principal>, Fault> {
        self.call("iot:ListThingPrincipals", |state| {
            let arns = state.things.get(name).map(|thing| thing.principals.clone()).unwrap_or_default();
            arns.into_iter()
                .map(|arn| match arn.rsplit_once(":cert/").and_then(|(_, id)| id.parse().ok()) {
                    Some(id) => Principal::Certificate(id),
                    None => Principal::Other(arn),
                })
                .collect()
        })
        .await
    }

    async fn attach_thing(&self, name: &ThingName, certificate_arn: &str) -> Result<(), Fault> {
        self.call("iot:AttachThingPrincipal", |state| {
            let thing = state.things.get_mut(name).expect("the thing is made before it is attached");
            thing.principals.insert(certificate_arn.to_owned());
        })
        .await
    }

    async fn attach_policy(&self, policy: &PolicyName, certificate_arn: &str) -> Result<(), Fault> {
        self.call("iot:AttachPolicy", |state| {
            state.policies.entry(certificate_arn.to_owned()).or_default().insert(policy.clone());
        })
        .await
    }

    async fn join_group(&self, name: &ThingName, group: &ThingName) -> Result<(), Fault> {
        self.call("iot:AddThingToThingGroup", |state| {
            let thing = state.things.get_mut(name).expect("the thing is made before it joins a group");
            thing.groups.insert(group.clone());
        })
        .await
    }
}

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

impl RegistrationStore for &World {
    async fn registration(&self, id: &RegistrationId) -> Result<Option<Registration>, Fault> {
        self.call("dynamodb:GetItem", |state| state.rows.get(id).map(|row| row.registration.clone())).await
    }

    async fn begin(&self, candidate: &Candidate, now: OffsetDateTime) -> Result<Begin, Fault> {
        self.call("dynamodb:UpdateItem", |state| {
            if state.belongs_to_another(&candidate.id, candidate) {
                return Begin::SerialReused;
            }
            let row = state.write(candidate, &Verdict::activating(), now);
            row.registration.superseded_at = None;
            row.registration.superseded_by = None;
            Begin::Begun { replacing: row.replacing.clone() }
        })
        .await
    }

    async fn intend_to_replace(&self, candidate: &Candidate, replaced: &Replaced) -> Result<(), Fault> {
        self.call("dynamodb:UpdateItem", |state| {
            let row = state.rows.get_mut(&candidate.id).expect("the activation has begun");
            row.replacing = Some(replaced.clone());
        })
        .await
    }

    async fn supersede(&self, replaced: &RegistrationId, by: &Candidate, now: OffsetDateTime) -> Result<(), Fault> {
        self.call("dynamodb:UpdateItem", |state| {
            if let Some(row) = state.rows.get_mut(replaced) {
                row.registration.superseded_at = Some(timestamp::to_text(now));
                row.registration.superseded_by = Some(by.certificate_id.clone());
            }
        })
        .await
    }

    async fn finish(&self, candidate: &Candidate, now: OffsetDateTime) -> Result<Finish, Fault> {
        self.call("dynamodb:UpdateItem", |state| {
            let row = state.rows.get(&candidate.id).expect("the activation has begun");
            if row.registration.superseded_by.is_some() {
                return Finish::Superseded;
            }
            let row = state.write(candidate, &Verdict::activated(), now);
            row.registration.activated_at = Some(timestamp::to_text(now));
            row.registration.attempts += 1;
            row.registration.last_error = None;
            row.registration.last_error_at = None;
            row.replacing = None;
            Finish::Finished
        })
        .await
    }

    async fn record(&self, candidate: &Candidate, verdict: &Verdict, now: OffsetDateTime) -> Result<(), Fault> {
        self.call("dynamodb:UpdateItem", |state| {
            let mut candidate = candidate.clone();
            if state.belongs_to_another(&candidate.id, &candidate) {
                candidate.id = RegistrationId::unproven(&candidate.ca_certificate_id, &candidate.certificate_id);
            }
            let row = state.rows.get(&candidate.id);
            if row.is_none_or(|row| row.registration.decided_at <= timestamp::to_text(now)) {
                state.write(&candidate, verdict, now).registration.attempts += 1;
            }
        })
        .await
    }

    async fn note_failure(&self, candidate: &Candidate, failure: &str, now: OffsetDateTime) -> Result<(), Fault> {
        self.call("dynamodb:UpdateItem", |state| {
            if state.belongs_to_another(&candidate.id, candidate) {
                return;
            }
            if let Some(row) = state.rows.get_mut(&candidate.id) {
                row.registration.attempts += 1;
                row.registration.last_error = Some(failure.to_owned());
                row.registration.last_error_at = Some(timestamp::to_text(now));
            }
        })
        .await
    }

    async fn record_rejection(&self, payload: &str, verdict: &Verdict, _now: OffsetDateTime) -> Result<(), Fault> {
        self.call("dynamodb:UpdateItem", |state| state.rejections.push((payload.to_owned(), verdict.reason))).await
    }
}

impl State {
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
                decided_at: now.clone(),
                decision: verdict.decision,
                detail: String::new(),
                first_seen_at: now.clone(),
                last_error: None,
                last_error_at: None,
                not_after: candidate.not_after.map(timestamp::to_text),
                not_before: candidate.not_before.map(timestamp::to_text),
                reason: verdict.reason,
                registration_id: candidate.id.to_string(),
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
