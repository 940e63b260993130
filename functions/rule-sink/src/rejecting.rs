//! Putting refused messages aside: in requests that cost each other nothing.

use std::ops::Range;

use lambda_runtime::tracing;
use shared::concurrency::run;
use shared::contained::contained;
use shared::port::{DeadLetters, MAX_MESSAGE_BYTES, MAX_SENT};
use tokio::time::Instant;

/// Requests that are under way at a time.
const CONCURRENCY: usize = 8;

/// Sends messages, as many in a request as it takes. Gives back the positions of those of which it is not known at `until`
/// that the queue has taken them.
pub(crate) async fn send<D: DeadLetters + Sync>(dead_letters: &D, bodies: &[String], until: Instant) -> Vec<usize> {
    let requests: Vec<_> = requests(bodies).map(|range| send_request(dead_letters, bodies, range, until)).collect();
    run(requests, CONCURRENCY).await.concat()
}

async fn send_request<D: DeadLetters + Sync>(
    dead_letters: &D,
    bodies: &[String],
    range: Range<usize>,
    until: Instant,
) -> Vec<usize> {
    let messages = range.len();
    let sent = async { Ok(dead_letters.send(bodies.get(range.clone()).unwrap_or_default()).await) };
    match contained(sent, until).await {
        Ok(not_taken) => {
            if let Some((_, fault)) = not_taken.first() {
                let error = shared::fault::chain(fault);
                tracing::error!(messages = not_taken.len(), %error, "refused messages could not be put aside");
            }
            not_taken.into_iter().map(|(position, _)| range.start.saturating_add(position)).collect()
        }
        Err(error) => {
            tracing::error!(messages, %error, "nothing is known of refused messages, which come again");
            range.collect()
        }
    }
}

/// The requests that messages are sent in, in order. One that is too long for any request is alone, and the queue says so.
fn requests(bodies: &[String]) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let mut total = 0_usize;
        let rest = bodies.get(start..)?.iter().take(MAX_SENT);
        let fitting = rest.take_while(|body| {
            total = total.saturating_add(body.len());
            total <= MAX_MESSAGE_BYTES || total == body.len()
        });
        let range = start..start.saturating_add(fitting.count());
        start = range.end;
        (!range.is_empty()).then_some(range)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_have_as_many_messages_as_they_take() {
        let counts = |lengths: &[usize]| {
            let bodies: Vec<String> = lengths.iter().map(|length| "x".repeat(*length)).collect();
            requests(&bodies).map(|range| range.len()).collect::<Vec<_>>()
        };
        let half = MAX_MESSAGE_BYTES / 2;
        assert!(counts(&[]).is_empty());
        assert_eq!(counts(&[1; 21]), [10, 10, 1]);
        assert_eq!(counts(&[half, half, 1]), [2, 1]);
        assert_eq!(counts(&[half, half + 1]), [1, 1]);
        assert_eq!(counts(&[1, MAX_MESSAGE_BYTES + 1, 1]), [1, 1, 1]);
    }
}
