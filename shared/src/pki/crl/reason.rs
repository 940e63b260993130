//! Why a certificate stands on a list.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::der::Flaw;

/// `CRLReason` (RFC 5280 section 5.3.1). An entry without the extension counts as `Unspecified`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RevocationReason {
    /// 0.
    Unspecified = 0,
    /// 1.
    KeyCompromise = 1,
    /// 2.
    CaCompromise = 2,
    /// 3.
    AffiliationChanged = 3,
    /// 4.
    Superseded = 4,
    /// 5.
    CessationOfOperation = 5,
    /// 6: for now only; the one reason that can be taken back.
    CertificateHold = 6,
    /// 8: the entry takes a hold back. Such a certificate is not on the list.
    RemoveFromCrl = 8,
    /// 9.
    PrivilegeWithdrawn = 9,
    /// 10.
    AaCompromise = 10,
}

impl RevocationReason {
    /// Every reason.
    pub const ALL: [Self; 10] = [
        Self::Unspecified,
        Self::KeyCompromise,
        Self::CaCompromise,
        Self::AffiliationChanged,
        Self::Superseded,
        Self::CessationOfOperation,
        Self::CertificateHold,
        Self::RemoveFromCrl,
        Self::PrivilegeWithdrawn,
        Self::AaCompromise,
    ];

    /// The value of the ENUMERATED.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Unspecified => 0,
            Self::KeyCompromise => 1,
            Self::CaCompromise => 2,
            Self::AffiliationChanged => 3,
            Self::Superseded => 4,
            Self::CessationOfOperation => 5,
            Self::CertificateHold => 6,
            Self::RemoveFromCrl => 8,
            Self::PrivilegeWithdrawn => 9,
            Self::AaCompromise => 10,
        }
    }

    /// Rank of a reason where one serial number is listed twice: the most severe one counts. A hold ranks above its end
    /// only, as it is the only one that can end.
    #[must_use]
    pub fn severity(self) -> u8 {
        match self {
            Self::RemoveFromCrl => 0,
            Self::CertificateHold => 1,
            Self::Unspecified => 2,
            Self::CessationOfOperation => 3,
            Self::Superseded => 4,
            Self::AffiliationChanged => 5,
            Self::PrivilegeWithdrawn => 6,
            Self::AaCompromise => 7,
            Self::KeyCompromise => 8,
            Self::CaCompromise => 9,
        }
    }

    /// The reason of this value; 7 is not used.
    #[must_use]
    #[inline]
    pub fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::Unspecified,
            1 => Self::KeyCompromise,
            2 => Self::CaCompromise,
            3 => Self::AffiliationChanged,
            4 => Self::Superseded,
            5 => Self::CessationOfOperation,
            6 => Self::CertificateHold,
            8 => Self::RemoveFromCrl,
            9 => Self::PrivilegeWithdrawn,
            10 => Self::AaCompromise,
            _ => return None,
        })
    }

    /// The name in RFC 5280.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::KeyCompromise => "keyCompromise",
            Self::CaCompromise => "cACompromise",
            Self::AffiliationChanged => "affiliationChanged",
            Self::Superseded => "superseded",
            Self::CessationOfOperation => "cessationOfOperation",
            Self::CertificateHold => "certificateHold",
            Self::RemoveFromCrl => "removeFromCRL",
            Self::PrivilegeWithdrawn => "privilegeWithdrawn",
            Self::AaCompromise => "aACompromise",
        }
    }
}

impl fmt::Display for RevocationReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of reasons: `ReasonFlags` (RFC 5280 section 4.2.1.13).
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReasonSet(u16);

impl ReasonSet {
    /// Every reason that `ReasonFlags` can name.
    pub const ALL: Self = Self(0b1_1111_1110);
    /// No reason.
    pub const NONE: Self = Self(0);

    /// Reads the content of `ReasonFlags`, a BIT STRING that ends with its last named bit (X.690 section 11.2.2).
    pub(super) fn read(content: &[u8]) -> Result<Self, Flaw> {
        let flaw = Flaw("ReasonFlags that are not as DER encodes them");
        let (&unused, octets) = content.split_first().ok_or(flaw)?;
        let (first, second) = match octets {
            [] => (0, 0),
            [first] => (*first, 0),
            [first, second] => (*first, *second),
            _ => return Err(flaw),
        };
        let ends_with_its_last_bit = match octets.last() {
            Some(last) => *last != 0 && u32::from(unused) == last.trailing_zeros(),
            None => unused == 0,
        };
        if !ends_with_its_last_bit {
            return Err(flaw);
        }
        // Bit 0 of a BIT STRING is the highest of its first octet.
        Ok(Self::from_bits(u16::from_le_bytes([first.reverse_bits(), second.reverse_bits()])))
    }

    /// The set of the named bits: bit n of `ReasonFlags` is bit n here. Others do not count.
    #[must_use]
    pub fn from_bits(bits: u16) -> Self {
        Self(bits & Self::ALL.0)
    }

    /// What either has.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What both have.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether nothing is in the set.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_reasons() {
        for reason in RevocationReason::ALL {
            assert_eq!(RevocationReason::from_code(reason.code()), Some(reason));
        }
        assert_eq!((0..=u8::MAX).filter_map(RevocationReason::from_code).count(), RevocationReason::ALL.len());
    }

    #[test]
    fn reason_flags_have_one_encoding() {
        let read = |encoded: &str| ReasonSet::read(&hex::decode(encoded).unwrap());
        assert_eq!(read("0640"), Ok(ReasonSet::from_bits(0b10)));
        assert_eq!(read("017e"), Ok(ReasonSet::from_bits(0b0111_1110)));
        assert_eq!(read("070080"), Ok(ReasonSet::from_bits(0b1_0000_0000)));
        assert_eq!(read("077f80"), Ok(ReasonSet::ALL));
        assert_eq!(read("00"), Ok(ReasonSet::NONE));
        for flawed in ["", "01", "0040", "0540", "0740", "0000", "08", "07008000", "0480", "ff80"] {
            assert!(read(flawed).is_err(), "{flawed}");
        }
    }

    #[test]
    fn every_reason_but_the_hold_ranks_above_it() {
        let mut ranks: Vec<_> = RevocationReason::ALL.into_iter().map(RevocationReason::severity).collect();
        for reason in RevocationReason::ALL {
            let lower = matches!(reason, RevocationReason::CertificateHold | RevocationReason::RemoveFromCrl);
            assert_eq!(reason.severity() <= RevocationReason::CertificateHold.severity(), lower, "{reason}");
        }
        ranks.sort_unstable();
        ranks.dedup();
        assert_eq!(ranks.len(), RevocationReason::ALL.len());
    }
}
