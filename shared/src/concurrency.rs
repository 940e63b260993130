//! Units of work at the same time, of which those that hang do not keep the others from being begun.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// How long a unit of work counts as one of those that are under way.
const PATIENCE: Duration = Duration::from_secs(1);
/// Units that are under way, those that hang included: each of them has a connection, and a process of Lambda 1,024 files.
const MAX_UNDER_WAY: usize = 512;

/// Runs units of work, `limit` at a time. One that has not ended after a second goes on beside the others, and the next
/// one is begun. Each unit has to end by itself.
pub async fn run<F: Future>(units: Vec<F>, limit: usize) -> Vec<F::Output> {
    let permits = Semaphore::new(limit);
    let units: Vec<_> = units.into_iter().map(|unit| run_one(&permits, unit)).collect();
    stream::iter(units).buffer_unordered(MAX_UNDER_WAY).collect().await
}

async fn run_one<F: Future>(permits: &Semaphore, unit: F) -> F::Output {
    let permit = permits.acquire().await;
    let mut unit = pin!(unit);
    if let Ok(output) = timeout(PATIENCE, unit.as_mut()).await {
        return output;
    }
    drop(permit);
    unit.await
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tokio::time::{Instant, sleep};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn so_many_are_under_way_and_one_that_hangs_does_not_count() {
        let (running, most) = (Cell::new(0), Cell::new(0));
        let unit = async |time: Duration| {
            running.set(running.get() + 1);
            most.set(most.get().max(running.get()));
            sleep(time).await;
            running.set(running.get() - 1);
        };
        let start = Instant::now();
        run((0..30).map(|_| unit(PATIENCE / 2)).collect(), 3).await;
        assert_eq!((most.get(), start.elapsed()), (3, PATIENCE * 5));

        let start = Instant::now();
        let ended = Cell::new(None);
        let hanging = (0..6).map(|_| (PATIENCE * 100, false));
        let units = hanging.chain([(Duration::ZERO, true)]).map(async |(time, is_last)| {
            unit(time).await;
            if is_last {
                ended.set(Some(start.elapsed()));
            }
        });
        run(units.collect(), 3).await;
        assert_eq!((most.get(), ended.get()), (7, Some(PATIENCE * 2)));
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_are_under_way_than_there_are_connections() {
        let begun = Cell::new(0);
        let units = (0..MAX_UNDER_WAY * 2).map(async |_| {
            begun.set(begun.get() + 1);
            std::future::pending::<()>().await;
        });
        let _ = timeout(PATIENCE * 10_000, run(units.collect(), 8)).await;
        assert_eq!(begun.get(), MAX_UNDER_WAY);
    }
}
