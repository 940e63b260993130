//! The status of a device certificate in AWS IoT.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Status of a device certificate ("`CertificateStatus`" in the AWS IoT API reference).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(from = "String", into = "String")]
pub enum CertificateStatus {
    /// May connect.
    Active,
    /// Switched off; can be switched on again.
    Inactive,
    /// Any other status, by name.
    Other(String),
    /// Registered just in time, not decided yet.
    PendingActivation,
    /// Switched off for good.
    Revoked,
}

impl CertificateStatus {
    /// What rows say of a certificate that was deleted; no status of AWS IoT.
    #[must_use]
    pub fn deleted() -> Self {
        Self::Other("DELETED".to_owned())
    }

    /// The status as AWS IoT writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Active => "ACTIVE",
            Self::Inactive => "INACTIVE",
            Self::Other(name) => name,
            Self::PendingActivation => "PENDING_ACTIVATION",
            Self::Revoked => "REVOKED",
        }
    }
}

impl From<String> for CertificateStatus {
    fn from(text: String) -> Self {
        match text.as_str() {
            "ACTIVE" => Self::Active,
            "INACTIVE" => Self::Inactive,
            "PENDING_ACTIVATION" => Self::PendingActivation,
            "REVOKED" => Self::Revoked,
            _ => Self::Other(text),
        }
    }
}

impl From<CertificateStatus> for String {
    fn from(status: CertificateStatus) -> Self {
        status.as_str().to_owned()
    }
}

impl fmt::Display for CertificateStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A status that may be set.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum NewStatus {
    /// The device may connect.
    Active,
    /// Switched off, for now.
    Inactive,
    /// Switched off for good: only for a proven hit in a verified CRL.
    Revoked,
}

impl From<NewStatus> for CertificateStatus {
    fn from(status: NewStatus) -> Self {
        match status {
            NewStatus::Active => Self::Active,
            NewStatus::Inactive => Self::Inactive,
            NewStatus::Revoked => Self::Revoked,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_read_back() {
        for status in ["ACTIVE", "INACTIVE", "PENDING_ACTIVATION", "REVOKED", "PENDING_TRANSFER"] {
            let read: CertificateStatus = serde_json::from_value(status.into()).unwrap();
            assert_eq!(serde_json::to_value(&read).unwrap(), status);
            assert_eq!(read == CertificateStatus::Other(status.to_owned()), status == "PENDING_TRANSFER");
        }
        for status in [NewStatus::Active, NewStatus::Inactive, NewStatus::Revoked] {
            let text = serde_json::to_value(status).unwrap();
            assert_eq!(text, CertificateStatus::from(status).as_str());
        }
    }
}
