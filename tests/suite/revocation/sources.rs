//! CRLs from web servers, good and bad. Whatever a server does, the last good CRL goes on counting.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use shared::decision::{Decision, Reason};
use shared::pki::crl::RevocationReason;
use tests::crl::{nobodys, only_source};
use tests::environment::{self, ROOT};
use tests::lambda::{Function, crl_checker};
use tests::source::{Answer, CrlServer};
use tests::stack::{Fleet, Stack, jitr};

use super::gated;
use crate::{HOUR, unique};

/// A port on this machine.
const ANY: &str = "127.0.0.1:0";

/// A fleet with its server, whose first CRL counts.
async fn served(stack: &Stack, label: &str) -> Result<(Fleet, CrlServer)> {
    let server = CrlServer::start(ANY, Answer::Status(404)).await?;
    let fleet = gated(stack, label, Some(&server.url)).await?;
    server.set(Answer::Crl(fleet.crl(1, &[])?));
    let report = fleet.sweep(&[]).await?;
    assert_eq!(only_source(&report)?["outcome"], "published", "{report}");
    Ok((fleet, server))
}

/// The server's answer was refused for this reason, the state tells so, and the CRL of this number counts on.
async fn assert_kept_out(
    fleet: &Fleet,
    server: &CrlServer,
    report: &Value,
    reason: Reason,
    counting: &str,
) -> Result<String> {
    let source = only_source(report)?;
    assert_eq!(source["outcome"], "kept_out", "{report}");
    assert_eq!(source["reason"], reason.as_str(), "{report}");
    assert_eq!(source["crlNumber"], counting, "{report}");
    let state = fleet.crl_state(&server.url).await?;
    let fault = state.last_error.context("the state tells of no fault")?;
    assert_eq!(fault.reason, reason, "{}", fault.detail);
    assert_eq!(source["detail"], *fault.detail);
    let current = state.current.context("the last good CRL is gone")?;
    assert_eq!(current.number, Some(counting.parse()?));
    Ok(fault.detail.into())
}

#[tokio::test]
async fn an_unchanged_crl_is_not_sent_again() -> Result<()> {
    let stack = Stack::connect().await;
    let (fleet, server) = served(&stack, "unchanged").await?;
    assert!(server.take().iter().all(|request| !request.contains("if-none-match")));
    let before = fleet.crl_state(&server.url).await?;
    let etag = before.validators.etag.clone().context("the entity tag was not kept")?;

    let report = fleet.sweep(&[]).await?;
    assert_eq!(only_source(&report)?["outcome"], "unchanged", "{report}");
    let requests = server.take();
    let conditional = format!("if-none-match: {etag}");
    assert!(!requests.is_empty() && requests.iter().all(|request| request.contains(&conditional)), "{requests:?}");
    let state = fleet.crl_state(&server.url).await?;
    assert_eq!((state.version, state.current, state.last_error), (before.version, before.current, None));
    assert!(state.checked_at > before.checked_at);

    server.set(Answer::Crl(fleet.crl(2, &[])?));
    let report = fleet.sweep(&[]).await?;
    let source = only_source(&report)?;
    assert_eq!((&source["outcome"], &source["crlNumber"]), (&"published".into(), &"2".into()), "{report}");
    Ok(())
}

#[tokio::test]
async fn bad_answers_change_nothing_and_are_told() -> Result<()> {
    let stack = Stack::connect().await;
    let (fleet, server) = served(&stack, "bad answers").await?;
    let names: [String; 5] = std::array::from_fn(|n| unique(&format!("listed-{n}")));
    let listed = names.iter().map(|name| fleet.device(name, HOUR)).collect::<Result<Vec<_>>>()?;
    let entries: Vec<_> = listed.iter().map(|device| (device, RevocationReason::Unspecified)).collect();
    let good = fleet.crl(2, &entries)?;
    server.set(Answer::Crl(good.clone()));
    fleet.sweep(&[]).await?;

    // A server in the function's own network, with a newer CRL that lists nobody. The profile allows its host, so that
    // only the address stands in the way.
    let inside = CrlServer::start("127.0.0.2:0", Answer::Crl(fleet.crl(3, &[])?)).await?;
    jitr(&["ca", "set", fleet.id.as_str(), "--crl-host", "127.0.0.2", "--crl-host", "169.254.169.254"]).await?;
    let mut forged = good.clone();
    *forged.last_mut().context("an empty CRL")? ^= 1;
    let metadata = "http://169.254.169.254/latest/meta-data/".to_owned();
    for ((answer, reason, word), (device, name)) in [
        (Answer::Status(500), Reason::CrlFetchFailed, "500"),
        (Answer::Redirect(metadata), Reason::CrlFetchFailed, "169.254.169.254"),
        (Answer::Redirect(inside.url.clone()), Reason::CrlFetchFailed, "127.0.0.2"),
        (Answer::Redirect("http://crl.invalid/".to_owned()), Reason::CrlFetchFailed, "not among those allowed"),
        (Answer::Crl(forged), Reason::CrlSignatureInvalid, "signature"),
    ]
    .into_iter()
    .zip(listed.iter().zip(&names))
    {
        server.set(answer.clone());
        let report = fleet.sweep(&[]).await?;
        let detail = assert_kept_out(&fleet, &server, &report, reason, "2").await?;
        assert!(detail.contains(word), "{detail}");
        let row = fleet.knock(device, name).await?;
        assert_eq!(row.decision, Decision::Revoked, "after {answer:?}");
    }
    assert!(inside.take().is_empty(), "an address of the function's own network was asked");
    let name = unique("pump");
    fleet.admit(&fleet.device(&name, HOUR)?, &name).await?;
    let words = jitr(&["ca", "show", fleet.id.as_str()]).await?;
    assert!(words.contains("crl_signature_invalid"), "{words}");

    server.set(Answer::Crl(good));
    let report = fleet.sweep(&[]).await?;
    assert_eq!(only_source(&report)?["outcome"], "unchanged", "{report}");
    assert_eq!(fleet.crl_state(&server.url).await?.last_error, None);
    Ok(())
}

#[tokio::test]
async fn a_server_that_says_nothing_is_left_in_time() -> Result<()> {
    let stack = Stack::connect().await;
    let (fleet, server) = served(&stack, "silence").await?;
    server.set(Answer::Silence);
    let begun = Instant::now();
    let report = fleet.sweep(&[]).await?;
    // 10 s for the answer to begin, of 120 s for a fetch in all.
    let took = begun.elapsed();
    assert!((Duration::from_secs(9)..Duration::from_mins(1)).contains(&took), "{took:?}");
    assert_kept_out(&fleet, &server, &report, Reason::CrlFetchFailed, "1").await?;
    let name = unique("pump");
    fleet.admit(&fleet.device(&name, HOUR)?, &name).await?;
    Ok(())
}

#[tokio::test]
async fn data_without_an_end_is_cut_off_at_the_limit() -> Result<()> {
    const LIMIT: usize = 50_000;
    let stack = Stack::connect().await;
    let (fleet, server) = served(&stack, "endless").await?;
    let crl = fleet.crl_of(2, nobodys(2000)?)?;
    assert!(crl.len() > LIMIT + 10_000, "{} octets are too few for this test", crl.len());
    server.set(Answer::Endless(crl, LIMIT / 2));

    let mut variables = environment::crl_checker(&stack.url, ROOT);
    variables.retain(|(name, _)| name != "CRL_MAX_OCTETS");
    variables.push(("CRL_MAX_OCTETS".to_owned(), LIMIT.to_string()));
    let mut function = Function::start(&crl_checker(), &variables).await?;
    let report = function.answer(json!({"caCertificateId": fleet.id}).to_string().as_bytes()).await?;
    assert_kept_out(&fleet, &server, &report, Reason::CrlTooLarge, "1").await?;
    // What the operating systems hold in their buffers comes on top of the limit.
    assert!(server.sent() < 20_000_000, "{} octets were taken", server.sent());
    Ok(())
}
