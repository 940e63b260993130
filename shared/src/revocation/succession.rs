//! Whether a verified CRL may take the place of the one before. Pure: the CRL checker asks it, and whoever publishes a CRL.

use time::OffsetDateTime;

use super::PublishedCrl;
use crate::decision::Reason;
use crate::pki::crl::{Crl, CrlNumber};
use crate::text::Detail;

/// A list of fewer entries may lose any number of them: the end of one hold can be most of it.
const SMALL_LIST: u64 = 20;
/// Percent of its entries that a list has to keep, unless the stack says otherwise: the default of `CrlMinimumShare` in the
/// template.
pub const DEFAULT_MINIMUM_SHARE: u8 = 50;

/// What counts of a CRL that was there before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Former<'a> {
    /// Its entries, but for such as no certificate can be meant by.
    pub entries: u64,
    /// Its number; CRLs of version 1 have none.
    pub number: Option<&'a CrlNumber>,
    /// When it was issued.
    pub this_update: OffsetDateTime,
}

impl<'a> From<&'a PublishedCrl> for Former<'a> {
    fn from(published: &'a PublishedCrl) -> Self {
        let PublishedCrl { number, snapshot, this_update, .. } = published;
        Self { entries: snapshot.layout.entries, number: number.as_ref(), this_update: *this_update }
    }
}

/// Compares a CRL with its predecessor from the same source.
///
/// A CRL number that falls, a number that disappears, or an earlier `thisUpdate` is a CRL of the past: whoever controls the
/// way to the source could bring revoked certificates back with it (RFC 5280 section 5.2.3: numbers never fall). A list
/// that loses most of its entries at once is more often an accident of the CA than the truth.
///
/// # Errors
/// The reason and a sentence for people.
pub fn may_follow(
    former: Option<Former<'_>>,
    crl: &Crl,
    entries: u64,
    minimum_share: u8,
) -> Result<(), (Reason, Detail)> {
    let Some(former) = former else { return Ok(()) };
    let rolled_back = |detail: String| Err((Reason::CrlRolledBack, detail.into()));
    match (former.number, crl.number()) {
        (Some(before), Some(now)) if now < before => {
            return rolled_back(format!("its number {now} is lower than {before}, which was seen before"));
        }
        (Some(before), None) => {
            return rolled_back(format!("it has no number, and number {before} was seen before"));
        }
        _ => {}
    }
    if crl.this_update() < former.this_update {
        let (now, before) = (crl.this_update(), former.this_update);
        return rolled_back(format!("it was issued at {now}, and one of {before} was seen before"));
    }
    let before = former.entries;
    let least = u128::from(before).saturating_mul(minimum_share.into()).div_ceil(100);
    if before >= SMALL_LIST && u128::from(entries) < least {
        let detail = format!("it lists {entries} certificates after {before}; at least {minimum_share} % must remain");
        return Err((Reason::CrlShrunk, detail.into()));
    }
    Ok(())
}
