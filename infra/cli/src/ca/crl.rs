//! What a CA's profile says about CRLs: flags, and how they are shown with the state of each source.

use anyhow::{Context as _, Result, bail};
use clap::Args;
use serde::Serialize;
use shared::pki::crl::CrlNumber;
use shared::profile::{Profile, WhenStale};
use shared::revocation::{CrlSource, CrlState, Location};
use shared::text::Detail;
use shared::timestamp;
use time::OffsetDateTime;

use super::list_member::change_list;

/// Members of a profile about CRLs.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct CrlFlags {
    /// Where the CA publishes its CRLs, an object in S3 or an address of the web, beside the places so far; can be given
    /// several times.
    #[arg(long = "crl-source", value_name = "S3://BUCKET/KEY | HTTPS://… | HTTP://…")]
    sources: Vec<CrlSource>,
    /// A place that is to be followed no more; can be given several times.
    #[arg(long, value_name = "URL")]
    remove_crl_source: Vec<CrlSource>,
    /// A host whose distribution points are followed as certificates name them, beside the hosts so far; can be given
    /// several times.
    #[arg(long = "crl-host", value_name = "HOST", value_parser = host)]
    hosts: Vec<String>,
    /// A host whose distribution points are to be followed no more; can be given several times.
    #[arg(long, value_name = "HOST", value_parser = host)]
    remove_crl_host: Vec<String>,
    /// How long a CRL goes on counting after its next update: refuse, or hours or days as in 24h, 7d.
    #[arg(long, value_name = "HOURS", value_parser = when_stale)]
    when_stale: Option<WhenStale>,
}

impl CrlFlags {
    /// Lays the flags over a profile.
    ///
    /// # Errors
    /// Something to be taken out that is not there.
    pub(super) fn apply(self, profile: &mut Profile) -> Result<()> {
        change_list("--remove-crl-source", &mut profile.crl_sources, self.sources, &self.remove_crl_source)?;
        change_list("--remove-crl-host", &mut profile.crl_hosts, self.hosts, &self.remove_crl_host)?;
        if self.when_stale.is_some() {
            profile.when_stale = self.when_stale;
        }
        Ok(())
    }
}

/// A host as it stands in a URL, in lower case: no scheme, port or path.
fn host(text: &str) -> Result<String> {
    let host = text.to_ascii_lowercase();
    let source: Option<CrlSource> = format!("http://{host}/").parse().ok();
    match source.as_ref().map(CrlSource::location) {
        Some(Location::Web { host: read, .. }) if read == host => Ok(host),
        _ => bail!("a host has neither scheme nor port nor path"),
    }
}

/// `refuse`, `24h` or `7d`.
///
/// # Errors
/// What is none of these, no hours, or more than fit.
pub(crate) fn when_stale(text: &str) -> Result<WhenStale> {
    let unclear = || format!("{text:?} is none of refuse, hours as in 24h, or days as in 7d");
    if text == "refuse" {
        return Ok(WhenStale::Refuse);
    }
    let (count, unit) = match (text.strip_suffix('h'), text.strip_suffix('d')) {
        (Some(count), _) => (count, 1),
        (None, Some(count)) => (count, 24),
        (None, None) => bail!(unclear()),
    };
    let hours = count.parse::<u32>().ok().and_then(|count| count.checked_mul(unit)).filter(|hours| *hours > 0);
    hours.map(WhenStale::AllowUntil).with_context(unclear)
}

/// What is known of the CRL of one source.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SourceState {
    source: CrlSource,
    #[serde(skip_serializing_if = "Option::is_none")]
    crl_number: Option<CrlNumber>,
    #[serde(skip_serializing_if = "Option::is_none")]
    this_update: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_update: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entries: Option<u64>,
    /// Further entries, with serial numbers that no certificate can have.
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<u64>,
    /// Whether changes of this CRL wait to be carried out.
    unapplied: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    checked_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<SourceFault>,
    /// What is wrong with the row; then nothing else is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable: Option<Detail>,
}

/// What was wrong with the newest check of a source.
#[derive(Debug, Serialize)]
struct SourceFault {
    at: String,
    reason: &'static str,
    detail: Detail,
}

impl SourceState {
    pub(super) fn new(state: &CrlState) -> Self {
        let crl = state.current.as_ref();
        let text = |at: OffsetDateTime| timestamp::to_text(at);
        Self {
            source: state.source.clone(),
            crl_number: crl.and_then(|crl| crl.number.clone()),
            this_update: crl.map(|crl| text(crl.this_update)),
            next_update: crl.map(|crl| text(crl.next_update)),
            entries: crl.map(|crl| crl.snapshot.layout.entries),
            skipped: crl.map(|crl| crl.skipped).filter(|skipped| *skipped > 0),
            unapplied: state.unapplied().is_some(),
            checked_at: state.checked_at.map(text),
            last_error: state.last_error.as_ref().map(|fault| SourceFault {
                at: text(fault.at),
                reason: fault.reason.as_str(),
                detail: fault.detail.clone(),
            }),
            unreadable: state.unreadable.clone(),
        }
    }

    /// Name and value of each line.
    fn lines(&self) -> Vec<(&'static str, Option<String>)> {
        if let Some(problem) = &self.unreadable {
            return vec![("crl source", Some(self.source.to_string())), ("  unreadable", Some(problem.to_string()))];
        }
        let list = match (&self.this_update, &self.next_update) {
            (Some(this), Some(next)) => {
                let number = self.crl_number.as_ref().map_or_else(|| "no number".to_owned(), |n| format!("number {n}"));
                let waits = if self.unapplied { ", its changes are being carried out" } else { "" };
                let entries = self.entries.unwrap_or_default();
                let skipped = self.skipped.map(|skipped| format!(" and {skipped} skipped ones")).unwrap_or_default();
                format!("{number}, {entries} entries{skipped}, of {this}, next due {next}{waits}")
            }
            _ => "none has been verified yet".to_owned(),
        };
        let fault =
            self.last_error.as_ref().map(|SourceFault { at, reason, detail }| format!("{detail} ({reason}, at {at})"));
        vec![
            ("crl source", Some(self.source.to_string())),
            ("  crl", Some(list)),
            ("  checked", Some(self.checked_at.clone().unwrap_or_else(|| "never".to_owned()))),
            ("  last error", fault),
        ]
    }
}

/// What `jitr ca show` says about CRLs: the profile's rules, then every source, asked or not.
pub(super) fn lines(profile: &Profile, states: &[SourceState]) -> Vec<(&'static str, Option<String>)> {
    let stale = match profile.when_stale.unwrap_or_default() {
        WhenStale::AllowUntil(hours) => format!("it goes on counting for {hours} hours"),
        WhenStale::Refuse => "refuse".to_owned(),
    };
    let mut lines = vec![
        ("when stale", Some(stale)),
        ("crl hosts", (!profile.crl_hosts.is_empty()).then(|| profile.crl_hosts.join(", "))),
    ];
    for source in &profile.crl_sources {
        if states.iter().all(|state| state.source != *source) {
            lines.extend(SourceState::new(&CrlState::new(source.clone())).lines());
        }
    }
    lines.extend(states.iter().flat_map(SourceState::lines));
    lines
}

#[cfg(test)]
mod tests {
    use shared::decision::Reason;
    use shared::revocation::CheckFault;
    use time::macros::datetime;

    use super::*;

    #[test]
    fn staleness_is_read_in_hours_or_days() {
        assert_eq!(when_stale("refuse").unwrap(), WhenStale::Refuse);
        assert_eq!(when_stale("24h").unwrap(), WhenStale::AllowUntil(24));
        assert_eq!(when_stale("7d").unwrap(), WhenStale::AllowUntil(168));
        for text in ["", "h", "0h", "0d", "24", "-1h", "1w", "1.5h", "allow", "4294967295d"] {
            assert!(when_stale(text).is_err(), "{text}");
        }
    }

    #[test]
    fn hosts_are_hosts_in_lower_case() {
        assert_eq!(host("CRL.Example.com").unwrap(), "crl.example.com");
        assert_eq!(host("[::1]").unwrap(), "[::1]");
        for text in ["", "http://crl.example.com", "crl.example.com:80", "crl.example.com/a", "user@host", "a b", "a?b"]
        {
            assert!(host(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sources_are_added_once() {
        let source = |n: usize| format!("s3://lists/{n}.crl").parse::<CrlSource>().unwrap();
        let flags = CrlFlags { sources: vec![source(1), source(2), source(1)], ..CrlFlags::default() };
        let mut profile = Profile { crl_sources: vec![source(3)], ..Profile::default() };
        flags.apply(&mut profile).unwrap();
        assert_eq!(profile.crl_sources, [source(3), source(1), source(2)]);
    }

    #[test]
    fn every_source_is_shown_asked_or_not() {
        let asked: CrlSource = "s3://lists/1.crl".parse().unwrap();
        let at = datetime!(2026-09-01 12:00 UTC);
        let fault = CheckFault { at, detail: "no such key".into(), reason: Reason::CrlFetchFailed };
        let state = CrlState { checked_at: Some(at), last_error: Some(fault), ..CrlState::new(asked.clone()) };
        let profile = Profile {
            crl_sources: vec![asked, "s3://lists/2.crl".parse().unwrap()],
            when_stale: Some(WhenStale::AllowUntil(24)),
            ..Profile::default()
        };
        let text = crate::output::facts(lines(&profile, &[SourceState::new(&state)]));
        for part in ["24 hours", "s3://lists/1.crl", "s3://lists/2.crl", "no such key (crl_fetch_failed", "never"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert_eq!(text.matches("crl source").count(), 2, "{text}");
    }

    #[test]
    fn a_row_that_can_not_be_read_says_so_and_nothing_else() {
        let state =
            CrlState::unreadable("s3://lists/1.crl".parse().unwrap(), "row crl#s3://lists/1.crl: attribute step");
        let lines = lines(&Profile::default(), &[SourceState::new(&state)]);
        let expected = [
            ("crl source", Some("s3://lists/1.crl".to_owned())),
            ("  unreadable", Some("row crl#s3://lists/1.crl: attribute step".to_owned())),
        ];
        assert!(lines.ends_with(&expected), "{lines:?}");
    }
}
