//! Whether memory grows: a straight line through its samples.

use serde::Serialize;

/// A straight line, fitted by least squares.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Slope {
    /// Growth in KiB an hour.
    pub(crate) kib_an_hour: f64,
    /// Standard error of that.
    pub(crate) error: f64,
    /// Mean in KiB.
    pub(crate) mean_kib: f64,
    /// Samples that it is fitted to.
    pub(crate) samples: usize,
    /// Time from the first to the last in seconds.
    pub(crate) seconds: f64,
}

impl Slope {
    /// Fits a line to memory in KiB by time in seconds; `None` for fewer than three points in time.
    pub(crate) fn of(points: &[(f64, f64)]) -> Option<Self> {
        let count = points.len() as f64;
        if points.len() < 3 {
            return None;
        }
        let mean_time = points.iter().map(|it| it.0).sum::<f64>() / count;
        let mean = points.iter().map(|it| it.1).sum::<f64>() / count;
        let spread: f64 = points.iter().map(|it| (it.0 - mean_time).powi(2)).sum();
        if spread <= 0.0 {
            return None;
        }
        let together: f64 = points
            .iter()
            .map(|it| (it.0 - mean_time) * (it.1 - mean))
            .sum();
        let slope = together / spread;
        let residue: f64 = points
            .iter()
            .map(|it| (it.1 - mean - slope * (it.0 - mean_time)).powi(2))
            .sum();
        let error = (residue / (count - 2.0) / spread).sqrt();
        Some(Self {
            kib_an_hour: slope * HOUR,
            error: error * HOUR,
            mean_kib: mean,
            samples: points.len(),
            seconds: points[points.len() - 1].0 - points[0].0,
        })
    }

    /// Growth in an hour as a share of the mean.
    pub(crate) fn share(&self) -> f64 {
        self.kib_an_hour / self.mean_kib.max(1.0)
    }

    /// Whether the memory is flat; `None` if the time is too short to say so.
    pub(crate) fn is_flat(&self) -> Option<bool> {
        (self.seconds >= LEAST_SECONDS).then(|| self.share() < LIMIT)
    }
}

const HOUR: f64 = 3_600.0;

/// What may grow in an hour, as a share.
pub(crate) const LIMIT: f64 = 0.05;

/// A shorter time is not taken for an hour.
const LEAST_SECONDS: f64 = 1_200.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_through_its_noise() {
        let points: Vec<(f64, f64)> = (0..600)
            .map(|it| {
                let time = f64::from(it) * 5.0;
                let noise = if it % 2 == 0 { 50.0 } else { -50.0 };
                (time, 100_000.0 + time * 1_000.0 / 3_600.0 + noise)
            })
            .collect();
        let slope = Slope::of(&points).unwrap();
        assert!(
            (slope.kib_an_hour - 1_000.0).abs() < 3.0 * slope.error,
            "{slope:?}"
        );
        assert!(slope.error < 30.0, "{slope:?}");
        assert_eq!(slope.is_flat(), Some(true));
    }

    #[test]
    fn a_leak_is_told_and_a_short_time_tells_nothing() {
        let points = |step: f64| -> Vec<(f64, f64)> {
            (0..100)
                .map(|it| (f64::from(it) * step, 1_000.0 + f64::from(it)))
                .collect()
        };
        assert_eq!(Slope::of(&points(20.0)).unwrap().is_flat(), Some(false));
        assert_eq!(Slope::of(&points(0.5)).unwrap().is_flat(), None);
        assert_eq!(Slope::of(&points(0.5)[..2]), None);
    }
}
