//! Certificates and private keys as files hold them: DER, or PEM with any text around its blocks.

use shared::pki::pem::{self, Block, PRIVATE_KEY_LABELS, PemError, is_der};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Why a file holds no private key that can be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum KeyError {
    /// It is protected by a pass phrase.
    #[error("it is encrypted: decrypt it with `openssl pkey -in FILE -out FILE`")]
    Encrypted,
    /// It is neither PKCS#8 nor SEC1 nor PKCS#1.
    #[error("it is not a private key in PKCS#8, SEC1 or PKCS#1")]
    NotAKey,
    /// There is no PEM block of a private key.
    #[error(transparent)]
    Pem(#[from] PemError),
}

/// The certificates of a file in its order: the one of a DER file, or all of PEM. There is at least one.
///
/// # Errors
/// See [`PemError`].
pub fn certificates(file: &[u8]) -> Result<Vec<CertificateDer<'static>>, PemError> {
    if is_der(file) {
        return Ok(vec![CertificateDer::from(file.to_vec())]);
    }
    Ok(pem::certificates(file)?.into_iter().map(CertificateDer::from).collect())
}

/// The first private key of a file.
///
/// # Errors
/// See [`KeyError`].
pub fn private_key(file: &[u8]) -> Result<PrivateKeyDer<'static>, KeyError> {
    // A key that RFC 1421 encrypts has the usual label, and headers in front of its base64.
    if file.windows(ENCRYPTED_HEADER.len()).any(|part| part == ENCRYPTED_HEADER) {
        return Err(KeyError::Encrypted);
    }
    let der = match pem::read_blocks(file, PRIVATE_KEY_LABELS) {
        Ok(blocks) => match blocks.into_iter().next() {
            Some(Block { label: "ENCRYPTED PRIVATE KEY", .. }) => return Err(KeyError::Encrypted),
            Some(block) => block.content,
            None => return Err(KeyError::NotAKey),
        },
        Err(PemError::Missing { found: None, .. }) => file.to_vec(),
        Err(error) => return Err(error.into()),
    };
    PrivateKeyDer::try_from(der).map_err(|_| KeyError::NotAKey)
}

/// A header of RFC 1421, as OpenSSL before version 1.0 wrote it into the block of an encrypted key.
const ENCRYPTED_HEADER: &[u8] = b"Proc-Type: 4,ENCRYPTED";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

    use super::*;
    use crate::issue::{CertificateAuthority, KeyAlgorithm, Subject, Validity};

    fn authority(algorithm: KeyAlgorithm) -> CertificateAuthority {
        let validity = Validity::days(time::macros::datetime!(2026-09-01 12:00 UTC), 30);
        CertificateAuthority::new(&Subject::common_name("Maker Root"), validity, algorithm).unwrap()
    }

    fn key_of(pem: &str) -> PrivateKeyDer<'static> {
        let der = pem::read_blocks(pem.as_bytes(), PRIVATE_KEY_LABELS).unwrap().swap_remove(0).content;
        PrivatePkcs8KeyDer::from(der).into()
    }

    #[test]
    fn a_key_is_read_in_every_form() {
        for algorithm in [KeyAlgorithm::P256, KeyAlgorithm::Rsa2048] {
            let pem = authority(algorithm).key_pem();
            let key = key_of(&pem);
            let der = key.secret_der().to_vec();
            let parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
            for (form, file) in [
                ("PEM", pem.clone().into_bytes()),
                ("DER", der),
                ("CRLF", pem.replace('\n', "\r\n").into_bytes()),
                ("a byte order mark", format!("\u{feff}{pem}").into_bytes()),
                ("parameters before", format!("{parameters}{pem}").into_bytes()),
                (
                    "bag attributes",
                    format!("Bag Attributes\n    friendlyName: pump\nKey Attributes: <No Attributes>\n{pem}").into(),
                ),
                ("a certificate before", format!("{}{pem}", authority(algorithm).certificate_pem()).into_bytes()),
            ] {
                assert_eq!(private_key(&file).unwrap(), key, "{form}");
            }
        }
    }

    #[test]
    fn what_is_no_key_is_told_apart() {
        let certificate = authority(KeyAlgorithm::P256).certificate_pem().to_owned();
        let missing = |found: Option<&str>| {
            KeyError::Pem(PemError::Missing { found: found.map(ToOwned::to_owned), wanted: "PRIVATE KEY" })
        };
        for (file, expected) in [
            (&b""[..], KeyError::Pem(PemError::Empty)),
            (b"no key", KeyError::NotAKey),
            (certificate.as_bytes(), missing(Some("CERTIFICATE"))),
            (
                b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
                KeyError::Encrypted,
            ),
            (
                b"-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n\
                  -----END EC PRIVATE KEY-----\n",
                KeyError::Encrypted,
            ),
            (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", KeyError::NotAKey),
            (b"-----BEGIN PRIVATE KEY-----\nAAAA\n", KeyError::Pem(PemError::Truncated)),
            (b"\xff\xfe-\0-\0", KeyError::Pem(PemError::Utf16)),
        ] {
            assert_eq!(private_key(file), Err(expected), "{}", file.escape_ascii());
        }
    }

    #[test]
    fn certificates_come_in_the_order_of_the_file() {
        let (one, other) = (authority(KeyAlgorithm::P256), authority(KeyAlgorithm::P256));
        let chain = format!("{}and\n{}", one.certificate_pem(), other.certificate_pem());
        let read = certificates(chain.as_bytes()).unwrap();
        assert_eq!(read.len(), 2);
        for (der, authority) in read.iter().zip([&one, &other]) {
            assert_eq!(shared::pki::Certificate::from_der(der).unwrap().id(), authority.certificate().id());
            assert_eq!(certificates(der).unwrap(), std::slice::from_ref(der));
        }
    }

    proptest! {
        /// However a key and a certificate are dressed, they are the same.
        #[test]
        fn no_dressing_makes_a_difference(
            before in "([ -,.-~]{0,40}\n){0,4}",
            after in "([ -,.-~]{0,40}\n){0,4}",
            line_end in prop::sample::select(vec!["\n", "\r\n", "\r", " \n", "\n\n"]),
            mark in prop::sample::select(vec!["", "\u{feff}"]),
        ) {
            let authority = authority(KeyAlgorithm::P256);
            let dress = |pem: &str| format!("{mark}{before}{pem}{after}").replace('\n', line_end).into_bytes();
            prop_assert_eq!(private_key(&dress(&authority.key_pem())).unwrap(), key_of(&authority.key_pem()));
            let plain = certificates(authority.certificate_pem().as_bytes()).unwrap();
            prop_assert_eq!(certificates(&dress(authority.certificate_pem())).unwrap(), plain);
        }
    }
}
