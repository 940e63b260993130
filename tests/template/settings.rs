//! Settings of functions that stand in several places.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use serde_json::Value;
use shared::route::Routes;
use tests::environment::{self, ROOT};
use tests::template::Template;

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

/// The tests' environment has what the stack's function gets.
#[test]
fn the_tests_give_the_rule_sink_all_its_settings() -> Result<()> {
    let settings = Template::transformed()?.members("/Resources/RuleSink/Properties/Environment/Variables")?;
    let mut names: BTreeSet<&str> = settings.keys().map(String::as_str).collect();
    names.remove("RUST_LOG");
    let given = environment::rule_sink("http://127.0.0.1", ROOT);
    let given = given.iter().map(|(name, _)| name.as_str()).filter(|name| !name.starts_with("AWS_"));
    assert_eq!(names, given.collect());
    Ok(())
}
