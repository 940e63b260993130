//! Settings from environment variables, read once at start.
//!
//! Every fault names its variable, and all faults are reported together, so that a broken deployment is mended in one
//! go.

use std::fmt::Display;
use std::str::FromStr;

/// One or more variables are missing or unreadable.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{}", .0.join("; "))]
pub struct ConfigError(Vec<String>);

/// Reads variables and collects what is wrong with them.
pub struct Reader<F> {
    faults: Vec<String>,
    lookup: F,
}

impl<F: Fn(&str) -> Option<String>> Reader<F> {
    /// A reader over any source of variables; functions pass the process's environment.
    pub fn new(lookup: F) -> Self {
        Self { faults: Vec::new(), lookup }
    }

    /// A variable that must be set and not empty. None once it has been noted as a fault.
    pub fn required<T: FromStr<Err: Display>>(&mut self, name: &str) -> Option<T> {
        let value = self.optional(name);
        if value.is_none() && (self.lookup)(name).is_none_or(|text| text.is_empty()) {
            self.faults.push(format!("{name} is not set"));
        }
        value
    }

    /// A variable that may be unset or empty.
    pub fn optional<T: FromStr<Err: Display>>(&mut self, name: &str) -> Option<T> {
        let text = (self.lookup)(name).filter(|text| !text.is_empty())?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(fault) => {
                self.faults.push(format!("{name}: {fault}"));
                None
            }
        }
    }

    /// What was made of variables that were read. None once its fault, which names them itself, has been noted.
    pub fn checked<T>(&mut self, made: Result<T, impl Display>) -> Option<T> {
        made.map_err(|fault| self.faults.push(fault.to_string())).ok()
    }

    /// The settings, if `build` could make them and nothing was wrong.
    ///
    /// # Errors
    /// Everything that was wrong.
    pub fn finish<T>(self, built: Option<T>) -> Result<T, ConfigError> {
        match built {
            Some(settings) if self.faults.is_empty() => Ok(settings),
            _ => Err(ConfigError(self.faults)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_faults_are_reported_together() {
        let variables = [("PORT", "x"), ("EMPTY", "")];
        let mut reader = Reader::new(|name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        });
        let port: Option<u16> = reader.required("PORT");
        let table: Option<String> = reader.required("TABLE");
        let empty: Option<String> = reader.required("EMPTY");
        let group: Option<String> = reader.optional("GROUP");
        assert_eq!(group, None);
        let fault = reader.finish(port.zip(table).zip(empty)).unwrap_err().to_string();
        assert_eq!(fault, "PORT: invalid digit found in string; TABLE is not set; EMPTY is not set");
    }
}
