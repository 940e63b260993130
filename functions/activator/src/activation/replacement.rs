//! A thing that exists already: the take-over rule applied, and the replaced certificates taken out.

use shared::attachment::Attachment;
use shared::convergence::{change_facts, own_row, rewrite, too_fast};
use shared::decision::{Reason, Verdict};
use shared::fault::{Fault, FaultKind};
use shared::id::CertificateId;
use shared::port::{
    AuthorityStore, CertificateRegistry, CertificateStatus, CrlStates, NewStatus, RegistrationStore, Saved,
    SnapshotPages, Thing, ThingRegistry,
};
use shared::profile::{Rules, TakeOver};
use shared::registration::{Candidate, Registration, RegistrationId, Replaced};
use time::OffsetDateTime;

use super::{Activator, Attempt};
use crate::admission::{Examined, refusal};
use crate::take_over::{self, Facts, Step};

/// How often a thing that changes meanwhile is read again.
const REWRITES: usize = 3;

impl<R, A, S, P> Activator<R, A, S, P>
where
    R: CertificateRegistry + ThingRegistry + Sync,
    A: AuthorityStore + CrlStates + Sync,
    S: RegistrationStore + Sync,
    P: SnapshotPages + Sync,
{
    /// Applies the take-over rule to a thing that exists with other settings than this certificate's. The row then tells
    /// whom the certificate replaces, if it does.
    pub(super) async fn take_over(
        &self,
        examined: &Examined,
        rules: &Rules,
        attempt: &mut Attempt,
    ) -> Result<Result<(), Verdict>, Fault> {
        let Examined { candidate, thing } = examined;
        for _ in 0..REWRITES {
            let (found, principals) =
                tokio::try_join!(self.registry.thing(&thing.name), self.registry.principals(&thing.name))?;
            let Some(found) = found else { break };
            if take_over::is_own(candidate, &found, &principals) {
                return Ok(Ok(()));
            }
            let holder = self.holder(candidate, &found).await?;
            let attachment = match rules.take_over {
                TakeOver::Refuse => Attachment::default(),
                TakeOver::Join | TakeOver::Rotate => Attachment::read(&self.registry, &principals).await?,
            };
            let version = found.version;
            let on_hold = self.on_hold(candidate, &attachment).await?;
            let facts = Facts { attachment, holder, on_hold, thing: found };
            let replaced = match take_over::decide(rules.take_over, candidate, &facts, attempt.now) {
                Err(verdict) => return Ok(Err(verdict)),
                Ok(Step::Attach) => return Ok(Ok(())),
                Ok(Step::Replace(replaced)) => replaced,
            };
            self.say_replacing(replaced, attempt).await?;
            if self.registry.rewrite_thing(thing, version).await? {
                return Ok(Ok(()));
            }
        }
        let problem = format!("the thing {} changes faster than it can be read", thing.name);
        Err(Fault::new("iot:UpdateThing", FaultKind::Unavailable, problem))
    }

    /// Whether nobody else is inside on a thing that was made for the certificate: the rule may have been another one when an
    /// earlier attempt made it, or took it over.
    pub(super) async fn check_alone(&self, examined: &Examined) -> Result<Result<(), Verdict>, Fault> {
        let principals = self.registry.principals(&examined.thing.name).await?;
        let attachment = Attachment::read(&self.registry, &principals).await?;
        for attached in attachment.certificates {
            if attached.id == examined.candidate.certificate_id {
                continue;
            }
            let row = match &attached.candidate {
                Some(found) => self.registrations.registration(&found.id).await?,
                None => None,
            };
            // A mark of this certificate's own, left by an attempt under another rule, does not keep it out.
            let by_others = |row: &Registration| {
                row.superseded_by.as_ref().is_some_and(|by| *by != examined.candidate.certificate_id)
            };
            let comes_back = row.is_some_and(|row| {
                let is_out = by_others(&row) || row.released_at.is_some();
                row.certificate_id == attached.id && row.is_on_hold() && !is_out
            });
            if attached.is_active() || comes_back {
                return Ok(Err(refusal(Reason::ThingTaken, format!("the thing has certificate {}", attached.id))));
            }
        }
        Ok(Ok(()))
    }

    /// The row of the certificate that the thing was made for. A younger one that was never in, and never will be, holds
    /// nothing.
    async fn holder(&self, candidate: &Candidate, thing: &Thing) -> Result<Option<Registration>, Fault> {
        let own = Some(&candidate.ca_certificate_id);
        let Some(id) = thing.registration_id.as_ref().filter(|id| id.authority().as_ref() == own) else {
            return Ok(None);
        };
        let Some(holder) = self.registrations.registration(id).await? else { return Ok(None) };
        if holder.activated_at.is_some() || holder.not_before() <= candidate.not_before {
            return Ok(Some(holder));
        }
        let is_gone = holder.is_revoked() || self.registry.certificate(&holder.certificate_id).await?.is_none();
        Ok(Some(holder).filter(|_| !is_gone))
    }

    /// When those on the thing begin to be valid that come back when their hold ends, if that is later than the candidate.
    async fn on_hold(&self, candidate: &Candidate, attachment: &Attachment) -> Result<Vec<OffsetDateTime>, Fault> {
        let mut starts = Vec::new();
        for attached in &attachment.certificates {
            let Some(found) = attached.candidate.as_ref().filter(|found| found.not_before > candidate.not_before)
            else {
                continue;
            };
            if attached.is_active() {
                continue;
            }
            let row = self.registrations.registration(&found.id).await?;
            let is_on_hold = row.is_some_and(|row| row.certificate_id == attached.id && row.is_on_hold());
            starts.extend(found.not_before.filter(|_| is_on_hold));
        }
        Ok(starts)
    }

    /// Writes whom the certificate replaces, into the row that the gate was asked for: what a CRL has said of it since is
    /// not to be missed.
    async fn say_replacing(&self, replaced: Replaced, attempt: &mut Attempt) -> Result<(), Fault> {
        let Some(row) = attempt.row.clone() else { return Ok(()) };
        match self.registrations.save(&row, row.clone().replacing(replaced)).await? {
            Saved::Done(row) => attempt.row = Some(row),
            Saved::Outdated(_) => return Err(too_fast(&row.registration_id)),
        }
        Ok(())
    }

    /// Writes into the rows of every older certificate of the CA on the thing that this certificate takes it over, ACTIVE
    /// or not: one that is on hold must not come back when the hold ends. They stay as they are until this one is in.
    ///
    /// A younger one that has come meanwhile keeps the certificate out. A mark that stands already is written again: whoever
    /// was about to take it away finds the row changed.
    pub(super) async fn mark_replaced(
        &self,
        examined: &Examined,
        attempt: &Attempt,
    ) -> Result<Result<Vec<Registration>, Verdict>, Fault> {
        let (candidate, now) = (&examined.candidate, attempt.now);
        let principals = self.registry.principals(&examined.thing.name).await?;
        let attachment = Attachment::read(&self.registry, &principals).await?;
        let on_hold = self.on_hold(candidate, &attachment).await?;
        if let Err(verdict) = take_over::check_age(candidate, &attachment, on_hold) {
            return Ok(Err(verdict));
        }
        let rows = self.rows_to_replace(examined, &attachment, attempt).await?;
        let is_inside = |row: &Registration| {
            attachment.certificates.iter().any(|found| found.id == row.certificate_id && found.is_active())
        };
        let mut marked = Vec::new();
        for row in rows {
            let earlier = self.completed_take_over(&row, candidate, &attachment).await?;
            let mark = |row: Registration| {
                let is_out_already = earlier.is_some() && row.superseded_by == earlier;
                let row = if is_out_already { row } else { row.superseded(candidate, now) };
                // Other hands have let it in, which its row does not tell: should this attempt die, a run looks at it.
                if is_inside(&row) && row.status != Some(CertificateStatus::Active) {
                    row.intending(&attempt.process, NewStatus::Inactive)
                } else {
                    row
                }
            };
            marked.extend(rewrite(&self.registrations, row, &mark).await?);
        }
        Ok(Ok(marked))
    }

    /// The rows of the certificates that are to be replaced: whom the attempt's row names, and the older ones on the thing.
    async fn rows_to_replace(
        &self,
        examined: &Examined,
        attachment: &Attachment,
        attempt: &Attempt,
    ) -> Result<Vec<Registration>, Fault> {
        let (candidate, now) = (&examined.candidate, attempt.now);
        let mut rows = Vec::new();
        if let Some(Replaced::Registration(id)) = attempt.row.as_ref().and_then(|row| row.replacing.as_ref()) {
            // It may be on its way in, and not attached yet. It is another thing's if the names have changed since.
            let row = self.registrations.registration(id).await?;
            rows.extend(row.filter(|row| row.thing_name.as_ref() == Some(&examined.thing.name)));
        }
        for old in take_over::outdated(candidate, &attachment.certificates) {
            let Some(found) = &old.candidate else { continue };
            if rows.iter().all(|row| row.certificate_id != found.certificate_id) {
                let row = own_row(&self.registrations, found).await?;
                let new = |found: &Candidate| {
                    let found = Candidate { thing_name: Some(examined.thing.name.clone()), ..found.clone() };
                    Registration::new(&found, now).seen(&old.registered.status, now)
                };
                rows.push(row.or_new(new));
            }
        }
        Ok(rows)
    }

    /// Takes the marks of an earlier attempt back, which was to replace others under another rule: they share the thing.
    pub(super) async fn share_with_others(
        &self,
        examined: &Examined,
        rules: &Rules,
        attempt: &Attempt,
    ) -> Result<(), Fault> {
        if rules.take_over != TakeOver::Join || !attempt.is_repeated {
            return Ok(());
        }
        let principals = self.registry.principals(&examined.thing.name).await?;
        let attachment = Attachment::read(&self.registry, &principals).await?;
        for row in self.rows_to_replace(examined, &attachment, attempt).await? {
            let share = |row: Registration| row.not_superseded(&examined.candidate.certificate_id);
            if !row.is_new() {
                change_facts(&self.registrations, row, &share).await?;
            }
        }
        Ok(())
    }

    /// The certificate that has taken the thing over from this row's before the candidate came. Should the candidate never
    /// come in, this row's certificate stays out all the same.
    async fn completed_take_over(
        &self,
        row: &Registration,
        candidate: &Candidate,
        attachment: &Attachment,
    ) -> Result<Option<CertificateId>, Fault> {
        let Some(successor) = row.superseded_by.clone().filter(|by| *by != candidate.certificate_id) else {
            return Ok(None);
        };
        let found = match row.superseded_by_registration.as_deref().map(RegistrationId::from_text) {
            Some(id) => self.registrations.registration(&id).await?,
            None => None,
        };
        let found = found.filter(|found| found.certificate_id == successor);
        if found.as_ref().is_some_and(|found| found.thing_name.is_some() && found.thing_name != row.thing_name) {
            return Ok(None);
        }
        // Whoever is inside has to go, whatever has become of who was to replace it before.
        if attachment.certificates.iter().any(|found| found.id == row.certificate_id && found.is_active()) {
            return Ok(None);
        }
        let is_in = attachment.certificates.iter().any(|found| found.id == successor && found.is_active());
        let was_in = is_in || found.is_none_or(|found| found.activated_at.is_some());
        Ok(was_in.then_some(successor))
    }

    /// Takes those out that were replaced. Once the certificate is ACTIVE it marks them again: a look at the row before may
    /// have found that it would never come in.
    pub(super) async fn retire_replaced(
        &self,
        candidate: &Candidate,
        replaced: Vec<Registration>,
        attempt: &Attempt,
    ) -> Result<(), Fault> {
        let is_in = attempt.row.as_ref().is_some_and(|row| row.status == Some(CertificateStatus::Active));
        let change = |row: Registration| if is_in { row.superseded(candidate, attempt.now) } else { row };
        for row in replaced {
            self.convergence(attempt).converge(row, &change).await?;
        }
        Ok(())
    }
}
