//! AWS IoT's registry in memory.

use super::{FakeThing, World};
use crate::fault::Fault;
use crate::id::{CaCertificateId, CertificateId, PolicyName, ThingName};
use crate::port::{
    CertificateRegistry, CertificateStatus, Creation, NewStatus, NewThing, Principal, RegisteredCertificate,
    StatusChange, Thing, ThingRegistry,
};
use crate::registration::{REGISTRATION_ATTRIBUTE, RegistrationId};

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
