//! How many new behaviours a week brings at the most, nine times in ten.

/// How often a week may bring more.
const TAIL: f64 = 0.1;
/// The variance of counts as a multiple of their mean: what is new comes in clumps, as a new job starts several programs.
const CLUMPS: f64 = 3.0;
/// Above this mean the normal distribution serves.
const LARGE: f64 = 200.0;

/// The least number that a week exceeds in at most one case of ten, where `count` were counted over so many weeks.
///
/// The count of a week is taken as negative binomial. Its mean is what was counted and half a behaviour more, since to have
/// seen none is no certainty (the prior of Jeffreys for a Poisson rate); its variance is that of clumps, and what the mean
/// itself is uncertain by after so short a time.
pub(super) fn upper_bound(count: u32, weeks: f64) -> u32 {
    let mean = (f64::from(count) + 0.5) / weeks;
    let ratio = CLUMPS * (1.0 + 1.0 / weeks);
    if mean > LARGE {
        // 1.2816 is the normal distribution's 90 % point.
        return whole(libm::ceil(mean + 1.2816 * libm::sqrt(mean * ratio)));
    }
    let size = mean / (ratio - 1.0);
    let miss = 1.0 - 1.0 / ratio;
    let mut term = libm::exp(-size * libm::log(ratio));
    let mut within = term;
    let mut number = 0.0;
    while within < 1.0 - TAIL && number < 100.0 * LARGE {
        term *= (number + size) / (number + 1.0) * miss;
        number += 1.0;
        within += term;
    }
    whole(number)
}

/// A whole number of behaviours.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn whole(number: f64) -> u32 {
    number.clamp(0.0, f64::from(u32::MAX)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_time_narrows_the_bound_and_more_novelty_widens_it() {
        let bounds: Vec<u32> = [0.5, 1.0, 2.0, 6.0]
            .into_iter()
            .map(|weeks| upper_bound(0, weeks))
            .collect();
        assert!(
            bounds.is_sorted_by(|a, b| a >= b) && bounds[0] > bounds[3],
            "{bounds:?}"
        );
        let bounds: Vec<u32> = [0, 1, 5, 150, 2_000, u32::MAX]
            .into_iter()
            .map(|count| upper_bound(count, 1.0))
            .collect();
        assert!(bounds.is_sorted_by(|a, b| a < b), "{bounds:?}");
    }

    #[test]
    fn where_the_normal_distribution_takes_over_the_bound_goes_on_evenly() {
        let (below, above) = (upper_bound(199, 1.0), upper_bound(200, 1.0));
        assert!(above.abs_diff(below) <= 4, "{below} {above}");
    }
}
