//! Arguments of the commands on CRLs, read from the command line's text.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use shared::id::Serial;
use shared::pki::crl::RevocationReason;
use shared::timestamp;
use time::OffsetDateTime;

use crate::numbers;

/// A point in time of RFC 3339.
pub(super) fn time(text: &str) -> Result<OffsetDateTime> {
    timestamp::from_text(text).context("write it as in 2026-09-01T12:00:00Z (RFC 3339)")
}

/// `SERIAL` or `SERIAL=reason`.
pub(super) fn serial(text: &str) -> Result<(Serial, RevocationReason)> {
    match text.split_once('=') {
        Some((serial, word)) => Ok((numbers::serial(serial)?, reason(word)?)),
        None => Ok((numbers::serial(text)?, RevocationReason::Unspecified)),
    }
}

/// `FILE` or `FILE=reason`. The path may hold equal signs itself, if a `.` or `/` follows the last one.
pub(super) fn file(text: &str) -> Result<(PathBuf, RevocationReason)> {
    match text.rsplit_once('=') {
        Some((path, word)) if !word.contains(['.', '/']) => Ok((path.into(), reason(word)?)),
        _ => Ok((text.into(), RevocationReason::Unspecified)),
    }
}

/// A URI of a distribution point; its path has to be as certificates name it.
pub(super) fn uri(text: &str) -> Result<String> {
    if !text.contains("://") || !text.bytes().all(|octet| octet.is_ascii_graphic()) {
        bail!("a uri of a distribution point has a scheme, and printable ASCII without spaces only");
    }
    Ok(text.to_owned())
}

/// A reason by its name in RFC 5280, in any case.
fn reason(word: &str) -> Result<RevocationReason> {
    let reasons = || RevocationReason::ALL.into_iter().filter(|reason| *reason != RevocationReason::RemoveFromCrl);
    reasons().find(|reason| reason.as_str().eq_ignore_ascii_case(word)).with_context(|| {
        let known: Vec<_> = reasons().map(RevocationReason::as_str).collect();
        format!("no reason {word:?}, there are {}", known.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serial_numbers_and_files_come_with_or_without_a_reason() {
        let number: Serial = "a1b".parse().unwrap();
        assert_eq!(serial("0A:1B").unwrap(), (number.clone(), RevocationReason::Unspecified));
        assert_eq!(serial("a1b=keyCompromise").unwrap(), (number.clone(), RevocationReason::KeyCompromise));
        assert_eq!(serial("a1b=cacompromise").unwrap(), (number, RevocationReason::CaCompromise));
        for (text, path, reason) in [
            ("pump.pem", "pump.pem", RevocationReason::Unspecified),
            ("pump.pem=superseded", "pump.pem", RevocationReason::Superseded),
            ("a=b/pump.pem", "a=b/pump.pem", RevocationReason::Unspecified),
            ("a=b/pump.pem=certificateHold", "a=b/pump.pem", RevocationReason::CertificateHold),
        ] {
            assert_eq!(file(text).unwrap(), (path.into(), reason), "{text}");
        }
    }

    #[test]
    fn what_is_no_argument_is_refused() {
        for text in
            ["", "xyz", "0", "4096", "4096=keyCompromise", "a1b=", "a1b=stolen", "a1b=removeFromCRL", "=keyCompromise"]
        {
            assert!(serial(text).is_err(), "{text}");
        }
        assert!(file("pump.pem=stolen").unwrap_err().to_string().contains("keyCompromise"));
        for text in ["", "tomorrow", "2026-09-01", "2026-09-01T12:00:00"] {
            assert!(time(text).is_err(), "{text}");
        }
        for text in ["", "fleet.crl", "http://crl.example.com/a b", "http://crl.example.com/ä"] {
            assert!(uri(text).is_err(), "{text}");
        }
    }
}
