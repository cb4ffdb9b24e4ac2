//! What the API server itself takes and refuses: schemas, rules, columns and admission, with real tokens.
#![allow(clippy::unwrap_used, reason = "a test fails where something is not as it should be")]

mod api {
    mod admission;
    mod columns;
    mod feeds;
    mod intents;
    mod managers;
    mod policies;
    mod queries;
    mod records;
    mod reports;
    mod schema;
    mod support;
}
