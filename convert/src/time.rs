//! Points in time. The core counts milliseconds; an object's `Time` holds whole seconds.

use anchorwatch_core::time::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};

/// From an object's time.
pub fn from_time(time: &Time) -> Timestamp {
    Timestamp::from_millis(time.0.as_millisecond())
}

/// From an object's time in microseconds.
pub fn from_micro_time(time: &MicroTime) -> Timestamp {
    Timestamp::from_millis(time.0.as_millisecond())
}

/// From the clock's time.
pub fn from_clock(time: jiff::Timestamp) -> Timestamp {
    Timestamp::from_millis(time.as_millisecond())
}

/// To an object's time: rounded down to the second, as it is written. A time beyond what can be written becomes the
/// nearest that can.
pub fn to_time(time: Timestamp) -> Time {
    let nearest = if time.as_secs() < 0 {
        jiff::Timestamp::MIN
    } else {
        jiff::Timestamp::MAX
    };
    Time(jiff::Timestamp::from_second(time.as_secs()).unwrap_or(nearest))
}
