//! Keys of the `Registrations` table.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{CaCertificateId, CertificateId, Serial};

/// Key of a row in the `Registrations` table.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct RegistrationId(String);

impl RegistrationId {
    /// `<caCertificateId>#<serial>`: a certificate whose signature proves that the CA chose the serial number.
    #[must_use]
    pub fn issued(authority: &CaCertificateId, serial: &Serial) -> Self {
        Self(format!("{authority}#{serial}"))
    }

    /// `<caCertificateId>#certificate#<certificateId>`: a certificate whose serial number proves nothing, because it
    /// could not be read, was not issued by the CA, or is already taken by another certificate.
    #[must_use]
    pub fn unproven(authority: &CaCertificateId, certificate: &CertificateId) -> Self {
        Self(format!("{authority}#certificate#{certificate}"))
    }

    /// `rejected#<sha256 of the body>`: an event that names no certificate.
    #[must_use]
    pub fn rejected(sha256: &[u8]) -> Self {
        Self(format!("rejected#{}", hex::encode(sha256)))
    }

    /// `waiting#<caCertificateId>#<certificateId>`: a certificate whose event waits in the overflow queue.
    #[must_use]
    pub fn waiting(authority: &CaCertificateId, certificate: &CertificateId) -> Self {
        Self(format!("waiting#{authority}#{certificate}"))
    }

    /// Reads a key back, as a thing's attribute holds it.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The CA whose certificate the row is about; none for a rejected event, and for one that waits.
    #[must_use]
    pub fn authority(&self) -> Option<CaCertificateId> {
        self.0.split_once('#').and_then(|(authority, _)| authority.parse().ok())
    }

    /// The proven serial number of the certificate; none if it has none.
    #[must_use]
    pub fn serial(&self) -> Option<Serial> {
        self.0.split_once('#').and_then(|(_, serial)| serial.parse().ok())
    }
}

impl fmt::Display for RegistrationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_tell_their_authority() {
        let authority: CaCertificateId = "c".repeat(64).parse().unwrap();
        let serial: Serial = "00A1".parse().unwrap();
        let id = RegistrationId::issued(&authority, &serial);
        assert_eq!(id.as_str(), format!("{}#a1", "c".repeat(64)));
        assert_eq!((id.authority(), id.serial()), (Some(authority.clone()), Some(serial)));
        let certificate = "c".repeat(64).parse().unwrap();
        assert_eq!(RegistrationId::unproven(&authority, &certificate).serial(), None);
        assert_eq!(RegistrationId::rejected(&[1, 2]).authority(), None);
    }
}
