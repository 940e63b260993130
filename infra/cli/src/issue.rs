//! Issues certificates: test authorities, device certificates, and the certificate that proves possession of a CA key.
//! Issues CRLs too.
//!
//! What leaves this module is what AWS IoT accepts: signatures with SHA-256 or better, and subjects that the activator's
//! checks understand. A certificate is checked against its authority before it is handed out, because an authority whose
//! subject cannot be reproduced byte for byte would issue certificates that chain to nothing.

mod crl;
mod error;
mod request;
#[cfg(test)]
mod tests;

use pem::{EncodeConfig, LineEnding};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData as _, SerialNumber,
};
use shared::id::{CertificateId, Serial};
use shared::pki::pem::PemError;
use shared::pki::{Certificate, CertificateFault, PublicKey, verify_issued_by};
use time::OffsetDateTime;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

pub(crate) use crl::serial_of_issued;
pub use crl::{CrlEntry, CrlRequest, IssuedCrl};
pub use error::IssueError;
pub use request::{DeviceRequest, KeyAlgorithm, Subject, Validity};

use crate::credentials::{certificates, private_key};

/// A device's key and certificate.
#[derive(Clone, Debug)]
pub struct DeviceCredentials {
    /// The certificate alone, PEM.
    pub certificate_pem: String,
    /// The certificate followed by the authority's, PEM: what the device sends in its handshake.
    pub chain_pem: String,
    /// The private key, PKCS#8 PEM.
    pub key_pem: String,
    /// SHA-256 of the certificate: its id in AWS IoT.
    pub certificate_id: CertificateId,
    /// The certificate's serial number.
    pub serial: Serial,
    /// The end of its validity.
    pub not_after: OffsetDateTime,
}

/// A CA certificate with its private key in memory.
#[derive(Debug)]
pub struct CertificateAuthority {
    certificate: Certificate,
    certificate_pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl CertificateAuthority {
    /// Makes a self-signed authority that may sign device certificates and CRLs, but no further authorities.
    ///
    /// # Errors
    /// A subject with characters that its ASN.1 type cannot hold.
    pub fn new(subject: &Subject, validity: Validity, key: KeyAlgorithm) -> Result<Self, IssueError> {
        let key = key.generate()?;
        let mut params = CertificateParams::default();
        params.distinguished_name = subject.to_name()?;
        params.not_before = validity.not_before;
        params.not_after = validity.not_after;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key)?;
        Ok(Self {
            certificate: Certificate::from_der(certificate.der())?,
            certificate_pem: certificate.pem(),
            issuer: Issuer::new(params, key),
        })
    }

    /// Reads an authority from PEM: the first certificate and the first key in PKCS#8, SEC1 or PKCS#1.
    ///
    /// # Errors
    /// Text that holds neither, an encrypted key, or a key that is another certificate's.
    pub fn from_pem(certificate_pem: &str, key_pem: &str) -> Result<Self, IssueError> {
        let certificates = certificates(certificate_pem.as_bytes()).map_err(IssueError::CaPem)?;
        let missing = || IssueError::CaPem(PemError::Empty);
        Self::from_der(certificates.first().ok_or_else(missing)?, &private_key(key_pem.as_bytes())?)
    }

    /// Makes an authority of its certificate and its key.
    ///
    /// # Errors
    /// A certificate that can't be read, or a key that is another certificate's.
    pub fn from_der(certificate: &CertificateDer<'_>, key: &PrivateKeyDer<'_>) -> Result<Self, IssueError> {
        let der = certificate;
        let key = KeyPair::try_from(key)?;
        let certificate = Certificate::from_der(der)?;
        if !is_public_part(certificate.key(), &key) {
            return Err(IssueError::OtherKey(certificate.subject().text().to_owned()));
        }
        Ok(Self { certificate, certificate_pem: certificate_to_pem(der), issuer: Issuer::from_ca_cert_der(der, key)? })
    }

    /// The CA certificate, PEM.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The CA certificate.
    #[must_use]
    pub const fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The CA's private key, PKCS#8 PEM.
    #[must_use]
    pub fn key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    /// The authority as rcgen sees it, for certificates and CRLs of other shapes than this module's.
    #[must_use]
    pub const fn issuer(&self) -> &Issuer<'static, KeyPair> {
        &self.issuer
    }

    /// Makes a key and a certificate for TLS client authentication.
    ///
    /// # Errors
    /// A subject that its ASN.1 types cannot hold, or an authority whose subject cannot be reproduced.
    pub fn issue_device(&self, request: &DeviceRequest) -> Result<DeviceCredentials, IssueError> {
        let key = request.key.generate()?;
        let mut params = self.leaf(request.subject.to_name()?, request.validity);
        if let Some(serial) = &request.serial {
            params.serial_number = Some(serial_number(serial)?);
        }
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let (certificate, certificate_pem) = self.sign(&params, &key)?;
        Ok(DeviceCredentials {
            chain_pem: format!("{certificate_pem}{}", self.certificate_pem),
            certificate_pem,
            key_pem: key.serialize_pem(),
            certificate_id: certificate.id().clone(),
            serial: certificate.serial().clone(),
            not_after: certificate.not_after(),
        })
    }

    /// Makes the certificate that proves to AWS IoT that the caller holds the CA's key.
    ///
    /// Its key is thrown away: only the CA's signature over `registration_code` counts ("Register your CA certificate" in
    /// the AWS IoT developer guide).
    ///
    /// # Errors
    /// An authority whose subject cannot be reproduced.
    pub fn issue_verification(&self, registration_code: &str, now: OffsetDateTime) -> Result<String, IssueError> {
        let key = KeyAlgorithm::P256.generate()?;
        let name = Subject::common_name(registration_code).to_name()?;
        let params = self.leaf(name, Validity::days(now, 1));
        Ok(self.sign(&params, &key)?.1)
    }

    fn leaf(&self, name: DistinguishedName, validity: Validity) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name = name;
        params.not_before = validity.not_before;
        params.not_after = validity.not_after.min(self.certificate.not_after());
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        params
    }

    /// Signs, and checks the result as the activator will.
    ///
    /// rcgen keeps one value per attribute type of a subject, so that the issuer's name of an authority with two OUs or
    /// with DC parts comes out different from what it is; the check notices.
    fn sign(&self, params: &CertificateParams, key: &KeyPair) -> Result<(Certificate, String), IssueError> {
        let signed = params.signed_by(key, &self.issuer)?;
        let certificate = Certificate::from_der(signed.der())?;
        match verify_issued_by(&certificate, &self.certificate, self.certificate.not_before()) {
            // Our checks compare names by value. Others, AWS IoT's perhaps, compare bytes.
            _ if certificate.issuer() != self.certificate.subject_name() => {
                Err(IssueError::SubjectNotReproducible(self.certificate.subject().text().to_owned()))
            }
            // A device certificate of the past or of the future may be wanted.
            Ok(()) | Err(CertificateFault::Expired(_) | CertificateFault::NotYetValid(_)) => {
                Ok((certificate, signed.pem()))
            }
            Err(fault) => Err(fault.into()),
        }
    }
}

fn is_public_part(public: &PublicKey, key: &KeyPair) -> bool {
    match public {
        PublicKey::Ec { point, .. } => point == key.der_bytes(),
        PublicKey::Rsa { key: rsa, .. } => rsa == key.der_bytes(),
        PublicKey::Other { .. } => false,
    }
}

/// RFC 5280 section 4.1.2.2: at most 20 octets *as encoded*, so the topmost bit of a 20-octet number must be clear.
fn serial_number(serial: &Serial) -> Result<SerialNumber, IssueError> {
    let octets = serial_octets(serial);
    if octets.len() == 20 && octets.first().is_some_and(|first| first & 0x80 != 0) {
        return Err(IssueError::SerialTooLong(serial.clone()));
    }
    Ok(SerialNumber::from_slice(&octets))
}

/// Big-endian, without leading zeros.
pub(crate) fn serial_octets(serial: &Serial) -> Vec<u8> {
    let digits = serial.as_str();
    // A serial number that exists has hexadecimal digits.
    hex::decode(if digits.len().is_multiple_of(2) { digits.to_owned() } else { format!("0{digits}") })
        .unwrap_or_default()
}

/// A certificate as one block of PEM.
pub(crate) fn certificate_to_pem(der: &CertificateDer<'_>) -> String {
    let config = EncodeConfig::new().set_line_ending(LineEnding::LF);
    pem::encode_config(&pem::Pem::new("CERTIFICATE", der.as_ref()), config)
}
