//! Tells how long fleets of several sizes take to come in, and what that costs: a table, and a file and a picture beside this
//! crate. The file keeps what is known of other sizes.
//!
//! Usage: `fleet [devices...]`

use std::path::Path;

use anyhow::Result;
use fleet::{Beside, Scenario, outcomes, plot};

/// Sizes of the fleets, if nobody has said otherwise.
const SIZES: [u32; 5] = [10, 100, 300, 1000, 10_000];
const PICTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fleet.svg");

fn main() -> Result<()> {
    let sizes = std::env::args().skip(1).map(|size| size.parse()).collect::<Result<Vec<u32>, _>>()?;
    let sizes = if sizes.is_empty() { SIZES.to_vec() } else { sizes };
    let file = Path::new(outcomes::FILE);
    let mut known = outcomes::read(file)?;
    for devices in sizes {
        for beside in Beside::ALL {
            let outcome = Scenario { beside, connects_once: false, devices, parameters: &[], seed: 1 }.run()?;
            // A hundred thousand devices take an hour: what is known is told and kept at once.
            eprintln!("{devices} devices, beside {beside}: {outcome:?}");
            known.insert((devices, beside), outcome);
            outcomes::write(file, &known)?;
        }
    }
    println!("{}", outcomes::table(&known));
    plot::draw(Path::new(PICTURE), &known)
}
