//! How long what is new takes from the kernel until it is on the disk.

use prometheus::Histogram;

/// Most moments that are held: beyond that, a flood is going on and a sample says enough.
const MOST: usize = 4096;

/// Moments of `CLOCK_BOOTTIME`, in nanoseconds, at which the kernel saw what is new.
#[derive(Debug, Default)]
pub struct Latency {
    /// Not yet given to the writer.
    waiting: Vec<u64>,
    /// In the transaction that is under way.
    writing: Vec<u64>,
}

impl Latency {
    /// Something new was seen.
    pub fn seen(&mut self, time_ns: u64) {
        if self.waiting.len() < MOST {
            self.waiting.push(time_ns);
        }
    }

    /// The writer took all that is new.
    pub fn given(&mut self) {
        self.writing.append(&mut self.waiting);
    }

    /// What was given is on the disk now.
    pub fn written(&mut self, now_ns: u64, histogram: &Histogram) {
        for time_ns in self.writing.drain(..) {
            let took = std::time::Duration::from_nanos(now_ns.saturating_sub(time_ns));
            histogram.observe(took.as_secs_f64());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus::HistogramOpts;

    #[test]
    fn what_comes_while_the_disk_is_written_counts_with_the_next_transaction() {
        let histogram = Histogram::with_opts(HistogramOpts::new("h", "h").buckets(vec![1.0, 2.0])).unwrap();
        let mut latency = Latency::default();
        latency.seen(1_000_000_000);
        latency.given();
        latency.seen(2_000_000_000);
        latency.written(2_500_000_000, &histogram);
        assert_eq!((histogram.get_sample_count(), histogram.get_sample_sum()), (1, 1.5));
        latency.given();
        latency.written(2_500_000_000, &histogram);
        assert_eq!((histogram.get_sample_count(), histogram.get_sample_sum()), (2, 2.0));
    }

    #[test]
    fn a_flood_is_sampled() {
        let mut latency = Latency::default();
        for time in 0..10_000 {
            latency.seen(time);
        }
        assert_eq!(latency.waiting.len(), MOST);
    }
}
