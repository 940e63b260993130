//! One certificate, read from PEM or DER into an owned value.

use aws_lc_rs::digest;
use time::OffsetDateTime;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::crl::DistributionPoint;
use super::extensions::Extensions;
use super::layout::Layout;
use super::{CertificateFault, CertificateVersion, Name, PublicKey, SignatureAlgorithm, Subject, pem, serial};
use crate::id::{CertificateId, Serial};

/// More than the 65,536 characters of PEM that AWS IoT registers can hold.
pub const MAX_DER_BYTES: usize = 49_152;

/// A certificate whose structure has been read. Nothing about it has been believed yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Certificate {
    pub(super) algorithm: Vec<u8>,
    pub(super) extensions: Extensions,
    pub(super) issuer: Name,
    pub(super) key: PublicKey,
    pub(super) signature: Vec<u8>,
    pub(super) signature_algorithm: Result<SignatureAlgorithm, String>,
    pub(super) signed: Vec<u8>,
    pub(super) subject_name: Name,
    id: CertificateId,
    not_after: OffsetDateTime,
    not_before: OffsetDateTime,
    serial: Serial,
    subject: Subject,
    version: CertificateVersion,
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
        let layout = Layout::read(der).map_err(|flaw| CertificateFault::Malformed(flaw.0.to_owned()))?;
        let signature_algorithm = if layout.algorithm == layout.signed_algorithm {
            SignatureAlgorithm::read(&parsed.signature_algorithm)
        } else {
            Err("named differently inside and outside of the signed part".to_owned())
        };
        let tbs = &parsed.tbs_certificate;
        Ok(Self {
            algorithm: layout.algorithm.to_vec(),
            extensions: Extensions::read(tbs).map_err(CertificateFault::Malformed)?,
            id: CertificateId::of_digest(digest::digest(&digest::SHA256, der).as_ref()),
            issuer: Name::new(tbs.issuer().as_raw()),
            key: PublicKey::read(tbs.public_key()),
            not_after: tbs.validity().not_after.to_datetime(),
            not_before: tbs.validity().not_before.to_datetime(),
            serial: serial::read(tbs.raw_serial())?,
            signature: layout.signature.to_vec(),
            signature_algorithm,
            signed: layout.signed.to_vec(),
            subject: Subject::read(tbs.subject()),
            subject_name: Name::new(tbs.subject().as_raw()),
            version: CertificateVersion::read(tbs.version().0, &layout).map_err(CertificateFault::Malformed)?,
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

    /// The X.509 version.
    #[must_use]
    pub fn version(&self) -> CertificateVersion {
        self.version
    }
}
