//! A window that slides. Pure.

use std::collections::VecDeque;
use std::time::Duration;

use crate::model::quota::SLOTS;
use crate::model::{Count, Quota};

/// What was counted in the last window.
///
/// It ends with the current slot and begins with the one that it cuts, which counts whole: no time as
/// long as the window ever has more than the limit. `store/kv/rate_limit.lua` counts alike.
#[derive(Clone, Debug, Default)]
pub struct Window {
    /// By slot, oldest first; none is 0.
    counts: VecDeque<(u64, u32)>,
    sum: u32,
}

impl Window {
    /// Counts `cost` where that is within `quota`; 0 only looks. `now` is the time since any moment
    /// that stays the same.
    pub fn take(&mut self, quota: Quota, cost: u32, now: Duration) -> Count {
        let slot = self.slide(quota, now);
        let wanted = self.sum.saturating_add(cost);
        let taken = cost == 0 || wanted <= quota.limit;
        if taken && cost > 0 {
            self.sum = wanted;
            match self.counts.back_mut() {
                Some((last, count)) if *last >= slot => *count += cost,
                _ => self.counts.push_back((slot, cost)),
            }
        }
        let wait = if taken { Duration::ZERO } else { self.wait(quota, cost, now) };
        let first = self.counts.front().map(|(slot, _)| left_after(quota, *slot, now));
        Count { taken, used: self.sum, reset: first.unwrap_or_default(), wait }
    }

    /// Counts `cost` less: it was taken and shall not count. What was taken last goes first, since nobody
    /// knows any more who took what.
    pub fn refund(&mut self, mut cost: u32) {
        while cost > 0
            && let Some((_, count)) = self.counts.back_mut()
        {
            let less = cost.min(*count);
            *count -= less;
            self.sum -= less;
            cost -= less;
            if *count == 0 {
                self.counts.pop_back();
            }
        }
    }

    /// Forgets what has left the window; gives the current slot.
    fn slide(&mut self, quota: Quota, now: Duration) -> u64 {
        let slot = slot_of(quota, now);
        while let Some((first, count)) = self.counts.front()
            && first + u64::from(SLOTS) < slot
        {
            self.sum -= count;
            self.counts.pop_front();
        }
        slot
    }

    /// When so much has left that `cost` fits; what never fits waits for all of it.
    fn wait(&self, quota: Quota, cost: u32, now: Duration) -> Duration {
        let needed = self.sum.saturating_add(cost) - quota.limit;
        let mut freed = 0;
        let mut slots = self.counts.iter().map_while(|(slot, count)| {
            (freed < needed).then(|| {
                freed += count;
                *slot
            })
        });
        let last = slots.by_ref().last().unwrap_or_else(|| slot_of(quota, now));
        left_after(quota, last, now)
    }
}

fn slot_of(quota: Quota, now: Duration) -> u64 {
    u64::try_from(now.as_nanos() / quota.slot().as_nanos()).unwrap_or(u64::MAX)
}

/// How long until `slot` has left the window.
fn left_after(quota: Quota, slot: u64, now: Duration) -> Duration {
    let end = quota.slot().as_nanos() * u128::from(slot + u64::from(SLOTS) + 1);
    Duration::from_nanos(u64::try_from(end).unwrap_or(u64::MAX)).saturating_sub(now)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn quota(limit: u32) -> Quota {
        Quota { limit, window: MINUTE }
    }

    #[test]
    fn a_burst_is_let_through_once_and_again_when_it_has_left() {
        let (mut window, quota) = (Window::default(), quota(3));
        let at = Duration::from_millis(500);
        for used in 1..=3 {
            let count = window.take(quota, 1, at);
            assert_eq!((count.taken, count.used), (true, used));
        }
        let refused = window.take(quota, 1, at);
        assert_eq!((refused.taken, refused.used), (false, 3));
        assert_eq!(refused.wait, Duration::from_millis(60_500));
        let almost = window.take(quota, 1, Duration::from_millis(60_999));
        assert_eq!((almost.taken, almost.wait), (false, Duration::from_millis(1)));
        assert!(window.take(quota, 3, at + refused.wait).taken);
    }

    #[test]
    fn what_was_given_back_is_free_and_what_never_fits_waits_for_all() {
        let (mut window, quota) = (Window::default(), quota(3));
        assert!(window.take(quota, 2, Duration::ZERO).taken);
        window.refund(2);
        window.refund(9);
        assert!(window.take(quota, 3, Duration::from_secs(7)).taken);
        let never = window.take(quota, 4, Duration::from_secs(7));
        assert_eq!((never.taken, never.wait), (false, Duration::from_secs(61)));
        let looked = window.take(quota, 0, Duration::from_secs(8));
        assert_eq!((looked.taken, looked.used, looked.reset), (true, 3, Duration::from_mins(1)));
    }

    #[test]
    fn what_is_given_back_late_is_free_although_others_took_since() {
        let (mut window, quota) = (Window::default(), quota(9));
        for (second, cost) in [(100, 2), (101, 1), (102, 3)] {
            window.take(quota, cost, Duration::from_secs(second));
        }
        window.refund(5);
        let looked = window.take(quota, 0, Duration::from_secs(103));
        assert_eq!((looked.used, looked.reset), (1, Duration::from_secs(58)));
        window.refund(1);
        assert_eq!(window.take(quota, 0, Duration::from_secs(103)).used, 0);
        assert!(window.counts.is_empty());
    }

    proptest! {
        /// Calls of any cost at any time: what was taken, by time.
        #[test]
        fn no_window_ever_has_more_than_the_limit_and_a_wait_is_as_long_as_it_must_be(
            limit in 1..40_u32,
            steps in proptest::collection::vec((0..4_000_u64, 1..4_u32), 1..400),
        ) {
            let (mut window, quota) = (Window::default(), quota(limit));
            let (mut now, mut taken) = (Duration::ZERO, Vec::new());
            for (pause, cost) in steps {
                now += Duration::from_millis(pause);
                let count = window.take(quota, cost, now);
                if count.taken {
                    taken.push((now, cost));
                } else if cost <= limit {
                    prop_assert!(count.wait > Duration::ZERO && count.wait <= MINUTE + quota.slot());
                    let early = count.wait.saturating_sub(Duration::from_millis(1));
                    prop_assert!(!window.clone().take(quota, cost, now + early).taken);
                    prop_assert!(window.clone().take(quota, cost, now + count.wait).taken);
                }
                let since = now.saturating_sub(MINUTE);
                let used: u32 = taken.iter().filter(|(at, _)| *at >= since).map(|(_, c)| c).sum();
                prop_assert!(used <= count.used && count.used <= limit, "{used} {count:?}");
                let sum: u32 = window.counts.iter().map(|(_, count)| count).sum();
                prop_assert_eq!(window.sum, sum);
                prop_assert!(window.counts.len() <= 61);
            }
        }

        #[test]
        fn who_keeps_the_rate_gets_at_least_sixty_of_sixty_one(pause in 1000..5000_u64) {
            let (mut window, quota) = (Window::default(), quota(60));
            let calls = 600;
            let at = |call| Duration::from_millis(call * pause);
            let taken = (0..calls).filter(|call| window.take(quota, 1, at(*call)).taken).count();
            prop_assert!(taken as u64 >= calls * 60 / 61, "{taken}");
        }
    }
}
