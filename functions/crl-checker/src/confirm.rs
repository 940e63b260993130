//! Rows whose effect is not confirmed: a process died on the way, or two crossed. Every run brings them to an end.

use std::collections::HashMap;

use lambda_runtime::tracing;
use shared::fault::{Fault, chain};
use shared::id::CaCertificateId;
use shared::port::ListedRegistrations;
use shared::registration::Registration;

use crate::carry::key_of;
use crate::change::Effect;
use crate::checker::{Ports, Run, Sweep};
use crate::report::{Changes, Report};

/// Rows of a CA that may fail before it is not they that are at fault, and its others wait for the next run.
const MAX_FAILED: usize = 100;

impl<P: Ports> Sweep<'_, P> {
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
        let mut from = None;
        let mut failed: Option<Fault> = None;
        let mut failed_of: HashMap<Option<CaCertificateId>, usize> = HashMap::new();
        loop {
            let (ids, next) = self.registrations.unconfirmed(from.as_ref()).await?;
            for row in self.registrations.registrations(&ids).await? {
                if run.is_over() {
                    report.finished = false;
                    return failed.map_or(Ok(()), Err);
                }
                let id = key_of(&row);
                let of = id.authority();
                let failures = failed_of.entry(of.clone()).or_default();
                if authority.is_some() && authority != of.as_ref() {
                    continue;
                }
                if *failures > MAX_FAILED {
                    report.finished = false;
                    continue;
                }
                let failure = match row {
                    Ok(row) => match self.confirm_one(&row, run).await {
                        Ok(effect) => {
                            report.add_one(effect);
                            continue;
                        }
                        Err(fault) => {
                            *failures += 1;
                            fault
                        }
                    },
                    // However many can't be read, it costs the others nothing.
                    Err(unreadable) => unreadable.fault,
                };
                self.withdraw_altered(&failure).await;
                let error = chain(&failure);
                tracing::warn!(registration.id = %id, %error, "registration {id}: not confirmed");
                failed.get_or_insert(failure);
            }
            if next.is_none() {
                return failed.map_or(Ok(()), Err);
            }
            from = next;
        }
    }

    async fn confirm_one(&self, row: &Registration, run: Run<'_>) -> Result<Effect, Fault> {
        if row.is_confirmed() || row.is_in_progress(run.process, run.now) {
            return Ok(Effect::default());
        }
        let converged = self.convergence(run).converge(row.clone(), &|row| row).await?;
        let is_confirmed = converged.row.as_ref().is_none_or(Registration::is_confirmed);
        let changes = Changes { confirmed: u64::from(is_confirmed), ..Changes::of(&converged) };
        Ok(Effect::new(row, &converged, changes))
    }
}
