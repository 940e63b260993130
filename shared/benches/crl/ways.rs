//! The ways to check a CRL.

use std::fs::{self, File};
use std::hint::black_box;
use std::io::Read as _;
use std::path::Path;
use std::time::{Duration, Instant};

use aws_lc_rs::digest;
use shared::pki::Certificate;
use shared::pki::crl::CrlReader;
use webpki::{BorrowedCertRevocationList, CertRevocationList, EndEntityCert, KeyUsage, RevocationOptionsBuilder};
use x509_parser::prelude::FromDer as _;
use x509_parser::revocation_list::CertificateRevocationList;

/// Octets fed at once.
const CHUNK: usize = 65_536;

/// One way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Way {
    /// The process without any work.
    Nothing,
    /// SHA-256 over the octets in memory: what the signature needs at least.
    Sha256,
    /// The check of this project, the octets in memory.
    CheckInMemory,
    /// The check of this project, read from a file in chunks.
    CheckStreamed,
    /// rustls-webpki: parse, verify the signature, look for one serial number.
    Webpki,
    /// x509-parser: parse and walk over the entries; no signature.
    X509Parser,
    /// OpenSSL's command: read, parse, verify.
    OpenSsl,
}

impl Way {
    pub(crate) const ALL: [Self; 7] = [
        Self::Nothing,
        Self::Sha256,
        Self::CheckInMemory,
        Self::CheckStreamed,
        Self::Webpki,
        Self::X509Parser,
        Self::OpenSsl,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Sha256 => "sha256",
            Self::CheckInMemory => "check, in memory",
            Self::CheckStreamed => "check, streamed",
            Self::Webpki => "rustls-webpki",
            Self::X509Parser => "x509-parser, no signature",
            Self::OpenSsl => "openssl crl -verify",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.name() == name)
    }

    /// Does the work once, and tells how long it took without what any way would need first.
    pub(crate) fn run(self, folder: &Path, size: &str) -> Duration {
        let file = crate::crl_file(folder, size);
        let pem = fs::read_to_string(folder.join("ca.pem")).expect("the CA");
        let authority = Certificate::from_pem(&pem).expect("a CA certificate");
        match self {
            Self::Nothing | Self::OpenSsl => Duration::ZERO,
            Self::CheckStreamed => timed(|| check_streamed(&file, &authority)),
            Self::Sha256 => with(&file, |crl| {
                black_box(digest::digest(&digest::SHA256, crl));
            }),
            Self::CheckInMemory => with(&file, |crl| check(crl, &authority)),
            Self::Webpki => {
                let device = fs::read(folder.join("device.der")).expect("the device");
                let root = pem::parse(&pem).expect("PEM").into_contents();
                with(&file, |crl| webpki_check(crl, &device, &root))
            }
            Self::X509Parser => with(&file, walk_with_x509_parser),
        }
    }
}

fn timed(work: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    work();
    begun.elapsed()
}

fn with(file: &Path, work: impl FnOnce(&[u8])) -> Duration {
    let crl = fs::read(file).expect("the CRL");
    timed(|| work(&crl))
}

fn check(crl: &[u8], authority: &Certificate) {
    let mut reader = CrlReader::new(authority);
    let mut found = 0_u64;
    let wanted = [0x55; 16];
    reader.feed(crl, |entry| found += u64::from(entry.serial == wanted)).expect("a CRL");
    let crl = reader.finish(crate::now()).expect("a signed CRL");
    crl.check_current(crate::now()).expect("a current CRL");
    black_box(found);
}

fn check_streamed(file: &Path, authority: &Certificate) {
    let mut file = File::open(file).expect("the CRL");
    let mut reader = CrlReader::new(authority);
    let mut chunk = vec![0; CHUNK];
    let mut found = 0_u64;
    let wanted = [0x55; 16];
    loop {
        let read = file.read(&mut chunk).expect("the CRL");
        let Some(octets) = chunk.get(..read).filter(|octets| !octets.is_empty()) else { break };
        reader.feed(octets, |entry| found += u64::from(entry.serial == wanted)).expect("a CRL");
    }
    reader.finish(crate::now()).expect("a signed CRL").check_current(crate::now()).expect("a current CRL");
    black_box(found);
}

/// rustls-webpki checks a CRL as part of a path.
fn webpki_check(crl: &[u8], device: &[u8], root: &[u8]) {
    let crl = CertRevocationList::from(BorrowedCertRevocationList::from_der(crl).expect("a CRL"));
    let crls = [&crl];
    let options = RevocationOptionsBuilder::new(&crls).expect("a CRL").build();
    let (device, root) = (device.into(), root.into());
    let end_entity = EndEntityCert::try_from(&device).expect("a certificate");
    let anchor = webpki::anchor_from_trusted_cert(&root).expect("a CA");
    let now = u64::try_from(crate::now().unix_timestamp()).expect("a time after 1970");
    let now = rustls_pki_types::UnixTime::since_unix_epoch(Duration::from_secs(now));
    let algorithms = webpki::ALL_VERIFICATION_ALGS;
    let anchors = [anchor];
    let path =
        end_entity.verify_for_usage(algorithms, &anchors, &[], now, KeyUsage::client_auth(), Some(options), None);
    path.expect("a good certificate");
}

fn walk_with_x509_parser(crl: &[u8]) {
    let (_, crl) = CertificateRevocationList::from_der(crl).expect("a CRL");
    let listed = crl.iter_revoked_certificates().filter(|entry| entry.reason_code().is_some()).count();
    black_box(listed);
}
