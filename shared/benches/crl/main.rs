//! What checking a CRL costs, in time and memory, beside SHA-256 alone, rustls-webpki, x509-parser and OpenSSL.
//!
//! Every measurement is a process of its own, so that its peak memory is its own too. The rounds alternate between the
//! ways; the figures are medians, and ratios to SHA-256 over the same octets in the same run.

#![expect(clippy::expect_used, clippy::panic, reason = "a benchmark that can't go on ends")]

mod process;
mod ways;

use std::fs;
use std::path::{Path, PathBuf};

use shared::pki::crl::RevocationReason;
use shared::testing::{NewCrl, TestAuthority};
use time::OffsetDateTime;

use process::{Measured, median};
use ways::Way;

const SIZES: [u64; 5] = [1_000, 10_000, 100_000, 1_000_000, 5_000_000];

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, flag, way, folder, size] = arguments.as_slice()
        && flag == "--measure"
    {
        let way = Way::named(way).unwrap_or_else(|| panic!("{way} is no way to check a CRL"));
        return process::answer(&way.run(Path::new(folder), size));
    }
    // Cargo passes flags of its own; a first number limits the sizes.
    let largest = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(u64::MAX);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let authority = prepare(folder.path());
    println!("{:>10}  {:<26}{:>12}{:>10}{:>16}", "entries", "way", "time", "x", "memory");
    for size in SIZES.into_iter().filter(|size| *size <= largest) {
        write_crl(folder.path(), &authority, size);
        report(size, &measure(folder.path(), size));
        fs::remove_file(crl_file(folder.path(), &size.to_string())).expect("the CRL is there");
    }
    println!("x: time over SHA-256 alone. memory: peak above an empty process, in MB.");
}

/// A CA and a device certificate in files, for the ways that need them.
fn prepare(folder: &Path) -> TestAuthority {
    let authority = TestAuthority::new("Benchmark CA", now());
    fs::write(folder.join("ca.pem"), authority.pem()).expect("a file");
    fs::write(folder.join("device.der"), authority.issue("pump-1", now()).der).expect("a file");
    authority
}

/// A CRL as a CA makes them: random serial numbers of 16 octets, each entry with a reason.
fn write_crl(folder: &Path, authority: &TestAuthority, size: u64) {
    let serial = |n: u64| {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &n.to_be_bytes());
        let mut serial = digest.as_ref().get(..16).expect("32 octets").to_vec();
        serial.iter_mut().take(1).for_each(|first| *first = (*first & 0x7f) | 0x40);
        serial
    };
    let entries = (0..size).map(|n| (serial(n), RevocationReason::KeyCompromise));
    let crl = authority.crl(&NewCrl::current(1, now()), entries);
    fs::write(crl_file(folder, &size.to_string()), crl).expect("a file");
}

fn crl_file(folder: &Path, size: &str) -> PathBuf {
    folder.join(format!("{size}.crl"))
}

/// Seconds and peak kilobytes of each way, medians.
fn measure(folder: &Path, size: u64) -> Vec<(Way, Measured)> {
    let rounds = if size >= 1_000_000 { 5 } else { 11 };
    let mut measured: Vec<Vec<Measured>> = vec![Vec::new(); Way::ALL.len()];
    for _ in 0..rounds {
        for (way, measured) in Way::ALL.iter().zip(&mut measured) {
            measured.push(process::measure(*way, folder, size));
        }
    }
    Way::ALL.into_iter().zip(measured.iter().map(|rounds| median(rounds))).collect()
}

/// Prints the figures of a size and whether they are what is required. The signature and what else a list costs once is a
/// tenth of the hash of 100,000 entries, so that less is required of them than of longer lists.
fn report(size: u64, measured: &[(Way, Measured)]) {
    let of = |wanted| measured.iter().find(|(way, _)| *way == wanted).map(|(_, measured)| *measured);
    let empty = of(Way::Nothing).expect("the empty process").kilobytes;
    let hash = of(Way::Sha256).expect("the hash").seconds;
    for (way, Measured { kilobytes, seconds }) in measured {
        let ratio = seconds / hash;
        let megabytes = kilobytes.saturating_sub(empty) / 1024;
        let required = match way {
            Way::CheckInMemory if size >= 100_000 => {
                let most = if size < 1_000_000 { 1.4 } else { 1.3 };
                format!("  required: at most {most} x{}", met(ratio <= most))
            }
            Way::CheckStreamed if size >= 100_000 => {
                let most = if size < 1_000_000 { 1.6 } else { 1.4 };
                format!("  required: at most {most} x, 16 MB{}", met(ratio <= most && megabytes <= 16))
            }
            Way::CheckStreamed => format!("  required: at most 16 MB{}", met(megabytes <= 16)),
            Way::OpenSsl if size == 1_000_000 => {
                let faster = of(Way::CheckInMemory).map_or(0.0, |check| seconds / check.seconds);
                format!("  required: 20 times the check, is {faster:.0}{}", met(faster >= 20.0))
            }
            _ => String::new(),
        };
        println!("{size:>10}  {:<26}{:>9.2} ms{ratio:>10.2}{megabytes:>13} MB{required}", way.name(), seconds * 1e3);
    }
}

fn met(is_met: bool) -> &'static str {
    if is_met { ": met" } else { ": NOT MET" }
}

#[expect(clippy::disallowed_methods, reason = "the CRL has to be current for OpenSSL, which reads the clock")]
pub(crate) fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}
