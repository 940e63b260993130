//! Which CA an operator means.

use anyhow::{Result, bail};
use shared::id::CaCertificateId;
use shared::port::AuthorityStore as _;

use super::list::registered;
use crate::cloud::Cloud;
use crate::store::explain;

/// Finds the CA with this certificate id, the only one whose id begins so, or the only one with this label.
///
/// A whole id is believed without a look: a CA that AWS IoT has forgotten can still have a profile.
///
/// # Errors
/// No such CA, more than one, or a failed call.
pub async fn find(text: &str, cloud: &Cloud) -> Result<CaCertificateId> {
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let all = registered(cloud).await?;
    let beginning = text.to_ascii_lowercase();
    let mut found: Vec<_> = all.iter().filter(|id| id.as_str().starts_with(&beginning)).cloned().collect();
    if found.is_empty() {
        for id in all {
            let profile = cloud.authorities.profile(&id).await.map_err(explain)?;
            if profile.and_then(|profile| profile.label).as_deref() == Some(text) {
                found.push(id);
            }
        }
    }
    match found.as_slice() {
        [only] => Ok(only.clone()),
        [] => bail!("no registered ca has an id that begins with {text:?}, or that label: see `jitr ca list`"),
        several => {
            let ids: Vec<_> = several.iter().map(CaCertificateId::as_str).collect();
            bail!("{text:?} can mean {} cas: {}", ids.len(), ids.join(", "))
        }
    }
}
