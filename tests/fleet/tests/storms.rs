//! Known devices that all come back at once leave no dead letter, and tables that tell the truth.

#![expect(clippy::unwrap_used, reason = "a test ends where its set-up does")]

use fleet::storm::{Aftermath, Drained, Storm};

/// So many have several batches of events.
const DEVICES: u32 = 200;

fn run(has_faults: bool) -> Aftermath {
    let storm = Storm { devices: DEVICES, has_faults, seed: 7 };
    let aftermath = storm.run().unwrap();
    assert_eq!(aftermath.untruths, Vec::<String>::new());
    for drained in [aftermath.recorder, aftermath.sink] {
        assert_eq!((drained.dead, drained.left), (0, 0), "{drained:?}");
    }
    assert_eq!(aftermath.refused, 0);
    aftermath
}

#[test]
fn a_storm_drains_into_the_truth() {
    let aftermath = run(false);
    assert!(aftermath.recorder.invocations > 4, "{aftermath:?}");
}

#[test]
fn a_storm_drains_into_the_truth_though_instances_die_and_tables_are_throttled() {
    let aftermath = run(true);
    let Drained { received_again, sent, .. } = aftermath.recorder;
    assert!(received_again > sent / 50, "nothing has failed: {aftermath:?}");
}
