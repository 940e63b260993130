//! A quota of a service.

use tokio::time::Instant;

/// A bucket of tokens, filled at a steady rate, which holds what comes in one second.
#[derive(Clone, Debug)]
pub struct TokenBucket {
    at: Instant,
    per_second: f64,
    tokens: f64,
}

impl TokenBucket {
    /// A full bucket.
    #[must_use]
    pub fn new(per_second: f64) -> Self {
        Self { at: Instant::now(), per_second, tokens: per_second }
    }

    /// Takes a token, if there is one.
    pub fn take(&mut self) -> bool {
        self.take_all(1.0)
    }

    /// Takes so many tokens, if they are there, or none.
    pub fn take_all(&mut self, tokens: f64) -> bool {
        let is_enough = self.holds(tokens);
        if is_enough {
            self.tokens -= tokens;
        }
        is_enough
    }

    /// Whether so many tokens are there.
    pub fn holds(&mut self, tokens: f64) -> bool {
        let now = Instant::now();
        let filled = now.duration_since(self.at).as_secs_f64().mul_add(self.per_second, self.tokens);
        (self.at, self.tokens) = (now, filled.min(self.per_second));
        self.tokens >= tokens
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_comes_in_a_second_can_be_taken_at_once_and_no_more() {
        let mut bucket = TokenBucket::new(4.0);
        assert!(bucket.take_all(3.0));
        assert!(!bucket.take_all(2.0), "it takes all or none");
        assert!(bucket.take());
        assert!(!bucket.take());
        advance(Duration::from_millis(500)).await;
        assert!(bucket.holds(2.0) && !bucket.holds(2.1));
        advance(Duration::from_hours(1)).await;
        assert!(bucket.take_all(4.0) && !bucket.take());
    }
}
