//! Whether what a profile names is there: without its policy, thing type or thing group each device of the CA would hang.

use anyhow::Result;
use aws_sdk_iot::config::http::HttpResponse;
use aws_sdk_iot::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_iot::types::ThingTypeMetadata;
use shared::aws::fault;
use shared::fault::FaultKind;
use shared::id::{PolicyName, ThingName};
use shared::profile::Profile;

use crate::cloud::{Cloud, is_not_found};
use crate::output::write_error;
use crate::store::explain;

/// What is wrong with the members that change, each with the option that gives it. Who may not look is warned, and goes on.
///
/// # Errors
/// A failed call.
pub(super) async fn problems(profile: &Profile, before: Option<&Profile>, cloud: &Cloud) -> Result<Vec<String>> {
    fn new<'a, T: PartialEq>(
        (profile, before): (&'a Profile, Option<&Profile>),
        member: impl Fn(&Profile) -> &Option<T>,
    ) -> Option<&'a T> {
        member(profile).as_ref().filter(|value| before.and_then(|before| member(before).as_ref()) != Some(*value))
    }
    let both = (profile, before);
    let mut problems = Vec::new();
    if let Some(name) = new(both, |profile| &profile.policy_name) {
        problems.extend(policy(name, cloud).await?);
    }
    if let Some(name) = new(both, |profile| &profile.thing_type) {
        problems.extend(thing_type(name, cloud).await?);
    }
    if let Some(name) = new(both, |profile| &profile.thing_group) {
        problems.extend(thing_group(name, cloud).await?);
    }
    Ok(problems)
}

async fn policy(name: &PolicyName, cloud: &Cloud) -> Result<Option<String>> {
    let answer = cloud.iot.get_policy().policy_name(name.as_str()).send().await;
    let missing = || format!("--policy {name}: there is no such policy");
    found("iot:GetPolicy", answer).map(|found| found.map_or_else(|| Some(missing()), |_| None))
}

/// AWS IoT gives no thing a type that is deprecated.
async fn thing_type(name: &ThingName, cloud: &Cloud) -> Result<Option<String>> {
    let answer = cloud.iot.describe_thing_type().thing_type_name(name.as_str()).send().await;
    Ok(match found("iot:DescribeThingType", answer)? {
        None => Some(format!("--thing-type {name}: there is no such thing type")),
        Some(Seen::Answer(answer)) if answer.thing_type_metadata().is_some_and(ThingTypeMetadata::deprecated) => {
            Some(format!("--thing-type {name}: the thing type is deprecated"))
        }
        Some(_) => None,
    })
}

/// AWS IoT itself decides who is in a dynamic group.
async fn thing_group(name: &ThingName, cloud: &Cloud) -> Result<Option<String>> {
    let answer = cloud.iot.describe_thing_group().thing_group_name(name.as_str()).send().await;
    Ok(match found("iot:DescribeThingGroup", answer)? {
        None => Some(format!("--thing-group {name}: there is no such thing group")),
        Some(Seen::Answer(answer)) if answer.query_string().is_some() => {
            Some(format!("--thing-group {name}: the thing group is dynamic, so that no thing can be put into it"))
        }
        Some(_) => None,
    })
}

/// What was seen of something that may be there.
enum Seen<T> {
    Answer(T),
    /// The credentials do not allow a look.
    Nothing,
}

/// What an answer tells; none if there is no such thing.
fn found<T, E>(operation: &'static str, answer: Result<T, SdkError<E, HttpResponse>>) -> Result<Option<Seen<T>>>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    match answer {
        Ok(answer) => Ok(Some(Seen::Answer(answer))),
        Err(error) if is_not_found(&error) => Ok(None),
        Err(error) => {
            let fault = fault(operation, error);
            if fault.kind != FaultKind::Denied {
                return Err(explain(fault));
            }
            write_error(format!("warning: {operation} is not allowed, so that it is not known whether it is there"));
            Ok(Some(Seen::Nothing))
        }
    }
}
