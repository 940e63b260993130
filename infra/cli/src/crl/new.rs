//! `jitr crl new`: a signed CRL, from scratch or from the one before.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use serde::Serialize;
use shared::id::Serial;
use shared::pki::crl::{CrlNumber, RevocationReason};
use shared::timestamp;
use time::{Duration, OffsetDateTime};

use super::arguments;
use super::old::{Entries, change, following, read_old, reproduce};
use crate::files::{Existing, read_certificate, read_first_certificate, read_private_key, write_bytes};
use crate::issue::{CertificateAuthority, CrlRequest, serial_of_issued};
use crate::numbers::{self, in_both_bases};
use crate::output::{Format, Text};

/// A CRL to be made.
#[derive(Args, Debug)]
pub struct NewArgs {
    /// The CA certificate, PEM or DER; the first one of the file.
    #[arg(long, value_name = "FILE")]
    ca: PathBuf,
    /// The CA's private key, PEM or DER.
    #[arg(long, value_name = "FILE")]
    ca_key: PathBuf,
    /// File to write the CRL to; DER, unless its name ends with .pem.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// A certificate to list, by serial number (`0x1000`, `10:00`, or `4096 (0x1000)` as OpenSSL prints it), with its reason by
    /// the name in RFC 5280; can be given several times.
    #[arg(long, value_name = "SERIAL[=REASON]", value_parser = arguments::serial)]
    revoke: Vec<(Serial, RevocationReason)>,
    /// The same by the certificate, PEM or DER.
    #[arg(long, value_name = "FILE[=REASON]", value_parser = arguments::file)]
    revoke_cert: Vec<(PathBuf, RevocationReason)>,
    /// A certificate to list for now, by serial number: short for --revoke SERIAL=certificateHold.
    #[arg(long, value_name = "SERIAL", value_parser = numbers::serial)]
    hold: Vec<Serial>,
    /// The same by the certificate.
    #[arg(long, value_name = "FILE")]
    hold_cert: Vec<PathBuf>,
    /// The CRL before: its entries and its distribution points are kept, and its number is counted on.
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// A serial number to take off the list; can be given several times.
    #[arg(long, value_name = "SERIAL", requires = "from", value_parser = numbers::serial)]
    remove: Vec<Serial>,
    /// CRL number, written like a serial number; by default the one after that of --from, or the seconds since 1970.
    #[arg(long, value_name = "NUMBER", value_parser = numbers::crl_number)]
    number: Option<CrlNumber>,
    /// When the CRL is issued, RFC 3339; now by default.
    #[arg(long, value_name = "TIME", value_parser = arguments::time)]
    this_update: Option<OffsetDateTime>,
    /// When the next CRL is due, RFC 3339.
    #[arg(long, value_name = "TIME", value_parser = arguments::time, conflicts_with = "days")]
    next_update: Option<OffsetDateTime>,
    /// The same in days after the CRL is issued.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    days: u32,
    /// A distribution point that the CRL is limited to, as certificates name it; can be given several times.
    #[arg(long, value_name = "URI", value_parser = arguments::uri)]
    idp_uri: Vec<String>,
    /// Limit the CRL to end-entity certificates.
    #[arg(long, requires = "idp_uri")]
    only_user_certs: bool,
    #[command(flatten)]
    form: Form,
    /// Overwrite a file that exists.
    #[arg(long)]
    force: bool,
}

/// How the CRL is encoded.
#[derive(Args, Debug)]
#[group(multiple = false)]
struct Form {
    /// Write PEM, whatever the file's name.
    #[arg(long)]
    pem: bool,
    /// Write DER, whatever the file's name.
    #[arg(long)]
    der: bool,
}

impl Form {
    fn is_pem(&self, path: &Path) -> bool {
        self.pem || (!self.der && path.extension().is_some_and(|end| end.eq_ignore_ascii_case("pem")))
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    crl: PathBuf,
    crl_number: CrlNumber,
    this_update: String,
    next_update: String,
    entries: u64,
    /// What was listed anew, and how the serial numbers were read.
    listed: Vec<Listed>,
    removed: Vec<Serial>,
}

/// A certificate that the list has since this command.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    serial: Serial,
    /// The same in decimal; none if it is long.
    serial_decimal: Option<String>,
    reason: &'static str,
}

impl Listed {
    fn new(serial: Serial, reason: RevocationReason) -> Self {
        Self { serial_decimal: numbers::decimal(serial.as_str()), serial, reason: reason.as_str() }
    }
}

pub(super) fn run(args: &NewArgs, format: Format, now: OffsetDateTime) -> Result<()> {
    let authority =
        CertificateAuthority::from_der(&read_first_certificate(&args.ca)?.1, &read_private_key(&args.ca_key)?)?;
    let listed = listed(args, &authority)?;
    let request = request(args, &authority, &listed, now)?;
    let issued = authority.issue_crl(&request)?;
    let existing = if args.force { Existing::Replace } else { Existing::Keep };
    write_bytes(&args.out, if args.form.is_pem(&args.out) { issued.pem.as_bytes() } else { &issued.der }, existing)?;
    let answer = Answer {
        crl: args.out.clone(),
        crl_number: request.number,
        this_update: timestamp::to_text(issued.crl.this_update()),
        next_update: timestamp::to_text(issued.crl.next_update()),
        entries: issued.crl.entries(),
        listed: listed.into_iter().map(|(serial, reason)| Listed::new(serial, reason)).collect(),
        removed: args.remove.clone(),
    };
    format.print(&answer, |answer| {
        let entries = if answer.entries == 1 { "1 entry".to_owned() } else { format!("{} entries", answer.entries) };
        let number = in_both_bases(&answer.crl_number.to_string());
        let made =
            format!("made CRL {number} with {entries} in {}, good until {}", answer.crl.display(), answer.next_update);
        let listed = answer
            .listed
            .iter()
            .map(|Listed { serial, reason, .. }| format!("listed {}: {reason}", in_both_bases(serial.as_str())));
        let removed = answer.removed.iter().map(|serial| format!("removed {}", in_both_bases(serial.as_str())));
        Text::lines(std::iter::once(made).chain(listed).chain(removed))
    })
}

fn request(
    args: &NewArgs,
    authority: &CertificateAuthority,
    listed: &[(Serial, RevocationReason)],
    now: OffsetDateTime,
) -> Result<CrlRequest> {
    let old = args.from.as_ref().map(|path| read_old(path, authority.certificate())).transpose()?;
    let (old, mut entries) = old.map_or((None, Entries::new()), |(crl, entries)| (Some(crl), entries));
    let this_update = args.this_update.unwrap_or(now);
    change(&mut entries, &args.remove, listed.iter().cloned(), this_update)?;
    let number = match (&args.number, old.as_ref().and_then(|crl| crl.number())) {
        (Some(number), _) => number.clone(),
        (None, Some(number)) => following(number)?,
        (None, None) => format!("{:x}", now.unix_timestamp()).parse()?,
    };
    let (distribution_points, only_user_certificates) = match &old {
        Some(crl) if args.idp_uri.is_empty() => reproduce(crl.scope())?,
        _ => (args.idp_uri.clone(), args.only_user_certs),
    };
    let by_days = || this_update.checked_add(Duration::days(args.days.into()));
    let next_update = args.next_update.or_else(by_days).context("so many days have no date")?;
    Ok(CrlRequest {
        distribution_points,
        entries: entries.into_values().collect(),
        next_update,
        number,
        only_user_certificates,
        this_update,
    })
}

/// What the flags list, all by serial number.
fn listed(args: &NewArgs, authority: &CertificateAuthority) -> Result<Vec<(Serial, RevocationReason)>> {
    const HOLD: RevocationReason = RevocationReason::CertificateHold;
    let mut listed = args.revoke.clone();
    listed.extend(args.hold.iter().map(|serial| (serial.clone(), HOLD)));
    let held = args.hold_cert.iter().map(|path| (path, HOLD));
    for (path, reason) in args.revoke_cert.iter().map(|(path, reason)| (path, *reason)).chain(held) {
        let certificate = read_certificate(path)?;
        if certificate.id() == authority.certificate().id() {
            bail!("{} is the CA itself, which its own CRL cannot revoke", path.display());
        }
        let serial = serial_of_issued(&certificate, authority.certificate())
            .with_context(|| format!("{} is not of this CA", path.display()))?;
        listed.push((serial, reason));
    }
    Ok(listed)
}
