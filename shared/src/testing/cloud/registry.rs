//! AWS IoT's registry in memory, with the status rules and the faults of the real one.

use super::{CloudState, FakeCloud, FakeThing};
use crate::fault::{Fault, FaultKind};
use crate::id::{CaCertificateId, CertificateId, PolicyName, ThingName};
use crate::port::{
    Attachments, CertificateRegistry, CertificateStatus, Creation, Look, NewStatus, NewThing, Principal,
    RegisteredCertificate, StatusChange, Thing, ThingRegistry,
};
use crate::registration::{REGISTRATION_ATTRIBUTE, RegistrationId};

const ATTACH_POLICY: &str = "iot:AttachPolicy";
const ATTACH_THING: &str = "iot:AttachThingPrincipal";
const JOIN_GROUP: &str = "iot:AddThingToThingGroup";
const LIST_PRINCIPALS: &str = "iot:ListThingPrincipals";

impl CertificateRegistry for FakeCloud {
    async fn certificate(&self, id: &CertificateId) -> Result<Option<RegisteredCertificate>, Fault> {
        let id = id.clone();
        self.call("iot:DescribeCertificate", move |state| state.certificates.get(&id).cloned()).await
    }

    async fn authority_pem(&self, id: &CaCertificateId) -> Result<Option<String>, Fault> {
        let id = id.clone();
        self.call("iot:DescribeCACertificate", move |state| state.authorities.get(&id).cloned()).await
    }

    async fn set_status(&self, id: &CertificateId, status: NewStatus, _: Option<&Look>) -> Result<StatusChange, Fault> {
        let id = id.clone();
        self.call("iot:UpdateCertificate", move |state| {
            let status = match status {
                NewStatus::Active => CertificateStatus::Active,
                NewStatus::Inactive => CertificateStatus::Inactive,
                NewStatus::Revoked => CertificateStatus::Revoked,
            };
            match state.certificates.get_mut(&id) {
                // REVOKED is final.
                Some(found) if found.status != CertificateStatus::Revoked || found.status == status => {
                    found.status = status;
                    StatusChange::Done
                }
                _ => StatusChange::Impossible,
            }
        })
        .await
    }
}

impl Attachments for FakeCloud {
    async fn principals(&self, name: &ThingName) -> Result<Vec<Principal>, Fault> {
        let thing = name.clone();
        let arns = self.call(LIST_PRINCIPALS, move |state| Some(state.things.get(&thing)?.principals.clone())).await?;
        Ok(arns.unwrap_or_default().into_iter().map(principal).collect())
    }

    async fn has_policy(&self, certificate_arn: &str) -> Result<bool, Fault> {
        let arn = certificate_arn.to_owned();
        self.call("iot:ListAttachedPolicies", move |state| {
            state.policies.get(&arn).is_some_and(|policies| !policies.is_empty())
        })
        .await
    }
}

impl ThingRegistry for FakeCloud {
    async fn create_thing(&self, thing: &NewThing) -> Result<Creation, Fault> {
        let thing = thing.clone();
        self.call("iot:CreateThing", move |state| match state.things.get(&thing.name) {
            Some(found) if found.attributes == thing.attributes && found.thing_type == thing.thing_type => {
                Creation::Made
            }
            Some(_) => Creation::Taken,
            None => {
                let NewThing { attributes, name, thing_type } = thing.clone();
                state.things.insert(name, FakeThing { attributes, thing_type, version: 1, ..FakeThing::default() });
                Creation::Made
            }
        })
        .await
    }

    async fn thing(&self, name: &ThingName) -> Result<Option<Thing>, Fault> {
        let name = name.clone();
        self.call("iot:DescribeThing", move |state| {
            let thing = state.things.get(&name)?;
            let registration = thing.attributes.get(REGISTRATION_ATTRIBUTE);
            Some(Thing {
                registration_id: registration.map(|text| RegistrationId::from_text(text)),
                version: thing.version,
            })
        })
        .await
    }

    async fn rewrite_thing(&self, thing: &NewThing, version: i64) -> Result<bool, Fault> {
        let thing = thing.clone();
        self.call("iot:UpdateThing", move |state| match state.things.get_mut(&thing.name) {
            Some(found) if found.version == version => {
                found.attributes.extend(thing.attributes.clone());
                found.version += 1;
                true
            }
            _ => false,
        })
        .await
    }

    async fn attach_thing(&self, name: &ThingName, certificate_arn: &str) -> Result<(), Fault> {
        let (thing, arn) = (name.clone(), certificate_arn.to_owned());
        let is_attached = self.call(ATTACH_THING, move |state| {
            let is_registered = state.is_registered(&arn);
            let thing = state.things.get_mut(&thing).filter(|_| is_registered);
            thing.map(|thing| thing.principals.insert(arn.clone())).is_some()
        });
        // The adapter takes it for a registry that has not caught up.
        let missing = || Fault::new(ATTACH_THING, FaultKind::Unavailable, format!("{name} or the certificate is gone"));
        is_attached.await?.then_some(()).ok_or_else(missing)
    }

    async fn attach_policy(&self, policy: &PolicyName, certificate_arn: &str) -> Result<(), Fault> {
        let (policy, arn) = (policy.clone(), certificate_arn.to_owned());
        let is_attached = self.call(ATTACH_POLICY, move |state| {
            let is_there = state.is_registered(&arn) && !state.missing_policies.contains(&policy);
            if is_there {
                state.policies.entry(arn.clone()).or_default().insert(policy.clone());
            }
            is_there
        });
        is_attached.await?.then_some(()).ok_or_else(|| not_found(ATTACH_POLICY, certificate_arn))
    }

    async fn detach_thing(&self, name: &ThingName, certificate_arn: &str) -> Result<(), Fault> {
        let (thing, arn) = (name.clone(), certificate_arn.to_owned());
        self.call("iot:DetachThingPrincipal", move |state| {
            if let Some(thing) = state.things.get_mut(&thing) {
                thing.principals.remove(&arn);
            }
        })
        .await
    }

    async fn delete_thing(&self, name: &ThingName, version: i64) -> Result<bool, Fault> {
        let name = name.clone();
        let is_deleted = self.call("iot:DeleteThing", move |state| match state.things.get(&name) {
            Some(thing) if !thing.principals.is_empty() => None,
            Some(thing) if thing.version != version => Some(false),
            _ => {
                state.things.remove(&name);
                Some(true)
            }
        });
        let in_use = || Fault::new("iot:DeleteThing", FaultKind::Invalid, "something is attached to the thing");
        is_deleted.await?.ok_or_else(in_use)
    }

    async fn join_group(&self, name: &ThingName, group: &ThingName) -> Result<(), Fault> {
        let (thing, group) = (name.clone(), group.clone());
        let has_joined = self.call(JOIN_GROUP, move |state| {
            state.things.get_mut(&thing).map(|thing| thing.groups.insert(group.clone())).is_some()
        });
        has_joined.await?.then_some(()).ok_or_else(|| not_found(JOIN_GROUP, name))
    }
}

impl CloudState {
    fn is_registered(&self, arn: &str) -> bool {
        let id = arn.rsplit_once(":cert/").and_then(|(_, id)| id.parse::<CertificateId>().ok());
        id.and_then(|id| self.certificates.get(&id)).is_some_and(|certificate| certificate.arn == arn)
    }
}

fn not_found(operation: &'static str, what: impl std::fmt::Display) -> Fault {
    Fault::new(operation, FaultKind::NotFound, format!("there is no {what}"))
}

fn principal(arn: String) -> Principal {
    let id = arn.rsplit_once(":cert/").and_then(|(_, id)| id.parse().ok());
    id.map_or(Principal::Other(arn), Principal::Certificate)
}
