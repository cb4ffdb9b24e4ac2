//! How many of so many judged commands a calibration on so many raises, where all are exchangeable: the count is
//! beta-binomial (Vovk, "Conditional validity of inductive conformal predictors", 2012).

use std::ops::RangeInclusive;

/// What lies outside at either end: 0.5 %.
const TAIL: f64 = 0.005;

/// The 99 % interval of the count.
pub fn of(judged: usize, calibrating: usize, level: f64) -> RangeInclusive<usize> {
    let (count, scores) = (judged as f64, calibrating as f64 + 1.0);
    let (a, b) = (level * scores, (1.0 - level) * scores);
    let beta = |a: f64, b: f64| libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b);
    let mass = |raised: f64| {
        let choose = -libm::log(count + 1.0) - beta(count - raised + 1.0, raised + 1.0);
        libm::exp(choose + beta(raised + a, count - raised + b) - beta(a, b))
    };
    let (mut below, mut least, mut most) = (0.0, 0, judged);
    for raised in 0..=judged {
        let up_to = below + mass(raised as f64);
        if below < TAIL && up_to >= TAIL {
            least = raised;
        }
        if up_to >= 1.0 - TAIL {
            most = raised;
            break;
        }
        below = up_to;
    }
    least..=most
}
