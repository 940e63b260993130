//! The CRL checker, what a run of it works on, and what is the same for all of the run.

use shared::port::{
    Attachments, AuthorityStore, CertificateRegistry, CrlPublication, ListedRegistrations, RegistrationStore, Sessions,
    SnapshotStore,
};
use shared::registration::Process;
use shared::revocation::{SnapshotCache, Snapshots};
use shared::snapshot::Scratch;
use time::OffsetDateTime;
use tokio::time::Instant;

use crate::fetch::CrlFetch;
use crate::rehearsal::{Draft, Rehearsable};

/// What does not come from the world.
#[derive(Clone, Debug)]
pub struct Limits {
    /// A CRL that keeps less than so many percent of its entries is kept out.
    pub minimum_share: u8,
    /// Sizes of the portions of work.
    pub portions: Portions,
    /// Storage for snapshots that are being made.
    pub scratch: Scratch,
}

/// How much of the work of a list is done at once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Portions {
    /// Changes after which the state is written: what is repeated at most after a run was killed.
    pub checkpoint: usize,
    /// Up to so many changes are looked up without trying first whether the fleet is smaller.
    pub few: u64,
    /// Registrations that are looked up together; about 300 bytes of memory each.
    pub rows: usize,
    /// Changes that are held at once; about 100 bytes of memory each.
    pub window: usize,
}

impl Default for Portions {
    fn default() -> Self {
        Self { checkpoint: 10_000, few: 10_000, rows: 50_000, window: 131_072 }
    }
}

/// What the checker needs from the world, together.
pub trait Ports {
    /// The `Authorities` table.
    type Authorities: AuthorityStore + CrlPublication + Sync;
    /// The bucket of the snapshots.
    type Bucket: SnapshotStore + Sync;
    /// The way to the sources.
    type Fetcher: CrlFetch + Sync;
    /// The `Registrations` table.
    type Registrations: ListedRegistrations + RegistrationStore + Sync;
    /// AWS IoT's registry.
    type Registry: Attachments + CertificateRegistry + Sync;
    /// Live sessions.
    type Sessions: Sessions + Sync;
}

/// The CRL checker with everything it works on, made once at start.
pub struct Checker<P: Ports> {
    authorities: P::Authorities,
    bucket: P::Bucket,
    cache: SnapshotCache,
    fetcher: P::Fetcher,
    limits: Limits,
    registrations: P::Registrations,
    registry: P::Registry,
    registry_of_comparisons: P::Registry,
    sessions: P::Sessions,
}

impl<P: Ports> Checker<P> {
    /// What one run works on. With a draft, the run changes nothing else.
    pub(crate) fn sweep<'a>(&'a self, draft: Option<&'a Draft>) -> Sweep<'a, P> {
        Sweep {
            authorities: Rehearsable::new(&self.authorities, draft),
            fetcher: &self.fetcher,
            limits: &self.limits,
            registrations: Rehearsable::new(&self.registrations, draft),
            registry: Rehearsable::new(&self.registry, draft),
            registry_of_comparisons: Rehearsable::new(&self.registry_of_comparisons, draft),
            sessions: Rehearsable::new(&self.sessions, draft),
            snapshots: Snapshots::with_cache(Rehearsable::new(&self.bucket, draft), self.cache.clone()),
        }
    }
}

/// One run of the checker.
pub(crate) struct Sweep<'a, P: Ports> {
    pub(crate) authorities: Rehearsable<'a, P::Authorities>,
    pub(crate) fetcher: &'a P::Fetcher,
    pub(crate) limits: &'a Limits,
    pub(crate) registrations: Rehearsable<'a, P::Registrations>,
    registry: Rehearsable<'a, P::Registry>,
    registry_of_comparisons: Rehearsable<'a, P::Registry>,
    pub(crate) sessions: Rehearsable<'a, P::Sessions>,
    pub(crate) snapshots: Snapshots<Rehearsable<'a, P::Bucket>>,
}

impl<'a, P: Ports> Sweep<'a, P> {
    /// AWS IoT's registry as a part of the run may use it.
    pub(crate) fn registry(&self, run: Run<'_>) -> &Rehearsable<'a, P::Registry> {
        if run.is_comparing { &self.registry_of_comparisons } else { &self.registry }
    }
}

/// The parts of a checker.
#[derive(Debug)]
pub struct Parts<R, A, S, B, F, L> {
    /// The `Authorities` table.
    pub authorities: A,
    /// The bucket of the snapshots.
    pub bucket: B,
    /// The way to the sources.
    pub fetcher: F,
    /// What does not come from the world.
    pub limits: Limits,
    /// The `Registrations` table.
    pub registrations: S,
    /// AWS IoT's registry, to carry out what has changed in the lists.
    pub registry: R,
    /// The same for the comparison of all registrations: it must not keep another run's revocations waiting.
    pub registry_of_comparisons: R,
    /// Live sessions.
    pub sessions: L,
}

/// What is the same for all of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run<'a> {
    pub(crate) accept_shrunk: bool,
    /// Whether all registrations are being compared.
    pub(crate) is_comparing: bool,
    pub(crate) now: OffsetDateTime,
    pub(crate) process: &'a Process,
    pub(crate) until: Instant,
}

impl Run<'_> {
    /// Whether the time is up.
    pub(crate) fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }
}

impl<R, A, S, B, F, L> Ports for Parts<R, A, S, B, F, L>
where
    R: Attachments + CertificateRegistry + Sync,
    A: AuthorityStore + CrlPublication + Sync,
    S: ListedRegistrations + RegistrationStore + Sync,
    B: SnapshotStore + Sync,
    F: CrlFetch + Sync,
    L: Sessions + Sync,
{
    type Authorities = A;
    type Bucket = B;
    type Fetcher = F;
    type Registrations = S;
    type Registry = R;
    type Sessions = L;
}

impl<R, A, S, B, F, L> Checker<Parts<R, A, S, B, F, L>>
where
    B: SnapshotStore + Sync,
    Parts<R, A, S, B, F, L>:
        Ports<Authorities = A, Bucket = B, Fetcher = F, Registrations = S, Registry = R, Sessions = L>,
{
    /// Puts the parts together.
    pub fn new(parts: Parts<R, A, S, B, F, L>) -> Self {
        let Parts { authorities, bucket, fetcher, limits, registrations, registry, registry_of_comparisons, sessions } =
            parts;
        let cache = SnapshotCache::default();
        Self { authorities, bucket, cache, fetcher, limits, registrations, registry, registry_of_comparisons, sessions }
    }
}
