//! What the elements of a `CertificateList` say, but for its entries.

use std::ops::Range;

use ::time::OffsetDateTime;
use x509_parser::prelude::FromDer;
use x509_parser::x509::AlgorithmIdentifier;

use super::der::{self, Element, Flaw, OBJECT_IDENTIFIER};
use super::extensions::CrlExtensions;
use super::walk::Part;
use super::{CrlFault, date};
use crate::pki::{Certificate, Name, SignatureAlgorithm};

/// What the walk has found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Whether the list may be a delta CRL.
    pub(super) accepts_deltas: bool,
    /// Entries so far, without those that were skipped.
    pub(super) entries: u64,
    /// The extensions.
    pub(super) extensions: CrlExtensions,
    /// nextUpdate.
    pub(super) next_update: Option<OffsetDateTime>,
    /// The signature's octets.
    pub(super) signature: Vec<u8>,
    /// The algorithm that the signed part names.
    pub(super) signature_algorithm: Option<SignatureAlgorithm>,
    /// Where the tbsCertList stands.
    pub(super) signed: Range<usize>,
    /// Entries so far whose serial number no certificate can have.
    pub(super) skipped: u64,
    /// thisUpdate.
    pub(super) this_update: Option<OffsetDateTime>,
    algorithm: Vec<u8>,
    extensible: bool,
}

impl Found {
    /// Whether there may be extensions: not in version 1.
    pub(super) fn is_extensible(&self) -> bool {
        self.extensible
    }

    /// Reads this part, whose identifier has been checked, and returns what comes next. It `is_last` if it ends where
    /// what encloses it does.
    pub(super) fn read(
        &mut self,
        part: Part,
        element: Element<'_>,
        is_last: bool,
        authority: &Certificate,
    ) -> Result<Part, CrlFault> {
        Ok(match part {
            Part::Version => {
                if der::magnitude(element.content)? != [1] {
                    return Err(CrlFault::Version("neither 1, which is not written, nor 2"));
                }
                self.extensible = true;
                Part::Algorithm
            }
            Part::Algorithm => {
                self.signature_algorithm = Some(read_algorithm(element)?);
                self.algorithm = element.whole.to_vec();
                Part::Issuer
            }
            Part::Issuer => {
                check_issuer(element.whole, authority)?;
                Part::ThisUpdate
            }
            Part::ThisUpdate => {
                self.this_update = Some(date::read(element.tag, element.content)?);
                Part::NextUpdate
            }
            Part::NextUpdate => {
                self.next_update = Some(date::read(element.tag, element.content)?);
                Part::Entries
            }
            Part::Extensions if !self.extensible => {
                return Err(CrlFault::Version("version 1, which has no extensions"));
            }
            Part::Extensions if is_last => {
                self.extensions = CrlExtensions::read(element.content, &authority.subject_name)?;
                if self.extensions.base.is_some() && !self.accepts_deltas {
                    return Err(CrlFault::Delta);
                }
                check_issuer_key(&self.extensions, authority)?;
                Part::OuterAlgorithm
            }
            Part::OuterAlgorithm if element.whole != self.algorithm => {
                let what = "named differently inside and outside of the signed part";
                return Err(CrlFault::SignatureAlgorithm(what.to_owned()));
            }
            Part::OuterAlgorithm => Part::Signature,
            Part::Signature if is_last => {
                self.signature = der::whole_octets(element.content)?.to_vec();
                Part::Nothing
            }
            _ => return Err(Flaw("something after the last element").into()),
        })
    }
}

fn read_algorithm(element: Element<'_>) -> Result<SignatureAlgorithm, CrlFault> {
    let mut content = element.content;
    der::object_identifier(der::expect(&mut content, OBJECT_IDENTIFIER, "an AlgorithmIdentifier without name")?)?;
    if !content.is_empty() {
        der::element(&mut content)?;
        der::end(content)?;
    }
    let (_, identifier) =
        AlgorithmIdentifier::from_der(element.whole).map_err(|_| Flaw("an unreadable AlgorithmIdentifier"))?;
    SignatureAlgorithm::read(&identifier).map_err(CrlFault::SignatureAlgorithm)
}

fn check_issuer(name: &[u8], authority: &Certificate) -> Result<(), CrlFault> {
    let issuer = Name::new(name);
    if issuer.matches(&authority.subject_name) {
        return Ok(());
    }
    let (issuer, subject) = issuer.tell_apart(&authority.subject_name);
    Err(CrlFault::IssuerName { issuer, subject })
}

fn check_issuer_key(extensions: &CrlExtensions, authority: &Certificate) -> Result<(), CrlFault> {
    match (&extensions.key_identifier, &authority.extensions.key_identifier) {
        (Some(named), Some(own)) if named != own => {
            Err(CrlFault::IssuerKey { authority: hex::encode(own), named: hex::encode(named) })
        }
        _ => Ok(()),
    }
}
