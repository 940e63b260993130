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
    let validators = Validators { etag: object.e_tag, last_modified };
    let announced = object.content_length.and_then(|octets| u64::try_from(octets).ok());
    let body = Body::new(clock, url, announced, Chunks::Bucket(object.body))?;
    Ok(Fetched::Content { body, validators })
}

/// Bucket and key of the object that a web address stands for, if the bucket is among `buckets`.
///
/// The addresses are those that AWS Private CA writes into certificates for CRLs in a private bucket, host
/// `<bucket>.s3.amazonaws.com`, `<bucket>.s3.<region>.amazonaws.com` or, with the bucket as the first part of the path,
/// `s3.<region>.amazonaws.com`; in China the hosts end in `.cn`. One with a port, a query or a malformed key remains
/// an address of the web.
pub(super) fn of_address<'a>(url: &str, buckets: &'a [String]) -> Option<(&'a str, String)> {
    let (_, rest) = url.split_once("://")?;
    let (host, path) = rest.split_once('/')?;
    let host = host.strip_suffix(".cn").unwrap_or(host).strip_suffix(".amazonaws.com")?;
    buckets.iter().find_map(|bucket| {
        let key = if let Some(endpoint) = host.strip_prefix(bucket.as_str()).and_then(|rest| rest.strip_prefix('.')) {
            (endpoint == "s3" || is_regional(endpoint)).then_some(path)?
        } else {
            is_regional(host).then_some(path)?.strip_prefix(bucket.as_str())?.strip_prefix('/')?
        };
        let key = percent_decoded(key)?;
        (!key.is_empty()).then_some((bucket.as_str(), key))
    })
}

/// Whether this is `s3.<region>`.
fn is_regional(endpoint: &str) -> bool {
    let named = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    endpoint.strip_prefix("s3.").is_some_and(|region| !region.is_empty() && region.bytes().all(named))
}

/// The text behind percent-encoding (RFC 3986 section 2.1); none if it is malformed, not UTF-8, or holds a query.
fn percent_decoded(text: &str) -> Option<String> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        octets.push(match octet {
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            b'?' => return None,
            octet => octet,
        });
    }
    String::from_utf8(octets).ok()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_configured_buckets_are_read_through_s3() {
        let buckets = ["my-crls".to_owned(), "my.crls".to_owned()];
        let object = |bucket, key| Some((bucket, key));
        for (url, expected) in [
            ("http://my-crls.s3.eu-west-1.amazonaws.com/crl/a.crl", object("my-crls", "crl/a.crl")),
            ("https://my-crls.s3.eu-west-1.amazonaws.com/crl/a.crl", object("my-crls", "crl/a.crl")),
            ("http://my-crls.s3.amazonaws.com/crl/a.crl", object("my-crls", "crl/a.crl")),
            ("http://my.crls.s3.us-gov-west-1.amazonaws.com/a", object("my.crls", "a")),
            ("http://my.crls.s3.amazonaws.com/a", object("my.crls", "a")),
            ("http://s3.eu-west-1.amazonaws.com/my-crls/crl/a.crl", object("my-crls", "crl/a.crl")),
            ("http://s3.cn-north-1.amazonaws.com.cn/my-crls/a", object("my-crls", "a")),
            ("http://my-crls.s3.cn-north-1.amazonaws.com.cn/a", object("my-crls", "a")),
            ("http://my-crls.s3.amazonaws.com/a%20b%2Fc+%C3%A9", object("my-crls", "a b/c+é")),
            ("http://my-crls.s3.amazonaws.com/a/../b//c", object("my-crls", "a/../b//c")),
            ("http://other.s3.amazonaws.com/my-crls/a", None),
            ("http://not-my-crls.s3.amazonaws.com/a", None),
            ("http://x.my-crls.s3.amazonaws.com/a", None),
            ("http://my-crls.s3.amazonaws.com.evil.example/a", None),
            ("http://my-crls.s3.evil.eu-west-1.amazonaws.com/a", None),
            ("http://my-crls.s3..amazonaws.com/a", None),
            ("http://my-crls.s3-website.eu-west-1.amazonaws.com/a", None),
            ("http://s3.eu-west-1.amazonaws.com/my-crls2/a", None),
            ("http://s3.eu-west-1.amazonaws.com/my-crls", None),
            ("http://s3.eu-west-1.amazonaws.com/my-crls/", None),
            ("http://my-crls.s3.amazonaws.com/", None),
            ("http://my-crls.s3.amazonaws.com", None),
            ("http://my-crls.s3.amazonaws.com:8080/a", None),
            ("http://my-crls.s3.amazonaws.com/a?versionId=1", None),
            ("http://my-crls.s3.amazonaws.com/a%2", None),
            ("http://my-crls.s3.amazonaws.com/a%zz", None),
            ("http://my-crls.s3.amazonaws.com/a%+1", None),
            ("http://my-crls.s3.amazonaws.com/a%ff", None),
        ] {
            let expected = expected.map(|(bucket, key)| (bucket, key.to_owned()));
            assert_eq!(of_address(url, &buckets), expected, "{url}");
        }
    }
}
