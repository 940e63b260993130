//! The CRL checker's environment.

use std::num::{NonZeroU32, NonZeroU64};
use std::str::FromStr;

use shared::config::{ConfigError, Reader};
use shared::pace::Quotas;

use crate::fetch::PrivateNetworks;

/// A share in percent, 0 to 100.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Percent(pub u8);

impl FromStr for Percent {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(percent @ 0..=100) => Ok(Self(percent)),
            _ => Err(format!("{text:?} is no number from 0 to 100")),
        }
    }
}

/// Names, separated by commas.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Names(pub Vec<String>);

impl FromStr for Names {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
        Ok(Self(names.map(ToOwned::to_owned).collect()))
    }
}

/// The scratch storage of the function in MB, as `EphemeralStorage` has it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ScratchStorage(NonZeroU32);

impl ScratchStorage {
    /// Bytes for snapshots: a sixteenth stays free for the file system itself.
    #[must_use]
    pub fn bytes(self) -> u64 {
        u64::from(self.0.get()) * 15 * 65_536
    }
}

impl FromStr for ScratchStorage {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// What the template tells the function.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Name of the `Authorities` table: `AUTHORITIES_TABLE`.
    pub authorities_table: String,
    /// Buckets whose CRLs are read with the function's permissions, also if a certificate names them by a web address:
    /// `CRL_BUCKETS`.
    pub crl_buckets: Names,
    /// Name of the `Devices` table: `DEVICES_TABLE`.
    pub devices_table: String,
    /// Largest CRL, in octets: `CRL_MAX_OCTETS`.
    pub max_octets: NonZeroU64,
    /// A CRL that keeps less than so many percent of its entries is kept out: `CRL_MINIMUM_SHARE`.
    pub minimum_share: Percent,
    /// Private networks in which sources may be: `CRL_PRIVATE_NETWORKS`.
    pub private_networks: PrivateNetworks,
    /// Quotas of AWS IoT, and the share of them: `ATTACH_POLICY_QUOTA`, `DESCRIBE_CERTIFICATE_QUOTA`, `QUOTA_SHARE`,
    /// `UPDATE_CERTIFICATE_QUOTA`.
    pub quotas: Quotas,
    /// Name of the `Registrations` table: `REGISTRATIONS_TABLE`.
    pub registrations_table: String,
    /// Bucket of the revocation snapshots: `REVOCATION_BUCKET`.
    pub revocation_bucket: String,
    /// Storage for snapshots that are being made: `SCRATCH_MEGABYTES`.
    pub scratch: ScratchStorage,
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
        let authorities_table = reader.required("AUTHORITIES_TABLE");
        let devices_table = reader.required("DEVICES_TABLE");
        let registrations_table = reader.required("REGISTRATIONS_TABLE");
        let revocation_bucket = reader.required("REVOCATION_BUCKET");
        let max_octets = reader.required("CRL_MAX_OCTETS");
        let minimum_share = reader.required("CRL_MINIMUM_SHARE");
        let scratch = reader.required("SCRATCH_MEGABYTES");
        let quotas = Quotas::read(&mut reader);
        let crl_buckets = reader.optional("CRL_BUCKETS");
        let private_networks = reader.optional("CRL_PRIVATE_NETWORKS");
        let built = (|| {
            Some(Self {
                authorities_table: authorities_table?,
                crl_buckets: crl_buckets.unwrap_or_default(),
                devices_table: devices_table?,
                max_octets: max_octets?,
                minimum_share: minimum_share?,
                private_networks: private_networks.unwrap_or_default(),
                quotas: quotas?,
                registrations_table: registrations_table?,
                revocation_bucket: revocation_bucket?,
                scratch: scratch?,
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
            "RUST_LOG" => return None,
            "CRL_MAX_OCTETS" => "1000000",
            "CRL_MINIMUM_SHARE" => "50",
            "SCRATCH_MEGABYTES" => "1024",
            "QUOTA_SHARE" => "30",
            name if name.ends_with("_QUOTA") => "10",
            "CRL_BUCKETS" => "one, two,",
            "CRL_PRIVATE_NETWORKS" => "",
            name => name,
        };
        Some(value.to_owned())
    }

    #[test]
    fn lists_may_be_empty() {
        let settings = Settings::read(variable).unwrap();
        assert_eq!(settings.crl_buckets, Names(vec!["one".to_owned(), "two".to_owned()]));
        assert_eq!(settings.minimum_share, Percent(50));
        assert_eq!(settings.scratch.bytes(), 960 << 20);
    }

    #[test]
    fn every_fault_is_named_at_once() {
        let fault = Settings::read(|name| match name {
            "CRL_MAX_OCTETS" | "SCRATCH_MEGABYTES" => Some("0".to_owned()),
            "CRL_MINIMUM_SHARE" => Some("101".to_owned()),
            "CRL_PRIVATE_NETWORKS" => Some("10.0.0.0/33".to_owned()),
            "UPDATE_CERTIFICATE_QUOTA" => None,
            other => variable(other),
        });
        let text = fault.unwrap_err().to_string();
        for name in [
            "CRL_MAX_OCTETS",
            "CRL_MINIMUM_SHARE",
            "CRL_PRIVATE_NETWORKS",
            "SCRATCH_MEGABYTES",
            "UPDATE_CERTIFICATE_QUOTA",
        ] {
            assert!(text.contains(name), "{text}");
        }
    }
}
