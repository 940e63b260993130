//! The in-memory DynamoDB, on which the functions' protocols are tested, and the local cloud's, which others wrote,
//! are sent the same requests and have to give the same answers.
//!
//! The test needs no deployed stack:
//! `python3 infra/local/cloud.py run -- cargo test --workspace --features tests/local-cloud --test suite dynamodb`

mod exceptions;

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use exceptions::{EXCEPTIONS, Exception};
use shared::testing::dynamodb::cases::{self, Case, Outcome, Step};
use tests::dynamodb::{self, Tables};

use crate::unique;

#[tokio::test]
async fn the_local_clouds_dynamodb_and_the_in_memory_one_give_the_same_answers() -> Result<()> {
    let client = dynamodb::client();
    let mut differences = Vec::new();
    for case in cases::all() {
        differences.extend(compare(&client, &case).await.with_context(|| case.name.clone())?);
    }
    let excepted: BTreeSet<&str> = EXCEPTIONS.iter().flat_map(|exception| exception.steps).copied().collect();
    let is_new = |(step, _): &&(String, String)| !excepted.contains(step.as_str());
    let new: Vec<String> =
        differences.iter().filter(is_new).map(|(step, difference)| format!("{step}: {difference}")).collect();
    assert!(new.is_empty(), "{} steps are answered differently:\n{}", new.len(), new.join("\n"));
    let different: BTreeSet<&str> = differences.iter().map(|(step, _)| step.as_str()).collect();
    for Exception { reason, steps } in EXCEPTIONS {
        let step = steps.iter().find(|step| !different.contains(*step));
        assert_eq!(step, None, "is answered alike, or is no step, and yet an exception: the local cloud {reason}");
    }
    Ok(())
}

/// The steps of a case that the two services answer differently.
async fn compare(client: &reqwest::Client, case: &Case) -> Result<Vec<(String, String)>> {
    let tables = Tables::create(client.clone(), unique("dynamodb"), case).await?;
    let differences = differences(&tables, case).await;
    tables.delete().await?;
    differences
}

async fn differences(tables: &Tables, case: &Case) -> Result<Vec<(String, String)>> {
    let mut in_memory = cases::tables();
    let mut differences = Vec::new();
    for step in &case.steps {
        let mut answers = Vec::new();
        while let Some(request) = step.next_request(&answers) {
            answers.push(in_memory.answer(step.operation, &request));
        }
        let expected = step.outcome(&answers);
        let found = ask(tables, step).await?;
        if let Some(difference) = difference(step, &expected, &found) {
            differences.push((step.name.clone(), difference));
        }
    }
    Ok(differences)
}

/// What the local cloud makes of a step.
async fn ask(tables: &Tables, step: &Step) -> Result<Outcome> {
    let mut answers = Vec::new();
    while let Some(request) = step.next_request(&answers) {
        answers.push(tables.answer(step.operation, &request).await?);
    }
    Ok(step.outcome(&answers))
}

fn difference(step: &Step, in_memory: &Outcome, local: &Outcome) -> Option<String> {
    if in_memory != local {
        return Some(format!("in memory {in_memory}, in the local cloud {local}"));
    }
    step.check(local).err()
}
