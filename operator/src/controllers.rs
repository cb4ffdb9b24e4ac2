//! The controllers. Each is a driver with three parts: fetch (what is known), plan (what follows, pure), apply (do it).

use crate::context::Context;

mod ageing;
mod alert;
mod approval;
mod audit;
mod driver;
mod ingest;
mod keyed;
mod open_reports;
mod policy;
mod pools;
mod query;
mod review;
mod rollout;

/// Runs every controller for as long as this operator leads.
pub async fn run(context: &Context) {
    tokio::join!(
        ingest::run(context),
        alert::run(context),
        alert::run_namespaces(context),
        alert::run_orphans(context),
        ageing::run(context),
        rollout::run(context),
        audit::run(context),
        policy::run(context),
        approval::run(context),
        review::run(context),
        pools::run(context),
        query::run(context),
        open_reports::run(context),
    );
}
