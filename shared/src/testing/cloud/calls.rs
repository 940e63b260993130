//! The point that every call of a program passes.

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use super::{CloudState, FakeCloud};
use crate::fault::{Fault, FaultKind};
use crate::testing::{InjectedFault, Sent, dynamodb};

/// Calls so far, what is to become of the next ones, and what they change.
#[derive(Debug, Default)]
pub(super) struct Calls {
    pub(super) bytes_read: u64,
    pub(super) fault: Option<(usize, InjectedFault)>,
    pub(super) made: Vec<&'static str>,
    pub(super) state: CloudState,
}

/// An answer that a port gives.
pub(super) trait Reply: Any + Debug + Send + Sync {}

impl<T: Any + Debug + Send + Sync> Reply for T {}

/// A call: what it is named after, and what it does.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) effect: Effect,
    pub(super) name: &'static str,
}

type PortEffect = dyn Fn(&mut CloudState) -> Arc<dyn Reply> + Send + Sync;

/// What a call does.
#[derive(Clone)]
pub(super) enum Effect {
    /// What a port promises.
    Port(Arc<PortEffect>),
    /// What DynamoDB makes of a request.
    Table(Sent),
}

/// What a call is answered.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    Port(Arc<dyn Reply>),
    Table(dynamodb::Answer),
}

impl Call {
    pub(super) fn apply(&self, state: &mut CloudState) -> Answer {
        match &self.effect {
            Effect::Port(effect) => Answer::Port(effect(state)),
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

    /// Makes a call; none if its answer does not arrive.
    pub(super) async fn make(&self, call: Call) -> Option<Answer> {
        if call.name.starts_with("iot:") {
            tokio::time::sleep(Duration::from_secs(1)).await;
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
        call.apply(&mut self.lock().state)
    }

    fn note(&self, name: &'static str) -> Option<InjectedFault> {
        let mut calls = self.lock();
        let n = calls.made.len();
        calls.made.push(name);
        calls.fault.filter(|(at, _)| *at == n).map(|(_, fault)| fault)
    }
}
