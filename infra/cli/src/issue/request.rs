//! What a certificate is asked to say: key type, subject, validity.

use rcgen::{DistinguishedName, DnType, DnValue, KeyPair, RsaKeySize};
use shared::id::Serial;
use time::{Duration, OffsetDateTime};

use super::IssueError;

/// The key types that AWS IoT accepts in certificates ("X.509 client certificates" in its developer guide).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, clap::ValueEnum)]
pub enum KeyAlgorithm {
    /// ECDSA on NIST P-256, signed with SHA-256.
    #[default]
    P256,
    /// ECDSA on NIST P-384, signed with SHA-384.
    P384,
    /// ECDSA on NIST P-521, signed with SHA-512.
    P521,
    /// RSA with 2048 bits, PKCS#1 v1.5 with SHA-256.
    Rsa2048,
    /// RSA with 3072 bits, PKCS#1 v1.5 with SHA-256.
    Rsa3072,
    /// RSA with 4096 bits, PKCS#1 v1.5 with SHA-256.
    Rsa4096,
}

impl KeyAlgorithm {
    pub(super) fn generate(self) -> Result<KeyPair, rcgen::Error> {
        match self {
            Self::P256 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256),
            Self::P384 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384),
            Self::P521 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P521_SHA512),
            Self::Rsa2048 => KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_2048),
            Self::Rsa3072 => KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_3072),
            Self::Rsa4096 => KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_4096),
        }
    }
}

/// From when to when a certificate is good.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Validity {
    /// The first second at which it is good.
    pub not_before: OffsetDateTime,
    /// The last second at which it is good.
    pub not_after: OffsetDateTime,
}

impl Validity {
    /// A validity of that many days, which began five minutes ago: clocks of devices and services differ by minutes.
    #[must_use]
    pub fn days(now: OffsetDateTime, days: u32) -> Self {
        Self { not_before: now - BACKDATED, not_after: now.saturating_add(Duration::days(i64::from(days))) }
    }
}

/// The parts of a certificate's subject that the command line can set.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Subject {
    /// `CN`: for a device usually its name.
    pub common_name: String,
    /// `O`.
    pub organization: Option<String>,
    /// `OU`.
    pub organizational_unit: Option<String>,
    /// `C`: a country code of two letters.
    pub country: Option<String>,
    /// `serialNumber` (2.5.4.5): the maker's number on the label, not the certificate's own serial number.
    pub serial_number: Option<String>,
}

impl Subject {
    /// A subject that is nothing but a common name.
    #[must_use]
    pub fn common_name(name: impl Into<String>) -> Self {
        Self { common_name: name.into(), ..Self::default() }
    }

    pub(super) fn to_name(&self) -> Result<DistinguishedName, IssueError> {
        let mut name = DistinguishedName::new();
        if let Some(country) = &self.country {
            name.push(DnType::CountryName, printable("country", country)?);
        }
        if let Some(organization) = &self.organization {
            name.push(DnType::OrganizationName, organization);
        }
        if let Some(unit) = &self.organizational_unit {
            name.push(DnType::OrganizationalUnitName, unit);
        }
        name.push(DnType::CommonName, &self.common_name);
        if let Some(serial) = &self.serial_number {
            name.push(DnType::CustomDnType(SUBJECT_SERIAL_NUMBER.to_vec()), printable("serial number", serial)?);
        }
        Ok(name)
    }
}

/// RFC 5280 appendix A.1 allows only `PrintableString` for these two attributes.
fn printable(field: &'static str, text: &str) -> Result<DnValue, IssueError> {
    let value = text.try_into().map_err(|source| IssueError::SubjectText { field, text: text.to_owned(), source })?;
    Ok(DnValue::PrintableString(value))
}

/// What a device certificate is to say.
#[derive(Clone, Debug)]
pub struct DeviceRequest {
    /// The subject.
    pub subject: Subject,
    /// The validity; its end is moved to the authority's own end where that comes first.
    pub validity: Validity,
    /// The device's key type.
    pub key: KeyAlgorithm,
    /// The certificate's serial number; `None` takes one derived from the fresh key.
    pub serial: Option<Serial>,
}

const BACKDATED: Duration = Duration::minutes(5);

/// `id-at-serialNumber`, RFC 5280 appendix A.1.
const SUBJECT_SERIAL_NUMBER: [u64; 4] = [2, 5, 4, 5];
