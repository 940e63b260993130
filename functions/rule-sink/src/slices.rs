//! An invocation's messages as slices that fit into memory one after another, in the order in which rules saw them.

use crate::envelope::Envelope;

/// Bytes of memory that the messages of a slice need at most, as [`weight`](crate::weight::weight) estimates them. With
/// the event and the process itself a function of 128 MB has room for it.
pub(crate) const MAX_SLICE_WEIGHT: usize = 64 << 20;

/// A message whose envelope was read, and whose payload was not.
#[derive(Clone, Debug)]
pub(crate) struct Opened<'a> {
    pub(crate) envelope: Envelope<'a>,
    /// What the queue called it at first.
    pub(crate) message_id: &'a str,
    /// Its place among the records.
    pub(crate) place: usize,
    /// Bytes of memory that it needs at most.
    pub(crate) weight: usize,
}

impl Opened<'_> {
    /// What names the delivery: two of one time and name are one message that came twice, or by two routes.
    fn delivery(&self) -> (u64, &str) {
        (self.envelope.timestamp(), self.envelope.delivery_id(self.message_id))
    }
}

/// Messages without those that came twice.
#[derive(Debug)]
pub(crate) struct Distinct<'a> {
    /// In the order of time; of one millisecond in the order of the queue, which is the best that is known.
    pub(crate) messages: Vec<Opened<'a>>,
    /// The places of each repeat and of the message that it repeats.
    pub(crate) repeats: Vec<(usize, usize)>,
}

impl<'a> Distinct<'a> {
    pub(crate) fn new(mut all: Vec<Opened<'a>>) -> Self {
        all.sort_by(|one, other| one.delivery().cmp(&other.delivery()).then(one.place.cmp(&other.place)));
        let mut messages: Vec<Opened<'a>> = Vec::with_capacity(all.len());
        let mut repeats = Vec::new();
        // Where the messages of the current delivery begin; it has several if it came by several routes.
        let mut start = 0;
        for message in all {
            if messages.last().is_none_or(|last| last.delivery() != message.delivery()) {
                start = messages.len();
            }
            match messages.iter().skip(start).find(|first| first.envelope == message.envelope) {
                Some(first) => repeats.push((message.place, first.place)),
                None => messages.push(message),
            }
        }
        messages.sort_by_key(|message| (message.envelope.timestamp(), message.place));
        Self { messages, repeats }
    }
}

/// Cuts messages, in their order, into slices of at most this weight each. One that is heavier is a slice by itself.
pub(crate) fn slices<T>(messages: Vec<T>, weight: impl Fn(&T) -> usize, max_weight: usize) -> Vec<Vec<T>> {
    let mut slices: Vec<Vec<T>> = Vec::new();
    let mut total = 0_usize;
    for message in messages {
        let own = weight(&message);
        total = total.saturating_add(own);
        match slices.last_mut() {
            Some(slice) if total <= max_weight => slice.push(message),
            _ => {
                total = own;
                slices.push(vec![message]);
            }
        }
    }
    slices
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn total(slice: &[usize]) -> usize {
        slice.iter().sum()
    }

    #[test]
    fn a_slice_ends_before_the_message_that_is_too_much() {
        let cut = |weights: &[usize]| slices(weights.to_vec(), |weight| *weight, 10);
        assert_eq!(cut(&[]), Vec::<Vec<usize>>::new());
        assert_eq!(cut(&[4, 6, 1]), [vec![4, 6], vec![1]]);
        assert_eq!(cut(&[4, 7, 3]), [vec![4], vec![7, 3]]);
        assert_eq!(cut(&[1, 11, 1]), [vec![1], vec![11], vec![1]]);
        assert_eq!(cut(&[usize::MAX, usize::MAX]), [vec![usize::MAX], vec![usize::MAX]]);
    }

    proptest! {
        #[test]
        fn slices_keep_order_and_bound(weights in prop::collection::vec(0..30_usize, 0..60), max in 1..40_usize) {
            let slices = slices(weights.clone(), |weight| *weight, max);
            prop_assert_eq!(slices.concat(), weights);
            prop_assert!(slices.iter().all(|slice| slice.len() == 1 || total(slice) <= max), "{:?}", slices);
            // None is cut without need.
            let is_needed = |pair: &[Vec<usize>]| total(&pair[0]) + pair[1][0] > max;
            prop_assert!(slices.windows(2).all(is_needed), "{:?}", slices);
        }
    }
}
