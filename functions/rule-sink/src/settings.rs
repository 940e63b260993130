//! Settings from environment variables, which the template sets.

use shared::config::{ConfigError, Reader};
use shared::id::AccountId;
use shared::route::Routes;

/// Settings of the sink.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The AWS account (`ACCOUNT_ID`), which templates may name.
    pub account_id: AccountId,
    /// Name of the `Registrations` table (`REGISTRATIONS_TABLE`).
    pub registrations_table: String,
    /// URL of the queue of refused messages (`REJECTED_QUEUE_URL`).
    pub rejected_queue_url: String,
    /// Where messages go (`ROUTES`, and over it `MORE_ROUTES`).
    pub routes: Routes,
}

const ROUTES: &str = "ROUTES";
const MORE_ROUTES: &str = "MORE_ROUTES";

impl Settings {
    /// Reads the process's environment.
    ///
    /// # Errors
    /// Every variable that is missing or unreadable, and everything that is wrong with the routes.
    #[expect(clippy::disallowed_methods, reason = "the one place where the environment is read")]
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::read(|name| std::env::var(name).ok())
    }

    fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(lookup);
        let account_id = reader.required("ACCOUNT_ID");
        let registrations_table = reader.required("REGISTRATIONS_TABLE");
        let rejected_queue_url = reader.required("REJECTED_QUEUE_URL");
        let routes: Option<String> = reader.required(ROUTES);
        let more_routes: Option<String> = reader.optional(MORE_ROUTES);
        let routes = routes.and_then(|routes| {
            let more_routes = more_routes.as_deref().unwrap_or("{}");
            reader.checked(Routes::parse_layers(&[(ROUTES, &routes), (MORE_ROUTES, more_routes)]))
        });
        let built = (|| {
            Some(Self {
                account_id: account_id?,
                registrations_table: registrations_table?,
                rejected_queue_url: rejected_queue_url?,
                routes: routes?,
            })
        })();
        reader.finish(built)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTE: &str = r#"{"tableName":"messages","hashKeyField":"device","hashKeyValue":"${topic(2)}"}"#;

    fn read(routes: &str, more_routes: Option<&str>) -> Result<Settings, String> {
        let settings = Settings::read(|name| match name {
            "ACCOUNT_ID" => Some("123456789012".to_owned()),
            ROUTES => Some(routes.to_owned()),
            MORE_ROUTES => more_routes.map(ToOwned::to_owned),
            _ => Some(name.to_owned()),
        });
        settings.map_err(|error| error.to_string())
    }

    #[test]
    fn own_routes_are_laid_over_the_templates() {
        let mut routes = vec![];
        for more in [None, Some(""), Some("{}"), Some(&*format!(r#"{{"a":{},"b":{ROUTE}}}"#, ROUTE.replace('2', "3")))]
        {
            let settings = read(&format!(r#"{{"a":{ROUTE}}}"#), more).unwrap();
            routes
                .push(settings.routes.iter().map(|(name, route)| (name.to_owned(), route.clone())).collect::<Vec<_>>());
        }
        assert_eq!(routes[0], routes[1]);
        assert_eq!(routes[0], routes[2]);
        let [(a, over), (b, _)] = routes[3].as_slice() else { panic!("{routes:?}") };
        assert_eq!((a.as_str(), b.as_str()), ("a", "b"));
        assert_eq!(over.hash_key.value.to_string(), "${topic(3)}");
    }

    #[test]
    fn each_setting_is_that_of_its_variable() {
        let settings = read("{}", None).unwrap();
        assert_eq!(settings.account_id.as_str(), "123456789012");
        assert_eq!(settings.registrations_table, "REGISTRATIONS_TABLE");
        assert_eq!(settings.rejected_queue_url, "REJECTED_QUEUE_URL");
    }

    #[test]
    fn every_fault_is_named_at_once() {
        let fault = read(r#"{"a":{"tableName":"messages"}}"#, Some(r#"{"b":1}"#)).unwrap_err();
        for text in ["ROUTES: a.hashKeyField", "ROUTES: a.hashKeyValue", "MORE_ROUTES: b"] {
            assert!(fault.contains(text), "{fault}");
        }
        let fault = Settings::read(|_| None).unwrap_err().to_string();
        for name in ["ACCOUNT_ID", "REGISTRATIONS_TABLE", "REJECTED_QUEUE_URL", "ROUTES"] {
            assert!(fault.contains(name), "{fault}");
        }
    }
}
