//! Where a CRL comes from.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::uri::Uri;

/// Longest source, in octets: `crl#` and the source are a sort key of DynamoDB, which holds 1,024.
pub const MAX_SOURCE: usize = 1000;

/// Why a text is not a source of CRLs.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{text:?} is not a CRL source: {problem}")]
pub struct SourceError {
    problem: &'static str,
    text: String,
}

/// The address of a CRL: `s3://bucket/key`, `https://…` or `http://…`.
///
/// Plain HTTP is what RFC 5280 section 4.2.1.13 expects: the CRL is signed.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CrlSource(String);

/// A source taken apart.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Location<'a> {
    /// An object in S3, read with the function's own permissions.
    Bucket {
        /// Name of the bucket.
        bucket: &'a str,
        /// Key of the object.
        key: &'a str,
    },
    /// An address of the web.
    Web {
        /// The host in lower case, without port.
        host: &'a str,
        /// The whole address.
        url: &'a str,
    },
}

impl CrlSource {
    /// The source as it was given, scheme and host in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The source taken apart.
    #[must_use]
    pub fn location(&self) -> Location<'_> {
        if let Some((bucket, key)) = self.0.strip_prefix("s3://").and_then(|rest| rest.split_once('/')) {
            return Location::Bucket { bucket, key };
        }
        Location::Web { host: Uri::read(&self.0).map_or("", |uri| uri.host()), url: &self.0 }
    }
}

impl FromStr for CrlSource {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        let fault = |problem| SourceError { problem, text: text.chars().take(200).collect() };
        if text.len() > MAX_SOURCE {
            return Err(fault("it is longer than 1000 octets"));
        }
        if !text.bytes().all(|octet| octet.is_ascii_graphic()) || text.contains('#') {
            return Err(fault("it may hold printable ASCII without spaces and '#' only"));
        }
        let uri = Uri::read(text).ok_or_else(|| fault("it has no scheme"))?;
        if uri.has_scheme("s3") {
            let rest = text.split_once("://").map_or("", |(_, rest)| rest);
            let (bucket, key) = rest.split_once('/').ok_or_else(|| fault("it lacks the key of the object"))?;
            let named = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-');
            if !(3..=63).contains(&bucket.len()) || !bucket.bytes().all(named) {
                return Err(fault("a bucket's name has 3 to 63 characters of a-z 0-9 . -"));
            }
            if key.is_empty() {
                return Err(fault("it lacks the key of the object"));
            }
        } else if !uri.is_web() {
            return Err(fault("its scheme is none of s3, https, http"));
        } else if uri.names_user() {
            return Err(fault("it must not hold a user name or password"));
        } else if uri.host().is_empty() {
            return Err(fault("it names no host"));
        }
        Ok(Self(uri.to_string()))
    }
}

impl TryFrom<String> for CrlSource {
    type Error = SourceError;

    fn try_from(text: String) -> Result<Self, SourceError> {
        text.parse()
    }
}

impl From<CrlSource> for String {
    fn from(source: CrlSource) -> Self {
        source.0
    }
}

impl fmt::Display for CrlSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_taken_apart() {
        let source: CrlSource = "s3://my-bucket/crl/a b/c.crl".replace(' ', "+").parse().unwrap();
        assert_eq!(source.location(), Location::Bucket { bucket: "my-bucket", key: "crl/a+b/c.crl" });
        let source: CrlSource = "http://CRL.Example.com:8080/Fleet.crl?x=1".parse().unwrap();
        let url = "http://crl.example.com:8080/Fleet.crl?x=1";
        assert_eq!(source.location(), Location::Web { host: "crl.example.com", url });
        for text in ["HTTP://CRL.EXAMPLE.COM/A", "Http://crl.example.com/A"] {
            assert_eq!(text.parse::<CrlSource>().unwrap().as_str(), "http://crl.example.com/A");
        }
        let source: CrlSource = "S3://my-bucket/A".parse().unwrap();
        assert_eq!(source.location(), Location::Bucket { bucket: "my-bucket", key: "A" });
        let source: CrlSource = "https://[::1]:8443/a".parse().unwrap();
        assert_eq!(source.location(), Location::Web { host: "[::1]", url: "https://[::1]:8443/a" });
    }

    #[test]
    fn what_is_no_source_is_refused() {
        for text in [
            "",
            "crl.example.com/a.crl",
            "ftp://crl.example.com/a",
            "file:///etc/passwd",
            "http://",
            "http:///a",
            "http:host/a",
            "HTTP://user@host/a",
            "http://user@host/a",
            "http://host/a#b",
            "http://host/a b",
            "s3://bucket",
            "s3://bucket/",
            "s3://Bucket/a",
            &format!("http://host/{}", "a".repeat(1000)),
        ] {
            assert!(text.parse::<CrlSource>().is_err(), "{text}");
        }
    }
}
