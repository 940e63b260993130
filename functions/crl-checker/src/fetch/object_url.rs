//! Web addresses that stand for an object in S3.

/// What may stand in front of a Region in the host of an S3 endpoint: the usual form, the legacy form with a hyphen,
/// dual-stack, FIPS in both forms, and FIPS with dual-stack ("Amazon S3 endpoints and quotas" in the AWS General
/// Reference, "Making requests over IPv6" and "Virtual hosting of buckets" in the Amazon S3 user guide).
const REGIONAL: [&str; 6] = ["s3.", "s3-", "s3.dualstack.", "s3-fips.", "s3-fips-", "s3-fips.dualstack."];

/// Hosts without a Region: the global endpoint, and the legacy one of us-east-1.
const GLOBAL: [&str; 2] = ["s3", "s3-external-1"];

/// Hosts of transfer acceleration, which know buckets in the host only.
const ACCELERATED: [&str; 2] = ["s3-accelerate", "s3-accelerate.dualstack"];

/// Bucket and key of the object that a web address stands for, if the bucket is among `buckets`.
///
/// It is an endpoint of S3 with the bucket in the host, or as the first part of the path: what AWS Private CA writes into
/// certificates for CRLs in a private bucket, and every other form of the same address. In China the hosts end in
/// `.cn`. Access points and website endpoints are no such form: they have policies and contents of their own and remain
/// addresses of the web, as does an address with a port, a query or a malformed key.
pub(super) fn object_of<'a>(url: &str, buckets: &'a [String]) -> Option<(&'a str, String)> {
    let (_, rest) = url.split_once("://")?;
    let (host, path) = rest.split_once('/')?;
    let host = host.strip_suffix(".cn").unwrap_or(host).strip_suffix(".amazonaws.com")?;
    buckets.iter().find_map(|bucket| {
        let in_host = host.strip_prefix(bucket.as_str()).and_then(|rest| rest.strip_prefix('.'));
        let key = if in_host.is_some_and(|host| is_endpoint(host) || ACCELERATED.contains(&host)) {
            path
        } else if is_endpoint(host) {
            path.strip_prefix(bucket.as_str())?.strip_prefix('/')?
        } else {
            return None;
        };
        let key = percent_decoded(key)?;
        (!key.is_empty()).then_some((bucket.as_str(), key))
    })
}

fn is_endpoint(host: &str) -> bool {
    GLOBAL.contains(&host) || REGIONAL.iter().any(|before| host.strip_prefix(before).is_some_and(is_region))
}

/// Whether this looks like the code of a Region: `eu-west-1`, `us-gov-west-1`.
fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let is_word = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    match parts.as_slice() {
        [area, middle @ .., number] if !middle.is_empty() => {
            let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
            area.len() == 2 && is_word(area) && middle.iter().all(is_word) && is_number
        }
        _ => false,
    }
}

/// The text behind percent-encoding (RFC 3986 section 2.1); none if it is malformed, not UTF-8, or holds a query.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            b'?' => return None,
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets() -> [String; 2] {
        ["my-crls".to_owned(), "my.crls".to_owned()]
    }

    /// The endpoints that AWS documents, and whether they know buckets in the path too.
    const ENDPOINTS: [(&str, bool); 16] = [
        ("s3.amazonaws.com", true),
        ("s3-external-1.amazonaws.com", true),
        ("s3.eu-west-1.amazonaws.com", true),
        ("s3.ap-southeast-2.amazonaws.com", true),
        ("s3-eu-west-1.amazonaws.com", true),
        ("s3-us-gov-west-1.amazonaws.com", true),
        ("s3.dualstack.us-west-2.amazonaws.com", true),
        ("s3-fips.us-east-1.amazonaws.com", true),
        ("s3-fips.ca-central-1.amazonaws.com", true),
        ("s3-fips-us-gov-west-1.amazonaws.com", true),
        ("s3-fips.dualstack.us-gov-east-1.amazonaws.com", true),
        ("s3.cn-north-1.amazonaws.com.cn", true),
        ("s3.dualstack.cn-northwest-1.amazonaws.com.cn", true),
        ("s3-accelerate.amazonaws.com", false),
        ("s3-accelerate.dualstack.amazonaws.com", false),
        ("s3.mx-central-1.amazonaws.com", true),
    ];

    #[test]
    fn every_documented_endpoint_stands_for_s3() {
        let buckets = buckets();
        for (endpoint, knows_paths) in ENDPOINTS {
            for scheme in ["http", "https"] {
                for bucket in &buckets {
                    let object = Some((bucket.as_str(), "crl/a.crl".to_owned()));
                    let url = format!("{scheme}://{bucket}.{endpoint}/crl/a.crl");
                    assert_eq!(object_of(&url, &buckets), object, "{url}");
                    let url = format!("{scheme}://{endpoint}/{bucket}/crl/a.crl");
                    assert_eq!(object_of(&url, &buckets), object.filter(|_| knows_paths), "{url}");
                }
            }
        }
    }

    #[test]
    fn keys_are_decoded() {
        let buckets = buckets();
        for (path, key) in [
            ("a%20b%2Fc+%C3%A9", Some("a b/c+é")),
            ("a/../b//c", Some("a/../b//c")),
            ("%2e%2e/a", Some("../a")),
            ("a%25b", Some("a%b")),
            ("", None),
            ("a?versionId=1", None),
            ("a%2", None),
            ("a%zz", None),
            ("a%+1", None),
            ("a%ff", None),
        ] {
            let expected = key.map(|key| ("my-crls", key.to_owned()));
            let in_host = format!("http://my-crls.s3.amazonaws.com/{path}");
            assert_eq!(object_of(&in_host, &buckets), expected, "{in_host}");
            let in_path = format!("http://s3.dualstack.eu-west-1.amazonaws.com/my-crls/{path}");
            assert_eq!(object_of(&in_path, &buckets), expected, "{in_path}");
        }
    }

    #[test]
    fn other_addresses_stay_addresses_of_the_web() {
        let buckets = buckets();
        for url in [
            // Another bucket, or a bucket that only looks like one.
            "http://other.s3.amazonaws.com/my-crls/a",
            "http://not-my-crls.s3.amazonaws.com/a",
            "http://x.my-crls.s3.amazonaws.com/a",
            "http://s3.eu-west-1.amazonaws.com/my-crls2/a",
            "http://s3.eu-west-1.amazonaws.com/other/my-crls/a",
            "http://s3.eu-west-1.amazonaws.com//my-crls/a",
            // Another host.
            "http://my-crls.s3.amazonaws.com.evil.example/a",
            "http://my-crls.s3.amazonaws.com.cn.example/a",
            "http://my-crls.s3.evil.eu-west-1.amazonaws.com/a",
            "http://my-crls.s3..amazonaws.com/a",
            "http://my-crls.s3.eu-west.amazonaws.com/a",
            "http://my-crls.s3-fips.amazonaws.com/a",
            "http://my-crls.s3.dualstack.amazonaws.com/a",
            "http://my-crls.amazonaws.com/a",
            "http://my-crls.s3.amazonaws.com:8080/a",
            // No key.
            "http://s3.eu-west-1.amazonaws.com/my-crls",
            "http://s3.eu-west-1.amazonaws.com/my-crls/",
            "http://my-crls.s3.amazonaws.com/",
            "http://my-crls.s3.amazonaws.com",
            // Website endpoints, access points, and other services of S3.
            "http://my-crls.s3-website.eu-west-1.amazonaws.com/a",
            "http://my-crls.s3-website-us-east-1.amazonaws.com/a",
            "http://my-crls.s3-accesspoint.us-west-2.amazonaws.com/a",
            "http://my-crls-123456789012.s3-accesspoint.us-west-2.amazonaws.com/a",
            "http://my-crls-123456789012.s3-accesspoint-fips.dualstack.us-west-2.amazonaws.com/a",
            "http://my-crls.s3-object-lambda.us-west-2.amazonaws.com/a",
            "http://my-crls.s3-outposts.us-west-2.amazonaws.com/a",
            "http://my-crls.s3express-usw2-az1.us-west-2.amazonaws.com/a",
            "http://my-crls.s3-control.us-west-2.amazonaws.com/a",
        ] {
            assert_eq!(object_of(url, &buckets), None, "{url}");
        }
    }
}
