//! Settings of functions that stand in several places.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
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
