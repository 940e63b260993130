//! How a CA's profile is to change, from flags and a file.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use serde::de::value::Error as WordError;
use serde::de::{DeserializeOwned, IntoDeserializer as _};
use shared::id::{PolicyName, ThingName};
use shared::pki::{CertificateVersion, Curve, SubjectField};
use shared::profile::{Admission, CrlRequirement, Pattern, Profile, TakeOver};
use shared::template::Template;

use super::crl::CrlFlags;
use super::limits;
use super::list_member::absent;
use crate::files::read_text;

/// How a profile is to change: first the file replaces it, then members are taken out, then the flags are laid over. Flags of
/// members that are lists add to them, and those with `remove` in their names take out of them.
#[derive(Args, Clone, Debug, Default)]
pub struct Change {
    /// JSON file with the whole profile; the flags are laid over it.
    #[arg(long, value_name = "FILE")]
    profile: Option<PathBuf>,
    /// A member to take back to its default; can be given several times.
    #[arg(long, value_enum, value_name = "MEMBER")]
    unset: Vec<Member>,
    /// Tell what would change, and change nothing.
    #[arg(long)]
    pub(super) dry_run: bool,
    #[command(flatten)]
    flags: ProfileFlags,
}

impl Change {
    /// Makes the new profile. What the CA is and since when it has been enrolled stay.
    ///
    /// # Errors
    /// A file that is not a profile, something to be taken out that is not there, or a profile beyond its limits.
    pub fn make(self, before: &Profile) -> Result<Profile> {
        let mut profile = match self.profile {
            None => before.clone(),
            Some(path) => {
                let mut given: Profile = serde_json::from_str(&read_text(&path)?)
                    .with_context(|| format!("{} is not a profile", path.display()))?;
                given.ca_pem.clone_from(&before.ca_pem);
                given.created_at.clone_from(&before.created_at);
                given.enrolled_at.clone_from(&before.enrolled_at);
                given.updated_at.clone_from(&before.updated_at);
                given
            }
        };
        for member in self.unset {
            member.take_out(&mut profile);
        }
        self.flags.apply(&mut profile)?;
        limits::check(&profile, before)?;
        Ok(profile)
    }
}

/// Members of a profile. What is not given stays as it is, or takes the stack's default.
#[derive(Args, Clone, Debug, Default)]
pub struct ProfileFlags {
    /// A name for people; the CA can be called by it.
    #[arg(long)]
    label: Option<String>,
    /// AWS IoT policy attached to each certificate.
    #[arg(long, value_name = "NAME")]
    policy: Option<PolicyName>,
    /// Existing thing type of each thing.
    #[arg(long, value_name = "NAME")]
    thing_type: Option<ThingName>,
    /// Existing static thing group of each thing.
    #[arg(long, value_name = "NAME")]
    thing_group: Option<ThingName>,
    /// Name of the thing, such as '${Organization}-${CommonName}'.
    #[arg(long, value_name = "TEMPLATE")]
    thing_name_template: Option<Template>,
    /// Who may come in: every good certificate, or announced ones only.
    #[arg(long, value_parser = one_of::<Admission>(&["all", "listed"]))]
    admission: Option<Admission>,
    /// What happens when the thing belongs to another certificate.
    #[arg(long, value_parser = one_of::<TakeOver>(&["refuse", "rotate", "join"]))]
    take_over: Option<TakeOver>,
    /// Let nobody in whom no current CRL clears.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    require_crl: Option<bool>,
    #[command(flatten)]
    crl: CrlFlags,
    /// An attribute of the thing, beside those so far; can be given several times.
    #[arg(long = "attribute", value_name = "NAME=TEMPLATE", value_parser = attribute)]
    attributes: Vec<(String, Template)>,
    /// An attribute that things are to get no more; can be given several times.
    #[arg(long, value_name = "NAME")]
    remove_attribute: Vec<String>,
    /// A subject field that must be there, and the regular expression that its whole value must match, beside the fields so
    /// far; can be given several times.
    #[arg(long = "subject-rule", value_name = "FIELD=REGEX", value_parser = subject_rule)]
    subject_rules: Vec<(SubjectField, Pattern)>,
    /// A subject field that no rule is to be about; can be given several times.
    #[arg(long, value_name = "FIELD", value_parser = subject_field)]
    remove_subject_rule: Vec<SubjectField>,
    /// Oldest X.509 version of device certificates: 1, which is every version, 2 or 3. Version 3 alone has extensions.
    #[arg(long, value_name = "VERSION")]
    min_version: Option<CertificateVersion>,
    /// Smallest RSA key in bits; AWS IoT takes none below 2048.
    #[arg(long, value_name = "BITS", value_parser = clap::value_parser!(u16).range(2048..))]
    min_rsa_bits: Option<u16>,
    /// All elliptic curves that are allowed, such as P-256,P-384; all three by default.
    #[arg(long, value_delimiter = ',', value_parser = one_of::<Curve>(&["P-256", "P-384", "P-521"]))]
    curves: Vec<Curve>,
}

/// Reads one word of a closed set as the profile's JSON writes it.
fn one_of<T>(words: &'static [&'static str]) -> impl TypedValueParser<Value = T>
where
    T: Clone + DeserializeOwned + Send + Sync + 'static,
{
    PossibleValuesParser::new(words)
        .try_map(|word| T::deserialize(word.into_deserializer()).map_err(|error: WordError| error))
}

fn attribute(text: &str) -> Result<(String, Template)> {
    let (name, template) = text.split_once('=').context("write name=template")?;
    Ok((name.to_owned(), template.parse()?))
}

fn subject_rule(text: &str) -> Result<(SubjectField, Pattern)> {
    let (field, pattern) = text.split_once('=').context("write field=regex")?;
    Ok((subject_field(field)?, Pattern::try_from(pattern.to_owned())?))
}

fn subject_field(name: &str) -> Result<SubjectField> {
    let known = || SubjectField::ALL.map(|field| field.to_string()).join(", ");
    SubjectField::named(name).with_context(|| format!("no subject field {name:?}, there are {}", known()))
}

impl ProfileFlags {
    /// Lays the flags over a profile.
    ///
    /// # Errors
    /// Something to be taken out that is not there.
    pub fn apply(self, profile: &mut Profile) -> Result<()> {
        let crl = self.require_crl.map(|yes| if yes { CrlRequirement::Required } else { CrlRequirement::None });
        overlay(&mut profile.label, self.label);
        overlay(&mut profile.policy_name, self.policy);
        overlay(&mut profile.thing_type, self.thing_type);
        overlay(&mut profile.thing_group, self.thing_group);
        overlay(&mut profile.thing_name_template, self.thing_name_template);
        overlay(&mut profile.admission, self.admission);
        overlay(&mut profile.take_over, self.take_over);
        overlay(&mut profile.min_version, self.min_version);
        overlay(&mut profile.crl, crl);
        self.crl.apply(profile)?;
        for name in self.remove_attribute {
            profile.attributes.remove(&name).with_context(|| absent("--remove-attribute", &name))?;
        }
        profile.attributes.extend(self.attributes);
        for field in self.remove_subject_rule {
            profile.subject_rules.remove(&field).with_context(|| absent("--remove-subject-rule", &field))?;
        }
        profile.subject_rules.extend(self.subject_rules);
        if self.min_rsa_bits.is_some() || !self.curves.is_empty() {
            let keys = profile.keys.get_or_insert_default();
            keys.min_rsa_bits = self.min_rsa_bits.map_or(keys.min_rsa_bits, usize::from);
            if !self.curves.is_empty() {
                keys.curves = self.curves;
            }
        }
        Ok(())
    }
}

fn overlay<T>(member: &mut Option<T>, flag: Option<T>) {
    if flag.is_some() {
        *member = flag;
    }
}

/// Members that can be taken out of a profile, back to the default.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Member {
    /// Back to `all`.
    Admission,
    /// Every attribute.
    Attributes,
    /// No host's distribution points are followed.
    CrlHosts,
    /// No sources.
    CrlSources,
    /// Every key that AWS IoT takes.
    Keys,
    /// No label.
    Label,
    /// Every X.509 version.
    MinVersion,
    /// The stack's policy.
    Policy,
    /// No CRL needed.
    RequireCrl,
    /// No rules.
    SubjectRules,
    /// Back to `refuse`.
    TakeOver,
    /// The stack's thing group.
    ThingGroup,
    /// The stack's template.
    ThingNameTemplate,
    /// The stack's thing type.
    ThingType,
    /// Back to `refuse`.
    WhenStale,
}

impl Member {
    fn take_out(self, profile: &mut Profile) {
        match self {
            Self::Admission => profile.admission = None,
            Self::Attributes => profile.attributes.clear(),
            Self::CrlHosts => profile.crl_hosts.clear(),
            Self::CrlSources => profile.crl_sources.clear(),
            Self::Keys => profile.keys = None,
            Self::Label => profile.label = None,
            Self::MinVersion => profile.min_version = None,
            Self::Policy => profile.policy_name = None,
            Self::RequireCrl => profile.crl = None,
            Self::SubjectRules => profile.subject_rules.clear(),
            Self::TakeOver => profile.take_over = None,
            Self::ThingGroup => profile.thing_group = None,
            Self::ThingNameTemplate => profile.thing_name_template = None,
            Self::ThingType => profile.thing_type = None,
            Self::WhenStale => profile.when_stale = None,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{Command, FromArgMatches as _};

    use super::*;

    fn change(arguments: &[&str]) -> Result<Change, clap::Error> {
        let command = Change::augment_args(Command::new("set").no_binary_name(true));
        Change::from_arg_matches(&command.try_get_matches_from(arguments)?)
    }

    #[test]
    fn every_flag_reaches_its_member() {
        let change = change(&[
            "--label=Pumps",
            "--policy=fleet",
            "--thing-type=pump",
            "--thing-group=eu",
            "--thing-name-template=${Organization}-${CommonName}",
            "--admission=listed",
            "--take-over=rotate",
            "--require-crl",
            "--crl-source=s3://lists/fleet.crl",
            "--crl-source=https://CRL.example.com/Fleet.crl",
            "--crl-host=CRL.example.com",
            "--when-stale=7d",
            "--attribute=maker=${Organization}",
            "--subject-rule=CommonName=pump-[0-9]+",
            "--min-version=3",
            "--min-rsa-bits=3072",
            "--curves=P-384",
        ]);
        let profile = change.unwrap().make(&Profile::default()).unwrap();
        assert_eq!(
            serde_json::to_value(profile).unwrap(),
            serde_json::json!({
                "label": "Pumps",
                "policyName": "fleet",
                "thingType": "pump",
                "thingGroup": "eu",
                "thingNameTemplate": "${Organization}-${CommonName}",
                "admission": "listed",
                "takeOver": "rotate",
                "crl": "required",
                "crlSources": ["s3://lists/fleet.crl", "https://crl.example.com/Fleet.crl"],
                "crlHosts": ["crl.example.com"],
                "whenStale": {"allowUntil": 168},
                "attributes": {"maker": "${Organization}"},
                "subjectRules": {"CommonName": "pump-[0-9]+"},
                "minVersion": 3,
                "keys": {"minRsaBits": 3072, "curves": ["P-384"]},
            })
        );
    }

    #[test]
    fn what_is_not_given_stays() {
        let before: Profile =
            serde_json::from_str(r#"{"admission":"listed","takeOver":"join","caPem":"x","createdAt":"t"}"#).unwrap();
        let after = change(&["--take-over=rotate"]).unwrap().make(&before).unwrap();
        assert_eq!(after, Profile { take_over: Some(TakeOver::Rotate), ..before.clone() });
        let after = change(&["--require-crl=false"]).unwrap().make(&before).unwrap();
        assert_eq!(after, Profile { crl: Some(CrlRequirement::None), ..before });
    }

    #[test]
    fn flags_of_lists_add_and_take_out_one_by_one() {
        let before = r#"{"attributes":{"a":"x","b":"y"},"crlHosts":["h1"],"crlSources":["s3://lists/1","s3://lists/2"],
            "subjectRules":{"CommonName":"c"}}"#;
        let before: Profile = serde_json::from_str(before).unwrap();
        let change = change(&[
            "--attribute=c=z",
            "--remove-attribute=a",
            "--crl-host=h2",
            "--crl-source=s3://lists/3",
            "--crl-source=s3://lists/2",
            "--remove-crl-source=s3://lists/1",
            "--subject-rule=Organization=o",
        ]);
        let after = serde_json::to_value(change.unwrap().make(&before).unwrap()).unwrap();
        assert_eq!(
            after,
            serde_json::json!({
                "attributes": {"b": "y", "c": "z"},
                "crlHosts": ["h1", "h2"],
                "crlSources": ["s3://lists/2", "s3://lists/3"],
                "subjectRules": {"CommonName": "c", "Organization": "o"},
            })
        );
    }

    #[test]
    fn what_is_not_there_can_not_be_taken_out() {
        for argument in [
            "--remove-attribute=a",
            "--remove-crl-host=h",
            "--remove-crl-source=s3://lists/1",
            "--remove-subject-rule=CommonName",
        ] {
            let error = change(&[argument]).unwrap().make(&Profile::default()).unwrap_err().to_string();
            assert!(error.contains(argument.split('=').next().unwrap()), "{argument}: {error}");
        }
    }

    #[test]
    fn every_member_can_be_taken_out() {
        let full = r#"{"label":"l","policyName":"p","thingType":"t","thingGroup":"g","thingNameTemplate":"x",
            "admission":"listed","takeOver":"join","crl":"required","crlHosts":["h"],"crlSources":["s3://lists/a"],
            "whenStale":{"allowUntil":24},"attributes":{"a":"b"},
            "subjectRules":{"CommonName":"c"},"minVersion":2,"keys":{"minRsaBits":4096}}"#;
        let mut profile: Profile = serde_json::from_str(full).unwrap();
        for member in Member::value_variants() {
            let before = profile.clone();
            member.take_out(&mut profile);
            assert_ne!(profile, before, "{member:?}");
        }
        assert_eq!(profile, Profile::default());
    }

    #[test]
    fn impossible_flags_are_refused() {
        for argument in [
            "--admission=everyone",
            "--take-over=steal",
            "--thing-name-template=${Nope}",
            "--attribute=maker",
            "--subject-rule=Colour=red",
            "--subject-rule=CommonName=[",
            "--min-version=0",
            "--min-version=4",
            "--min-rsa-bits=1024",
            "--curves=P-256,P-192",
            "--policy=a b",
            "--crl-source=ftp://crl.example.com/a",
            "--crl-host=http://crl.example.com",
            "--when-stale=24",
        ] {
            assert!(change(&[argument]).is_err(), "{argument}");
        }
    }
}
