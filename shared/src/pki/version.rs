//! The X.509 version of a certificate.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::layout::Layout;

/// X.509 version of a certificate (RFC 5280 section 4.1.2.1). Profiles write it as a number.
///
/// A certificate of version 1 or 2 has no extensions, and so no limits of use. Device certificates of version 1 are
/// common: OpenSSL makes them up to 3.0 where it is given no extensions.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum CertificateVersion {
    /// Version 1, without unique identifiers and extensions.
    #[default]
    V1,
    /// Version 2, which may have unique identifiers.
    V2,
    /// Version 3, which may have extensions too.
    V3,
}

/// A number is no X.509 version.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the X.509 versions are 1, 2 and 3, got {0:?}")]
pub struct CertificateVersionError(String);

impl CertificateVersion {
    /// Every version, the oldest first.
    pub const ALL: [Self; 3] = [Self::V1, Self::V2, Self::V3];

    /// Reads the encoded version, in which 0 is version 1, and holds the certificate's parts against it. A certificate
    /// that has what its version lacks is not read: whoever ignores unknown parts would see no limits of use.
    ///
    /// # Errors
    /// What is wrong, for people (RFC 5280 sections 4.1.2.1, 4.1.2.8 and 4.1.2.9).
    pub(super) fn read(encoded: u32, layout: &Layout<'_>) -> Result<Self, String> {
        let version = match encoded {
            0 => Self::V1,
            1 => Self::V2,
            2 => Self::V3,
            _ => return Err(format!("its version is encoded as {encoded}, which no X.509 version is")),
        };
        if layout.has_extensions && version < Self::V3 {
            return Err(format!("it has extensions, which X.509 version {version} does not have"));
        }
        if layout.has_unique_identifiers && version < Self::V2 {
            return Err(format!("it has a unique identifier, which X.509 version {version} does not have"));
        }
        Ok(version)
    }
}

impl From<CertificateVersion> for u8 {
    fn from(version: CertificateVersion) -> Self {
        match version {
            CertificateVersion::V1 => 1,
            CertificateVersion::V2 => 2,
            CertificateVersion::V3 => 3,
        }
    }
}

impl TryFrom<u8> for CertificateVersion {
    type Error = CertificateVersionError;

    fn try_from(number: u8) -> Result<Self, CertificateVersionError> {
        let known = Self::ALL.into_iter().find(|version| u8::from(*version) == number);
        known.ok_or_else(|| CertificateVersionError(number.to_string()))
    }
}

impl FromStr for CertificateVersion {
    type Err = CertificateVersionError;

    fn from_str(text: &str) -> Result<Self, CertificateVersionError> {
        let known = Self::ALL.into_iter().find(|version| version.to_string() == text);
        known.ok_or_else(|| CertificateVersionError(text.chars().take(80).collect()))
    }
}

impl fmt::Display for CertificateVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        u8::from(*self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_numbers_from_1_to_3() {
        for version in CertificateVersion::ALL {
            assert_eq!(version.to_string().parse(), Ok(version));
            let json = serde_json::to_string(&version).unwrap();
            assert_eq!(json, version.to_string());
            assert_eq!(serde_json::from_str::<CertificateVersion>(&json).unwrap(), version);
        }
        assert!(CertificateVersion::ALL.is_sorted());
        for text in ["", "0", "4", "03", "v3", "256"] {
            assert!(text.parse::<CertificateVersion>().is_err(), "{text}");
            assert!(serde_json::from_str::<CertificateVersion>(text).is_err(), "{text}");
        }
    }
}
