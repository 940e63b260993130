//! Settings of functions that stand in several places.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use serde_json::Value;
use shared::route::Routes;
use tests::environment::{self, ROOT};
use tests::template::Template;

use crate::number;

/// `cargo lambda watch` can't read the template.
#[test]
fn the_local_routes_are_those_of_the_template() -> Result<()> {
    let manifest = crate::file("Cargo.toml")?;
    let (_, rest) = manifest.split_once("\nROUTES = '''").context("no ROUTES")?;
    let (routes, _) = rest.split_once("'''").context("no end of ROUTES")?;
    assert_eq!(Routes::parse(routes)?, Routes::parse(&environment::routes())?);
    Ok(())
}

/// The console shows parameters by groups, and those that are in none at the end.
#[test]
fn every_parameter_is_in_a_group() -> Result<()> {
    let template = Template::transformed()?;
    let groups = template.at("/Metadata/AWS::CloudFormation::Interface/ParameterGroups")?;
    let groups = groups.as_array().context("no groups")?.iter();
    let grouped = groups.flat_map(|group| group["Parameters"].as_array().into_iter().flatten());
    let mut grouped: Vec<&str> = grouped.filter_map(Value::as_str).collect();
    grouped.sort_unstable();
    let mut parameters: Vec<&str> = template.members("/Parameters")?.keys().map(String::as_str).collect();
    parameters.sort_unstable();
    assert_eq!(grouped, parameters);
    Ok(())
}

/// The tests' environments have what the stack's functions get.
#[test]
fn the_tests_give_the_functions_all_their_settings() -> Result<()> {
    let template = Template::transformed()?;
    let given = [
        ("Activator", environment::activator("http://127.0.0.1", ROOT)),
        ("CrlChecker", environment::crl_checker("http://127.0.0.1", ROOT)),
        ("LifecycleRecorder", environment::lifecycle_recorder("http://127.0.0.1", ROOT)),
        ("RuleSink", environment::rule_sink("http://127.0.0.1", ROOT)),
    ];
    for (function, given) in given {
        let settings = template.members(&format!("/Resources/{function}/Properties/Environment/Variables"))?;
        let mut names: BTreeSet<&str> = settings.keys().map(String::as_str).collect();
        // Settings that may be empty, and are where the tests leave them out.
        for optional in ["DEFAULT_THING_GROUP", "DEFAULT_THING_TYPE", "RUST_LOG"] {
            names.remove(optional);
        }
        let given = given.iter().map(|(name, _)| name.as_str()).filter(|name| !name.starts_with("AWS_"));
        assert_eq!(names, given.collect(), "{function}");
    }
    Ok(())
}

/// Each function may use its share of a quota whatever the others do, and something is left for operators.
#[test]
fn the_shares_of_the_quotas_leave_some_for_others() -> Result<()> {
    let template = Template::transformed()?;
    let functions = template.properties("AWS::Lambda::Function")?.into_values();
    let shares = functions.filter_map(|function| function["Environment"]["Variables"]["QUOTA_SHARE"]["Ref"].as_str());
    let mut sum = 0;
    let mut parameters = BTreeSet::new();
    for share in shares {
        sum += number(template.at(&format!("/Parameters/{share}/Default"))?)?;
        assert!(parameters.insert(share), "two functions use {share}");
    }
    assert_eq!(parameters.len(), 2, "{parameters:?}");
    assert!(sum <= 90, "{parameters:?} are {sum} percent together");
    Ok(())
}

/// The activator divides its share among the processes of two event sources, each with as many as the setting says.
#[test]
fn a_share_is_divided_among_all_processes() -> Result<()> {
    let template = Template::transformed()?;
    let concurrency = template.at("/Resources/Activator/Properties/Environment/Variables/CONCURRENCY")?;
    let sources = template.properties("AWS::Lambda::EventSourceMapping")?.into_values();
    let own: Vec<_> = sources.filter(|source| source["FunctionName"]["Ref"] == "Activator").collect();
    assert_eq!(own.len(), 2);
    for source in own {
        assert_eq!(source["ScalingConfig"]["Fn::If"][1]["MaximumConcurrency"], *concurrency, "{source}");
    }
    Ok(())
}

/// A batch tells of a burst by how much it has of what it could have.
#[test]
fn the_activator_knows_how_large_a_batch_of_its_queue_can_be() -> Result<()> {
    let template = Template::transformed()?;
    let variables = template.at("/Resources/Activator/Properties/Environment/Variables")?;
    let source = template.at("/Resources/ActivatorRegistered/Properties")?;
    assert_eq!(source["BatchSize"], variables["EVENT_BATCH_SIZE"]);
    assert_eq!(source["EventSourceArn"], variables["EVENT_QUEUE_ARN"]);
    let overflow = template.at("/Resources/ActivatorOverflow/Properties/EventSourceArn")?;
    assert_eq!(template.resource_of_arn(overflow)?, variables["OVERFLOW_QUEUE_URL"]["Ref"]);
    Ok(())
}
