//! What AWS IoT would refuse with every device of a CA: names in a profile that can never be used.

use shared::profile::Profile;
use shared::registration::REGISTRATION_ATTRIBUTE;

/// Longest name of an attribute ("AWS IoT Core thing limits").
const MAX_ATTRIBUTE_NAME: usize = 128;
/// Attributes of a thing with a type, but for the one that the activator takes. One without a type has two.
const MAX_ATTRIBUTES: usize = 49;
/// Longest name of a thing.
const MAX_THING_NAME: usize = 128;

/// Everything that is wrong with a profile's names, each with the option that gives it.
pub(super) fn problems(profile: &Profile) -> Vec<String> {
    let mut problems: Vec<_> = profile.attributes.keys().filter_map(|name| attribute(name)).collect();
    let count = profile.attributes.len();
    if count > MAX_ATTRIBUTES {
        problems.push(format!("--attribute: {count} are more than the {MAX_ATTRIBUTES} that a thing can have"));
    }
    problems.extend(profile.thing_name_template.as_ref().and_then(|template| thing_name(&template.to_string())));
    problems
}

/// What is wrong with the name of an attribute.
fn attribute(name: &str) -> Option<String> {
    let is_allowed = |octet: u8| octet.is_ascii_alphanumeric() || b"_.,@/:#-".contains(&octet);
    if name == REGISTRATION_ATTRIBUTE {
        return Some(format!("--attribute {name}: the activator keeps the registration there"));
    }
    let is_name = (1..=MAX_ATTRIBUTE_NAME).contains(&name.len()) && name.bytes().all(is_allowed);
    (!is_name).then(|| {
        format!("--attribute {name:?}: a name has 1 to {MAX_ATTRIBUTE_NAME} characters of a-z A-Z 0-9 _ . , @ / : # -")
    })
}

/// What is wrong with the text of a template between its variables: what these are filled with is seen with each device.
fn thing_name(template: &str) -> Option<String> {
    let after = |part: &str| part.split_once('}').map_or_else(String::new, |(_, text)| text.to_owned());
    let mut parts = template.split("${");
    let text: String = parts.next().map(ToOwned::to_owned).into_iter().chain(parts.map(after)).collect();
    let is_allowed = |octet: u8| octet.is_ascii_alphanumeric() || b":_-".contains(&octet);
    let is_name = text.len() <= MAX_THING_NAME && text.bytes().all(is_allowed);
    (!is_name).then(|| {
        format!("--thing-name-template: a thing's name has 1 to {MAX_THING_NAME} characters of a-z A-Z 0-9 : _ -")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_may_have_what_a_name_may_have_between_its_variables() {
        for template in ["${CommonName}", "eu:${Organization}-${CommonName}_1", "pump"] {
            assert_eq!(thing_name(template), None, "{template}");
        }
        for template in ["eu/${CommonName}", "${Organization} ${CommonName}", "${CommonName}ä", &"a".repeat(129)] {
            assert!(thing_name(template).is_some(), "{template}");
        }
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let profile =
            r#"{"attributes":{"two words":"x","registrationId":"y","good":"z"},"thingNameTemplate":"a/${CommonName}"}"#;
        let problems = problems(&serde_json::from_str(profile).unwrap());
        assert_eq!(problems.len(), 3, "{problems:?}");
        for part in ["--attribute \"two words\"", "--attribute registrationId", "--thing-name-template"] {
            assert!(problems.iter().any(|problem| problem.starts_with(part)), "{part}: {problems:?}");
        }
    }
}
