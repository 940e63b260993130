//! A test CA.

#![expect(clippy::expect_used, clippy::missing_panics_doc, reason = "a test CA that can't issue ends the test")]

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SerialNumber,
};
use time::{Duration, OffsetDateTime};

use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use super::NewCrl;
use super::der::twin;
use crate::id::{CaCertificateId, CertificateId};
use crate::pki::Certificate;
use crate::pki::crl::RevocationReason;

/// A CA with a P-256 key.
pub struct TestAuthority {
    id: CaCertificateId,
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    subject: Vec<u8>,
}

/// A certificate issued by a [`TestAuthority`].
#[derive(Clone, Debug)]
pub struct Issued {
    /// DER form.
    pub der: Vec<u8>,
    /// SHA-256 of the DER form.
    pub id: CertificateId,
    /// PEM form.
    pub pem: String,
}

impl Issued {
    /// The certificate that differs in its ECDSA signature only, and verifies too.
    #[must_use]
    pub fn twin(&self) -> Self {
        let der = twin(&self.der);
        let certificate = Certificate::from_der(&der).expect("a readable certificate");
        let pem = pem::encode(&pem::Pem::new("CERTIFICATE", der.clone()));
        Self { id: certificate.id().clone(), pem, der }
    }
}

impl TestAuthority {
    /// A CA of this name, valid from 30 days before `now` for ten years.
    #[must_use]
    pub fn new(name: &str, now: OffsetDateTime) -> Self {
        Self::with(name, now, |_| {})
    }

    /// A CA whose certificate is changed before it is signed.
    #[must_use]
    pub fn with(name: &str, now: OffsetDateTime, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = named(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.not_before = now - Duration::days(30);
        params.not_after = now + Duration::days(3650);
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a CA certificate");
        let id = Certificate::from_der(certificate.der()).expect("a readable CA certificate").id().to_string();
        Self {
            id: id.parse().expect("64 hexadecimal digits"),
            issuer: Issuer::new(params, key),
            pem: certificate.pem(),
            subject: subject_of(certificate.der()),
        }
    }

    /// Id of the CA certificate.
    #[must_use]
    pub fn id(&self) -> &CaCertificateId {
        &self.id
    }

    /// The CA certificate.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A CRL that lists these serial numbers, each as big-endian octets.
    #[must_use]
    pub fn crl<S: AsRef<[u8]>>(
        &self,
        crl: &NewCrl,
        entries: impl IntoIterator<Item = (S, RevocationReason)>,
    ) -> Vec<u8> {
        crl.sign(&self.subject, self.issuer.key(), entries)
    }

    /// A device certificate for this common name, valid from a day before `now` for a year.
    #[must_use]
    pub fn issue(&self, common_name: &str, now: OffsetDateTime) -> Issued {
        self.issue_with(common_name, now, |_| {})
    }

    /// A device certificate that is changed before it is signed.
    #[must_use]
    pub fn issue_with(
        &self,
        common_name: &str,
        now: OffsetDateTime,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Issued {
        let mut params = named(common_name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.not_before = now - Duration::days(1);
        params.not_after = now + Duration::days(365);
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let der = certificate.der().to_vec();
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &der);
        Issued { id: CertificateId::of_digest(digest.as_ref()), pem: certificate.pem(), der }
    }
}

fn subject_of(der: &[u8]) -> Vec<u8> {
    let (_, parsed) = X509Certificate::from_der(der).expect("a readable certificate");
    parsed.subject().as_raw().to_vec()
}

fn named(common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.remove(DnType::CommonName);
    params.distinguished_name.push(DnType::CommonName, common_name);
    params
}

/// A serial number of these octets, for [`TestAuthority::issue_with`].
#[must_use]
pub fn serial(octets: &[u8]) -> Option<SerialNumber> {
    Some(SerialNumber::from_slice(octets))
}
