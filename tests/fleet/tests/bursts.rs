//! A fleet that comes at once is in as soon as the quotas allow, whoever else is at the door.

#![expect(clippy::unwrap_used, reason = "a test ends where its set-up does")]

use fleet::{Beside, Outcome, Scenario};

/// What a device alone costs: AWS IoT is called six times, where the CA signs with ECDSA.
const CALLS_ALONE: f64 = 6.0;
/// Calls that are throttled, or made twice, before the processes know of each other.
const AT_FIRST: f64 = 12.0;
/// How long a device alone takes at most, in seconds, with the start of an instance.
const ALONE: f64 = 2.0;
/// What the start of instances and the last batch, which is one instance's alone, add to a fleet's time, in seconds.
const AT_THE_ENDS: f64 = 0.5;

fn run(devices: u32, beside: Beside) -> (Scenario, Outcome) {
    run_with(devices, beside, &[])
}

fn run_with(devices: u32, beside: Beside, parameters: &'static [(&'static str, &'static str)]) -> (Scenario, Outcome) {
    let scenario = Scenario { beside, connects_once: false, devices, parameters, seed: 7 };
    let outcome = scenario.run().unwrap();
    assert_eq!((outcome.inside, outcome.dead, outcome.left), (devices, 0, 0), "{scenario:?}: {outcome:?}");
    (scenario, outcome)
}

#[test]
fn a_device_alone_is_in_at_once() {
    let (scenario, outcome) = run(1, Beside::Nobody);
    assert!((outcome.calls_a_device(scenario.devices) - CALLS_ALONE).abs() < f64::EPSILON, "{outcome:?}");
    assert!(outcome.seconds < ALONE, "with the start of an instance: {outcome:?}");
}

#[test]
fn a_fleet_is_in_when_the_quota_allows_and_costs_what_its_devices_cost_alone() {
    for devices in [10, 300] {
        let (scenario, outcome) = run(devices, Beside::Nobody);
        assert!(outcome.seconds <= 1.1 * outcome.quota_seconds + AT_THE_ENDS, "{devices}: {outcome:?}");
        let calls = outcome.calls_a_device(scenario.devices) - AT_FIRST / f64::from(devices);
        assert!(calls <= 1.2 * CALLS_ALONE, "{devices}: {outcome:?}");
    }
}

/// Who raises the quotas and the concurrency has the fleet in earlier, at the same cost.
#[test]
fn wider_quotas_are_used() {
    let parameters = &[
        ("ActivatorConcurrency", "4"),
        ("AttachPolicyQuota", "30"),
        ("DescribeCertificateQuota", "20"),
        ("UpdateCertificateQuota", "20"),
    ];
    let (scenario, outcome) = run_with(200, Beside::Nobody, parameters);
    assert!(outcome.seconds <= 1.1 * outcome.quota_seconds + AT_THE_ENDS, "{outcome:?}");
    let calls = outcome.calls_a_device(scenario.devices) - AT_FIRST / f64::from(scenario.devices);
    assert!(calls <= 1.2 * CALLS_ALONE, "{outcome:?}");
}

/// With the quotas as they are, further invocations have nothing to do, and get into each other's way a little.
#[test]
fn more_invocations_than_the_quotas_need_do_little_harm() {
    for (parameters, factor) in [(&[("ActivatorConcurrency", "4")], 1.15), (&[("ActivatorConcurrency", "10")], 1.4)] {
        let (scenario, outcome) = run_with(200, Beside::Nobody, parameters);
        assert!(outcome.seconds <= factor * outcome.quota_seconds + ALONE, "{scenario:?}: {outcome:?}");
    }
}

#[test]
fn who_is_refused_and_does_not_stop_delays_nobody() {
    for devices in [10, 200] {
        for beside in [Beside::OneInAHundred, Beside::Flood] {
            let (_, outcome) = run(devices, beside);
            assert!(outcome.seconds <= 1.1 * outcome.quota_seconds + AT_THE_ENDS, "{devices}, {beside}: {outcome:?}");
        }
    }
}

/// Devices of another CA wait for what is being worked on when they come, and not for the whole fleet.
#[test]
fn a_fleet_does_not_keep_the_devices_of_another_ca_waiting() {
    let (scenario, outcome) = run(200, Beside::OtherAuthority);
    let longest = outcome.longest_of_other.expect("a device of another CA");
    assert!(longest < outcome.seconds / 3.0, "{scenario:?}: {outcome:?}");
}

/// What is lost once is lost for good.
#[test]
fn devices_that_connect_once_come_in() {
    for beside in [Beside::Nobody, Beside::Flood] {
        let scenario = Scenario { beside, connects_once: true, devices: 300, parameters: &[], seed: 7 };
        let outcome = scenario.run().unwrap();
        assert_eq!((outcome.inside, outcome.dead, outcome.left), (300, 0, 0), "{scenario:?}: {outcome:?}");
    }
}

/// Ten processes of each queue get into each other's way. However long the fleet takes for that, the quota would let it and the
/// devices of the other CA in as fast as before.
#[test]
fn the_time_of_the_quota_does_not_grow_with_the_time_that_the_fleet_takes() {
    let parameters = &[("ActivatorConcurrency", "10")];
    let (_, slow) = run_with(200, Beside::OtherAuthority, parameters);
    let (_, usual) = run(200, Beside::OtherAuthority);
    assert!(slow.seconds > 1.05 * usual.seconds, "{slow:?}, {usual:?}");
    // One of the other CA more or less, and the registrations are at other times.
    assert!((slow.quota_seconds - usual.quota_seconds).abs() < 1.0, "{slow:?}, {usual:?}");
}
