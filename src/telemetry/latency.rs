//! How long calls took lately, in a space that does not grow.

use std::time::{Duration, Instant};

/// The verbs of which it is kept: those that requests wait for.
pub const VERBS: [&str; 4] = ["get", "set", "touch", "destroy"];

/// What is forgotten at once, and how many of these are kept: the last minute, or a little less of it.
const SPAN: Duration = Duration::from_secs(10);
const SPANS: usize = 6;

/// Into so many equal parts each power of two is divided: a time is known to a sixteenth.
const PARTS: u32 = 8;
const PART_BITS: u32 = PARTS.ilog2();

/// Microseconds of 32 bits are more than an hour.
const BUCKETS: usize = ((u32::BITS - PART_BITS + 1) * PARTS) as usize;

/// Times in milliseconds: so many took no longer than this. Zeros if there were none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Percentiles {
    /// How many calls there were.
    pub count: u32,
    /// Half of them.
    pub p50: f64,
    /// Nine of ten.
    pub p90: f64,
    /// 99 of a hundred.
    pub p99: f64,
    /// All of them.
    pub max: f64,
}

/// By verb and span, how many calls took how long.
pub struct Latency {
    since: Instant,
    histograms: Vec<Histogram>,
}

struct Histogram {
    /// Which span it is about.
    span: u64,
    counts: [u32; BUCKETS],
}

impl Default for Latency {
    fn default() -> Self {
        let empty = || Histogram {
            span: 0,
            counts: [0; BUCKETS],
        };
        Self {
            since: Instant::now(),
            histograms: (0..VERBS.len() * SPANS).map(|_| empty()).collect(),
        }
    }
}

impl Latency {
    /// Takes note of a call. Of other verbs nothing is kept.
    pub fn saw(&mut self, verb: &str, elapsed: Duration, now: Instant) {
        let Some(verb) = VERBS.iter().position(|known| *known == verb) else {
            return;
        };
        let span = self.span(now);
        let place = verb * SPANS + usize::try_from(span).unwrap_or(0) % SPANS;
        let histogram = &mut self.histograms[place];
        if histogram.span != span {
            histogram.span = span;
            histogram.counts.fill(0);
        }
        histogram.counts[bucket_of(elapsed)] += 1;
    }

    /// What is known at this moment, by verb.
    pub fn percentiles(&self, now: Instant) -> [(&'static str, Percentiles); VERBS.len()] {
        let oldest = (self.span(now) + 1).saturating_sub(SPANS as u64);
        let mut verbs = self.histograms.chunks(SPANS);
        VERBS.map(|verb| {
            let mut counts = [0; BUCKETS];
            for histogram in verbs.next().unwrap_or_default() {
                if histogram.span >= oldest {
                    for (sum, count) in counts.iter_mut().zip(&histogram.counts) {
                        *sum += count;
                    }
                }
            }
            (verb, percentiles(&counts))
        })
    }

    fn span(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.since).as_secs() / SPAN.as_secs()
    }
}

fn bucket_of(elapsed: Duration) -> usize {
    let micros = u32::try_from(elapsed.as_micros()).unwrap_or(u32::MAX);
    if micros < PARTS {
        return micros as usize;
    }
    let shift = micros.ilog2() - PART_BITS;
    ((shift + 1) * PARTS + (micros >> shift) - PARTS) as usize
}

/// What lies in the middle of a bucket, in milliseconds.
#[expect(clippy::cast_precision_loss, reason = "there are few buckets")]
fn millis_of(bucket: usize) -> f64 {
    let (octave, part) = (bucket / PARTS as usize, bucket % PARTS as usize);
    let micros = match octave {
        0 => part as f64 + 0.5,
        _ => ((PARTS as usize + part) as f64 + 0.5) * ((octave - 1) as f64).exp2(),
    };
    micros / 1000.0
}

fn percentiles(counts: &[u32; BUCKETS]) -> Percentiles {
    let count = counts.iter().sum();
    if count == 0 {
        return Percentiles::default();
    }
    let at = |share: f64| {
        let wanted = (f64::from(count) * share).ceil();
        let mut seen = 0;
        let found = counts.iter().position(|count| {
            seen += count;
            f64::from(seen) >= wanted
        });
        millis_of(found.unwrap_or(BUCKETS - 1))
    };
    Percentiles {
        count,
        p50: at(0.5),
        p90: at(0.9),
        p99: at(0.99),
        max: at(1.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(latency: &Latency, now: Instant) -> Percentiles {
        latency.percentiles(now)[0].1
    }

    #[test]
    fn a_time_is_known_to_a_sixteenth() {
        for micros in (0..2_000).chain([65_535, 1 << 20, 999_999_999, u64::from(u32::MAX)]) {
            let known = millis_of(bucket_of(Duration::from_micros(micros))) * 1000.0;
            #[expect(clippy::cast_precision_loss, reason = "32 bits are exact")]
            let off = (known - micros as f64).abs();
            assert!(off <= (known / 16.0).max(0.5), "{micros} is {known}");
        }
    }

    #[test]
    fn percentiles_say_how_long_so_many_took_at_most() {
        let mut latency = Latency::default();
        let now = Instant::now();
        for millis in 1..=100 {
            latency.saw("get", Duration::from_millis(millis), now);
        }
        let Percentiles {
            count,
            p50,
            p90,
            p99,
            max,
        } = get(&latency, now);
        assert_eq!(count, 100);
        for (found, expected) in [(p50, 50.0), (p90, 90.0), (p99, 99.0), (max, 100.0)] {
            let off: f64 = found - expected;
            assert!(off.abs() <= expected / 16.0, "{found} for {expected}");
        }
        assert_eq!(latency.percentiles(now)[1], ("set", Percentiles::default()));
    }

    #[test]
    fn what_is_older_than_a_minute_is_forgotten() {
        let mut latency = Latency::default();
        let now = Instant::now();
        latency.saw("get", Duration::from_secs(1), now);
        latency.saw("get", Duration::from_millis(1), now + SPAN * 5);
        assert_eq!(get(&latency, now + SPAN * 5).count, 2);
        assert_eq!(get(&latency, now + SPAN * 6).count, 1);
        latency.saw("get", Duration::from_millis(1), now + SPAN * 6);
        assert_eq!(get(&latency, now + SPAN * 6).count, 2);
        assert!(get(&latency, now + SPAN * 6).max < 2.0);
        assert_eq!(get(&latency, now + SPAN * 600).count, 0);
    }

    #[test]
    fn of_other_verbs_nothing_is_kept() {
        let mut latency = Latency::default();
        let now = Instant::now();
        latency.saw("clear", Duration::from_secs(1), now);
        assert!(
            latency
                .percentiles(now)
                .iter()
                .all(|(_, known)| known.count == 0)
        );
    }
}
