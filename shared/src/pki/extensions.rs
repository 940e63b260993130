//! What a certificate's extensions say, reduced to what the checks ask.

use x509_parser::certificate::TbsCertificate;
use x509_parser::der_parser::oid::Oid;
use x509_parser::extensions::ParsedExtension;
use x509_parser::oid_registry::{
    OID_X509_EXT_BASIC_CONSTRAINTS, OID_X509_EXT_CRL_DISTRIBUTION_POINTS, OID_X509_EXT_EXTENDED_KEY_USAGE,
    OID_X509_EXT_KEY_USAGE,
};

use super::Name;
use super::crl::DistributionPoint;

/// Extensions that limit what a certificate may do, or say which CRLs are about it: unreadable ones are never passed over.
/// Any other one that is not critical may be ignored (RFC 5280 section 4.2).
const DECIDING: [Oid<'static>; 4] = [
    OID_X509_EXT_BASIC_CONSTRAINTS,
    OID_X509_EXT_CRL_DISTRIBUTION_POINTS,
    OID_X509_EXT_EXTENDED_KEY_USAGE,
    OID_X509_EXT_KEY_USAGE,
];

/// Answers read from the extensions of one certificate. Absent extensions are `None`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Extensions {
    /// basicConstraints `cA`.
    pub(super) authority: Option<bool>,
    /// extendedKeyUsage names clientAuth or anyExtendedKeyUsage.
    pub(super) client_auth: Option<bool>,
    /// keyUsage cRLSign.
    pub(super) crl_sign: Option<bool>,
    /// keyUsage digitalSignature.
    pub(super) digital_signature: Option<bool>,
    /// cRLDistributionPoints; empty if absent.
    pub(super) distribution_points: Vec<DistributionPoint>,
    /// keyUsage keyCertSign.
    pub(super) key_cert_sign: Option<bool>,
    /// subjectKeyIdentifier.
    pub(super) key_identifier: Option<Vec<u8>>,
    /// Object identifier of the first critical extension that is not understood here and not informative.
    pub(super) unknown_critical: Option<String>,
}

impl Extensions {
    /// # Errors
    /// A text for people if an extension that counts is unreadable, or one stands twice (RFC 5280 section 4.2).
    pub(super) fn read(tbs: &TbsCertificate<'_>) -> Result<Self, String> {
        tbs.extensions_map().map_err(|_| "an extension stands twice".to_owned())?;
        let issuer = Name::new(tbs.issuer().as_raw());
        let mut read = Self {
            authority: None,
            client_auth: None,
            crl_sign: None,
            digital_signature: None,
            distribution_points: Vec::new(),
            key_cert_sign: None,
            key_identifier: None,
            unknown_critical: None,
        };
        for extension in tbs.extensions() {
            let oid = || extension.oid.to_id_string();
            match extension.parsed_extension() {
                ParsedExtension::ParseError { .. } if extension.critical || DECIDING.contains(&extension.oid) => {
                    return Err(format!("extension {} is unreadable", oid()));
                }
                ParsedExtension::BasicConstraints(constraints) => read.authority = Some(constraints.ca),
                ParsedExtension::ExtendedKeyUsage(usage) => read.client_auth = Some(usage.client_auth || usage.any),
                ParsedExtension::KeyUsage(usage) => {
                    read.crl_sign = Some(usage.crl_sign());
                    read.digital_signature = Some(usage.digital_signature());
                    read.key_cert_sign = Some(usage.key_cert_sign());
                }
                ParsedExtension::CRLDistributionPoints(_) => {
                    let points = DistributionPoint::read_all(extension.value, &issuer);
                    read.distribution_points = points.map_err(|flaw| flaw.0.to_owned())?;
                }
                ParsedExtension::SubjectKeyIdentifier(identifier) => read.key_identifier = Some(identifier.0.to_vec()),
                // These name or describe the holder and constrain nothing that is decided here.
                ParsedExtension::AuthorityKeyIdentifier(_)
                | ParsedExtension::CertificatePolicies(_)
                | ParsedExtension::SubjectAlternativeName(_) => {}
                _ if extension.critical && read.unknown_critical.is_none() => read.unknown_critical = Some(oid()),
                _ => {}
            }
        }
        Ok(read)
    }
}
