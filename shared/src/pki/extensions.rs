//! What a certificate's extensions say, reduced to what the checks ask.

use x509_parser::certificate::TbsCertificate;
use x509_parser::extensions::ParsedExtension;

/// Answers read from the extensions of one certificate. Absent extensions are `None`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Extensions {
    /// basicConstraints `cA`.
    pub(super) authority: Option<bool>,
    /// extendedKeyUsage names clientAuth or anyExtendedKeyUsage.
    pub(super) client_auth: Option<bool>,
    /// keyUsage digitalSignature.
    pub(super) digital_signature: Option<bool>,
    /// keyUsage keyCertSign.
    pub(super) key_cert_sign: Option<bool>,
    /// Object identifier of the first critical extension that is none of the three above and not informative.
    pub(super) unknown_critical: Option<String>,
}

impl Extensions {
    /// # Errors
    /// A text for people if an extension is unreadable or stands twice (RFC 5280 section 4.2).
    pub(super) fn read(tbs: &TbsCertificate<'_>) -> Result<Self, String> {
        tbs.extensions_map().map_err(|_| "an extension stands twice".to_owned())?;
        let mut read = Self {
            authority: None,
            client_auth: None,
            digital_signature: None,
            key_cert_sign: None,
            unknown_critical: None,
        };
        for extension in tbs.extensions() {
            let oid = || extension.oid.to_id_string();
            match extension.parsed_extension() {
                ParsedExtension::ParseError { .. } => return Err(format!("extension {} is unreadable", oid())),
                ParsedExtension::BasicConstraints(constraints) => read.authority = Some(constraints.ca),
                ParsedExtension::ExtendedKeyUsage(usage) => read.client_auth = Some(usage.client_auth || usage.any),
                ParsedExtension::KeyUsage(usage) => {
                    read.digital_signature = Some(usage.digital_signature());
                    read.key_cert_sign = Some(usage.key_cert_sign());
                }
                // These name or describe the holder and constrain nothing that is decided here.
                ParsedExtension::AuthorityKeyIdentifier(_)
                | ParsedExtension::CRLDistributionPoints(_)
                | ParsedExtension::CertificatePolicies(_)
                | ParsedExtension::SubjectAlternativeName(_)
                | ParsedExtension::SubjectKeyIdentifier(_) => {}
                _ if extension.critical && read.unknown_critical.is_none() => read.unknown_critical = Some(oid()),
                _ => {}
            }
        }
        Ok(read)
    }
}
