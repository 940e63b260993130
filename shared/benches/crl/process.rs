//! One measurement, one process.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::ways::Way;

/// What one process took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Measured {
    /// Peak memory, resident, in kilobytes.
    pub(crate) kilobytes: u64,
    /// Of the work alone; of the whole process for a foreign program.
    pub(crate) seconds: f64,
}

/// The median of each figure.
pub(crate) fn median(rounds: &[Measured]) -> Measured {
    let mut seconds: Vec<f64> = rounds.iter().map(|round| round.seconds).collect();
    let mut kilobytes: Vec<u64> = rounds.iter().map(|round| round.kilobytes).collect();
    seconds.sort_by(f64::total_cmp);
    kilobytes.sort_unstable();
    let middle = rounds.len() / 2;
    Measured {
        kilobytes: kilobytes.get(middle).copied().unwrap_or_default(),
        seconds: seconds.get(middle).copied().unwrap_or_default(),
    }
}

/// Runs a way in a process of its own.
pub(crate) fn measure(way: Way, folder: &Path, size: u64) -> Measured {
    if way == Way::OpenSsl {
        return measure_openssl(folder, size);
    }
    let output = Command::new(std::env::current_exe().expect("this program"))
        .args(["--measure", way.name()])
        .arg(folder)
        .arg(size.to_string())
        .output()
        .expect("this program can be started again");
    let answer = String::from_utf8(output.stdout).expect("an answer in UTF-8");
    let mut figures = answer.split_whitespace();
    let mut figure = || figures.next().unwrap_or_else(|| panic!("{}: {:?}", way.name(), output.stderr));
    Measured { seconds: figure().parse().expect("seconds"), kilobytes: figure().parse().expect("kilobytes") }
}

/// In the process that measures: what the work took, and the peak so far.
pub(crate) fn answer(took: &Duration) {
    println!("{} {}", took.as_secs_f64(), peak("self").unwrap_or_default());
}

/// OpenSSL's own command. Its memory is looked at while it runs: it is at its peak for most of that time.
fn measure_openssl(folder: &Path, size: u64) -> Measured {
    let begun = Instant::now();
    let mut child = Command::new("openssl")
        .args(["crl", "-inform", "DER", "-noout", "-verify", "-CAfile"])
        .arg(folder.join("ca.pem"))
        .arg("-in")
        .arg(crate::crl_file(folder, &size.to_string()))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the openssl command is needed for the comparison");
    let id = child.id().to_string();
    let mut kilobytes = 0;
    loop {
        kilobytes = peak(&id).unwrap_or_default().max(kilobytes);
        if let Some(status) = child.try_wait().expect("a child") {
            assert!(status.success(), "openssl does not verify the CRL");
            return Measured { kilobytes, seconds: begun.elapsed().as_secs_f64() };
        }
        thread::sleep(Duration::from_micros(500));
    }
}

fn peak(process: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}
