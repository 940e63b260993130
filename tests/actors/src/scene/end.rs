//! Where certificates may end.

use std::fmt;

use shared::pki::crl::RevocationReason::{self, CertificateHold};
use shared::port::CertificateStatus::{self, Active, Inactive, PendingActivation, Revoked};
use shared::profile::TakeOver;
use shared::registration::Registration;

use super::{Actor, Published, Start};

/// Actors, lists and rules of one exploration.
pub(super) struct Play<'p> {
    pub(super) actors: &'p [Actor],
    pub(super) faults: usize,
    pub(super) published: Published,
    pub(super) rule: TakeOver,
    pub(super) start: Start,
}

/// Where the certificates have ended; none is one that AWS IoT does not have.
pub(super) struct End {
    /// What the newest verified list says of the older one.
    pub(super) entry: Option<RevocationReason>,
    pub(super) new: Option<CertificateStatus>,
    pub(super) old: Option<CertificateStatus>,
}

impl Play<'_> {
    pub(super) fn has(&self, actor: Actor) -> bool {
        self.actors.contains(&actor)
    }

    /// All that the CA has published, that of the n-th actor at place n.
    pub(super) fn lists(&self) -> Vec<Published> {
        let of_actors = self.actors.iter().map(|actor| match actor {
            Actor::Publish(published) | Actor::PublishAndRun(published) => *published,
            _ => Published::Nothing,
        });
        [self.published].into_iter().chain(of_actors).collect()
    }

    /// Whether a newcomer may have to wait for a list.
    fn may_be_late(&self) -> bool {
        let is_missing = |published: &Published| matches!(published, Published::Expired(_) | Published::Nothing);
        let of_actors = self
            .actors
            .iter()
            .any(|actor| matches!(actor, Actor::Publish(list) | Actor::PublishAndRun(list) if is_missing(list)));
        is_missing(&self.published) || of_actors
    }

    /// Whether a list has revoked the older certificate for good, though a later one may not.
    fn may_be_revoked(&self) -> bool {
        let revokes = |published: &Published| match published {
            Published::New(reason) | Published::Expired(reason) => {
                reason.is_some_and(|reason| reason != CertificateHold)
            }
            Published::RolledBack(_) | Published::Nothing => false,
        };
        self.lists().iter().any(revokes)
    }

    /// Whether the operator's INACTIVE may have met a certificate that was INACTIVE by a hold, which AWS IoT does not tell
    /// from it, or have been undone by another operator, or have failed.
    fn may_be_overlooked(&self) -> bool {
        let holds = |list: &Published| matches!(list, Published::New(Some(_)) | Published::Expired(Some(_)));
        let is_held = self.start.is_listed() || self.lists().iter().any(holds);
        is_held || self.faults > 0 || self.has(Actor::Delete) || self.has(Actor::Reregister)
    }

    /// Whether younger certificates replace older ones all the time.
    fn rotates(&self) -> bool {
        self.rule == TakeOver::Rotate && self.keeps_rule()
    }

    fn keeps_rule(&self) -> bool {
        !self.actors.iter().any(|actor| matches!(actor, Actor::Rule(_)))
    }

    /// Whether one of the two certificates is ACTIVE all the time: one was when the actors began, younger ones replace older
    /// ones, and no list and no operator is against either.
    pub(super) fn is_always_in(&self) -> bool {
        let is_free = |list: &Published| {
            matches!(
                list,
                Published::Nothing | Published::New(None) | Published::Expired(None) | Published::RolledBack(_)
            )
        };
        let is_harmless =
            |actor: &Actor| !matches!(actor, Actor::SwitchOff | Actor::Delete | Actor::Reregister | Actor::Release);
        matches!(self.start, Start::Inside | Start::Freed | Start::Replaced)
            && self.lists().iter().all(is_free)
            && self.actors.iter().all(is_harmless)
    }

    pub(super) fn check(&self, end: &End) -> Result<(), String> {
        let (is_old_in, is_new_in) = (end.old == Some(Active), end.new == Some(Active));
        if is_old_in && is_new_in && !self.has(Actor::Rule(TakeOver::Join)) && self.rule != TakeOver::Join {
            return Err("two ACTIVE".to_owned());
        }
        if is_old_in && end.entry.is_some() {
            return Err("the older one is on the newest list".to_owned());
        }
        if let (Some(wanted), Some(old)) = (self.wanted(end), &end.old)
            && !wanted.contains(old)
        {
            return Err(format!("the older one should be one of {wanted:?}"));
        }
        if self.is_always_in() && !is_old_in && !is_new_in {
            return Err("the device is locked out".to_owned());
        }
        if !self.has(Actor::Release) {
            return self.check_younger(end);
        }
        // It may have lost its thing, and nobody keeps it waiting.
        let is_waiting = end.new == Some(PendingActivation);
        if is_waiting && self.rotates() && self.has(Actor::Younger) && !self.may_be_late() {
            return Err("nothing keeps the younger one waiting".to_owned());
        }
        Ok(())
    }

    /// Every row is confirmed, and tells what AWS IoT has.
    pub(super) fn check_rows(&self, rows: &[Registration], status: &CertificateStatus) -> Result<(), String> {
        // No run asks AWS IoT about a certificate that no list and no attempt is about.
        let is_unseen = self.has(Actor::SwitchOff) && *status == Inactive;
        let is_told = |row: &&Registration| {
            let known = row.status.as_ref().unwrap_or(&PendingActivation);
            row.is_confirmed() && (is_unseen || known == status)
        };
        let wrong = rows.iter().find(|row| !is_told(row));
        wrong.map_or(Ok(()), |row| Err(format!("AWS IoT has {status}: {row:?}")))
    }

    /// Nothing is against the younger certificate but the older one, where certificates do not replace each other.
    fn check_younger(&self, end: &End) -> Result<(), String> {
        let is_in = end.new == Some(Active);
        let was_in = self.start == Start::Replaced;
        let has_come = was_in || (self.has(Actor::Younger) && !self.may_be_late());
        let joins = self.rule == TakeOver::Join && self.keeps_rule();
        if has_come && (self.rotates() || joins) && !is_in {
            return Err("nothing is against the younger one".to_owned());
        }
        let may_be_taken = has_come && !was_in && !self.rotates();
        if end.new == Some(Inactive) && !may_be_taken {
            return Err("nothing is against the younger one".to_owned());
        }
        Ok(())
    }

    /// Where the older certificate may be; none where anything that the other checks let pass is right.
    fn wanted(&self, end: &End) -> Option<Vec<CertificateStatus>> {
        let was_in = !self.start.is_pending() || self.has(Actor::Older);
        let is_new = self.start.is_pending() || self.has(Actor::Reregister);
        let mut wanted = match end.entry {
            // It waits for a list that counts.
            _ if is_new && self.may_be_late() => return None,
            Some(CertificateHold) if is_new => vec![Inactive, PendingActivation],
            Some(CertificateHold) if was_in => vec![Inactive],
            // Nobody looks again at what an operator has made of a revoked one.
            Some(_) if was_in && self.has(Actor::SwitchOff) => vec![Inactive, Revoked],
            Some(_) if was_in => vec![Revoked],
            _ if self.has(Actor::SwitchOff) && self.may_be_overlooked() => vec![Active, Inactive, PendingActivation],
            _ if self.has(Actor::SwitchOff) => vec![Inactive],
            _ if self.has(Actor::Release) => return None,
            _ if !self.rotates() && (is_new || self.start == Start::Replaced) => return None,
            _ if !self.rotates() && self.keeps_rule() => vec![Active],
            _ if !self.rotates() => vec![Active, Inactive],
            _ if self.has(Actor::Younger) || self.start == Start::Replaced => vec![Inactive, PendingActivation],
            _ if was_in || self.has(Actor::Reregister) => vec![Active],
            _ => vec![PendingActivation],
        };
        if self.may_be_revoked() && !wanted.contains(&Revoked) {
            wanted.push(Revoked);
        }
        Some(wanted)
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |status: &Option<CertificateStatus>| match status {
            Some(status) => status.as_str().to_owned(),
            None => "gone".to_owned(),
        };
        let Self { entry, new, old } = self;
        write!(f, "the older one is {}, the younger one {}; newest entry {entry:?}", text(old), text(new))
    }
}
