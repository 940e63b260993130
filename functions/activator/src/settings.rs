//! The activator's environment.

use shared::config::{ConfigError, Reader};
use shared::id::AccountId;
use shared::profile::Defaults;

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
    /// Name of the `Registrations` table: `REGISTRATIONS_TABLE`.
    pub registrations_table: String,
    /// Bucket of the revocation snapshots: `REVOCATION_BUCKET`.
    pub revocation_bucket: String,
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

    fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(lookup);
        let account_id = reader.required("ACCOUNT_ID");
        let authorities_table = reader.required("AUTHORITIES_TABLE");
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
                registrations_table: registrations_table?,
                revocation_bucket: revocation_bucket?,
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
            "AUTHORITIES_TABLE" => "authorities",
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
    fn every_fault_is_named_at_once() {
        let fault = Settings::read(|name| match name {
            "ACCOUNT_ID" => Some("12".to_owned()),
            "DEFAULT_POLICY_NAME" => None,
            other => variable(other),
        });
        let text = fault.unwrap_err().to_string();
        assert!(text.contains("ACCOUNT_ID: ") && text.contains("DEFAULT_POLICY_NAME is not set"), "{text}");
    }
}
