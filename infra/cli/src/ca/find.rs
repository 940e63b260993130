//! Which CA an operator means.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, bail};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use shared::aws::fault;
use shared::id::CaCertificateId;
use shared::port::AuthorityStore as _;

use crate::cloud::Cloud;
use crate::store::explain;

/// Profiles that are read at once.
const READS_AT_ONCE: usize = 8;
/// Fewest digits by which a CA can be called: with fewer, a slip of a finger means another one.
pub(super) const MIN_DIGITS: usize = 8;

/// A registered CA, and what the stack calls it.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Labelled {
    /// Its id.
    pub(super) id: CaCertificateId,
    /// Its label.
    pub(super) label: Option<String>,
}

/// Finds the CA with this certificate id, or the only one whose id begins so or that has this label.
///
/// A whole id is believed without a look: a CA that AWS IoT has forgotten can still have a profile.
///
/// # Errors
/// No such CA, more than one, or a failed call.
pub async fn find(text: &str, cloud: &Cloud) -> Result<CaCertificateId> {
    if text.trim().is_empty() {
        bail!(
            "the CA has no name: give its certificate id, {MIN_DIGITS} digits of its beginning at least, or its label"
        );
    }
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    choose(text, labelled(cloud).await?)
}

/// The CA that is meant, of those that there are.
fn choose(text: &str, all: Vec<Labelled>) -> Result<CaCertificateId> {
    let beginning = text.to_ascii_lowercase();
    let begins = |ca: &Labelled| ca.id.as_str().starts_with(&beginning);
    let is_long = text.len() >= MIN_DIGITS;
    let is_meant = |ca: &Labelled| (is_long && begins(ca)) || ca.label.as_deref() == Some(text);
    let is_too_short = !is_long && all.iter().any(begins);
    let found: BTreeSet<_> = all.into_iter().filter(is_meant).collect();
    let mut ids = found.iter();
    match (ids.next(), ids.next()) {
        (Some(only), None) => Ok(only.id.clone()),
        (None, _) if is_too_short => {
            bail!("{text:?} is too short to name a CA: give {MIN_DIGITS} digits of its id at least, or its label")
        }
        (None, _) => bail!("no registered CA has an id that begins with {text:?}, or that label: see `jitr ca list`"),
        (Some(_), Some(_)) => {
            let name = |ca: &Labelled| match &ca.label {
                Some(label) => format!("{} ({label:?})", ca.id),
                None => ca.id.to_string(),
            };
            let names: Vec<_> = found.iter().map(name).collect();
            bail!("{text:?} can mean {} CAs: {}", names.len(), names.join(", "))
        }
    }
}

/// All registered CAs with their labels.
pub(super) async fn labelled(cloud: &Cloud) -> Result<Vec<Labelled>> {
    let read = async |id: CaCertificateId| {
        let profile =
            cloud.authorities.profile(&id).await.map_err(explain).with_context(|| format!("profile of {id}"))?;
        anyhow::Ok(Labelled { id, label: profile.and_then(|profile| profile.label) })
    };
    stream::iter(registered(cloud).await?).map(read).buffered(READS_AT_ONCE).try_collect().await
}

/// The ids of all CAs registered in this account and Region.
pub(crate) async fn registered(cloud: &Cloud) -> Result<Vec<CaCertificateId>> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(text: &str) -> Result<CaCertificateId, String> {
        let all = [
            ("aaaaaaaa01", Some("pumps")),
            ("aaaaaaaa02", Some("valves")),
            ("bbbbbbbb", Some("aaaaaaaa0")),
            ("c", None),
        ];
        let id = |start: &str| format!("{start:0<64}").parse().unwrap();
        let all = all.map(|(start, label)| Labelled { id: id(start), label: label.map(ToOwned::to_owned) });
        choose(text, all.into()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_ca_is_called_by_its_label_or_enough_of_its_id() {
        let id = |start: &str| Ok(format!("{start:0<64}").parse().unwrap());
        for (text, start) in
            [("pumps", "aaaaaaaa01"), ("aaaaaaaa02", "aaaaaaaa02"), ("AAAAAAAA01", "aaaaaaaa01"), ("c0000000", "c")]
        {
            assert_eq!(chosen(text), id(start), "{text}");
        }
    }

    #[test]
    fn what_could_mean_two_or_is_a_slip_means_nobody() {
        for (text, part) in [
            ("aaaaaaaa", "can mean 2 CAs"),
            ("aaaaaaaa0", "can mean 3 CAs"),
            ("c", "too short"),
            ("c000000", "too short"),
            ("d0000000", "no registered CA"),
            ("Pumps", "no registered CA"),
        ] {
            assert!(chosen(text).unwrap_err().contains(part), "{text}: {:?}", chosen(text));
        }
    }
}
