//! The CRL checker's answer in words. Members that are missing or new do no harm.

use serde_json::Value;

use crate::output::{Text, table};

/// What was counted, in the order of a reader's interest, in words for one and for several.
const CHANGES: [(&str, [&str; 2]); 7] = [
    ("revoked", ["revoked"; 2]),
    ("held", ["put on hold"; 2]),
    ("released", ["released from hold"; 2]),
    ("unknown", ["on hold until another CRL counts again"; 2]),
    ("confirmed", ["confirmed after an interruption"; 2]),
    ("sessionsEnded", ["session ended", "sessions ended"]),
    ("sessionsNotOffered", ["session left to end by itself", "sessions left to end by themselves"]),
];

/// The whole answer for people.
pub(super) fn text(answer: &Value, dry_run: bool) -> Text {
    let mut parts = Vec::new();
    if dry_run {
        parts.push("dry run: nothing was changed, this is what a run would do now".into());
    }
    parts.push(match sources(answer) {
        [] => "no source of CRLs was asked for: jitr ca set CA --crl-source URL adds one".into(),
        sources => {
            table(["CA", "SOURCE", "OUTCOME", "NUMBER", "ENTRIES", "ADDED", "REMOVED", "WHY"], sources.iter().map(row))
        }
    });
    parts.extend(certificates(answer));
    parts.push(changes(answer).into());
    if let Some(rows) = answer.get("reconciled").filter(|rows| !rows.is_null()) {
        let noun = if rows.as_u64() == Some(1) { "registration" } else { "registrations" };
        parts.push(format!("{} {noun} compared with the CRLs", word(rows)).into());
    }
    Text::stack(parts)
}

/// Whether the run has left something for the next one.
pub(super) fn is_unfinished(answer: &Value) -> bool {
    answer.get("finished") == Some(&Value::Bool(false))
}

/// The certificates that were changed, one by one.
fn certificates(answer: &Value) -> Option<Text> {
    let named = answer.get("certificates").and_then(Value::as_array).filter(|named| !named.is_empty())?;
    let rows = named.iter().map(|named| {
        let id = member(named, "certificateId").chars().take(12).collect();
        [member(named, "thingName"), id, member(named, "from"), member(named, "to"), why(named)]
    });
    let mut parts = vec![table(["THING", "CERTIFICATE", "FROM", "TO", "WHY"], rows)];
    if let Some(more) = answer.get("certificatesLeftOut").and_then(Value::as_u64).filter(|more| *more > 0) {
        parts.push(format!("and {more} more").into());
    }
    Some(Text::stack(parts))
}

/// The sources that gave no CRL that counts, and why.
pub(super) fn troubled(answer: &Value) -> Vec<String> {
    let is_fine = |source: &&Value| match member(source, "outcome").as_str() {
        "lost_lock" | "postponed" | "published" | "unchanged" => true,
        "failed" | "kept_out" => false,
        // A word of a later version: whatever is wrong has a reason.
        _ => member(source, "reason").is_empty(),
    };
    sources(answer)
        .iter()
        .filter(|source| !is_fine(source))
        .map(|source| {
            let name = Some(member(source, "source")).filter(|name| !name.is_empty());
            let name = name.unwrap_or_else(|| format!("CA {}", member(source, "caCertificateId")));
            let why = Some(member(source, "reason")).filter(|reason| !reason.is_empty());
            format!("{name} ({})", why.unwrap_or_else(|| member(source, "outcome")))
        })
        .collect()
}

/// What went wrong beside the sources.
pub(super) fn failures(answer: &Value) -> Vec<String> {
    answer.get("failures").and_then(Value::as_array).into_iter().flatten().map(word).collect()
}

/// What a function that failed says about it (`errorType` and `errorMessage`, as Lambda's runtimes write them).
pub(super) fn failure(kind: &str, payload: &[u8]) -> String {
    let answer: Value = serde_json::from_slice(payload).unwrap_or_default();
    match (member(&answer, "errorType"), member(&answer, "errorMessage")) {
        (_, message) if message.is_empty() => {
            let text: String = String::from_utf8_lossy(payload).chars().take(1000).collect();
            format!("{kind} {text}").trim_end().to_owned()
        }
        (kind, message) if kind.is_empty() => message,
        (kind, message) => format!("{message} ({kind})"),
    }
}

fn sources(answer: &Value) -> &[Value] {
    answer.get("sources").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn row(source: &Value) -> [String; 8] {
    let why = Some(why(source)).filter(|why| !why.is_empty()).unwrap_or_else(|| skipped(source));
    [
        member(source, "caCertificateId").chars().take(12).collect(),
        member(source, "source"),
        member(source, "outcome"),
        member(source, "crlNumber"),
        member(source, "entries"),
        member(source, "added"),
        member(source, "removed"),
        why,
    ]
}

/// The reason and the sentence, as far as there are any.
fn why(told: &Value) -> String {
    match (member(told, "reason"), member(told, "detail")) {
        (reason, detail) if detail.is_empty() => reason,
        (reason, detail) if reason.is_empty() => detail,
        (reason, detail) => format!("{reason}: {detail}"),
    }
}

/// Entries of the list that no certificate can be meant by.
fn skipped(source: &Value) -> String {
    match source.get("skipped").and_then(Value::as_u64) {
        None | Some(0) => String::new(),
        Some(count) => format!("{count} entries skipped: serial numbers that no certificate can have"),
    }
}

fn changes(answer: &Value) -> String {
    let counts = answer.get("changes").and_then(Value::as_object);
    let known = CHANGES.iter().map(|(name, words)| (*name, *words));
    let others = counts.into_iter().flatten().map(|(name, _)| (name.as_str(), [name.as_str(); 2]));
    let others = others.filter(|(name, _)| CHANGES.iter().all(|(known, _)| known != name));
    let changes: Vec<_> = known
        .chain(others)
        .filter_map(|(name, [one, several])| {
            let count = counts?.get(name).filter(|count| count.as_u64() != Some(0))?;
            let words = if count.as_u64() == Some(1) { one } else { several };
            Some(format!("{} {words}", word(count)))
        })
        .collect();
    if changes.is_empty() { "no certificate changed".to_owned() } else { changes.join(", ") }
}

fn member(value: &Value, name: &str) -> String {
    value.get(name).map(word).unwrap_or_default()
}

/// A text without its quotes, nothing for null, and JSON for the rest.
fn word(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer() -> Value {
        json!({
            "sources": [
                {"caCertificateId": "c".repeat(64), "source": "s3://lists/1.crl", "outcome": "published",
                 "crlNumber": "1f", "entries": 3, "skipped": 2, "added": 2, "removed": 0},
                {"caCertificateId": "c".repeat(64), "source": "s3://lists/2.crl", "outcome": "kept_out",
                 "reason": "crl_expired", "detail": "the next CRL was due", "added": 0, "removed": 0},
                {"caCertificateId": "d".repeat(64), "outcome": "failed", "detail": "no certificate"},
            ],
            "certificates": [{"caCertificateId": "c".repeat(64), "certificateId": "a1".repeat(32),
                              "detail": "in the CRL", "from": "ACTIVE", "reason": "certificate_revoked", "serial": "1f",
                              "thingName": "pump-1", "to": "REVOKED"}],
            "certificatesLeftOut": 7,
            "changes": {"revoked": 2, "held": 0, "released": 1, "unknown": 0, "sessionsEnded": 2,
                        "sessionsNotOffered": 0, "later": 4},
            "reconciled": 17,
            "finished": false,
        })
    }

    #[test]
    fn the_answer_reads_as_sources_then_changes() {
        let text = text(&answer(), false);
        for part in [
            "cccccccccccc  s3://lists/1.crl  published  1f      3        2      0",
            "2 entries skipped: serial numbers that no certificate can have",
            "crl_expired: the next CRL was due",
            "2 revoked, 1 released from hold, 2 sessions ended, 4 later",
            "17 registrations compared",
            "pump-1  a1a1a1a1a1a1  ACTIVE  REVOKED  certificate_revoked: in the CRL",
            "and 7 more",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("dry run"), "{text}");
    }

    #[test]
    fn the_sources_at_fault_are_named() {
        let expected = ["s3://lists/2.crl (crl_expired)".to_owned(), format!("CA {} (failed)", "d".repeat(64))];
        assert_eq!(troubled(&answer()), expected);
        for outcome in ["lost_lock", "postponed", "published", "unchanged", "applied"] {
            let fine = json!({"sources": [{"source": "s3://lists/1.crl", "outcome": outcome}]});
            assert!(troubled(&fine).is_empty(), "{outcome}");
        }
        let later = json!({"sources": [{"source": "s3://lists/1.crl", "outcome": "later", "reason": "bad"}]});
        assert_eq!(troubled(&later), ["s3://lists/1.crl (bad)"]);
    }

    #[test]
    fn an_empty_or_strange_answer_is_no_trouble() {
        for strange in [json!({}), json!(null), json!([1]), json!({"sources": 3, "changes": []})] {
            assert!(troubled(&strange).is_empty(), "{strange}");
            assert!(text(&strange, true).contains("dry run"), "{strange}");
            assert!(text(&strange, true).contains("no certificate changed"), "{strange}");
        }
    }

    #[test]
    fn a_failure_is_told_in_the_functions_words() {
        let payload = br#"{"errorType":"denied","errorMessage":"s3:GetObject failed"}"#;
        assert_eq!(failure("Unhandled", payload), "s3:GetObject failed (denied)");
        assert_eq!(failure("Unhandled", br#"{"errorMessage":"timed out"}"#), "timed out");
        assert_eq!(failure("Unhandled", b"no JSON"), "Unhandled no JSON");
        assert_eq!(failure("Unhandled", b""), "Unhandled");
    }
}
