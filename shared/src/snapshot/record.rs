//! One revoked serial number.

use std::cmp::Ordering;
use std::io::{self, BufRead};

use aws_lc_rs::digest;

use super::fault::SnapshotFault;
use crate::id::Serial;
use crate::pki::crl::RevocationReason;

/// Octets of a record.
pub(super) const RECORD_OCTETS: usize = 30;

/// Octets of the seed.
pub(super) const SEED_OCTETS: usize = 8;

/// Most octets of a serial number (RFC 5280 section 4.1.2.2).
const SERIAL_OCTETS: usize = 20;

/// A serial number with its place and reason.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Record {
    pub(super) fingerprint: u64,
    length: u8,
    serial: [u8; SERIAL_OCTETS],
    pub(super) reason: RevocationReason,
}

impl Record {
    /// None if the serial number is zero or has more than 20 octets.
    pub(super) fn new(seed: [u8; SEED_OCTETS], serial: &[u8], reason: RevocationReason) -> Option<Self> {
        let zeros = serial.iter().take_while(|octet| **octet == 0).count();
        let minimal = serial.get(zeros..)?;
        let length = u8::try_from(minimal.len()).ok().filter(|length| *length > 0)?;
        let mut padded = [0; SERIAL_OCTETS];
        padded.get_mut(..minimal.len())?.copy_from_slice(minimal);
        Some(Self { fingerprint: fingerprint(seed, minimal)?, length, serial: padded, reason })
    }

    /// The record that would stand for this serial number.
    pub(super) fn sought(seed: [u8; SEED_OCTETS], serial: &Serial) -> Result<Self, SnapshotFault> {
        let octets = octets(serial.as_str()).ok_or(SnapshotFault::Serial)?;
        Self::new(seed, &octets, RevocationReason::Unspecified).ok_or(SnapshotFault::Serial)
    }

    /// Reads a record; none if no builder writes it so.
    pub(super) fn read(octets: &[u8; RECORD_OCTETS]) -> Option<Self> {
        let (fingerprint, rest) = octets.split_first_chunk()?;
        let (&[reason, length], rest) = rest.split_first_chunk()?;
        let serial = *rest.first_chunk::<SERIAL_OCTETS>()?;
        let reason = RevocationReason::from_code(reason).filter(|reason| *reason != RevocationReason::RemoveFromCrl)?;
        let padding = serial.get(usize::from(length)..)?;
        let minimal = length > 0 && serial.first() != Some(&0);
        let zero = padding.iter().all(|octet| *octet == 0);
        (minimal && zero).then_some(Self { fingerprint: u64::from_be_bytes(*fingerprint), length, serial, reason })
    }

    /// Writes what the rest can be made of again: reason, length, serial number without padding.
    pub(super) fn write_short(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[self.reason.code(), self.length]);
        out.extend_from_slice(self.serial.get(..usize::from(self.length)).unwrap_or_default());
    }

    /// Reads what [`Self::write_short`] has written; none after the last record.
    pub(super) fn read_short(seed: [u8; SEED_OCTETS], from: &mut impl BufRead) -> io::Result<Option<Self>> {
        if from.fill_buf()?.is_empty() {
            return Ok(None);
        }
        let mut head = [0; 2];
        from.read_exact(&mut head)?;
        let [reason, length] = head;
        let mut padded = [0; SERIAL_OCTETS];
        let serial = padded.get_mut(..usize::from(length)).ok_or(io::ErrorKind::InvalidData)?;
        from.read_exact(serial)?;
        let reason = RevocationReason::from_code(reason).ok_or(io::ErrorKind::InvalidData)?;
        Self::new(seed, serial, reason).map(Some).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.fingerprint.to_be_bytes());
        out.extend_from_slice(&[self.reason.code(), self.length]);
        out.extend_from_slice(&self.serial);
    }

    /// By fingerprint, then length, then serial number; equal only for one and the same serial number.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        self.fingerprint
            .cmp(&other.fingerprint)
            .then_with(|| self.length.cmp(&other.length))
            .then_with(|| self.serial.cmp(&other.serial))
    }

    /// Whether both are about one serial number.
    pub(super) fn same_serial(&self, other: &Self) -> bool {
        self.order(other) == Ordering::Equal
    }

    /// Takes over the other's reason if that is the more severe one.
    pub(super) fn worsen(&mut self, other: &Self) {
        if other.reason.severity() > self.reason.severity() {
            self.reason = other.reason;
        }
    }

    /// The serial number as an identifier.
    pub(super) fn serial(&self) -> Result<Serial, SnapshotFault> {
        let octets = self.serial.get(..usize::from(self.length)).ok_or(SnapshotFault::Records)?;
        hex::encode(octets).parse().map_err(|_| SnapshotFault::Records)
    }
}

fn fingerprint(seed: [u8; SEED_OCTETS], serial: &[u8]) -> Option<u64> {
    // One buffer instead of two updates of a context: this runs once per entry of a list.
    let mut input = [0; SEED_OCTETS + SERIAL_OCTETS];
    let end = SEED_OCTETS + serial.len();
    input.get_mut(..SEED_OCTETS)?.copy_from_slice(&seed);
    input.get_mut(SEED_OCTETS..end)?.copy_from_slice(serial);
    let digest = digest::digest(&digest::SHA256, input.get(..end)?);
    digest.as_ref().first_chunk().copied().map(u64::from_be_bytes)
}

/// The octets of a hexadecimal integer, which may have an odd number of digits.
pub(super) fn octets(digits: &str) -> Option<Vec<u8>> {
    let padded = if digits.len().is_multiple_of(2) { digits.to_owned() } else { format!("0{digits}") };
    hex::decode(padded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: [u8; SEED_OCTETS] = *b"12345678";

    fn written(record: &Record) -> [u8; RECORD_OCTETS] {
        let mut out = Vec::new();
        record.write(&mut out);
        out.try_into().unwrap()
    }

    #[test]
    fn records_read_back_at_every_length() {
        for length in 1..=20 {
            for reason in RevocationReason::ALL.into_iter().filter(|r| *r != RevocationReason::RemoveFromCrl) {
                let serial = vec![0xff; length];
                let record = Record::new(SEED, &serial, reason).unwrap();
                assert_eq!(Record::read(&written(&record)), Some(record));
                assert_eq!(record.serial().unwrap().as_str(), hex::encode(&serial));
            }
        }
    }

    #[test]
    fn leading_zeros_do_not_make_another_serial() {
        let plain = Record::new(SEED, &[0x8f, 1], RevocationReason::Superseded).unwrap();
        assert_eq!(Record::new(SEED, &[0, 0x8f, 1], RevocationReason::Superseded), Some(plain));
        let sought = Record::sought(SEED, &"8F01".parse().unwrap()).unwrap();
        assert!(sought.same_serial(&plain));
        let odd = Record::sought(SEED, &"a1b".parse().unwrap()).unwrap();
        assert!(odd.same_serial(&Record::new(SEED, &[0x0a, 0x1b], RevocationReason::Superseded).unwrap()));
    }

    #[test]
    fn impossible_serials_are_none() {
        for serial in [&[][..], &[0], &[0, 0], &[1; 21], &[1; 300]] {
            assert_eq!(Record::new(SEED, serial, RevocationReason::Superseded), None, "{serial:?}");
        }
    }

    #[test]
    fn impossible_records_are_none() {
        let good = written(&Record::new(SEED, &[7, 8], RevocationReason::Superseded).unwrap());
        let cases = [
            ("reason 7", 8, 7),
            ("reason removeFromCRL", 8, 8),
            ("reason 11", 8, 11),
            ("no octets", 9, 0),
            ("octets beyond the length", 9, 1),
            ("21 octets", 9, 21),
            ("leading zero", 10, 0),
            ("padding", 29, 1),
        ];
        for (name, at, value) in cases {
            let mut bad = good;
            bad[at] = value;
            assert_eq!(Record::read(&bad), None, "{name}");
        }
    }

    #[test]
    fn order_is_fingerprint_then_number() {
        let at = |fingerprint, length, first| {
            let mut serial = [0; SERIAL_OCTETS];
            serial[0] = first;
            Record { fingerprint, length, serial, reason: RevocationReason::Unspecified }
        };
        let ascending = [at(1, 9, 9), at(2, 1, 8), at(2, 1, 9), at(2, 2, 1), at(u64::MAX, 1, 1)];
        assert!(ascending.is_sorted_by(|a, b| a.order(b) == Ordering::Less));
    }
}
