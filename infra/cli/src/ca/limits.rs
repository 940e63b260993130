//! Bounds of what operators write into a CA's profile.

use anyhow::{Result, bail};
use shared::profile::Profile;
use shared::text::escape;

use super::find::MIN_DIGITS;
use super::usable;
use crate::limits::check_length;
use crate::output::Problems;

/// Longest label in bytes: a name, of which X.520 would allow 64 characters.
pub(super) const MAX_LABEL: usize = 256;
/// Most sources of CRLs.
const MAX_SOURCES: usize = 50;
/// Largest profile in bytes of JSON, the CA certificate included. Each activation reads it, DynamoDB's largest item has
/// 400 KB, and a certificate that AWS IoT registers has 64 KB at most.
const MAX_PROFILE: usize = 192 * 1024;

/// Checks what no type does; of the label only one that is new, since a CA is known by its old one.
///
/// # Errors
/// What is too long, too much, or of no use, with the option that gives it and its limit.
pub(super) fn check(profile: &Profile, before: &Profile) -> Result<()> {
    if let Some(label) = profile.label.as_ref().filter(|_| profile.label != before.label) {
        check_label(label)?;
    }
    let problems = usable::problems(profile);
    if !problems.is_empty() {
        return Err(Problems::new("AWS IoT would refuse every device", problems).into());
    }
    let sources = profile.crl_sources.len();
    if sources > MAX_SOURCES {
        bail!("{sources} sources of CRLs are more than the {MAX_SOURCES} that a profile may name");
    }
    let bytes = serde_json::to_vec(profile)?.len();
    if bytes > MAX_PROFILE {
        bail!("a profile may have {MAX_PROFILE} bytes as JSON, this one has {bytes}");
    }
    Ok(())
}

/// Checks that a CA can be called by a label.
///
/// # Errors
/// What is wrong with it.
pub(super) fn check_label(label: &str) -> Result<()> {
    check_length("--label", label, MAX_LABEL)?;
    if label.trim().is_empty() || label.trim() != label {
        bail!("--label {label:?}: a label has one character at least, and no spaces at its ends");
    }
    if escape(label).to_string() != label {
        bail!("--label has characters that a terminal would obey or not show: {label:?}");
    }
    if label.bytes().all(|octet| octet.is_ascii_hexdigit()) && label.len() >= MIN_DIGITS {
        bail!(
            "--label {label:?} could be the beginning of an id: use a letter after f, or fewer than {MIN_DIGITS} digits"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(profile: &Profile) -> Option<String> {
        check(profile, &Profile::default()).err().map(|error| error.to_string())
    }

    #[test]
    fn a_label_has_an_end() {
        let with = |bytes| Profile { label: Some("l".repeat(bytes)), ..Profile::default() };
        assert_eq!(problem(&with(MAX_LABEL)), None);
        let expected = "--label takes at most 256 bytes, this text has 257";
        assert_eq!(problem(&with(MAX_LABEL + 1)).as_deref(), Some(expected));
    }

    #[test]
    fn a_ca_can_be_called_by_its_label() {
        for label in ["pumps", "Werk 1, Köln", "fade", "1234567", "cafe-2026", "ca of the pumps"] {
            assert!(check_label(label).is_ok(), "{label:?}");
        }
        for label in ["", " ", "pumps ", "a\nb", "a\u{1b}[2J", "a\u{202e}b", "deadbeef", &"a".repeat(64)] {
            assert!(check_label(label).is_err(), "{label:?}");
        }
    }

    #[test]
    fn sources_are_at_most_fifty() {
        let with = |count| {
            let sources = (0..count).map(|n| format!("s3://lists/{n}.crl").parse().unwrap());
            Profile { crl_sources: sources.collect(), ..Profile::default() }
        };
        assert_eq!(problem(&with(50)), None);
        assert!(problem(&with(51)).unwrap().contains("51"));
    }

    #[test]
    fn all_texts_of_a_profile_together_have_an_end() {
        let with = |bytes: usize| {
            let template = "t".repeat(bytes).parse().unwrap();
            Profile { attributes: [("maker".to_owned(), template)].into(), ..Profile::default() }
        };
        assert_eq!(problem(&with(100_000)), None);
        assert!(problem(&with(MAX_PROFILE)).unwrap().starts_with("a profile may have 196608 bytes as JSON"));
    }
}
