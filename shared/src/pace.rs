//! Calls at the pace of a quota of the account, which others use too.
//!
//! AWS tells nobody how much of a quota is left. So each process has a share of its own, which it never falls below, and goes
//! faster for as long as no call of its is throttled: additive increase and multiplicative decrease, as in TCP.

mod quotas;
mod registry;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

pub use quotas::{Budget, Quotas};
pub use registry::Paced;

/// What remains of the rate when a call was throttled.
const DECREASE: f64 = 0.7;
/// By how many squares of its share a process's rate rises in a second of calls without a throttled one, the quota being 1. A
/// throttled call takes off the less, the more processes share the quota. Were it not for the square, the more calls would be
/// throttled, and whoever has few processes would not come to its share.
const INCREASE: f64 = 4.5;
/// After so long without a call a process begins again.
const KNOWN: Duration = Duration::from_mins(1);
/// Throttled calls within this time tell the same.
const SETTLING: Duration = Duration::from_millis(500);

/// The turns of one operation in one process.
#[derive(Debug)]
pub struct Pacer {
    budget: Budget,
    /// Held by whoever waits for the next turn; the others stand behind it in the order in which they came.
    queue: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Moment at which the last turn was taken.
    last: Option<Instant>,
    /// The next turn is not before.
    next: Option<Instant>,
    /// Turns a second.
    rate: f64,
    /// Moment at which the rate fell last.
    slowed: Option<Instant>,
}

impl Pacer {
    /// The turns of a budget.
    #[must_use]
    pub fn new(budget: Budget) -> Self {
        let state = State { last: None, next: None, rate: budget.at_first(), slowed: None };
        Self { budget, queue: tokio::sync::Mutex::default(), state: Mutex::new(state) }
    }

    /// Waits for the next turn and takes it. Whoever gives up waiting takes none.
    pub async fn turn(&self) {
        let _first = self.queue.lock().await;
        while let Err(at) = self.take(Instant::now()) {
            tokio::time::sleep_until(at).await;
        }
    }

    /// Takes a turn if there is one at this moment and nobody waits for it.
    pub fn turn_now(&self) -> bool {
        self.queue.try_lock().is_ok_and(|_first| self.take(Instant::now()).is_ok())
    }

    /// Slows down: a call was throttled.
    pub fn throttled(&self) {
        let now = Instant::now();
        let mut state = self.state();
        if state.is_settling(now) {
            return;
        }
        state.rate = (state.rate * DECREASE).max(self.budget.least);
        state.slowed = Some(now);
    }

    /// Takes the turn of this moment, or tells when the next one is.
    fn take(&self, now: Instant) -> Result<(), Instant> {
        let mut state = self.state();
        if let Some(next) = state.next(&self.budget).filter(|next| *next > now) {
            return Err(next);
        }
        state.rise(now, &self.budget);
        let interval = Duration::try_from_secs_f64(state.rate.recip()).unwrap_or(LONGEST);
        (state.last, state.next) = (Some(now), now.checked_add(interval));
        Ok(())
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Between two turns, if the rate is so low that no interval tells it.
const LONGEST: Duration = Duration::from_hours(1);

impl State {
    /// Whether the rate has just fallen: calls that are throttled now were made before.
    fn is_settling(&self, now: Instant) -> bool {
        self.slowed.is_some_and(|slowed| now.duration_since(slowed) < SETTLING)
    }

    /// The next turn is not before. What was known of a rate is forgotten after a while, if the budget has several.
    fn next(&self, budget: &Budget) -> Option<Instant> {
        let anew = self.last.filter(|_| budget.least < budget.most).map(|last| last + KNOWN);
        self.next.map(|next| anew.map_or(next, |anew| next.min(anew)))
    }

    /// The rate rises while it is used. Whoever is idle learns nothing of what others use, and what it knew gets old.
    fn rise(&mut self, now: Instant, budget: &Budget) {
        if self.is_settling(now) {
            return;
        }
        let idle = self.last.map_or(Duration::ZERO, |last| now.duration_since(last));
        if idle >= KNOWN {
            self.rate = budget.at_first();
        } else if self.rate < budget.most {
            let used = idle.as_secs_f64().min(self.rate.recip());
            let rise = INCREASE * budget.least * budget.least / budget.most;
            self.rate = used.mul_add(rise, self.rate).min(budget.most);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use futures_util::future::join_all;

    use super::*;

    const BUDGET: Budget = Budget { least: 3.0, most: 10.0 };

    /// Turns in so many seconds, at each of which the call is throttled or not.
    async fn turns(pacer: &Pacer, seconds: u64, is_throttled: bool) -> usize {
        let end = Instant::now() + Duration::from_secs(seconds);
        let mut taken = 0;
        while tokio::time::timeout_at(end, pacer.turn()).await.is_ok() {
            taken += 1;
            if is_throttled {
                pacer.throttled();
            }
        }
        taken
    }

    #[tokio::test(start_paused = true)]
    async fn without_throttling_the_whole_quota_is_used_evenly() {
        let pacer = Pacer::new(BUDGET);
        let begun = Instant::now();
        for _ in 0..21 {
            pacer.turn().await;
        }
        assert_eq!(begun.elapsed(), Duration::from_secs(2));
        tokio::time::sleep(Duration::from_mins(1)).await;
        let idle = Instant::now();
        pacer.turn().await;
        pacer.turn().await;
        assert_eq!(idle.elapsed(), Duration::from_millis(100), "what was not used is not made up for");
    }

    #[tokio::test(start_paused = true)]
    async fn throttling_slows_down_at_once_and_the_share_remains() {
        let pacer = Pacer::new(BUDGET);
        turns(&pacer, 1, false).await;
        pacer.throttled();
        let slowed = turns(&pacer, 1, false).await;
        assert!((7..=8).contains(&slowed), "{slowed} turns of 10 after one throttled call");
        turns(&pacer, 60, true).await;
        let least = turns(&pacer, 10, true).await;
        assert!((30..=36).contains(&least), "{least} turns in ten seconds, the share is 30");
    }

    #[tokio::test(start_paused = true)]
    async fn the_rate_rises_again_to_the_quota() {
        let pacer = Pacer::new(BUDGET);
        turns(&pacer, 20, true).await;
        turns(&pacer, 8, false).await;
        assert_eq!(turns(&pacer, 10, false).await, 100);
    }

    /// AWS's side of a quota: unused calls of one second are kept.
    struct Bucket {
        calls: f64,
        filled: Instant,
        quota: f64,
    }

    impl Bucket {
        fn has_room(&mut self) -> bool {
            let since = std::mem::replace(&mut self.filled, Instant::now());
            self.calls =
                self.filled.duration_since(since).as_secs_f64().mul_add(self.quota, self.calls).min(self.quota);
            let has_room = self.calls >= 1.0;
            self.calls -= if has_room { 1.0 } else { 0.0 };
            has_room
        }
    }

    /// Calls a second of the last of so many processes which are not throttled, in the second half of a minute in which all of
    /// them have more to do than the quota allows: its neighbours have `theirs` of it together.
    async fn answered(quota: f64, neighbours: u32, theirs: f64, share: f64) -> f64 {
        let bucket = RefCell::new(Bucket { calls: quota, filled: Instant::now(), quota });
        let begun = Instant::now();
        let process = async |n: u32, share: f64| {
            tokio::time::sleep(Duration::from_millis(u64::from(n) * 7)).await;
            let pacer = Pacer::new(Budget { least: quota * share, most: quota });
            let mut answered = 0.0;
            while tokio::time::timeout_at(begun + Duration::from_mins(1), pacer.turn()).await.is_ok() {
                match bucket.borrow_mut().has_room() {
                    true if begun.elapsed() > Duration::from_secs(30) => answered += 1.0,
                    true => {}
                    false => pacer.throttled(),
                }
            }
            answered / 30.0
        };
        let others = join_all((0..neighbours).map(|n| process(n, theirs / f64::from(neighbours))));
        tokio::join!(others, process(neighbours, share)).1
    }

    #[tokio::test(start_paused = true)]
    async fn everybody_has_its_share_however_many_others_want_more() {
        // Activations have 60 percent, of which each queue's processes have half; a run of the CRL checker has 27.
        for (quota, neighbours, theirs) in
            [(10.0, 2, 0.3), (10.0, 4, 0.6), (10.0, 20, 0.6), (100.0, 40, 0.6), (500.0, 200, 0.6)]
        {
            let answered = answered(quota, neighbours, theirs, 0.27).await;
            let part = answered / (quota * 0.27);
            assert!(part > 0.9, "{part:.2} of the share beside {neighbours} others, of a quota of {quota}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn calls_that_were_throttled_together_count_once() {
        let pacer = Pacer::new(BUDGET);
        for _ in 0..5 {
            pacer.throttled();
        }
        assert!(turns(&pacer, 1, false).await >= 7);
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_of_this_moment_waits_for_nobody() {
        let pacer = Pacer::new(BUDGET);
        assert!(pacer.turn_now() && !pacer.turn_now());
        let waiting = async {
            pacer.turn().await;
            Instant::now()
        };
        let begun = Instant::now();
        let (at, is_taken) = tokio::join!(waiting, async {
            tokio::time::sleep(Duration::from_millis(99)).await;
            pacer.turn_now()
        });
        assert!(!is_taken, "it is the turn of who waits");
        assert_eq!(at - begun, Duration::from_millis(100));
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_takes_no_turn() {
        let pacer = Pacer::new(BUDGET);
        pacer.turn().await;
        for _ in 0..50 {
            assert!(tokio::time::timeout(Duration::from_millis(1), pacer.turn()).await.is_err());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(pacer.turn_now());
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_made_no_call_for_a_minute_begins_again_however_small_its_share() {
        let pacer = Pacer::new(Budget { least: 0.003, most: 10.0 });
        for _ in 0..10 {
            pacer.turn().await;
            pacer.throttled();
        }
        tokio::time::sleep(KNOWN).await;
        assert!(pacer.turn_now(), "nobody has called for a minute");
    }

    #[tokio::test(start_paused = true)]
    async fn turns_that_are_rarer_than_once_a_minute_stay_so() {
        let pacer = Pacer::new(Budget { least: 0.01, most: 0.01 });
        assert!(pacer.turn_now());
        tokio::time::sleep(Duration::from_secs(99)).await;
        assert!(!pacer.turn_now());
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(pacer.turn_now());
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_quota_nobody_waits() {
        let pacer = Pacer::new(Budget::UNLIMITED);
        let begun = Instant::now();
        for _ in 0..100 {
            pacer.turn().await;
            assert!(pacer.turn_now());
            pacer.throttled();
        }
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }
}
