//! Where a device connects to, and what it trusts and shows there.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use shared::id::CertificateId;
use shared::pki::pem::PemError;
use shared::pki::{Certificate, CertificateFault};
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_rustls::rustls::{self, ClientConfig, InconsistentKeys, RootCertStore};

use crate::credentials::{KeyError, certificates, private_key};

/// The port on which AWS IoT speaks MQTT with client certificates.
pub const MQTT_PORT: u16 = 8883;

/// The other port on which it does, told apart from HTTPS by ALPN ("Device communication protocols").
const HTTPS_PORT: u16 = 443;

/// The ALPN name that goes with [`HTTPS_PORT`].
const ALPN_MQTT: &[u8] = b"x-amzn-mqtt-ca";

/// An MQTT endpoint, written `host:port` or `host` with [`MQTT_PORT`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Endpoint {
    /// Host name; also the server name (SNI) by which AWS IoT finds the account.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let fault = || EndpointError(text.to_owned());
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().map_err(|_| fault())?),
            None => (text, MQTT_PORT),
        };
        if host.is_empty() || host.contains(['/', ':', ' ']) {
            return Err(fault());
        }
        Ok(Self { host: host.to_owned(), port })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// A text that is not `host:port`.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("an endpoint is host:port without a scheme, got {0:?}")]
pub struct EndpointError(String);

/// A device's certificate chain and private key.
#[derive(Debug)]
pub struct Identity {
    certificate: Certificate,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    /// Reads a chain, leaf first, and its key in PKCS#8, SEC1 or PKCS#1 from PEM.
    ///
    /// # Errors
    /// Text without a certificate or without a key, or a leaf that cannot be read.
    pub fn from_pem(chain_pem: &str, key_pem: &str) -> Result<Self, TlsError> {
        let chain = certificates(chain_pem.as_bytes()).map_err(TlsError::Chain)?;
        Self::from_der(chain, private_key(key_pem.as_bytes())?)
    }

    /// Makes an identity of a chain, leaf first, and its key.
    ///
    /// # Errors
    /// An empty chain, or a leaf that cannot be read.
    pub fn from_der(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Self, TlsError> {
        let leaf = chain.first().ok_or(TlsError::Chain(PemError::Empty))?;
        Ok(Self { certificate: Certificate::from_der(leaf)?, key, chain })
    }

    /// The device's certificate.
    #[must_use]
    pub const fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Its id in AWS IoT.
    #[must_use]
    pub fn certificate_id(&self) -> &CertificateId {
        self.certificate.id()
    }
}

/// Which server certificates a device believes.
#[derive(Clone, Debug)]
pub enum ServerTrust {
    /// Those that the operating system trusts, or the file in `SSL_CERT_FILE`. Amazon's root CAs are among them.
    System,
    /// Only those under these CA certificates.
    Only(Vec<CertificateDer<'static>>),
}

impl ServerTrust {
    /// Only what is under the CA certificates of a PEM text.
    ///
    /// # Errors
    /// Text without a certificate.
    pub fn from_pem(text: &str) -> Result<Self, TlsError> {
        Ok(Self::Only(certificates(text.as_bytes()).map_err(TlsError::ServerCa)?))
    }

    fn roots(&self) -> Result<RootCertStore, TlsError> {
        let mut roots = RootCertStore::empty();
        match self {
            Self::System => {
                let found = rustls_native_certs::load_native_certs();
                // A file that cannot be read matters only if no other gives a root.
                roots.add_parsable_certificates(found.certs);
            }
            Self::Only(certificates) => {
                for certificate in certificates {
                    roots.add(certificate.clone())?;
                }
            }
        }
        if roots.is_empty() { Err(TlsError::NoRoots) } else { Ok(roots) }
    }
}

/// Builds the TLS side of a device: TLS 1.2 and 1.3, client certificate, no session resumption.
///
/// Without resumption each connection shows the certificate anew, as a device does that was switched off in between.
///
/// # Errors
/// No trusted root, or a key that does not belong to the certificate.
pub fn client_config(
    endpoint: &Endpoint,
    identity: &Identity,
    trust: &ServerTrust,
) -> Result<Arc<ClientConfig>, TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let key = provider.key_provider.load_private_key(identity.key.clone_key())?;
    let shown = CertifiedKey::new(identity.chain.clone(), key);
    check_keys_match(&shown)?;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(trust.roots()?)
        .with_client_cert_resolver(Arc::new(SingleCertAndKey::from(shown)));
    config.resumption = Resumption::disabled();
    if endpoint.port == HTTPS_PORT {
        config.alpn_protocols = vec![ALPN_MQTT.to_vec()];
    }
    Ok(Arc::new(config))
}

/// Compares the key with the certificate's. rustls does so for certificates of version 3 only, and refuses others.
fn check_keys_match(shown: &CertifiedKey) -> Result<(), rustls::Error> {
    let leaf = shown.end_entity_cert()?;
    let (_, parsed) = x509_parser::parse_x509_certificate(leaf)
        .map_err(|_| rustls::Error::InvalidCertificate(rustls::CertificateError::BadEncoding))?;
    match shown.key.public_key() {
        Some(public) if public.as_ref() != parsed.public_key().raw => Err(InconsistentKeys::KeyMismatch.into()),
        _ => Ok(()),
    }
}

/// Why a device's TLS side could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The leaf is not a certificate.
    #[error("the device certificate is not usable")]
    Certificate(#[from] CertificateFault),
    /// The chain file holds no certificate.
    #[error("the chain holds no certificate")]
    Chain(#[source] PemError),
    /// rustls refused, for example because the key is another certificate's.
    #[error("the certificate and key cannot be used for tls")]
    Config(#[from] rustls::Error),
    /// The private key can't be used.
    #[error("the private key is not usable")]
    Key(#[from] KeyError),
    /// Nothing to trust.
    #[error("no trusted root certificate was found: name the server's ca with --server-ca")]
    NoRoots,
    /// There is no CA certificate to trust.
    #[error("the server's ca is not usable")]
    ServerCa(#[source] PemError),
}

#[cfg(test)]
mod tests {
    use shared::testing::{frozen_certificate, frozen_key};

    use super::*;
    use crate::issue::{CertificateAuthority, DeviceCredentials, DeviceRequest, KeyAlgorithm, Subject, Validity};

    fn device(authority: &CertificateAuthority) -> DeviceCredentials {
        let validity = Validity::days(time::macros::datetime!(2026-09-01 12:00 UTC), 30);
        let subject = Subject::common_name("pump-17");
        authority.issue_device(&DeviceRequest { subject, validity, key: KeyAlgorithm::P256, serial: None }).unwrap()
    }

    fn authority() -> CertificateAuthority {
        let validity = Validity::days(time::macros::datetime!(2026-09-01 12:00 UTC), 30);
        CertificateAuthority::new(&Subject::common_name("Root"), validity, KeyAlgorithm::P256).unwrap()
    }

    #[test]
    fn endpoints_have_a_host_and_a_port() {
        let endpoint: Endpoint = "localhost:18883".parse().unwrap();
        assert_eq!((endpoint.host.as_str(), endpoint.port), ("localhost", 18883));
        assert_eq!("a1-ats.iot.eu-west-1.amazonaws.com".parse::<Endpoint>().unwrap().port, MQTT_PORT);
        for text in ["", ":8883", "localhost:", "localhost:99999", "mqtts://localhost:8883", "a b"] {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_device_shows_its_chain_and_an_alpn_name_on_the_https_port_only() {
        let authority = authority();
        let device = device(&authority);
        let identity = Identity::from_pem(&device.chain_pem, &device.key_pem).unwrap();
        assert_eq!(*identity.certificate_id(), device.certificate_id);
        assert_eq!(identity.chain.len(), 2);
        let trust = ServerTrust::from_pem(authority.certificate_pem()).unwrap();
        for (port, names) in [(443, 1), (8883, 0)] {
            let endpoint = Endpoint { host: "localhost".into(), port };
            assert_eq!(client_config(&endpoint, &identity, &trust).unwrap().alpn_protocols.len(), names, "{port}");
        }
    }

    #[test]
    fn a_device_shows_a_certificate_of_version_1_too() {
        let (chain, key) = (frozen_certificate("walkthrough-device"), frozen_key("walkthrough-device"));
        let identity = Identity::from_pem(&chain, &key).unwrap();
        let trust = ServerTrust::from_pem(authority().certificate_pem()).unwrap();
        let endpoint = Endpoint { host: "localhost".into(), port: MQTT_PORT };
        assert!(client_config(&endpoint, &identity, &trust).is_ok());
        let mixed = Identity::from_pem(&chain, &frozen_key("walkthrough-ca")).unwrap();
        assert!(matches!(client_config(&endpoint, &mixed, &trust), Err(TlsError::Config(_))));
    }

    #[test]
    fn unusable_files_are_named() {
        let authority = authority();
        let (one, other) = (device(&authority), device(&authority));
        assert!(matches!(Identity::from_pem("", &one.key_pem), Err(TlsError::Chain(_))));
        assert!(matches!(Identity::from_pem(&one.chain_pem, ""), Err(TlsError::Key(_))));
        let endpoint = Endpoint { host: "localhost".into(), port: MQTT_PORT };
        let mixed = Identity::from_pem(&one.chain_pem, &other.key_pem).unwrap();
        let trust = ServerTrust::from_pem(authority.certificate_pem()).unwrap();
        assert!(matches!(client_config(&endpoint, &mixed, &trust), Err(TlsError::Config(_))));
        let identity = Identity::from_pem(&one.chain_pem, &one.key_pem).unwrap();
        let nothing = ServerTrust::Only(Vec::new());
        assert!(matches!(client_config(&endpoint, &identity, &nothing), Err(TlsError::NoRoots)));
    }
}
