//! What the API server itself takes and refuses: schemas, rules, columns and admission, with real tokens.

mod api {
    mod admission;
    mod columns;
    mod records;
    mod reports;
    mod schema;
    mod support;
}
