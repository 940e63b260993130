//! The quotas of the account, and what part of them one process may use.

use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use crate::config::Reader;

/// How fast one process may call one operation, in calls a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// However many calls are throttled: its share.
    pub least: f64,
    /// As long as no call is throttled: the quota.
    pub most: f64,
}

impl Budget {
    /// The budget of an operation that has no quota.
    pub const UNLIMITED: Self = Self { least: f64::INFINITY, most: f64::INFINITY };
    /// So many times its share a process begins with: a moment ago nobody was throttled, but others may begin with it.
    const AT_FIRST: f64 = 7.0;
    /// So many calls a second a process begins with at least, however many there are: who comes alone has several to wait for.
    const LEAST_AT_FIRST: f64 = 2.0;

    /// The rate to begin with.
    #[must_use]
    pub fn at_first(&self) -> f64 {
        (self.least * Self::AT_FIRST).max(Self::LEAST_AT_FIRST).min(self.most)
    }
}

/// A part of the quotas, more than 0 and 1 at most.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Share(f64);

impl FromStr for Share {
    type Err = String;

    /// Reads a number of percent, 1 to 100.
    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse::<u8>() {
            Ok(percent @ 1..=100) => Ok(Self(f64::from(percent) / 100.0)),
            _ => Err(format!("{text:?} is no number from 1 to 100")),
        }
    }
}

/// The quotas of the narrow operations ("AWS IoT Core endpoints and quotas"), in calls a second of the account, and the
/// part of each that one process may use whatever others do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quotas {
    /// `AttachPolicy`: `ATTACH_POLICY_QUOTA`.
    pub attach_policy: f64,
    /// `DescribeCertificate`: `DESCRIBE_CERTIFICATE_QUOTA`.
    pub describe_certificate: f64,
    /// Part of each quota, more than 0 and 1 at most: that of a function, `QUOTA_SHARE` in percent, or of one of its processes.
    pub share: f64,
    /// `UpdateCertificate`: `UPDATE_CERTIFICATE_QUOTA`.
    pub update_certificate: f64,
}

impl Quotas {
    /// No limits, for whoever does not call AWS.
    pub const UNLIMITED: Self = Self {
        attach_policy: f64::INFINITY,
        describe_certificate: f64::INFINITY,
        share: 1.0,
        update_certificate: f64::INFINITY,
    };
    /// Part of a process's share that is for attempts which would most likely end as the last one did.
    const REPEATS: f64 = 0.05;
    /// Calls of one operation that such an attempt makes at most: the certificate and its twin are asked for.
    const CALLS_OF_A_REPEAT: f64 = 2.0;

    /// Reads `ATTACH_POLICY_QUOTA`, `DESCRIBE_CERTIFICATE_QUOTA` and `UPDATE_CERTIFICATE_QUOTA`, calls a second, and the
    /// function's share of them, `QUOTA_SHARE`, in percent.
    pub fn read<F: Fn(&str) -> Option<String>>(reader: &mut Reader<F>) -> Option<Self> {
        let attach_policy = reader.required::<NonZeroU32>("ATTACH_POLICY_QUOTA");
        let describe_certificate = reader.required::<NonZeroU32>("DESCRIBE_CERTIFICATE_QUOTA");
        let share = reader.required::<Share>("QUOTA_SHARE");
        let update_certificate = reader.required::<NonZeroU32>("UPDATE_CERTIFICATE_QUOTA");
        let calls = |quota: NonZeroU32| f64::from(quota.get());
        Some(Self {
            attach_policy: calls(attach_policy?),
            describe_certificate: calls(describe_certificate?),
            share: share?.0,
            update_certificate: calls(update_certificate?),
        })
    }

    /// What remains of the share for who has a part of it, 1 being all.
    #[must_use]
    pub fn part(self, part: f64) -> Self {
        Self { share: self.share * part, ..self }
    }

    /// The budget of an operation with this quota.
    #[must_use]
    pub fn budget(&self, quota: f64) -> Budget {
        Budget { least: quota * self.share, most: quota }
    }

    /// The attempts a second that may be made though the last one has ended against the certificate and nothing has changed
    /// since.
    #[must_use]
    pub fn repeats(&self) -> Budget {
        let rate = self.narrowest() * self.share * Self::REPEATS / Self::CALLS_OF_A_REPEAT;
        Budget { least: rate, most: rate }
    }

    /// How many certificates may be worked on at once, so that each comes to its end before what was read of it is old: as
    /// many as the share lets through in this time, and one at least.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast of floats saturates")]
    pub fn at_once_within(&self, time: Duration) -> usize {
        let calls = self.narrowest() * self.share * time.as_secs_f64();
        (calls.ceil() as usize).max(1)
    }

    fn narrowest(&self) -> f64 {
        self.describe_certificate.min(self.update_certificate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Quotas, String> {
        let lookup = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let mut reader = Reader::new(lookup);
        let quotas = Quotas::read(&mut reader);
        reader.finish(quotas).map_err(|fault| fault.to_string())
    }

    #[test]
    fn a_share_is_divided_among_the_processes() {
        let quotas = read(&[
            ("ATTACH_POLICY_QUOTA", "15"),
            ("DESCRIBE_CERTIFICATE_QUOTA", "10"),
            ("QUOTA_SHARE", "60"),
            ("UPDATE_CERTIFICATE_QUOTA", "20"),
        ])
        .unwrap()
        .part(0.5);
        assert_eq!(quotas.budget(quotas.describe_certificate), Budget { least: 3.0, most: 10.0 });
        assert_eq!(quotas.budget(quotas.attach_policy), Budget { least: 4.5, most: 15.0 });
        assert!((quotas.repeats().most - 0.075).abs() < 1e-9, "{:?}", quotas.repeats());
        assert_eq!(quotas.at_once_within(Duration::from_secs(2)), 6);
        assert_eq!(quotas.part(0.01).at_once_within(Duration::from_secs(2)), 1);
        assert_eq!(Quotas::UNLIMITED.at_once_within(Duration::from_secs(2)), usize::MAX);
    }

    #[test]
    fn every_fault_names_its_variable() {
        let fault = read(&[("ATTACH_POLICY_QUOTA", "0"), ("QUOTA_SHARE", "101")]).unwrap_err();
        for variable in ["ATTACH_POLICY_QUOTA: ", "DESCRIBE_CERTIFICATE_QUOTA is not set", "QUOTA_SHARE: \"101\""] {
            assert!(fault.contains(variable), "{variable}: {fault}");
        }
    }
}
