//! Texts with `${…}` variables that are filled from a certificate: thing names and attribute values.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::CaCertificateId;
use crate::pki::{Certificate, SubjectField};

/// What a template may name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Variable {
    /// `${CaCertificateId}`: id of the issuing CA.
    CaCertificateId,
    /// `${CertificateId}`: SHA-256 of the certificate.
    CertificateId,
    /// `${CertificateSerialNumber}`: the certificate's serial number, lower-case hexadecimal.
    CertificateSerialNumber,
    /// `${CommonName}` and the other fields of the subject.
    Subject(SubjectField),
}

impl Variable {
    fn named(name: &str) -> Option<Self> {
        match name {
            "CaCertificateId" => Some(Self::CaCertificateId),
            "CertificateId" => Some(Self::CertificateId),
            "CertificateSerialNumber" => Some(Self::CertificateSerialNumber),
            _ => SubjectField::named(name).map(Self::Subject),
        }
    }
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Part {
    Text(String),
    Variable(Variable),
}

/// A checked template.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Template {
    parts: Vec<Part>,
    source: String,
}

/// Why a text is not a template.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TemplateError {
    /// The text has no characters.
    #[error("a template must not be empty")]
    Empty,
    /// `${` without `}`.
    #[error("template {0:?} has a ${{ without a }}")]
    Unclosed(String),
    /// A variable that does not exist.
    #[error(
        "template names ${{{0}}}, which is none of CertificateId, CertificateSerialNumber, CaCertificateId or a subject field such as CommonName"
    )]
    UnknownVariable(String),
}

/// A subject field that a template names has no value, or more than one.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the subject has {count} values for {field}, the template needs exactly one")]
pub struct Unresolved {
    /// The field.
    pub field: SubjectField,
    /// How many values the subject has.
    pub count: usize,
}

impl Template {
    /// Fills the template from a certificate and the CA that issued it.
    ///
    /// # Errors
    /// [`Unresolved`] if a named subject field doesn't have exactly one value.
    pub fn render(&self, certificate: &Certificate, authority: &CaCertificateId) -> Result<String, Unresolved> {
        let mut text = String::new();
        for part in &self.parts {
            text.push_str(match part {
                Part::Text(literal) => literal,
                Part::Variable(Variable::CaCertificateId) => authority.as_str(),
                Part::Variable(Variable::CertificateId) => certificate.id().as_str(),
                Part::Variable(Variable::CertificateSerialNumber) => certificate.serial().as_str(),
                Part::Variable(Variable::Subject(field)) => {
                    let subject = certificate.subject();
                    subject
                        .single(*field)
                        .ok_or_else(|| Unresolved { field: *field, count: subject.values(*field).count() })?
                }
            });
        }
        Ok(text)
    }
}

impl FromStr for Template {
    type Err = TemplateError;

    fn from_str(source: &str) -> Result<Self, TemplateError> {
        if source.is_empty() {
            return Err(TemplateError::Empty);
        }
        let mut parts = Vec::new();
        let mut rest = source;
        while let Some((literal, after)) = rest.split_once("${") {
            let Some((name, tail)) = after.split_once('}') else {
                return Err(TemplateError::Unclosed(source.to_owned()));
            };
            let variable = Variable::named(name).ok_or_else(|| TemplateError::UnknownVariable(name.to_owned()))?;
            if !literal.is_empty() {
                parts.push(Part::Text(literal.to_owned()));
            }
            parts.push(Part::Variable(variable));
            rest = tail;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self { parts, source: source.to_owned() })
    }
}

impl TryFrom<String> for Template {
    type Error = TemplateError;

    fn try_from(source: String) -> Result<Self, TemplateError> {
        source.parse()
    }
}

impl From<Template> for String {
    fn from(template: Template) -> Self {
        template.source
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_split_into_text_and_variables() {
        let template: Template = "eu-${CommonName}:${CertificateSerialNumber}".parse().unwrap();
        assert_eq!(
            template.parts,
            [
                Part::Text("eu-".to_owned()),
                Part::Variable(Variable::Subject(SubjectField::CommonName)),
                Part::Text(":".to_owned()),
                Part::Variable(Variable::CertificateSerialNumber),
            ]
        );
    }

    #[test]
    fn faults_are_named() {
        assert_eq!("".parse::<Template>(), Err(TemplateError::Empty));
        assert_eq!("a${CommonName".parse::<Template>(), Err(TemplateError::Unclosed("a${CommonName".to_owned())));
        assert_eq!("${Color}".parse::<Template>(), Err(TemplateError::UnknownVariable("Color".to_owned())));
    }
}
