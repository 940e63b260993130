//! Tells how long fleets of several sizes take to come in, and what that costs: a table, and a picture beside this crate.
//!
//! Usage: `fleet [devices...]`

use std::path::Path;

use anyhow::Result;
use comfy_table::{Table, presets};
use fleet::{Beside, Outcome, Scenario, plot};

/// Sizes of the fleets, if nobody has said otherwise.
const SIZES: [u32; 5] = [10, 100, 300, 1000, 10_000];
const PICTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fleet.svg");

fn main() -> Result<()> {
    let sizes = std::env::args().skip(1).map(|size| size.parse()).collect::<Result<Vec<u32>, _>>()?;
    let sizes = if sizes.is_empty() { SIZES.to_vec() } else { sizes };
    let scenarios = sizes
        .into_iter()
        .flat_map(|devices| Beside::ALL.map(|beside| Scenario { beside, devices, parameters: &[], seed: 1 }));
    let mut outcomes = Vec::new();
    for scenario in scenarios {
        let outcome = scenario.run()?;
        // A hundred thousand devices take an hour: what is known is told at once.
        eprintln!("{} devices, beside {}: {outcome:?}", scenario.devices, scenario.beside);
        outcomes.push((scenario, outcome));
    }
    println!("{}", table(&outcomes));
    plot::draw(Path::new(PICTURE), &outcomes)
}

fn table(outcomes: &[(Scenario, Outcome)]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header([
        "devices",
        "beside them",
        "seconds",
        "of the quota's time",
        "calls a device",
        "throttled",
        "events",
        "overflowed",
        "invocations",
        "given up",
        "outside",
        "longest wait of the other CA's",
    ]);
    table.add_rows(outcomes.iter().map(|(scenario, outcome)| {
        [
            scenario.devices.to_string(),
            scenario.beside.to_string(),
            format!("{:.1}", outcome.seconds),
            format!("{:.2}", outcome.seconds / outcome.quota_seconds),
            format!("{:.2}", scenario.calls_a_device(outcome)),
            outcome.throttled.to_string(),
            outcome.events.to_string(),
            outcome.overflowed.to_string(),
            outcome.invocations.to_string(),
            outcome.dead.to_string(),
            (scenario.devices - outcome.inside).to_string(),
            outcome.longest_of_other.map(|seconds| format!("{seconds:.1} s")).unwrap_or_default(),
        ]
    }));
    table
}
