//! Times, and what is made of them.

use std::time::Duration;

/// The times of many calls.
#[derive(Default)]
pub struct Samples(Vec<Duration>);

impl Samples {
    pub fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    pub fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The time that `percent` of them do not exceed, in milliseconds.
    pub fn percentile(&mut self, percent: usize) -> f64 {
        self.0.sort_unstable();
        let at = self.0.len() * percent / 100;
        self.0[at.min(self.0.len() - 1)].as_secs_f64() * 1000.0
    }
}

/// The middle one of a few ratios.
pub fn median(mut ratios: Vec<f64>) -> f64 {
    ratios.sort_unstable_by(f64::total_cmp);
    ratios[ratios.len() / 2]
}
