//! What is killed at the worst moment loses nothing and counts nothing twice; and what the journey is worth: with a
//! part switched off, it fails.
#![allow(clippy::unwrap_used, reason = "a test fails where something is not as it should be")]

mod faults {
    mod clock;
    mod kills;
    mod mutations;
    mod turn;
}
