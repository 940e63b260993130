//! What AWS IoT itself has about a certificate.

use serde::Serialize;

/// What AWS IoT has about a certificate now.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Registry {
    /// `ACTIVE`, `INACTIVE`, `PENDING_ACTIVATION`, `REVOKED`, …
    pub status: String,
    /// Names of the things that the certificate is attached to.
    pub things: Vec<String>,
    /// Names of the policies attached to it.
    pub policies: Vec<String>,
}
