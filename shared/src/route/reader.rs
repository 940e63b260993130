//! Reads JSON objects, collecting what is wrong instead of stopping at it.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::fault::RouteFault;

/// What was found wrong so far.
#[derive(Debug, Default)]
pub(super) struct Faults<'a> {
    pub(super) all: Vec<RouteFault>,
    /// Where the text comes from that is being read; empty if that needs no telling.
    pub(super) source: &'a str,
}

impl Faults<'_> {
    pub(super) fn add(&mut self, path: &str, message: impl Into<String>) {
        let separator = if self.source.is_empty() || path.is_empty() { "" } else { ": " };
        self.all.push(RouteFault { message: message.into(), path: format!("{}{separator}{path}", self.source) });
    }
}

/// The members of an object that were not taken yet.
pub(super) struct Members<'a> {
    members: Vec<(String, &'a RawValue)>,
    path: String,
}

impl<'a> Members<'a> {
    /// The members of the object at that path; none, with a fault, if it is none. Of two with one name the later is one
    /// too many.
    pub(super) fn read(path: &str, json: &'a str, faults: &mut Faults<'_>) -> Option<Self> {
        let all = match serde_json::from_str::<Object<'_>>(json) {
            Ok(Object(all)) => all,
            Err(error) => {
                faults.add(
                    path,
                    if path.is_empty() {
                        format!("not a JSON object: {error}")
                    } else {
                        "must be an object".to_owned()
                    },
                );
                return None;
            }
        };
        let mut members = Self { members: Vec::with_capacity(all.len()), path: path.to_owned() };
        for (name, value) in all {
            if members.has(&name) {
                faults.add(&members.path_of(&name), "is there twice");
            } else {
                members.members.push((name, value));
            }
        }
        Some(members)
    }

    pub(super) fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.members.iter().any(|(member, _)| member == name)
    }

    /// Takes all members with their paths.
    pub(super) fn into_all(self) -> impl Iterator<Item = (String, &'a RawValue)> {
        self.members.into_iter()
    }

    /// Takes an object's text.
    pub(super) fn raw(&mut self, name: &str) -> Option<&'a str> {
        let at = self.members.iter().position(|(member, _)| member == name)?;
        Some(self.members.remove(at).1.get())
    }

    /// Takes a member of one type; `kind` names it.
    fn member<T: Deserialize<'a>>(&mut self, name: &str, kind: &str, faults: &mut Faults<'_>) -> Option<T> {
        let value = serde_json::from_str(self.raw(name)?);
        value.map_err(|_| faults.add(&self.path_of(name), format!("must be {kind}"))).ok()
    }

    /// Takes a string.
    pub(super) fn text(&mut self, name: &str, faults: &mut Faults<'_>) -> Option<String> {
        self.member(name, "a string", faults)
    }

    /// Takes a string that must be there.
    pub(super) fn required(&mut self, name: &str, faults: &mut Faults<'_>) -> Option<String> {
        if !self.has(name) {
            faults.add(&self.path_of(name), "is missing");
        }
        self.text(name, faults)
    }

    /// Takes a boolean, which is false if it isn't there.
    pub(super) fn flag(&mut self, name: &str, faults: &mut Faults<'_>) -> bool {
        self.member(name, "true or false", faults).unwrap_or_default()
    }

    /// Takes a whole number.
    pub(super) fn whole(&mut self, name: &str, faults: &mut Faults<'_>) -> Option<u64> {
        self.member(name, "a whole number", faults)
    }

    /// Reports the members that nobody took.
    pub(super) fn finish(self, faults: &mut Faults<'_>) {
        for (name, _) in &self.members {
            faults.add(&self.path_of(name), "unknown member");
        }
    }
}

/// The members of an object in their order, even those with the same name.
struct Object<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Reader).map(Self)
    }
}
