//! The activator's environment.

use std::num::{NonZeroU32, NonZeroUsize};
use std::str::FromStr;

use shared::config::{ConfigError, Reader};
use shared::id::AccountId;
use shared::pace::Quotas;
use shared::profile::{Defaults, PROFILE_VERSION};

/// What becomes of the devices of a CA that no operator has enrolled.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum UnenrolledAuthorities {
    /// They come in under the stack's defaults, whoever registered the CA in this account and Region.
    Admit,
    /// They stay PENDING_ACTIVATION until the CA is enrolled. The template's default: a CA may be another stack's, or have
    /// been enrolled in a table that was lost.
    Refuse,
}

impl FromStr for UnenrolledAuthorities {
    type Err = String;

    /// Reads whether they are admitted: `true` or `false`.
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "true" => Ok(Self::Admit),
            "false" => Ok(Self::Refuse),
            _ => Err(format!("{text:?} is neither true nor false")),
        }
    }
}

/// The newest version of profiles that this code reads, as the template has to tell it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ProfileVersion;

impl FromStr for ProfileVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(PROFILE_VERSION) => Ok(Self),
            _ => Err(format!(
                "the function reads profiles up to version {PROFILE_VERSION}, and the template says {text:?}"
            )),
        }
    }
}

/// The queues of registered events.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Queues {
    /// Most records in a batch of the first one's. A batch of so many is taken for a sign that more wait behind it, unless it
    /// can't be told from any other.
    pub batch_size: NonZeroUsize,
    /// ARN of the one that the rule fills.
    pub events_arn: String,
    /// URL of the one in which new certificates wait while more come than AWS IoT's quotas allow.
    pub overflow_url: String,
}

/// Event sources of the function: each of its queues is one.
const EVENT_SOURCES: f64 = 2.0;

/// What the template tells the function.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The account whose certificates are decided about: `ACCOUNT_ID`.
    pub account_id: AccountId,
    /// Name of the `Authorities` table: `AUTHORITIES_TABLE`.
    pub authorities_table: String,
    /// Rules for CAs whose profile leaves them out: `DEFAULT_POLICY_NAME`, `DEFAULT_THING_GROUP`,
    /// `DEFAULT_THING_NAME_TEMPLATE`, `DEFAULT_THING_TYPE`.
    pub defaults: Defaults,
    /// What operators are told about profiles: `PROFILE_VERSION`.
    pub profile_version: ProfileVersion,
    /// Where events come from, and where they wait: `EVENT_BATCH_SIZE`, `EVENT_QUEUE_ARN`, `OVERFLOW_QUEUE_URL`.
    pub queues: Queues,
    /// Quotas of AWS IoT, and one process's share of them: `ATTACH_POLICY_QUOTA`, `DESCRIBE_CERTIFICATE_QUOTA`,
    /// `QUOTA_SHARE`, `UPDATE_CERTIFICATE_QUOTA`. The share is divided by the processes at once, `CONCURRENCY` for each of the
    /// queues.
    pub quotas: Quotas,
    /// Name of the `Registrations` table: `REGISTRATIONS_TABLE`.
    pub registrations_table: String,
    /// Bucket of the revocation snapshots: `REVOCATION_BUCKET`.
    pub revocation_bucket: String,
    /// What becomes of the devices of other CAs: `ADMIT_UNENROLLED_AUTHORITIES`, `true` or `false`.
    pub unenrolled_authorities: UnenrolledAuthorities,
}

impl Settings {
    /// Reads the process's environment.
    ///
    /// # Errors
    /// Every variable that is missing or unreadable.
    pub fn from_env() -> Result<Self, ConfigError> {
        #[expect(clippy::disallowed_methods, reason = "the one place where the environment is read")]
        Self::read(|name| std::env::var(name).ok())
    }

    /// Reads the quotas, and the share of one process.
    pub fn quotas(reader: &mut Reader<impl Fn(&str) -> Option<String>>) -> Option<Quotas> {
        let concurrency = reader.required::<NonZeroU32>("CONCURRENCY");
        let quotas = Quotas::read(reader);
        Some(quotas?.part(1.0 / (f64::from(concurrency?.get()) * EVENT_SOURCES)))
    }

    fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(lookup);
        let account_id = reader.required("ACCOUNT_ID");
        let unenrolled_authorities = reader.required("ADMIT_UNENROLLED_AUTHORITIES");
        let authorities_table = reader.required("AUTHORITIES_TABLE");
        let batch_size = reader.required("EVENT_BATCH_SIZE");
        let events_arn = reader.required("EVENT_QUEUE_ARN");
        let overflow_url = reader.required("OVERFLOW_QUEUE_URL");
        let profile_version = reader.required("PROFILE_VERSION");
        let quotas = Self::quotas(&mut reader);
        let registrations_table = reader.required("REGISTRATIONS_TABLE");
        let revocation_bucket = reader.required("REVOCATION_BUCKET");
        let policy_name = reader.required("DEFAULT_POLICY_NAME");
        let thing_name_template = reader.required("DEFAULT_THING_NAME_TEMPLATE");
        let thing_group = reader.optional("DEFAULT_THING_GROUP");
        let thing_type = reader.optional("DEFAULT_THING_TYPE");
        let built = (|| {
            Some(Self {
                account_id: account_id?,
                authorities_table: authorities_table?,
                defaults: Defaults {
                    policy_name: policy_name?,
                    thing_group,
                    thing_name_template: thing_name_template?,
                    thing_type,
                },
                profile_version: profile_version?,
                queues: Queues { batch_size: batch_size?, events_arn: events_arn?, overflow_url: overflow_url? },
                quotas: quotas?,
                registrations_table: registrations_table?,
                revocation_bucket: revocation_bucket?,
                unenrolled_authorities: unenrolled_authorities?,
            })
        })();
        reader.finish(built)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variable(name: &str) -> Option<String> {
        let value = match name {
            "ACCOUNT_ID" => "012345678901",
            "ADMIT_UNENROLLED_AUTHORITIES" => "false",
            "ATTACH_POLICY_QUOTA" | "DESCRIBE_CERTIFICATE_QUOTA" | "EVENT_BATCH_SIZE" | "UPDATE_CERTIFICATE_QUOTA" => {
                "10"
            }
            "AUTHORITIES_TABLE" => "authorities",
            "CONCURRENCY" => "2",
            "EVENT_QUEUE_ARN" => "arn:aws:sqs:us-east-1:012345678901:registered-events",
            "OVERFLOW_QUEUE_URL" => "https://sqs.us-east-1.amazonaws.com/012345678901/overflow",
            "PROFILE_VERSION" => "1",
            "QUOTA_SHARE" => "60",
            "REGISTRATIONS_TABLE" => "registrations",
            "REVOCATION_BUCKET" => "revocation",
            "DEFAULT_POLICY_NAME" => "device",
            "DEFAULT_THING_NAME_TEMPLATE" => "${CommonName}",
            "DEFAULT_THING_GROUP" => "",
            _ => return None,
        };
        Some(value.to_owned())
    }

    #[test]
    fn empty_optional_variables_count_as_unset() {
        let settings = Settings::read(variable).unwrap();
        assert_eq!(settings.defaults.thing_group, None);
        assert_eq!(settings.defaults.thing_type, None);
    }

    #[test]
    fn unenrolled_authorities_are_admitted_only_in_so_many_words() {
        let read = |value: &str| {
            Settings::read(|name| match name {
                "ADMIT_UNENROLLED_AUTHORITIES" => Some(value.to_owned()),
                other => variable(other),
            })
        };
        assert_eq!(read("true").unwrap().unenrolled_authorities, UnenrolledAuthorities::Admit);
        assert_eq!(read("false").unwrap().unenrolled_authorities, UnenrolledAuthorities::Refuse);
        for unclear in ["", "True", "yes", "1"] {
            assert!(read(unclear).is_err(), "{unclear:?}");
        }
    }

    #[test]
    fn a_process_has_its_part_of_the_share() {
        let settings = Settings::read(variable).unwrap();
        assert!((settings.quotas.share - 0.15).abs() < 1e-9, "60 percent, two processes for each of the two queues");
    }

    #[test]
    fn every_fault_is_named_at_once() {
        let fault = Settings::read(|name| match name {
            "ACCOUNT_ID" => Some("12".to_owned()),
            "CONCURRENCY" | "PROFILE_VERSION" => Some("0".to_owned()),
            "DEFAULT_POLICY_NAME" => None,
            other => variable(other),
        });
        let text = fault.unwrap_err().to_string();
        assert!(
            text.contains("ACCOUNT_ID: ")
                && text.contains("CONCURRENCY: ")
                && text.contains("PROFILE_VERSION: ")
                && text.contains("DEFAULT_POLICY_NAME is not set"),
            "{text}"
        );
    }
}
