//! Things, their principals, policies and groups in AWS IoT's registry.

use aws_sdk_iot::operation::attach_thing_principal::AttachThingPrincipalError;
use aws_sdk_iot::operation::create_thing::CreateThingError;
use aws_sdk_iot::operation::delete_thing::DeleteThingError;
use aws_sdk_iot::operation::describe_thing::DescribeThingError;
use aws_sdk_iot::operation::detach_thing_principal::DetachThingPrincipalError;
use aws_sdk_iot::operation::list_thing_principals::ListThingPrincipalsError;
use aws_sdk_iot::types::AttributePayload;

use super::error::fault;
use super::iot::Iot;
use crate::fault::{Fault, FaultKind};
use crate::id::{PolicyName, ThingName};
use crate::port::{Attachments, Creation, NewThing, Principal, Thing, ThingRegistry};
use crate::registration::{REGISTRATION_ATTRIBUTE, RegistrationId};

impl Attachments for Iot {
    async fn principals(&self, name: &ThingName) -> Result<Vec<Principal>, Fault> {
        let mut pages = self.client.list_thing_principals().thing_name(name.as_str()).into_paginator().send();
        let mut principals = Vec::new();
        while let Some(page) = pages.next().await {
            let page = match page {
                Ok(page) => page,
                // A thing that is not there has no principals.
                Err(error)
                    if error
                        .as_service_error()
                        .is_some_and(ListThingPrincipalsError::is_resource_not_found_exception) =>
                {
                    return Ok(Vec::new());
                }
                Err(error) => return Err(fault("iot:ListThingPrincipals", error)),
            };
            principals.extend(page.principals.unwrap_or_default().iter().map(|arn| principal(arn)));
        }
        Ok(principals)
    }

    async fn has_policy(&self, certificate_arn: &str) -> Result<bool, Fault> {
        // One page tells: a certificate has at most ten policies.
        let request = self.client.list_attached_policies().target(certificate_arn);
        let answer = request.send().await.map_err(|error| fault("iot:ListAttachedPolicies", error))?;
        Ok(!answer.policies.unwrap_or_default().is_empty())
    }
}

impl ThingRegistry for Iot {
    async fn create_thing(&self, thing: &NewThing) -> Result<Creation, Fault> {
        let request = self
            .client
            .create_thing()
            .thing_name(thing.name.as_str())
            .set_thing_type_name(thing.thing_type.as_ref().map(ToString::to_string))
            .attribute_payload(attributes(thing, false));
        match request.send().await {
            Ok(_) => Ok(Creation::Made),
            Err(error)
                if error.as_service_error().is_some_and(CreateThingError::is_resource_already_exists_exception) =>
            {
                Ok(Creation::Taken)
            }
            Err(error) => Err(fault("iot:CreateThing", error)),
        }
    }

    async fn thing(&self, name: &ThingName) -> Result<Option<Thing>, Fault> {
        match self.client.describe_thing().thing_name(name.as_str()).send().await {
            Ok(thing) => Ok(Some(Thing {
                registration_id: thing
                    .attributes
                    .and_then(|attributes| attributes.get(REGISTRATION_ATTRIBUTE).cloned())
                    .map(|text| RegistrationId::from_text(&text)),
                version: thing.version,
            })),
            Err(error) if error.as_service_error().is_some_and(DescribeThingError::is_resource_not_found_exception) => {
                Ok(None)
            }
            Err(error) => Err(fault("iot:DescribeThing", error)),
        }
    }

    async fn rewrite_thing(&self, thing: &NewThing, version: i64) -> Result<bool, Fault> {
        let request = self
            .client
            .update_thing()
            .thing_name(thing.name.as_str())
            .attribute_payload(attributes(thing, true))
            .expected_version(version);
        match request.send().await {
            Ok(_) => Ok(true),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|e| e.is_version_conflict_exception() || e.is_resource_not_found_exception()) =>
            {
                Ok(false)
            }
            Err(error) => Err(fault("iot:UpdateThing", error)),
        }
    }

    async fn attach_thing(&self, name: &ThingName, certificate_arn: &str) -> Result<(), Fault> {
        let request = self.client.attach_thing_principal().thing_name(name.as_str()).principal(certificate_arn);
        match request.send().await {
            Ok(_) => Ok(()),
            // The certificate was described and the thing made a moment ago: AWS IoT has not caught up yet.
            Err(error)
                if error.as_service_error().is_some_and(AttachThingPrincipalError::is_resource_not_found_exception) =>
            {
                Err(Fault::new("iot:AttachThingPrincipal", FaultKind::Unavailable, error))
            }
            Err(error) => Err(fault("iot:AttachThingPrincipal", error)),
        }
    }

    async fn detach_thing(&self, name: &ThingName, certificate_arn: &str) -> Result<(), Fault> {
        let request = self.client.detach_thing_principal().thing_name(name.as_str()).principal(certificate_arn);
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error)
                if error.as_service_error().is_some_and(DetachThingPrincipalError::is_resource_not_found_exception) =>
            {
                Ok(())
            }
            Err(error) => Err(fault("iot:DetachThingPrincipal", error)),
        }
    }

    async fn delete_thing(&self, name: &ThingName, version: i64) -> Result<bool, Fault> {
        let request = self.client.delete_thing().thing_name(name.as_str()).expected_version(version);
        match request.send().await {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(DeleteThingError::ResourceNotFoundException(_)) => Ok(true),
                Some(DeleteThingError::VersionConflictException(_)) => Ok(false),
                _ => Err(fault("iot:DeleteThing", error)),
            },
        }
    }

    async fn attach_policy(&self, policy: &PolicyName, certificate_arn: &str) -> Result<(), Fault> {
        let request = self.client.attach_policy().policy_name(policy.as_str()).target(certificate_arn);
        request.send().await.map(|_| ()).map_err(|error| fault("iot:AttachPolicy", error))
    }

    async fn join_group(&self, name: &ThingName, group: &ThingName) -> Result<(), Fault> {
        let request = self.client.add_thing_to_thing_group().thing_name(name.as_str()).thing_group_name(group.as_str());
        request.send().await.map(|_| ()).map_err(|error| fault("iot:AddThingToThingGroup", error))
    }
}

fn attributes(thing: &NewThing, merge: bool) -> AttributePayload {
    let map = thing.attributes.clone().into_iter().collect();
    AttributePayload::builder().set_attributes(Some(map)).merge(merge).build()
}

/// Certificates are attached by ARN, `arn:<partition>:iot:<region>:<account>:cert/<id>`.
fn principal(arn: &str) -> Principal {
    arn.rsplit_once(":cert/")
        .and_then(|(_, id)| id.parse().ok())
        .map_or_else(|| Principal::Other(arn.to_owned()), Principal::Certificate)
}
