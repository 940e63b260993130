//! The point that every call of a program passes.

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use super::desk::{Desk, Ticket};
use super::{CloudState, FakeCloud};
use crate::fault::{Fault, FaultKind};
use crate::testing::{InjectedFault, Sent, dynamodb};

/// Calls so far, what is to become of the next ones, and what they change.
#[derive(Debug, Default)]
pub(super) struct Calls {
    /// The first call after which the invariant did not hold.
    broken_after: Option<usize>,
    delays: Option<fastrand::Rng>,
    faults: Vec<(usize, InjectedFault)>,
    invariant: Option<Invariant>,
    pub(super) bytes_read: u64,
    pub(super) desk: Option<Desk>,
    pub(super) fault: Option<(usize, InjectedFault)>,
    pub(super) made: Vec<&'static str>,
    pub(super) state: CloudState,
}

impl Calls {
    /// No call, and this state.
    pub(super) fn of(state: CloudState) -> Self {
        Self { state, ..Self::default() }
    }
}

/// What has to hold after every call.
type Invariant = fn(&CloudState) -> bool;

/// An answer that a port gives.
pub(in crate::testing) trait Reply: Any + Debug + Send + Sync {}

impl<T: Any + Debug + Send + Sync> Reply for T {}

/// A call: what it is named after, and what it does.
#[derive(Clone)]
pub(in crate::testing) struct Call {
    pub(in crate::testing) effect: Effect,
    pub(in crate::testing) name: &'static str,
}

type PortEffect = dyn Fn(&mut CloudState) -> Arc<dyn Reply> + Send + Sync;

/// What a call does.
#[derive(Clone)]
pub(in crate::testing) enum Effect {
    /// What a port promises.
    Port(Arc<PortEffect>),
    /// None: the actor begins an attempt of this name, and knows nothing of those before it.
    NewAttempt(Arc<str>),
    /// What DynamoDB makes of a request.
    Table(Arc<Sent>),
}

/// What a call is answered.
#[derive(Clone, Debug)]
pub(in crate::testing) enum Answer {
    Port(Arc<dyn Reply>),
    Table(dynamodb::Answer),
}

impl Call {
    pub(in crate::testing) fn apply(&self, state: &mut CloudState) -> Answer {
        match &self.effect {
            Effect::Port(effect) => Answer::Port(effect(state)),
            Effect::NewAttempt(_) => Answer::Port(Arc::new(())),
            Effect::Table(sent) => Answer::Table(state.answer(sent)),
        }
    }
}

impl FakeCloud {
    /// Lets the n-th call from now (the first is 0) meet a fault, once.
    pub fn plan(&self, n: usize, fault: InjectedFault) {
        let mut calls = self.lock();
        calls.fault = Some((calls.made.len() + n, fault));
    }

    /// From now on calls and answers take up to four seconds of tokio's clock each, as follows from the seed, and these
    /// calls, counted from now, meet faults. Seed 0 ends it.
    pub fn shuffle(&self, seed: u64, faults: &[(usize, InjectedFault)]) {
        let mut calls = self.lock();
        let made = calls.made.len();
        calls.delays = (seed > 0).then(|| fastrand::Rng::with_seed(seed));
        calls.faults = faults.iter().map(|(at, fault)| (made + at, *fault)).collect();
    }

    /// Checks after every call from now on that this holds.
    pub fn watch(&self, invariant: fn(&CloudState) -> bool) {
        self.lock().invariant = Some(invariant);
    }

    /// The number of the first call after which what is watched did not hold.
    #[must_use]
    pub fn broken_after(&self) -> Option<usize> {
        self.lock().broken_after
    }

    fn check_invariant(&self) {
        let mut calls = self.lock();
        let is_broken = calls.invariant.is_some_and(|holds| !holds(&calls.state));
        if is_broken {
            let last = calls.made.len().saturating_sub(1);
            calls.broken_after.get_or_insert(last);
        }
    }

    async fn delay(&self) {
        let delay = self.lock().delays.as_mut().map(|delays| Duration::from_millis(delays.u64(..4_000)));
        if let Some(delay) = delay {
            tokio::time::sleep(delay).await;
        }
    }

    /// Lets no call meet a fault.
    pub fn plan_nothing(&self) {
        self.lock().fault = None;
    }

    /// The names of all calls so far, as AWS names the operations.
    #[must_use]
    pub fn calls(&self) -> Vec<&'static str> {
        self.lock().made.clone()
    }

    /// Bytes read from the snapshots so far, page by page.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.lock().bytes_read
    }

    /// Makes a call that changes the state, as a step of somebody for whom there is no port: an operator, a CA.
    ///
    /// # Errors
    /// The fault that the call meets.
    pub async fn call<T>(
        &self,
        name: &'static str,
        effect: impl Fn(&mut CloudState) -> T + Send + Sync + 'static,
    ) -> Result<T, Fault>
    where
        T: Clone + Debug + Send + Sync + 'static,
    {
        let effect: Effect = Effect::Port(Arc::new(move |state| Arc::new(effect(state))));
        match self.make(Call { effect, name }).await {
            Some(Answer::Port(reply)) => {
                let reply: Arc<dyn Any + Send + Sync> = reply;
                Ok(reply.downcast_ref::<T>().expect("the effect's own answer").clone())
            }
            Some(Answer::Table(_)) => unreachable!("DynamoDB is asked on the wire"),
            None => Err(Fault::new(name, FaultKind::Unavailable, "injected fault")),
        }
    }

    /// Begins an attempt, as a new process does: from here on the actor does what it does on account of this name, and not
    /// of anything that it was answered before. An exploration goes on from here once, whatever came before. It is no
    /// call, and no fault meets it.
    pub async fn begin_attempt(&self, name: &str) {
        if self.is_explored() {
            Ticket::new(self, Call { effect: Effect::NewAttempt(name.into()), name: "(attempt)" }).await;
        }
    }

    /// Makes a call; none if its answer does not arrive.
    pub(super) async fn make(&self, call: Call) -> Option<Answer> {
        if self.is_explored() {
            return Ticket::new(self, call).await;
        }
        if call.name.starts_with("iot:") {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        self.delay().await;
        let fault = self.note(call.name);
        match fault {
            Some(InjectedFault::DiedBefore) => return std::future::pending().await,
            Some(InjectedFault::Refused) => return None,
            Some(InjectedFault::Stalled) => tokio::time::sleep(Duration::from_secs(30)).await,
            Some(InjectedFault::AnswerLost | InjectedFault::DiedAfter) | None => {}
        }
        let answer = self.apply(&call);
        self.check_invariant();
        self.delay().await;
        match fault {
            Some(InjectedFault::DiedAfter) => std::future::pending().await,
            Some(InjectedFault::AnswerLost) => None,
            _ => Some(answer),
        }
    }

    pub(super) fn apply(&self, call: &Call) -> Answer {
        self.change(|state| call.apply(state))
    }

    fn note(&self, name: &'static str) -> Option<InjectedFault> {
        let mut calls = self.lock();
        let n = calls.made.len();
        calls.made.push(name);
        let planned = calls.faults.iter().find(|(at, _)| *at == n).map(|(_, fault)| *fault);
        planned.or_else(|| calls.fault.filter(|(at, _)| *at == n).map(|(_, fault)| fault))
    }
}
