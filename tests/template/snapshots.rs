//! Snapshots of CRLs: who may write them, and where they are made.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tests::template::Template;

use crate::number;

/// What a page of a snapshot says is believed without the whole: nobody but the CRL checker may write one.
#[test]
fn snapshots_are_written_by_the_crl_checker_alone() -> Result<()> {
    let policy = Template::transformed()?.at("/Resources/RevocationBucketPolicy/Properties")?;
    assert_eq!(policy["Bucket"], json!({"Ref": "RevocationBucket"}));
    let statements = policy.pointer("/PolicyDocument/Statement").and_then(Value::as_array).context("no statements")?;
    let snapshots = json!({"Fn::Sub": "${RevocationBucket.Arn}/snapshots/*"});
    let statement = statements.iter().find(|statement| statement["Resource"] == snapshots);
    let statement = statement.context("no statement on the snapshots")?;
    assert_eq!((&statement["Effect"], &statement["Principal"]), (&json!("Deny"), &json!("*")));
    assert_eq!(statement["Action"], json!(["s3:DeleteObject*", "s3:PutObject"]));
    let but = json!({"ArnNotEquals": {"aws:PrincipalArn": {"Fn::GetAtt": ["CrlCheckerRole", "Arn"]}}});
    assert_eq!(statement["Condition"], but);
    Ok(())
}

/// A CRL of n bytes takes 2.3 n bytes of scratch at most, and a sixteenth of the storage is the file system's own.
#[test]
fn the_largest_crl_fits_into_the_storage_of_the_crl_checker() -> Result<()> {
    let template = Template::transformed()?;
    let parameter = |name: &str| number(template.at(&format!("/Parameters/{name}/Default"))?);
    let (bytes, megabytes) = (parameter("CrlMaxOctets")?, parameter("CrlCheckerStorage")?);
    assert!(bytes * 23 / 10 <= megabytes * 15 * 65_536, "{bytes} bytes do not fit into {megabytes} MB");
    let checker = template.at("/Resources/CrlChecker/Properties")?;
    let storage = json!({"Ref": "CrlCheckerStorage"});
    assert_eq!(checker["EphemeralStorage"]["Fn::If"][1]["Size"], storage);
    assert_eq!(checker["Environment"]["Variables"]["SCRATCH_MEGABYTES"], storage);
    Ok(())
}

/// What operators publish can be put back; snapshots, which come with each CRL, don't pile up.
#[test]
fn former_crls_are_kept_and_former_snapshots_are_not() -> Result<()> {
    let bucket = Template::transformed()?.at("/Resources/RevocationBucket/Properties")?;
    assert_eq!(bucket["VersioningConfiguration"], json!({"Status": "Enabled"}));
    let rules = bucket.pointer("/LifecycleConfiguration/Rules").and_then(Value::as_array).context("no rules")?;
    let days = |prefix: Option<&str>| {
        let of = |rule: &&Value| rule["Prefix"].as_str() == prefix && !rule["NoncurrentVersionExpiration"].is_null();
        let rule = rules.iter().find(of).context("no rule")?;
        number(&rule["NoncurrentVersionExpiration"]["NoncurrentDays"])
    };
    assert_eq!((days(None)?, days(Some("snapshots/"))?), (365, 1));
    Ok(())
}
