//! Did this CA issue this device certificate, and may it be used now.

use time::OffsetDateTime;

use super::{Certificate, CertificateFault, CertificateVersion};

/// Proves that this CA issued a device certificate: issuer name, a usable CA, signature.
///
/// Path building stops at the registered CA, which is what AWS IoT trusts.
///
/// # Errors
/// The first fault found. The certificate's own words, its serial number above all, then prove nothing.
pub fn verify_issued_by(
    certificate: &Certificate,
    authority: &Certificate,
    now: OffsetDateTime,
) -> Result<(), CertificateFault> {
    if !certificate.issuer.matches(&authority.subject_name) {
        let (issuer, subject) = certificate.issuer.tell_apart(&authority.subject_name);
        return Err(CertificateFault::IssuerName { issuer, subject });
    }
    check_authority(authority, now)?;
    check_signature(certificate, authority)
}

/// Checks that a certificate of this CA may serve a device at `now`: not a CA, usages, extensions, validity.
///
/// What has no extensions, as a certificate of version 1, has no limits of use.
///
/// # Errors
/// The first fault found.
pub fn verify_usable(
    certificate: &Certificate,
    authority: &Certificate,
    now: OffsetDateTime,
) -> Result<(), CertificateFault> {
    check_key(certificate, authority)?;
    check_usage(certificate)?;
    check_validity(certificate, now)
}

fn check_authority(authority: &Certificate, now: OffsetDateTime) -> Result<(), CertificateFault> {
    let extensions = &authority.extensions;
    // Version 1 roots have no extensions to say it; AWS IoT registered them as CAs all the same.
    if authority.version() == CertificateVersion::V3 && extensions.authority != Some(true) {
        return Err(CertificateFault::IssuerUnusable("basicConstraints does not make it a CA".to_owned()));
    }
    if extensions.key_cert_sign == Some(false) {
        return Err(CertificateFault::IssuerUnusable("keyUsage lacks keyCertSign".to_owned()));
    }
    if let Some(oid) = &extensions.unknown_critical {
        return Err(CertificateFault::IssuerUnusable(format!("critical extension {oid} is not understood")));
    }
    if now < authority.not_before() || authority.not_after() < now {
        return Err(CertificateFault::IssuerExpired {
            not_before: authority.not_before(),
            not_after: authority.not_after(),
        });
    }
    Ok(())
}

fn check_signature(certificate: &Certificate, authority: &Certificate) -> Result<(), CertificateFault> {
    let algorithm = match &certificate.signature_algorithm {
        Ok(algorithm) => *algorithm,
        Err(found) => return Err(CertificateFault::SignatureAlgorithm(found.clone())),
    };
    if algorithm.verifies(&authority.key, &certificate.signed, &certificate.signature) {
        Ok(())
    } else {
        Err(CertificateFault::SignatureInvalid)
    }
}

/// A CA of version 1 has no extension that tells it from a device: its key does.
fn check_key(certificate: &Certificate, authority: &Certificate) -> Result<(), CertificateFault> {
    if certificate.key.shares_private_key(&authority.key) { Err(CertificateFault::Authority) } else { Ok(()) }
}

fn check_usage(certificate: &Certificate) -> Result<(), CertificateFault> {
    let extensions = &certificate.extensions;
    if extensions.authority == Some(true) || extensions.key_cert_sign == Some(true) {
        return Err(CertificateFault::Authority);
    }
    if let Some(oid) = &extensions.unknown_critical {
        return Err(CertificateFault::CriticalExtension(oid.clone()));
    }
    if extensions.digital_signature == Some(false) {
        return Err(CertificateFault::KeyUsage("keyUsage"));
    }
    if extensions.client_auth == Some(false) {
        return Err(CertificateFault::KeyUsage("extendedKeyUsage"));
    }
    Ok(())
}

/// Both ends belong to the validity (RFC 5280 section 4.1.2.5).
fn check_validity(certificate: &Certificate, now: OffsetDateTime) -> Result<(), CertificateFault> {
    if now < certificate.not_before() {
        return Err(CertificateFault::NotYetValid(certificate.not_before()));
    }
    if certificate.not_after() < now {
        return Err(CertificateFault::Expired(certificate.not_after()));
    }
    Ok(())
}
