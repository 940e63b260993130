//! The profile of a registered CA: whether the stack serves it, and under which rules its devices come in.
//!
//! A profile is the row `profile` of the CA in the `Authorities` table. An operator's command writes it, and with it
//! `enrolledAt`: a CA without that member is not served, whoever else has written the row. Rules that it leaves out take
//! the stack's defaults, so that an account with one CA needs no configuration. The profile is chosen by the CA's
//! certificate id alone, never by text in a certificate.

mod version;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{CaCertificateId, PolicyName, ThingName};
use crate::pki::{CertificateVersion, Curve, PublicKey, SubjectField};
use crate::revocation::CrlSource;
use crate::template::Template;

pub use version::PROFILE_VERSION;
pub(crate) use version::too_new;

/// Sort key of a profile in the `Authorities` table.
pub const PROFILE_RECORD: &str = "profile";

/// Who may come in.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Admission {
    /// Every certificate that the CA issued and that passes the checks. The default.
    #[default]
    All,
    /// Only certificates announced beforehand, by serial number or by thing name.
    Listed,
}

/// What happens when the thing exists already and was made for another certificate.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TakeOver {
    /// The newcomer stays out until the thing is deleted. The default: nobody takes a name over unnoticed.
    #[default]
    Refuse,
    /// The newcomer replaces the thing's older certificates of the same CA, which become INACTIVE.
    Rotate,
    /// The newcomer shares the thing with the certificates it has.
    Join,
}

/// Whether a CRL must clear a certificate before it comes in.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CrlRequirement {
    /// No CRL is looked at. The default: a CA without a published CRL can be used.
    #[default]
    None,
    /// Without a verified, current CRL that covers the certificate it stays out.
    Required,
}

/// What happens when the newest CRL of a CA is past its nextUpdate and no later one can be had.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WhenStale {
    /// The old CRL goes on counting for so many hours after its nextUpdate. A certificate that was revoked meanwhile
    /// gets in until the next CRL arrives.
    AllowUntil(u32),
    /// Nobody comes in until the next CRL arrives. The default.
    #[default]
    Refuse,
}

/// What the profile says about CRLs.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct CrlRules {
    /// Hosts, in lower case, whose distribution points, as certificates name them, are followed.
    pub hosts: Vec<String>,
    /// Whether a CRL must clear a certificate.
    pub requirement: CrlRequirement,
    /// Where the CA publishes its CRLs.
    pub sources: Vec<CrlSource>,
    /// What happens when a CRL is past its nextUpdate.
    pub when_stale: WhenStale,
}

impl CrlRules {
    /// The rules for a certificate whose row tells of an entry: the CRLs are asked, required or not. A profile that requires
    /// none and names none has none to ask.
    #[must_use]
    pub fn asked(self) -> Self {
        let asks_none = self.requirement == CrlRequirement::None && self.sources.is_empty() && self.hosts.is_empty();
        if asks_none { self } else { Self { requirement: CrlRequirement::Required, ..self } }
    }
}

/// Which public keys a device certificate may carry.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct KeyRequirements {
    /// Elliptic curves allowed; empty refuses every EC key.
    pub curves: Vec<Curve>,
    /// Smallest RSA modulus in bits; at least 2048, which is AWS IoT's own limit.
    pub min_rsa_bits: usize,
}

impl Default for KeyRequirements {
    fn default() -> Self {
        Self { curves: vec![Curve::P256, Curve::P384, Curve::P521], min_rsa_bits: 2048 }
    }
}

impl KeyRequirements {
    /// Whether a key meets the requirements.
    #[must_use]
    pub fn allow(&self, key: &PublicKey) -> bool {
        match key {
            PublicKey::Ec { curve, .. } => self.curves.contains(curve),
            PublicKey::Other { .. } => false,
            PublicKey::Rsa { bits, .. } => *bits >= self.min_rsa_bits.max(2048),
        }
    }
}

impl fmt::Display for KeyRequirements {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RSA from {} bits", self.min_rsa_bits.max(2048))?;
        self.curves.iter().try_for_each(|curve| write!(f, ", EC {curve}"))
    }
}

/// A regular expression that a whole subject value must match.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern {
    regex: regex_lite::Regex,
    source: String,
}

impl Pattern {
    /// Whether the whole value matches.
    #[must_use]
    pub fn matches(&self, value: &str) -> bool {
        self.regex.is_match(value)
    }
}

impl TryFrom<String> for Pattern {
    type Error = regex_lite::Error;

    fn try_from(source: String) -> Result<Self, Self::Error> {
        Ok(Self { regex: regex_lite::Regex::new(&format!("^(?:{source})$"))?, source })
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.source
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

/// A profile as stored: what it leaves out takes the stack's default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Profile {
    /// Who may come in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admission: Option<Admission>,
    /// Attributes of the thing: name to template of the value. Three fit on a thing without a type, one is taken.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, Template>,
    /// The CA certificate; AWS IoT is asked for it where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_pem: Option<String>,
    /// When the row was made, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    /// Whether a CRL must clear a certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crl: Option<CrlRequirement>,
    /// Hosts whose distribution points in certificates are followed, in whatever case.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub crl_hosts: Vec<String>,
    /// Where the CA publishes its CRLs; at most 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub crl_sources: Vec<CrlSource>,
    /// When an operator enrolled the CA, RFC 3339. No function writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enrolled_at: Option<String>,
    /// Public keys allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<KeyRequirements>,
    /// A name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Oldest X.509 version of a device certificate; without it 1, which is every version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_version: Option<CertificateVersion>,
    /// The AWS IoT policy attached to every certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_name: Option<PolicyName>,
    /// Subject fields that must be there, with the pattern that every value of the field matches as a whole.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub subject_rules: BTreeMap<SubjectField, Pattern>,
    /// What happens when the thing belongs to another certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub take_over: Option<TakeOver>,
    /// Thing group that every thing joins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thing_group: Option<ThingName>,
    /// Template of the thing's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thing_name_template: Option<Template>,
    /// Thing type of every thing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thing_type: Option<ThingName>,
    /// When the row last changed, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<String>,
    /// The version of profiles that a reader has to know; none in rows that a function made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// What happens when the newest CRL is past its nextUpdate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when_stale: Option<WhenStale>,
}

impl Profile {
    /// Whether an operator has enrolled the CA, so that the stack serves it.
    #[must_use]
    pub const fn is_enrolled(&self) -> bool {
        self.enrolled_at.is_some()
    }

    /// What the profile says about CRLs.
    #[must_use]
    pub fn crl_rules(&self) -> CrlRules {
        CrlRules {
            hosts: self.crl_hosts.iter().map(|host| host.to_ascii_lowercase()).collect(),
            requirement: self.crl.unwrap_or_default(),
            sources: self.crl_sources.clone(),
            when_stale: self.when_stale.unwrap_or_default(),
        }
    }
}

/// What the stack's parameters say for every CA whose profile does not.
#[derive(Clone, Debug, PartialEq)]
pub struct Defaults {
    /// Policy for every certificate.
    pub policy_name: PolicyName,
    /// Thing group, if any.
    pub thing_group: Option<ThingName>,
    /// Template of the thing's name.
    pub thing_name_template: Template,
    /// Thing type, if any.
    pub thing_type: Option<ThingName>,
}

/// The rules in force for one CA: its profile over the defaults.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// Who may come in.
    pub admission: Admission,
    /// Attributes of the thing.
    pub attributes: BTreeMap<String, Template>,
    /// The CA's certificate id.
    pub ca_certificate_id: CaCertificateId,
    /// What the profile says about CRLs.
    pub crl: CrlRules,
    /// Public keys allowed.
    pub keys: KeyRequirements,
    /// Oldest X.509 version of a device certificate.
    pub min_version: CertificateVersion,
    /// Policy for every certificate.
    pub policy_name: PolicyName,
    /// Subject rules.
    pub subject_rules: BTreeMap<SubjectField, Pattern>,
    /// What happens when the thing belongs to another certificate.
    pub take_over: TakeOver,
    /// Thing group, if any.
    pub thing_group: Option<ThingName>,
    /// Template of the thing's name.
    pub thing_name_template: Template,
    /// Thing type, if any.
    pub thing_type: Option<ThingName>,
}

impl Rules {
    /// Lays a profile over the defaults.
    #[must_use]
    pub fn new(ca_certificate_id: CaCertificateId, profile: Profile, defaults: &Defaults) -> Self {
        Self {
            crl: profile.crl_rules(),
            admission: profile.admission.unwrap_or_default(),
            attributes: profile.attributes,
            ca_certificate_id,
            keys: profile.keys.unwrap_or_default(),
            min_version: profile.min_version.unwrap_or_default(),
            policy_name: profile.policy_name.unwrap_or_else(|| defaults.policy_name.clone()),
            subject_rules: profile.subject_rules,
            take_over: profile.take_over.unwrap_or_default(),
            thing_group: profile.thing_group.or_else(|| defaults.thing_group.clone()),
            thing_name_template: profile.thing_name_template.unwrap_or_else(|| defaults.thing_name_template.clone()),
            thing_type: profile.thing_type.or_else(|| defaults.thing_type.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_and_wrong_members_are_named() {
        let fault = serde_json::from_str::<Profile>(r#"{"takeover":"join"}"#).unwrap_err();
        assert!(fault.to_string().contains("unknown field `takeover`"), "{fault}");
        let fault = serde_json::from_str::<Profile>(r#"{"takeOver":"steal"}"#).unwrap_err();
        assert!(fault.to_string().contains("unknown variant `steal`"), "{fault}");
        let fault = serde_json::from_str::<Profile>(r#"{"thingNameTemplate":"${Nope}"}"#).unwrap_err();
        assert!(fault.to_string().contains("${Nope}"), "{fault}");
    }

    #[test]
    fn hosts_are_allowed_in_whatever_case() {
        let profile: Profile = serde_json::from_str(r#"{"crlHosts":["CRL.Example.com"]}"#).unwrap();
        assert_eq!(profile.crl_rules().hosts, ["crl.example.com"]);
    }

    #[test]
    fn patterns_match_whole_values_only() {
        let pattern = Pattern::try_from("pump-[0-9]+|valve".to_owned()).unwrap();
        assert!(pattern.matches("pump-17") && pattern.matches("valve"));
        assert!(!pattern.matches("pump-17x") && !pattern.matches("my valve") && !pattern.matches("valve\n"));
    }

    #[test]
    fn keys_below_the_limits_of_aws_are_never_allowed() {
        let lax = KeyRequirements { curves: vec![Curve::P384], min_rsa_bits: 512 };
        assert!(!lax.allow(&PublicKey::Rsa { bits: 2047, key: Vec::new() }));
        assert!(lax.allow(&PublicKey::Rsa { bits: 2048, key: Vec::new() }));
        assert!(!lax.allow(&PublicKey::Ec { curve: Curve::P256, point: Vec::new() }));
        assert!(!lax.allow(&PublicKey::Other { algorithm: "1.3.101.112".to_owned() }));
    }
}
