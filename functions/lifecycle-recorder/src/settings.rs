//! Settings from environment variables, which the template sets.

use std::str::FromStr;
use std::time::Duration;

use shared::config::{ConfigError, Reader};

/// Days for which an event can wait in a queue of SQS. What comes again later than its place in the history lasts would
/// be counted again.
const LONGEST_WAIT_IN_A_QUEUE: u16 = 14;

/// Settings of the recorder.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settings {
    /// Name of the `DeviceEvents` table (`DEVICE_EVENTS_TABLE`).
    pub device_events_table: String,
    /// Name of the `Devices` table (`DEVICES_TABLE`).
    pub devices_table: String,
    /// How long the history keeps an event (`EVENT_RETENTION_DAYS`).
    pub event_retention: Days,
}

/// A number of days, more than an event can wait in a queue.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Days(u16);

impl Days {
    /// The time.
    #[must_use]
    pub fn duration(self) -> Duration {
        Duration::from_hours(24 * u64::from(self.0))
    }
}

impl FromStr for Days {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(days) if days > LONGEST_WAIT_IN_A_QUEUE => Ok(Self(days)),
            _ => Err(format!("must be a number of days above {LONGEST_WAIT_IN_A_QUEUE}, got {text:?}")),
        }
    }
}

impl Settings {
    /// Reads the process's environment.
    ///
    /// # Errors
    /// Every variable that is missing or unreadable.
    #[expect(clippy::disallowed_methods, reason = "the one place where the environment is read")]
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::read(|name| std::env::var(name).ok())
    }

    fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(lookup);
        let device_events_table = reader.required("DEVICE_EVENTS_TABLE");
        let devices_table = reader.required("DEVICES_TABLE");
        let event_retention = reader.required("EVENT_RETENTION_DAYS");
        let built = (|| {
            Some(Self {
                device_events_table: device_events_table?,
                devices_table: devices_table?,
                event_retention: event_retention?,
            })
        })();
        reader.finish(built)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_named_at_once() {
        for days in ["14", "ninety", "-1", "70000"] {
            let text = Settings::read(|name| (name == "EVENT_RETENTION_DAYS").then(|| days.to_owned()));
            let text = text.unwrap_err().to_string();
            for name in ["DEVICE_EVENTS_TABLE", "DEVICES_TABLE", "EVENT_RETENTION_DAYS"] {
                assert!(text.contains(name), "{text}");
            }
        }
        let settings = Settings::read(|name| Some(if name.ends_with("DAYS") { "15" } else { name }.to_owned()));
        assert_eq!(settings.unwrap().event_retention.duration(), Duration::from_hours(360));
    }
}
