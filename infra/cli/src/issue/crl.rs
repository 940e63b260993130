//! Certificate revocation lists for tests and small fleets.

use rcgen::{
    CertificateRevocationListParams, CrlDistributionPoint, CrlIssuingDistributionPoint, CrlScope, KeyIdMethod,
    RevokedCertParams, SerialNumber,
};
use shared::id::Serial;
use shared::pki::Certificate;
use shared::pki::crl::{Crl, CrlNumber, CrlReader, RevocationReason};
use time::OffsetDateTime;
use x509_parser::extensions::ParsedExtension;

use super::{CertificateAuthority, IssueError, serial_octets};
use crate::credentials::certificates;

/// A certificate to be listed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CrlEntry {
    /// Since when the certificate is not to be trusted, if that is known.
    pub invalid_since: Option<OffsetDateTime>,
    /// Why it is listed.
    pub reason: RevocationReason,
    /// When it was revoked.
    pub revoked_at: OffsetDateTime,
    /// Its serial number.
    pub serial: Serial,
}

/// What a CRL is to say. Fractions of a second are not kept.
#[derive(Clone, Debug)]
pub struct CrlRequest {
    /// URIs of the distribution point that the CRL is limited to; none for a CRL that covers all certificates.
    pub distribution_points: Vec<String>,
    /// The certificates listed.
    pub entries: Vec<CrlEntry>,
    /// When the next CRL is due.
    pub next_update: OffsetDateTime,
    /// CRL number.
    pub number: CrlNumber,
    /// Limits a CRL with distribution points to end-entity certificates.
    pub only_user_certificates: bool,
    /// When the CRL is issued.
    pub this_update: OffsetDateTime,
}

/// A signed CRL.
#[derive(Clone, Debug)]
pub struct IssuedCrl {
    /// What it says, read back.
    pub crl: Crl,
    /// Its DER form.
    pub der: Vec<u8>,
    /// Its PEM form.
    pub pem: String,
}

impl CertificateAuthority {
    /// Signs a CRL, and checks the result as the CRL checker will, except for its dates.
    ///
    /// # Errors
    /// Dates in the wrong order, an authority that may not sign CRLs, or one whose subject cannot be reproduced.
    pub fn issue_crl(&self, request: &CrlRequest) -> Result<IssuedCrl, IssueError> {
        let (this_update, next_update) = (whole_seconds(request.this_update), whole_seconds(request.next_update));
        if next_update <= this_update {
            return Err(IssueError::CrlTimes);
        }
        let params = CertificateRevocationListParams {
            this_update,
            next_update,
            crl_number: SerialNumber::from_slice(&number_octets(&request.number)),
            issuing_distribution_point: distribution_point(request),
            revoked_certs: request.entries.iter().map(revoked).collect(),
            key_identifier_method: self.key_identifier()?,
        };
        let signed = params.signed_by(self.issuer()).map_err(IssueError::GenerateCrl)?;
        let named = x509_parser::parse_x509_crl(signed.der()).ok().map(|(_, parsed)| parsed.issuer().as_raw().to_vec());
        if named.as_deref() != Some(self.certificate().subject_name().as_der()) {
            return Err(IssueError::SubjectNotReproducible(self.certificate().subject().text().to_owned()));
        }
        let mut reader = CrlReader::new(self.certificate());
        let read = reader.feed(signed.der(), |_| ()).and_then(|()| reader.finish(self.certificate().not_before()));
        match read {
            Ok(crl) => {
                Ok(IssuedCrl { crl, der: signed.der().to_vec(), pem: signed.pem().map_err(IssueError::GenerateCrl)? })
            }
            Err(fault) => Err(fault.into()),
        }
    }

    /// The CA certificate's own subjectKeyIdentifier, however it was made: a CRL that names another is refused.
    fn key_identifier(&self) -> Result<KeyIdMethod, IssueError> {
        let own = certificates(self.certificate_pem().as_bytes()).map_err(IssueError::CaPem)?;
        let own = own.first().and_then(|der| x509_parser::parse_x509_certificate(der).ok()).and_then(|(_, parsed)| {
            parsed.iter_extensions().find_map(|extension| match extension.parsed_extension() {
                ParsedExtension::SubjectKeyIdentifier(identifier) => Some(identifier.0.to_vec()),
                _ => None,
            })
        });
        Ok(own.map_or(KeyIdMethod::Sha256, KeyIdMethod::PreSpecified))
    }
}

/// Proves that a certificate was issued by the CA, so that its serial number says something.
pub(crate) fn serial_of_issued(certificate: &Certificate, authority: &Certificate) -> Result<Serial, IssueError> {
    shared::pki::verify_issued_by(certificate, authority, authority.not_before())?;
    Ok(certificate.serial().clone())
}

fn whole_seconds(at: OffsetDateTime) -> OffsetDateTime {
    at.replace_nanosecond(0).unwrap_or(at)
}

fn number_octets(number: &CrlNumber) -> Vec<u8> {
    // A CRL number that exists has at most 40 hexadecimal digits.
    hex::decode(format!("{:0>40}", number.to_string())).unwrap_or_default()
}

fn distribution_point(request: &CrlRequest) -> Option<CrlIssuingDistributionPoint> {
    let uris = request.distribution_points.clone();
    (!uris.is_empty()).then(|| CrlIssuingDistributionPoint {
        distribution_point: CrlDistributionPoint { uris },
        scope: request.only_user_certificates.then_some(CrlScope::UserCertsOnly),
    })
}

fn revoked(entry: &CrlEntry) -> RevokedCertParams {
    RevokedCertParams {
        serial_number: SerialNumber::from_slice(&serial_octets(&entry.serial)),
        revocation_time: whole_seconds(entry.revoked_at),
        reason_code: Some(reason_code(entry.reason)),
        invalidity_date: entry.invalid_since.map(whole_seconds),
    }
}

fn reason_code(reason: RevocationReason) -> rcgen::RevocationReason {
    match reason {
        RevocationReason::Unspecified => rcgen::RevocationReason::Unspecified,
        RevocationReason::KeyCompromise => rcgen::RevocationReason::KeyCompromise,
        RevocationReason::CaCompromise => rcgen::RevocationReason::CaCompromise,
        RevocationReason::AffiliationChanged => rcgen::RevocationReason::AffiliationChanged,
        RevocationReason::Superseded => rcgen::RevocationReason::Superseded,
        RevocationReason::CessationOfOperation => rcgen::RevocationReason::CessationOfOperation,
        RevocationReason::CertificateHold => rcgen::RevocationReason::CertificateHold,
        RevocationReason::RemoveFromCrl => rcgen::RevocationReason::RemoveFromCrl,
        RevocationReason::PrivilegeWithdrawn => rcgen::RevocationReason::PrivilegeWithdrawn,
        RevocationReason::AaCompromise => rcgen::RevocationReason::AaCompromise,
    }
}
