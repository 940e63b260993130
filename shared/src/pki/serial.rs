//! Serial numbers out of DER, by the rule that counts for the entries of CRLs too.

use super::CertificateFault;
use super::crl::der;
use crate::id::Serial;

/// Octets of an unusable serial number that a message shows.
const SHOWN: usize = 8;

/// Reads the content octets of a certificate's serialNumber.
///
/// # Errors
/// [`CertificateFault::Serial`] for zero, a negative number, more than 20 octets without the one that keeps a number
/// positive, and octets that are no INTEGER of DER.
pub(super) fn read(content: &[u8]) -> Result<Serial, CertificateFault> {
    let fault = |what: &str| CertificateFault::Serial(format!("{what}{}", excerpt(content)));
    match der::magnitude(content) {
        Ok([]) => Err(fault("zero")),
        Ok(octets) => hex::encode(octets).parse().map_err(|_| fault("another number")),
        Err(flaw) => Err(fault(flaw.0)),
    }
}

/// How many octets, and the first of them in hexadecimal.
fn excerpt(content: &[u8]) -> String {
    let count = match content {
        [] => return String::new(),
        [0, octets @ ..] => octets.len().max(1),
        octets => octets.len(),
    };
    let shown = hex::encode(content.get(..SHOWN).unwrap_or(content));
    let more = if content.len() > SHOWN { "…" } else { "" };
    format!(", {count} {}: {shown}{more}", if count == 1 { "octet" } else { "octets" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serial_numbers_are_read_by_their_value() {
        let high = [&[0][..], &[0xff; 20]].concat();
        for (content, text) in [(&[1][..], "1"), (&[0, 0x8f, 1], "8f01"), (&high, &"ff".repeat(20))] {
            assert_eq!(read(content).unwrap().as_str(), text);
        }
    }

    #[test]
    fn the_message_tells_what_was_found() {
        let high = [&[0][..], &[0xff; 21]].concat();
        for (content, found) in [
            (&[][..], "an INTEGER without octets"),
            (&[0], "zero, 1 octet: 00"),
            (&[0, 1], "an INTEGER with more octets than it needs, 1 octet: 0001"),
            (&[0x80, 1], "a negative INTEGER, 2 octets: 8001"),
            (&[1; 21], "an INTEGER of more than 20 octets, 21 octets: 0101010101010101…"),
            (&high, "an INTEGER of more than 20 octets, 21 octets: 00ffffffffffffff…"),
        ] {
            let fault = read(content).unwrap_err();
            let expected = format!("a serial number is a positive integer of at most 20 octets, not {found}");
            assert_eq!(fault.to_string(), expected);
        }
    }
}
