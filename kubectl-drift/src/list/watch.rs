//! `kubectl drift list --watch`.

use std::{collections::BTreeMap, pin::pin};

use anchorwatch_crds::v1alpha1::DriftAlert;
use anyhow::Context;
use futures::TryStreamExt;
use jiff::Timestamp;
use kube::{
    Api, ResourceExt,
    core::ObjectList,
    runtime::{
        WatchStreamExt,
        watcher::{self, watcher},
    },
};

use super::{Args, Form, Output, name};

/// What was printed of each alert, so that a watch that begins anew prints nothing twice.
#[derive(Default)]
pub(super) struct Printed(BTreeMap<String, String>);

impl Printed {
    /// Whether an alert is new, or says something else than it did when it was last printed.
    pub fn is_news(&mut self, alert: &DriftAlert) -> bool {
        let said = serde_json::to_string(&alert.status).unwrap_or_default();
        let key = format!("{}/{}", alert.namespace().unwrap_or_default(), alert.name_any());
        self.0.insert(key, said.clone()).is_none_or(|before| before != said)
    }
}

/// Prints what there is, and then each alert that is new or changes, until it is ended.
pub(super) async fn run(
    api: Api<DriftAlert>,
    args: &Args,
    form: Form,
    alerts: &ObjectList<DriftAlert>,
) -> anyhow::Result<()> {
    let mut printed = Printed::default();
    let (columns, table) = form.table(&alerts.items, Timestamp::now());
    for alert in &alerts.items {
        printed.is_news(alert);
    }
    match args.output {
        Output::Name => alerts.items.iter().for_each(|alert| println!("{}", name(alert))),
        Output::Table | Output::Wide | Output::Json | Output::Yaml => print!("{table}"),
    }
    let mut asked = watcher::Config::default();
    asked.label_selector.clone_from(&args.selector);
    let mut changes = pin!(watcher(api, asked).default_backoff().applied_objects());
    while let Some(alert) = changes.try_next().await.context("alerts can't be watched")? {
        if !printed.is_news(&alert) {
            continue;
        }
        match args.output {
            Output::Name => println!("{}", name(&alert)),
            Output::Table | Output::Wide | Output::Json | Output::Yaml => {
                let row = form.row(&alert, Timestamp::now());
                print!("{}", columns.line(row.iter().map(String::as_str), form.paint));
            }
        }
    }
    Ok(())
}
