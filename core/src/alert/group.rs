//! Which findings belong together in one alert.

use crate::time::Duration;

/// Most findings of an alert.
pub const MAX_FINDINGS: usize = 64;
/// How far apart the first sightings of an alert's findings may be.
pub const MAX_AGE: Duration = Duration::from_secs(3_600);
