//! Workloads as they are seen in clusters, made up: what they do in each hour of several weeks.

use std::collections::{BTreeMap, BTreeSet};

use crate::random::Random;

const DAY: i64 = 24;
const WEEK: i64 = 7 * DAY;

/// Whether a workload's ways change.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ways {
    /// What it does, and how often it does something new, stays the same.
    Stationary,
    /// It is deployed anew every so often, does new things from then on, and is busier at some times than at others.
    Changing,
}

/// What a workload does, hour by hour from 0 on.
#[derive(Clone, Debug)]
pub struct Workload {
    /// How many pods it runs.
    pub replicas: usize,
    /// Keys of the behaviours that it shows in an hour, each with the number of pods that show it.
    pub hours: BTreeMap<i64, BTreeMap<String, usize>>,
    /// Hours in which no pod runs.
    pub idle: BTreeSet<i64>,
}

impl Workload {
    /// One of many, over so many hours.
    pub fn draw(seed: u64, ways: Ways, length: i64) -> Self {
        let mut random = Random::new(seed);
        let replicas = usize::try_from(random.one_of(&[1, 1, 2, 3, 5, 12, 40])).unwrap_or(1);
        let mut workload = Self {
            replicas,
            hours: BTreeMap::new(),
            idle: BTreeSet::new(),
        };
        workload.starts(&mut random, length);
        workload.serves(&mut random, ways, length);
        workload.keeps_time(&mut random, length);
        if ways == Ways::Changing {
            workload.is_deployed(&mut random, length);
        }
        if random.unit() < 0.1 {
            workload.runs_once_a_day(&mut random, length);
        }
        workload
    }

    /// What starts its containers, at first in all of them and then whenever a node is drained.
    fn starts(&mut self, random: &mut Random, length: i64) {
        let many = random.within(3, 25);
        for hour in 0..length {
            if hour == 0 || random.happens(1.0 / 240.0) {
                let pods = if hour == 0 { self.replicas } else { 1 };
                (0..many).for_each(|key| self.show(hour, &format!("start/{key}"), pods));
            }
        }
    }

    /// What requests make it do: a few things always, a long tail of them seldom, and now and then what was never done
    /// before. Replicas get the same sort of requests: where one shows something, others do.
    fn serves(&mut self, random: &mut Random, ways: Ways, length: i64) {
        let tail = random.within(0, 15);
        let busy = 10_f64.powf(random.unit() * 1.5 - 0.5);
        let fresh = random.one_of(&[0.0, 0.0, 0.1, 0.2, 0.5, 1.0, 2.0, 4.0]) / 168.0;
        let many_at_once = random.within(1, 2);
        let mut number = 0;
        for hour in 0..length {
            let by_day = (8..20).contains(&(hour % DAY));
            let share = match ways {
                Ways::Stationary => 1.0,
                Ways::Changing if by_day => 1.8,
                Ways::Changing => 0.2,
            };
            for key in 0..tail {
                let rank = f64::from(u32::try_from(key + 1).unwrap_or(1));
                if random.happens(share * busy / (rank * rank.sqrt())) {
                    let pods = self.some_pods(random);
                    self.show(hour, &format!("tail/{key}"), pods);
                }
            }
            if random.happens(share * fresh) {
                for _ in 0..many_at_once {
                    number += 1;
                    let pods = self.some_pods(random);
                    self.show(hour, &format!("fresh/{number}"), pods);
                }
            }
        }
    }

    /// What it does by the clock: every hour, day, week or month.
    fn keeps_time(&mut self, random: &mut Random, length: i64) {
        for job in 0..random.within(0, 4) {
            let period = random.one_of(&[1, 6, DAY, DAY, WEEK, 30 * DAY]);
            let programs = random.within(1, 3);
            let mut hour = random.within(0, period - 1);
            while hour < length {
                for program in 0..programs {
                    self.show(hour, &format!("cron/{job}/{program}"), 1);
                }
                hour += period;
            }
        }
    }

    /// New revisions: each does some things anew, when it starts, and others from then on.
    fn is_deployed(&mut self, random: &mut Random, length: i64) {
        let period = random.one_of(&[2 * DAY, WEEK, 2 * WEEK]);
        let mut hour = random.within(DAY, DAY + period);
        let mut revision = 0;
        while hour < length {
            revision += 1;
            let news = random.within(0, 4);
            for key in 0..news {
                self.show(hour, &format!("revision/{revision}/{key}"), self.replicas);
                let again = random.one_of(&[1.0 / 4.0, 1.0 / 48.0, 0.0]);
                for later in hour + 1..length {
                    if random.happens(again) {
                        self.show(later, &format!("revision/{revision}/{key}"), 1);
                    }
                }
            }
            hour += random.within(period / 2, period * 3 / 2);
        }
    }

    /// A job: its pod runs for an hour a day.
    fn runs_once_a_day(&mut self, random: &mut Random, length: i64) {
        let at = random.within(0, DAY - 1);
        self.replicas = 1;
        self.idle = (0..length).filter(|hour| hour % DAY != at).collect();
        let idle = &self.idle;
        self.hours.retain(|hour, _| !idle.contains(hour));
    }

    fn some_pods(&self, random: &mut Random) -> usize {
        let most = i64::try_from(self.replicas).unwrap_or(1);
        usize::try_from(random.within(1, most)).unwrap_or(1)
    }

    /// Shows a behaviour in so many pods.
    pub fn show(&mut self, hour: i64, key: &str, pods: usize) {
        let shown = self.hours.entry(hour).or_default().entry(key.to_owned()).or_default();
        *shown = pods.max(*shown);
    }

    /// Behaviours that are shown for the first time after an hour and within a week of it.
    pub fn realised(&self, after: i64) -> BTreeSet<&String> {
        let keys = |from: i64, to: i64| {
            let hours = self.hours.range(from..=to);
            hours.flat_map(|(_, keys)| keys.keys()).collect::<BTreeSet<_>>()
        };
        let before = keys(0, after);
        let mut new = keys(after + 1, after + WEEK);
        new.retain(|key| !before.contains(key));
        new
    }
}
