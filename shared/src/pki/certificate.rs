//! One certificate, read from PEM or DER into an owned value.

use aws_lc_rs::digest;
use time::OffsetDateTime;
use x509_parser::asn1_rs::Any;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use x509_parser::x509::X509Version;

use super::crl::DistributionPoint;
use super::extensions::Extensions;
use super::{CertificateFault, Name, PublicKey, SignatureAlgorithm, Subject, pem};
use crate::id::{CertificateId, Serial};

/// More than the 65,536 characters of PEM that AWS IoT registers can hold.
pub const MAX_DER_BYTES: usize = 49_152;

/// Identifier octets of DER.
const BIT_STRING: u8 = 0x03;
const EXPLICIT_VERSION: u8 = 0xa0;
const SEQUENCE: u8 = 0x30;

/// A certificate whose structure has been read. Nothing about it has been believed yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Certificate {
    pub(super) extensions: Extensions,
    pub(super) issuer: Name,
    pub(super) key: PublicKey,
    pub(super) signature: Vec<u8>,
    pub(super) signature_algorithm: Result<SignatureAlgorithm, String>,
    pub(super) signed: Vec<u8>,
    pub(super) subject_name: Name,
    pub(super) version: u32,
    id: CertificateId,
    not_after: OffsetDateTime,
    not_before: OffsetDateTime,
    serial: Serial,
    subject: Subject,
}

impl Certificate {
    /// Reads the one certificate of a PEM text, as `DescribeCertificate` returns it. Text around the block does not
    /// count ([`pem`]).
    ///
    /// # Errors
    /// The size, structural and serial-number variants of [`CertificateFault`].
    pub fn from_pem(text: &str) -> Result<Self, CertificateFault> {
        if text.len() > MAX_DER_BYTES.saturating_mul(2) {
            return Err(CertificateFault::TooLarge(text.len()));
        }
        let certificates =
            pem::certificates(text.as_bytes()).map_err(|error| CertificateFault::Malformed(error.to_string()))?;
        match certificates.as_slice() {
            [only] => Self::from_der(only),
            several => Err(CertificateFault::TrailingBytes(several.iter().skip(1).map(Vec::len).sum())),
        }
    }

    /// Reads one DER certificate.
    ///
    /// # Errors
    /// The size, structural and serial-number variants of [`CertificateFault`].
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateFault> {
        if der.len() > MAX_DER_BYTES {
            return Err(CertificateFault::TooLarge(der.len()));
        }
        let (rest, parsed) =
            X509Certificate::from_der(der).map_err(|fault| CertificateFault::Malformed(fault.to_string()))?;
        if !rest.is_empty() {
            return Err(CertificateFault::TrailingBytes(rest.len()));
        }
        let tbs = &parsed.tbs_certificate;
        if tbs.signature == parsed.signature_algorithm && !wrapping_is_canonical(der, tbs.as_ref()) {
            return Err(CertificateFault::Malformed("what wraps the signed part is not DER".to_owned()));
        }
        let signature_algorithm = if tbs.signature == parsed.signature_algorithm {
            SignatureAlgorithm::read(&parsed.signature_algorithm)
        } else {
            Err("named differently inside and outside of the signed part".to_owned())
        };
        Ok(Self {
            extensions: Extensions::read(tbs).map_err(CertificateFault::Malformed)?,
            id: CertificateId::of_digest(digest::digest(&digest::SHA256, der).as_ref()),
            issuer: Name::new(tbs.issuer().as_raw()),
            key: PublicKey::read(tbs.public_key()),
            not_after: tbs.validity().not_after.to_datetime(),
            not_before: tbs.validity().not_before.to_datetime(),
            serial: Serial::from_der_integer(tbs.raw_serial()).map_err(CertificateFault::Serial)?,
            signature: parsed.signature_value.data.to_vec(),
            signature_algorithm,
            signed: tbs.as_ref().to_vec(),
            subject: Subject::read(tbs.subject()),
            subject_name: Name::new(tbs.subject().as_raw()),
            version: version(tbs.version()),
        })
    }

    /// Where its CRLs are (cRLDistributionPoints, RFC 5280 section 4.2.1.13); empty without that extension.
    #[must_use]
    pub fn distribution_points(&self) -> &[DistributionPoint] {
        &self.extensions.distribution_points
    }

    /// HTTP and HTTPS addresses of CRLs that its issuer signs, in the certificate's order.
    pub fn crl_urls(&self) -> impl Iterator<Item = &str> {
        self.distribution_points().iter().filter(|point| !point.foreign_issuer).flat_map(DistributionPoint::urls)
    }

    /// SHA-256 of the DER form: the id under which AWS IoT registers a certificate.
    #[must_use]
    pub fn id(&self) -> &CertificateId {
        &self.id
    }

    /// Whether it is a CA certificate: basicConstraints with `cA` TRUE (RFC 5280 section 4.2.1.9).
    #[must_use]
    pub fn is_authority(&self) -> bool {
        self.extensions.authority == Some(true)
    }

    /// The issuer's name.
    #[must_use]
    pub fn issuer(&self) -> &Name {
        &self.issuer
    }

    /// The public key.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// End of the validity.
    #[must_use]
    pub fn not_after(&self) -> OffsetDateTime {
        self.not_after
    }

    /// Start of the validity.
    #[must_use]
    pub fn not_before(&self) -> OffsetDateTime {
        self.not_before
    }

    /// The serial number, unique per CA if the CA keeps RFC 5280 section 4.1.2.2.
    #[must_use]
    pub fn serial(&self) -> &Serial {
        &self.serial
    }

    /// The subject.
    #[must_use]
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The subject's name, as issuers are compared with it.
    #[must_use]
    pub fn subject_name(&self) -> &Name {
        &self.subject_name
    }
}

/// Whether everything outside of the signed part has its one DER encoding, the algorithm octet for octet as inside.
///
/// No signature covers those octets, and x509-parser lets some variations pass: one signed certificate must not have
/// several ids.
fn wrapping_is_canonical(der: &[u8], signed: &[u8]) -> bool {
    let algorithms = || {
        let (_, outer, _) = element(der).filter(|(tag, ..)| *tag == SEQUENCE)?;
        let (_, algorithm, rest) = whole_element(outer.strip_prefix(signed)?)?;
        let (signature, _, []) = element(rest)? else { return None };
        let (_, mut inside, _) = element(signed)?;
        if inside.first() == Some(&EXPLICIT_VERSION) {
            inside = element(inside)?.2;
        }
        let (_, _, after_serial) = element(inside)?;
        let (_, signed_algorithm, _) = whole_element(after_serial)?;
        (signature == BIT_STRING).then_some((algorithm, signed_algorithm))
    };
    algorithms().is_some_and(|(algorithm, signed_algorithm)| algorithm == signed_algorithm)
}

/// Identifier octet, content and what follows of the first element.
fn element(input: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (rest, any) = Any::from_der(input).ok()?;
    Some((*input.first()?, any.data, rest))
}

/// The same with the element as a whole.
fn whole_element(input: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, _, rest) = element(input)?;
    Some((tag, input.get(..input.len().checked_sub(rest.len())?)?, rest))
}

/// X.509 encodes version 1 as 0.
fn version(encoded: X509Version) -> u32 {
    encoded.0.saturating_add(1)
}
