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
    pub(super) bytes_read: u64,
    pub(super) desk: Option<Desk>,
    pub(super) fault: Option<(usize, InjectedFault)>,
    /// How long a call of this name takes.
    latency: Option<fn(&str) -> Duration>,
    pub(super) made: Vec<&'static str>,
    pub(super) state: CloudState,
}

impl Calls {
    /// No call, and this state.
    pub(super) fn of(state: CloudState) -> Self {
        Self { state, ..Self::default() }
    }
}

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

    /// Lets no call meet a fault.
    pub fn plan_nothing(&self) {
        self.lock().fault = None;
    }

    /// Whether a call that is to come meets a fault.
    #[must_use]
    pub fn has_planned(&self) -> bool {
        let calls = self.lock();
        calls.fault.is_some_and(|(at, _)| at >= calls.made.len())
    }

    /// Lets a call take so long as its name tells, from now on.
    pub fn set_latency(&self, latency: fn(&str) -> Duration) {
        self.lock().latency = Some(latency);
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
        let latency = self.lock().latency.unwrap_or(one_second_of_aws_iot)(call.name);
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        let fault = self.note(call.name);
        match fault {
            Some(InjectedFault::DiedBefore) => return std::future::pending().await,
            Some(InjectedFault::Refused) => return None,
            Some(InjectedFault::Stalled) => tokio::time::sleep(Duration::from_secs(30)).await,
            Some(InjectedFault::AnswerLost | InjectedFault::DiedAfter) | None => {}
        }
        let answer = self.apply(&call);
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
        calls.fault.filter(|(at, _)| *at == n).map(|(_, fault)| fault)
    }
}

fn one_second_of_aws_iot(name: &str) -> Duration {
    Duration::from_secs(u64::from(name.starts_with("iot:")))
}
