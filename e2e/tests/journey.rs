//! What the demo shows, and names of destinations, as assertions on the objects that they leave behind.
#![allow(clippy::unwrap_used, reason = "a test fails where something is not as it should be")]

mod journey {
    mod demo;
    mod names;
}
