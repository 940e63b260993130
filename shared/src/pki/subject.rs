//! The subject's fields under the names that AWS IoT policies use for them.

use std::fmt;

use serde::{Deserialize, Serialize};
use x509_parser::x509::X509Name;

use crate::text::shorten;

/// Longest subject text in bytes: it is kept in registration rows.
pub const MAX_SUBJECT_TEXT: usize = 512;

/// A field of a distinguished name, named as in "X.509 certificate AWS IoT Core policy variables".
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum SubjectField {
    /// `CN`, 2.5.4.3.
    CommonName,
    /// `C`, 2.5.4.6.
    Country,
    /// `dnQualifier`, 2.5.4.46.
    DistinguishedNameQualifier,
    /// `generationQualifier`, 2.5.4.44.
    GenerationQualifier,
    /// `GN`, 2.5.4.42.
    GivenName,
    /// `initials`, 2.5.4.43.
    Initials,
    /// `O`, 2.5.4.10.
    Organization,
    /// `OU`, 2.5.4.11.
    OrganizationalUnit,
    /// `pseudonym`, 2.5.4.65.
    Pseudonym,
    /// `serialNumber` of the subject, 2.5.4.5; not the certificate's serial number.
    SerialNumber,
    /// `ST`, 2.5.4.8.
    State,
    /// `SN`, 2.5.4.4.
    Surname,
    /// `title`, 2.5.4.12.
    Title,
}

impl SubjectField {
    /// Every field, by name.
    pub const ALL: [Self; 13] = [
        Self::CommonName,
        Self::Country,
        Self::DistinguishedNameQualifier,
        Self::GenerationQualifier,
        Self::GivenName,
        Self::Initials,
        Self::Organization,
        Self::OrganizationalUnit,
        Self::Pseudonym,
        Self::SerialNumber,
        Self::State,
        Self::Surname,
        Self::Title,
    ];

    /// The field of this name, as templates and rules write it.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.to_string() == name)
    }

    fn oid(self) -> &'static str {
        match self {
            Self::CommonName => "2.5.4.3",
            Self::Country => "2.5.4.6",
            Self::DistinguishedNameQualifier => "2.5.4.46",
            Self::GenerationQualifier => "2.5.4.44",
            Self::GivenName => "2.5.4.42",
            Self::Initials => "2.5.4.43",
            Self::Organization => "2.5.4.10",
            Self::OrganizationalUnit => "2.5.4.11",
            Self::Pseudonym => "2.5.4.65",
            Self::SerialNumber => "2.5.4.5",
            Self::State => "2.5.4.8",
            Self::Surname => "2.5.4.4",
            Self::Title => "2.5.4.12",
        }
    }
}

impl fmt::Display for SubjectField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A certificate's subject.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Subject {
    fields: Vec<(SubjectField, String)>,
    text: String,
}

impl Subject {
    pub(super) fn read(name: &X509Name<'_>) -> Self {
        let mut fields = Vec::new();
        for attribute in name.iter_attributes() {
            let oid = attribute.attr_type().to_id_string();
            let field = SubjectField::ALL.into_iter().find(|field| field.oid() == oid);
            if let Some(field) = field {
                // A value in a legacy encoding such as BMPString counts with its bare octets: left out, it could hide
                // beside a readable one, and no rule would see it.
                let value =
                    attribute.as_str().map_or_else(|_| String::from_utf8_lossy(attribute.as_slice()), Into::into);
                fields.push((field, value.into_owned()));
            }
        }
        Self { fields, text: shorten(name, MAX_SUBJECT_TEXT) }
    }

    /// All values of one field, in the certificate's order.
    pub fn values(&self, field: SubjectField) -> impl Iterator<Item = &str> {
        self.fields.iter().filter(move |(name, _)| *name == field).map(|(_, value)| value.as_str())
    }

    /// The field's value if it has exactly one: with two, somebody else's name could hide behind one's own.
    #[must_use]
    pub fn single(&self, field: SubjectField) -> Option<&str> {
        let mut values = self.values(field);
        values.next().filter(|_| values.next().is_none())
    }

    /// The whole name for people, of [`MAX_SUBJECT_TEXT`] bytes at most.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}
