//! What a certificate in a file tells about a device that nobody has heard of.

use anyhow::Result;
use shared::aws::fault;
use shared::pki::{Certificate, CertificateFault, verify_issued_by};
use shared::timestamp;
use time::OffsetDateTime;

use crate::ca::registered;
use crate::cloud::{Cloud, is_not_found};
use crate::store::explain;

/// Why AWS IoT does not let the device connect so that it could be decided about; none if the file tells no reason.
///
/// # Errors
/// A failed call.
pub(super) async fn problem(certificate: &Certificate, cloud: &Cloud, now: OffsetDateTime) -> Result<Option<String>> {
    if let Some(problem) = validity(certificate, now) {
        return Ok(Some(problem));
    }
    let authorities = registered(cloud).await?;
    for id in &authorities {
        let pem = match cloud.iot.describe_ca_certificate().certificate_id(id.as_str()).send().await {
            Ok(answer) => answer.certificate_description.and_then(|described| described.certificate_pem),
            Err(error) if is_not_found(&error) => None,
            Err(error) => return Err(explain(fault("iot:DescribeCACertificate", error))),
        };
        let Some(authority) = pem.and_then(|pem| Certificate::from_pem(&pem).ok()) else { continue };
        let issued = verify_issued_by(certificate, &authority, now);
        if !matches!(issued, Err(CertificateFault::IssuerName { .. } | CertificateFault::SignatureInvalid)) {
            return Ok(None);
        }
    }
    Ok(Some(match authorities.len() {
        0 => "no CA is registered in this account and Region: jitr ca register --ca FILE --ca-key FILE".to_owned(),
        count => {
            let cas = if count == 1 {
                "the CA that is registered here has".to_owned()
            } else {
                format!("none of the {count} CAs that are registered here has")
            };
            let not = if count == 1 { " not" } else { "" };
            format!(
                "{cas}{not} issued it, so that AWS IoT knows nobody who vouches for the device: register its CA (jitr ca register), or \
                 give the device a certificate of one that is (jitr ca list)"
            )
        }
    }))
}

/// Whether it is outside its validity.
fn validity(certificate: &Certificate, now: OffsetDateTime) -> Option<String> {
    if certificate.not_after() < now {
        return Some(super::advice::expired(&timestamp::to_text(certificate.not_after())));
    }
    (certificate.not_before() > now).then(|| {
        let from = timestamp::to_text(certificate.not_before());
        format!(
            "it is valid from {from} on, and AWS IoT refuses it before: wait, or look at the clock of whoever issued it"
        )
    })
}
