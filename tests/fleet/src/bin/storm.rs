//! Tells how long the lifecycle recorder's and the rule sink's queues take to drain when known devices all reconnect at
//! once, half of them twice. The functions write their metrics to standard output, so that all of this is on standard
//! error.
//!
//! Usage: `storm [devices...]`

use anyhow::{Result, ensure};
use comfy_table::{Table, presets};
use fleet::storm::{Aftermath, Drained, Storm};

/// Numbers of devices, if nobody has said otherwise.
const SIZES: [u32; 3] = [100, 1000, 10_000];

fn main() -> Result<()> {
    let sizes = std::env::args().skip(1).map(|size| size.parse()).collect::<Result<Vec<u32>, _>>()?;
    let sizes = if sizes.is_empty() { SIZES.to_vec() } else { sizes };
    let storms =
        sizes.into_iter().flat_map(|devices| [false, true].map(|has_faults| Storm { devices, has_faults, seed: 1 }));
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header([
        "devices",
        "faults",
        "queue of",
        "messages",
        "nine of ten after",
        "empty after",
        "invocations",
        "received again",
        "dead letters",
    ]);
    let mut untruths = Vec::new();
    for storm in storms {
        let aftermath = storm.run()?;
        let Aftermath { conflicts, throttled, refused, .. } = aftermath;
        eprintln!("{storm:?}: {throttled} throttled, {conflicts} conflicts of transactions, {refused} refused");
        for (function, drained) in [("recorder", &aftermath.recorder), ("sink", &aftermath.sink)] {
            eprintln!("{function}: {drained:?}");
            table.add_row(row(&storm, function, drained));
        }
        untruths.extend(aftermath.untruths);
    }
    eprintln!("{table}");
    ensure!(untruths.is_empty(), "the tables are wrong: {untruths:#?}");
    Ok(())
}

fn row(storm: &Storm, function: &str, drained: &Drained) -> [String; 9] {
    [
        storm.devices.to_string(),
        if storm.has_faults { "some" } else { "none" }.to_owned(),
        function.to_owned(),
        drained.sent.to_string(),
        format!("{:.1} s", drained.mostly_after.as_secs_f64()),
        format!("{:.1} s", drained.after.as_secs_f64()),
        drained.invocations.to_string(),
        drained.received_again.to_string(),
        drained.dead.to_string(),
    ]
}
