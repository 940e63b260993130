//! What an attempt has of the invocation that it belongs to.

use std::time::Duration;

use lambda_runtime::Context;
use shared::deadline::time_left;
use shared::registration::Process;
use time::OffsetDateTime;
use tokio::time::Instant;

use crate::profiles::Profiles;

/// Time kept back before the function's deadline, for writing down that the attempt was cut short.
const RESERVE: Duration = Duration::from_millis(1500);
/// Part of it that the writing may take.
const TO_WRITE: Duration = Duration::from_secs(1);
/// Part of an invocation's time in which attempts may begin: each has several turns to wait for.
const TO_BEGIN: f64 = 2.0 / 3.0;
/// Time for an invocation that has no deadline.
const WITHOUT_DEADLINE: Duration = Duration::from_secs(20);

/// What an attempt has of its invocation.
#[derive(Clone, Debug)]
pub(crate) struct Invocation {
    /// Moment by which an attempt has to begin.
    pub(crate) begin_by: Instant,
    /// Moment at which the invocation began.
    pub(crate) begun: Instant,
    /// The function's name.
    pub(crate) function: String,
    /// Time at which the earliest event of the certificate in the batch was published; none of a single event.
    pub(crate) earliest: Option<OffsetDateTime>,
    /// Time at which the invocation began.
    pub(crate) now: OffsetDateTime,
    /// The attempt, as rows know it.
    pub(crate) process: Process,
    /// Profiles of CAs that it has read.
    pub(crate) profiles: Profiles,
    /// Whether the event is from the overflow queue.
    pub(crate) has_waited: bool,
    /// Whether an operator has sent the event: an attempt is made whatever the tables say.
    pub(crate) is_by_hand: bool,
    /// Whether it is too late for an attempt to begin.
    pub(crate) is_late: bool,
    /// Moment by which the attempt has to end.
    pub(crate) until: Instant,
    /// Moment by which it has to be written down what has come of it.
    pub(crate) written_by: Instant,
}

impl Invocation {
    /// An invocation that begins now. All its attempts have to end by the same moment, whenever each of them begins.
    pub(crate) fn new(context: &Context, now: OffsetDateTime) -> Self {
        let left = time_left(OffsetDateTime::from(context.deadline()), now, RESERVE, WITHOUT_DEADLINE);
        let begun = Instant::now();
        Self {
            begin_by: begun + left.mul_f64(TO_BEGIN),
            begun,
            earliest: None,
            function: context.env_config.function_name.clone(),
            has_waited: false,
            is_by_hand: false,
            is_late: false,
            now,
            process: process(context, now),
            profiles: Profiles::default(),
            until: begun + left,
            written_by: begun + left + TO_WRITE,
        }
    }

    /// The time by now: attempts wait for turns and for answers.
    pub(crate) fn present(&self) -> OffsetDateTime {
        self.now.saturating_add(self.begun.elapsed().try_into().unwrap_or(time::Duration::ZERO))
    }

    /// The attempt for a record of its batch: rows tell the attempts of one batch apart. New events are all looked at when the
    /// batch comes; one that has waited may have to wait for the others of its batch, and reads everything then.
    pub(crate) fn at(&self, place: usize) -> Self {
        let Process { id, until } = &self.process;
        let profiles = if self.has_waited { Profiles::default() } else { self.profiles.clone() };
        Self { process: Process { id: format!("{id}/{place}"), until: *until }, profiles, ..self.clone() }
    }
}

/// The attempt as rows know it. Lambda gives an event that it delivers again the same request id, and a later deadline.
fn process(context: &Context, now: OffsetDateTime) -> Process {
    let deadline = OffsetDateTime::from(context.deadline());
    let until = if deadline > now { deadline } else { now + WITHOUT_DEADLINE };
    Process { id: format!("{}/{}", context.request_id, context.deadline), until }
}
