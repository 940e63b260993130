//! CRLs from S3.

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::primitives::DateTimeFormat;
use shared::revocation::Validators;

use super::body::{Body, Chunks, Clock};
use super::{FetchFault, Fetched};

/// Reads an object with the function's own permissions.
pub(super) async fn fetch(
    client: &Client,
    clock: Clock,
    bucket: &str,
    key: &str,
    validators: &Validators,
) -> Result<Fetched<Body>, FetchFault> {
    let url = format!("s3://{bucket}/{key}");
    let request = client.get_object().bucket(bucket).key(key).set_if_none_match(validators.etag.clone());
    let object = match clock.head(&url, Box::pin(request.send())).await? {
        Ok(object) => object,
        Err(error) if status(&error) == Some(304) && validators.etag.is_some() => return Ok(Fetched::NotModified),
        Err(error) => return Err(refused(bucket, key, error)),
    };
    let last_modified = object.last_modified.and_then(|date| date.fmt(DateTimeFormat::HttpDate).ok());
    let validators = Validators::new(object.e_tag, last_modified);
    let announced = object.content_length.and_then(|octets| u64::try_from(octets).ok());
    let body = Body::new(clock, url, announced, Chunks::Bucket(object.body))?;
    Ok(Fetched::Content { body, validators })
}

fn status(error: &SdkError<GetObjectError>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}

fn refused(bucket: &str, key: &str, error: SdkError<GetObjectError>) -> FetchFault {
    let problem = match (status(&error), error.code()) {
        (Some(status), Some(code)) => format!("status {status}, {code}"),
        (Some(status), None) => format!("status {status}"),
        (None, _) => "no answer".to_owned(),
    };
    FetchFault::Bucket { bucket: bucket.to_owned(), key: key.to_owned(), problem, source: Box::new(error) }
}
