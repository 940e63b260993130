//! Which CA an operator means.

use anyhow::{Result, bail};
use shared::aws::fault;
use shared::id::CaCertificateId;
use shared::port::AuthorityStore as _;

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

/// The ids of all CAs registered in this account and Region.
pub(super) async fn registered(cloud: &Cloud) -> Result<Vec<CaCertificateId>> {
    let mut pages = cloud.iot.list_ca_certificates().into_paginator().send();
    let mut ids = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| explain(fault("iot:ListCACertificates", error)))?;
        for certificate in page.certificates.unwrap_or_default() {
            ids.push(certificate.certificate_id.unwrap_or_default().parse()?);
        }
    }
    Ok(ids)
}
