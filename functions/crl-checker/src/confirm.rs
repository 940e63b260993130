//! Rows whose effect is not confirmed: a process died on the way, or two crossed. Every run brings them to an end.

use lambda_runtime::tracing;
use shared::fault::{Fault, chain};
use shared::id::CaCertificateId;
use shared::port::ListedRegistrations;
use shared::registration::Registration;

use crate::checker::{Checker, Mode, Ports, Run};
use crate::report::{Changes, Report};

/// Rows that may fail before it is not they that are at fault, and the rest waits for the next run.
const MAX_FAILED: usize = 100;

impl<P: Ports> Checker<P> {
    /// Confirms what no living process is about to confirm, of one CA or of all, as far as the time suffices.
    ///
    /// # Errors
    /// A [`Fault`] if the rows can't be read, and the first one of those that failed: the others have been dealt with.
    pub(crate) async fn confirm(
        &self,
        authority: Option<&CaCertificateId>,
        run: Run<'_>,
        report: &mut Report,
    ) -> Result<(), Fault> {
        if run.mode == Mode::Report {
            return Ok(());
        }
        let mut from = None;
        let mut failed: Vec<Fault> = Vec::new();
        loop {
            let (ids, next) = self.registrations.unconfirmed(from.as_ref()).await?;
            for row in self.registrations.registrations(&ids).await? {
                if run.is_over() || failed.len() > MAX_FAILED {
                    report.finished = false;
                    return first(failed);
                }
                let is_asked = authority.is_none_or(|authority| *authority == row.ca_certificate_id);
                if !is_asked || row.is_confirmed() || row.is_in_progress(run.process, run.now) {
                    continue;
                }
                match self.confirm_one(&row, run).await {
                    Ok(changes) => report.changes.add(changes),
                    Err(fault) => {
                        let (certificate, error) = (&row.certificate_id, chain(&fault));
                        tracing::warn!(certificate.id = %certificate, %error, "certificate {certificate}: not confirmed");
                        failed.push(fault);
                    }
                }
            }
            if next.is_none() {
                return first(failed);
            }
            from = next;
        }
    }

    async fn confirm_one(&self, row: &Registration, run: Run<'_>) -> Result<Changes, Fault> {
        let converged = self.convergence(run).converge(row.clone(), &|row| row).await?;
        let is_confirmed = converged.row.as_ref().is_none_or(Registration::is_confirmed);
        Ok(Changes { confirmed: u64::from(is_confirmed), ..Changes::of(&converged) })
    }
}

fn first(failed: Vec<Fault>) -> Result<(), Fault> {
    failed.into_iter().next().map_or(Ok(()), Err)
}
