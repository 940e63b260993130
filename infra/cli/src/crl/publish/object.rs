//! The object that holds a CRL: it is replaced only as it was read.

use anyhow::{Context as _, Result, bail};
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::primitives::ByteStream;
use shared::aws::fault;

use crate::cloud::Cloud;
use crate::store::explain;

/// What is there.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// S3's mark of the content.
    etag: String,
    /// The content.
    pub(super) octets: Vec<u8>,
}

/// Reads an object; none if there is no such object.
///
/// # Errors
/// A failed call.
pub(super) async fn read(bucket: &str, key: &str, cloud: &Cloud) -> Result<Option<Found>> {
    let answer = match cloud.s3.get_object().bucket(bucket).key(key).send().await {
        Ok(answer) => answer,
        Err(error) if error.as_service_error().is_some_and(GetObjectError::is_no_such_key) => return Ok(None),
        Err(error) => return Err(explain(fault("s3:GetObject", error)).context(unreadable(bucket, key))),
    };
    let etag = answer.e_tag.context("s3 answered without an etag").with_context(|| unreadable(bucket, key))?;
    let octets = answer.body.collect().await.with_context(|| unreadable(bucket, key))?.to_vec();
    Ok(Some(Found { etag, octets }))
}

/// Writes an object if it is still as it was read: with this content, or not there.
///
/// # Errors
/// A failed call, or another writer in between.
pub(super) async fn replace(
    bucket: &str,
    key: &str,
    octets: Vec<u8>,
    before: Option<&Found>,
    cloud: &Cloud,
) -> Result<()> {
    let request = cloud.s3.put_object().bucket(bucket).key(key).content_type("application/pkix-crl");
    let request = conditional(request, before).body(ByteStream::from(octets));
    match request.send().await {
        Ok(_) => Ok(()),
        Err(SdkError::ServiceError(refused)) if matches!(refused.raw().status().as_u16(), 409 | 412) => {
            bail!("somebody else has published to s3://{bucket}/{key} just now: look at it, and run the command again")
        }
        Err(error) => {
            Err(explain(fault("s3:PutObject", error))).with_context(|| format!("s3://{bucket}/{key} cannot be written"))
        }
    }
}

/// "Conditional writes" in the Amazon S3 User Guide.
fn conditional(request: PutObjectFluentBuilder, before: Option<&Found>) -> PutObjectFluentBuilder {
    match before {
        Some(Found { etag, .. }) => request.if_match(etag),
        None => request.if_none_match("*"),
    }
}

fn unreadable(bucket: &str, key: &str) -> String {
    format!("s3://{bucket}/{key} cannot be read, so that it is not known what would be replaced")
}
