//! What a source said to tell one version of its CRL from the next.

use serde::{Deserialize, Serialize};

/// `ETag` and `Last-Modified` of the newest answer (RFC 9110 section 8.8), sent back so that an unchanged CRL is not
/// sent again.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Validators {
    /// The entity tag with its quotes, as it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// The date as it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
}
