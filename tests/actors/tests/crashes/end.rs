//! Where certificates may end.

use actors::activation::nobody_is_half_in;
use actors::checking::run_as;
use crl_checker::Request;
use shared::decision::Decision;
use shared::port::CertificateStatus::{self, Active, Inactive, Revoked};
use shared::registration::Registration;
use shared::testing::FakeCloud;

use crate::scene::{Entries, Past, Story};

/// Where the certificates have ended.
pub(crate) struct End<'e> {
    pub(crate) cloud: &'e FakeCloud,
    /// Whether the last one is younger than the others.
    pub(crate) is_last_youngest: bool,
    /// What the newest verified list says.
    pub(crate) newest: Entries,
    pub(crate) rows: [Vec<Registration>; 3],
    pub(crate) statuses: [Option<CertificateStatus>; 3],
    pub(crate) story: &'e Story,
}

impl End<'_> {
    pub(crate) fn check(&self) -> Result<(), String> {
        let problem = nobody_is_half_in(self.cloud).err().or_else(|| self.problem());
        let found = || format!("{:?}, newest list {:?}, rows {:#?}", self.statuses, self.newest, self.rows);
        problem.map_or(Ok(()), |problem| Err(format!("{problem}: {}", found())))
    }

    fn problem(&self) -> Option<String> {
        let problem = self.break_in().or_else(|| self.locked_out());
        problem.map(ToOwned::to_owned).or_else(|| self.untold()).or_else(|| self.restless())
    }

    fn is(&self, place: usize, status: &CertificateStatus) -> bool {
        self.statuses[place].as_ref() == Some(status)
    }

    /// Who is inside and must not be.
    fn break_in(&self) -> Option<&'static str> {
        let active = (0..3).filter(|place| self.is(*place, &Active)).count();
        if active > 1 && !self.story.joined {
            return Some("more than one is ACTIVE");
        }
        if (0..3).any(|place| self.is(place, &Active) && self.newest[place].is_some()) {
            return Some("ACTIVE, and on the newest list");
        }
        let is_undone = |place| {
            let Past { deleted, switched_off_for_good, .. } = self.story.of[place];
            switched_off_for_good && !deleted && self.is(place, &Active)
        };
        (0..3).any(is_undone).then_some("what an operator has switched off is ACTIVE")
    }

    /// Who is outside and nothing is against it.
    fn locked_out(&self) -> Option<&'static str> {
        let Past { held, revoked, switched_off, .. } = self.story.of[2];
        let may_be_out = self.story.released || self.story.rule_changed || revoked || switched_off;
        if self.is_last_youngest && !may_be_out {
            if !held && self.statuses[2].is_some() && !self.is(2, &Active) {
                return Some("nothing is against the youngest one, and it is not ACTIVE");
            }
            if self.newest[2].is_none() && self.is(2, &Inactive) {
                return Some("the hold of the youngest one has ended, and it is INACTIVE");
            }
        }
        let is_told = |place: usize| self.rows[place].iter().any(|row| row.activated_at.is_some());
        let was_in = |place: usize| self.story.of[place].has_been_in || is_told(place);
        let is_free = |place: usize| {
            let Past { deleted, revoked, switched_off, .. } = self.story.of[place];
            self.newest[place].is_none() && !deleted && !revoked && !switched_off
        };
        let has_no_other = |place: usize| {
            let mut others = (0..3).filter(|other| *other != place);
            others.all(|other| !was_in(other) && !self.is(other, &Inactive) && !self.is(other, &Active))
        };
        let is_locked_out =
            |place: usize| was_in(place) && is_free(place) && self.is(place, &Inactive) && has_no_other(place);
        let may_be_locked_out = self.story.released || !(0..3).any(is_locked_out);
        (!may_be_locked_out).then_some("the only one that ever came in is INACTIVE, and nothing is against it")
    }

    /// Rows that tell something else than what is.
    fn untold(&self) -> Option<String> {
        let certificates = self.cloud.state().certificates;
        let is_out = |by| certificates.get(by).is_some_and(|found| found.status != Active);
        for (place, status) in self.statuses.iter().enumerate() {
            let Some(status) = status else { continue };
            for row in &self.rows[place] {
                // It stays until its successor is in, which may wait for the end of a hold.
                let awaits = *status == Active && row.superseded_by.as_ref().is_some_and(is_out);
                let is_unseen = self.story.of[place].switched_off && *status == Inactive;
                let is_told = is_unseen || row.status.as_ref().is_none_or(|known| known == status);
                if !is_told || !(row.is_confirmed() || awaits) {
                    return Some(format!("row {place} does not tell what AWS IoT has"));
                }
                let is_right = match status {
                    Active => row.admitted_at.is_none() || row.decision == Decision::Activated,
                    Inactive if is_unseen => true,
                    Inactive if row.is_on_hold() && row.switched_off_at.is_none() => row.decision == Decision::Held,
                    Inactive => row.decision == Decision::NotPending,
                    Revoked => matches!(row.decision, Decision::Revoked | Decision::NotPending),
                    _ => row.decision != Decision::Activated,
                };
                if !is_right {
                    return Some(format!("row {place} tells {} ({})", row.decision, row.reason));
                }
            }
        }
        None
    }

    /// What a run does that has nothing to do.
    fn restless(&self) -> Option<String> {
        let fork = self.cloud.fork();
        let before = (fork.rows_of("registrations"), fork.state().certificates);
        // The exploration has the thread's runtime.
        let idle = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
            runtime.unwrap().block_on(run_as("idle", fork.clone(), &Request::default()));
            (fork.rows_of("registrations"), fork.state().certificates)
        });
        (idle.join().unwrap() != before).then(|| "an idle run changes something".to_owned())
    }
}
