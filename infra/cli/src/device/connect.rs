//! A device's way in: the refused first connection, the wait for the activator, the first message.

use std::fmt;
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use serde::Serialize;
use shared::fault::chain;
use tokio::time::{Instant, sleep};

use super::session::{Channel, Message, Session, SessionError, Target};

/// How a device goes about its way in.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to, as whom.
    pub target: Target,
    /// What to publish once let in.
    pub message: Message,
    /// For how long to go on; the last attempt begins when the time is up.
    pub time_out: Duration,
    /// How long one attempt may wait for each answer.
    pub patience: Duration,
    /// The pauses between attempts.
    pub back_off: BackOff,
}

/// Pauses that double up to a limit, each of them lengthened by a random part of itself.
///
/// The random part keeps a fleet that was switched on at once from coming back at once. AWS IoT takes one CONNECT per
/// second and client id, so that a first pause below a second gains nothing there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BackOff {
    /// The first pause without its random part.
    pub first: Duration,
    /// The longest pause without its random part.
    pub longest: Duration,
}

impl Default for BackOff {
    fn default() -> Self {
        Self { first: Duration::from_secs(1), longest: Duration::from_secs(8) }
    }
}

impl BackOff {
    fn pauses(self) -> impl Iterator<Item = Duration> {
        ExponentialBuilder::new()
            .with_min_delay(self.first)
            .with_max_delay(self.longest)
            .without_max_times()
            .with_jitter()
            .build()
    }
}

/// What happened on the way in.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(tag = "step", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Step {
    /// A connection is being opened.
    Connecting {
        /// Counted from 1.
        attempt: u32,
        /// Host and port.
        endpoint: String,
        /// MQTT client id.
        client_id: String,
    },
    /// TLS stands, CONNECT goes out.
    Secured {
        /// Counted from 1.
        attempt: u32,
    },
    /// The service closed the connection instead of answering CONNECT: the certificate is not active.
    Closed {
        /// Counted from 1.
        attempt: u32,
    },
    /// The attempt ended before CONNACK in another way.
    Failed {
        /// Counted from 1.
        attempt: u32,
        /// In words.
        fault: String,
    },
    /// CONNACK: the device is in.
    Connected {
        /// Counted from 1.
        attempt: u32,
    },
    /// The message goes out, to be acknowledged.
    Publishing {
        /// Topic name.
        topic: String,
        /// Length of the payload in bytes.
        bytes: usize,
    },
    /// The connection ended while PUBACK was awaited.
    CutOff {
        /// Counted from 1.
        attempt: u32,
        /// In words.
        fault: String,
    },
    /// PUBACK: the message was accepted.
    Accepted {
        /// Topic name.
        topic: String,
    },
    /// A pause before the next attempt.
    Waiting {
        /// Its length in milliseconds.
        pause_ms: u64,
    },
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connecting { attempt, endpoint, client_id } => {
                write!(f, "connecting to {endpoint} as client {client_id} (attempt {attempt})")
            }
            Self::Secured { .. } => f.write_str("tls established with the device certificate, CONNECT sent"),
            Self::Closed { attempt: 1 } => f.write_str(
                "connection 1 closed by the service: expected on first contact, \
                 when the certificate is registered and waits for the activator",
            ),
            Self::Closed { attempt } => {
                write!(
                    f,
                    "connection {attempt} closed by the service: the certificate is not active yet, \
                     or its policy does not allow the client id"
                )
            }
            Self::Failed { attempt, fault } => write!(f, "connection {attempt} failed: {fault}"),
            Self::Connected { attempt } => write!(f, "connection {attempt} accepted (CONNACK)"),
            Self::Publishing { topic, bytes } => write!(f, "publishing {bytes} bytes to {topic} at qos 1"),
            Self::CutOff { attempt, fault } => write!(
                f,
                "connection {attempt} cut off while publishing ({fault}): the policy does not allow the topic, \
                 or has not taken effect yet",
            ),
            Self::Accepted { .. } => f.write_str("message accepted (PUBACK)"),
            Self::Waiting { pause_ms } => {
                write!(f, "next attempt in {:.1} s", Duration::from_millis(*pause_ms).as_secs_f32())
            }
        }
    }
}

/// A device that was let in and whose message was accepted.
#[derive(Debug)]
pub struct Admitted {
    /// Connections opened, the successful one included.
    pub attempts: u32,
    /// From the first attempt to PUBACK.
    pub elapsed: Duration,
    /// The open session.
    pub session: Session,
}

/// Why a device is still outside.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The service was reached and did not accept the device, or its message, in time.
    #[error("not let in after {} and {:.1} s", connections(*attempts), elapsed.as_secs_f32())]
    NotAdmitted {
        /// Connections opened.
        attempts: u32,
        /// From the first attempt to the end of the last.
        elapsed: Duration,
        /// How the last one ended.
        #[source]
        last: SessionError,
    },
    /// The first attempt did not reach the service: a matter of endpoint, network or trust, not of registration.
    #[error("no connection to the service")]
    Unreachable(#[source] SessionError),
}

fn connections(attempts: u32) -> String {
    if attempts == 1 { "1 connection".to_owned() } else { format!("{attempts} connections") }
}

/// Connects until the device is let in, and publishes its message. `on_step` hears of each step and of the time since
/// the beginning.
///
/// # Errors
/// [`ConnectError::NotAdmitted`] when the time is up, or at once when the service refuses the certificate in the TLS
/// handshake: that does not pass by itself. [`ConnectError::Unreachable`] if the first attempt got nowhere.
pub async fn connect(
    options: &Options,
    on_step: &mut (dyn FnMut(Duration, &Step) + Send),
) -> Result<Admitted, ConnectError> {
    let begun = Instant::now();
    let mut pauses = options.back_off.pauses();
    let mut attempt = 0;
    loop {
        attempt += 1;
        let last = match attempt_once(options, attempt, &mut |step| on_step(begun.elapsed(), &step)).await {
            Ok(session) => return Ok(Admitted { attempts: attempt, elapsed: begun.elapsed(), session }),
            Err(fault) => fault,
        };
        if attempt == 1 && never_reached(&last) {
            return Err(ConnectError::Unreachable(last));
        }
        let elapsed = begun.elapsed();
        let remaining = options.time_out.saturating_sub(elapsed);
        let pause = pauses.next().map(|pause| pause.min(remaining)).filter(|pause| !pause.is_zero());
        match pause {
            Some(pause) if !matches!(last, SessionError::CertificateRefused(_)) => {
                let pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
                on_step(elapsed, &Step::Waiting { pause_ms });
                sleep(pause).await;
            }
            _ => return Err(ConnectError::NotAdmitted { attempts: attempt, elapsed, last }),
        }
    }
}

/// Whether an attempt ended before the service could see the certificate.
const fn never_reached(fault: &SessionError) -> bool {
    matches!(fault, SessionError::Handshake(_) | SessionError::HandshakeTimedOut(_) | SessionError::Unreachable(..))
}

async fn attempt_once(
    options: &Options,
    attempt: u32,
    on_step: &mut (dyn FnMut(Step) + Send),
) -> Result<Session, SessionError> {
    let (target, message) = (&options.target, &options.message);
    let (endpoint, client_id) = (target.endpoint.to_string(), target.client_id.clone());
    on_step(Step::Connecting { attempt, endpoint, client_id });
    let entering = async {
        let channel = Channel::open(target, options.patience).await?;
        on_step(Step::Secured { attempt });
        channel.login(target, options.patience).await
    };
    let mut session = match entering.await {
        Ok(session) => session,
        Err(fault) => {
            on_step(match &fault {
                SessionError::Closed(_) => Step::Closed { attempt },
                other => Step::Failed { attempt, fault: chain(other).into() },
            });
            return Err(fault);
        }
    };
    on_step(Step::Connected { attempt });
    on_step(Step::Publishing { topic: message.topic.clone(), bytes: message.payload.len() });
    match session.publish(message, options.patience).await {
        Ok(()) => {
            on_step(Step::Accepted { topic: message.topic.clone() });
            Ok(session)
        }
        Err(fault) => {
            on_step(Step::CutOff { attempt, fault: chain(&fault).into() });
            Err(fault)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_limit_and_are_lengthened_at_random() {
        let back_off = BackOff { first: Duration::from_secs(1), longest: Duration::from_secs(4) };
        let pauses: Vec<_> = back_off.pauses().take(6).collect();
        for (pause, base) in pauses.iter().zip([1, 2, 4, 4, 4, 4]) {
            let base = Duration::from_secs(base);
            assert!(base <= *pause && *pause <= base * 2, "{pauses:?}");
        }
        assert_ne!(pauses, back_off.pauses().take(6).collect::<Vec<_>>());
    }

    #[test]
    fn the_refused_first_connection_is_explained() {
        assert!(Step::Closed { attempt: 1 }.to_string().contains("expected on first contact"));
        assert!(!Step::Closed { attempt: 2 }.to_string().contains("expected"));
    }

    #[test]
    fn steps_are_tagged_in_json() {
        let json = serde_json::to_value(Step::Waiting { pause_ms: 1500 }).unwrap();
        assert_eq!(json, serde_json::json!({"step": "waiting", "pauseMs": 1500}));
    }
}
