//! Which merged batches a baseline remembers.

use super::*;

#[tokio::test]
async fn batches_of_other_nodes_are_forgotten_once_they_can_not_come_again() {
    let mut held = first_baseline(&report(1, "/bin/a")).await;
    let batch = |node: &str, seq: i64| json!({"node": node, "epoch": "0".repeat(32), "seq": seq});
    held["status"]["mergedBatches"] = json!([
        batch("done", 1),
        batch("gone", 1),
        batch("node1", 1),
        batch("outstanding", 1)
    ]);
    let mut made = world();
    let mut done = report_of("done");
    done["status"] = acknowledged(1);
    put(&mut made.feeds.reports, done);
    put(&mut made.feeds.reports, report_of("outstanding"));
    let mut next = report(2, "/bin/b");
    next["status"] = acknowledged(1);
    let store = Store {
        report: next.clone(),
        baseline: Mutex::new(Some(held)),
    };
    let (result, calls) = run_in(&made, next, move |call| store.answer(call)).await;
    result.unwrap();
    assert_eq!(
        calls.lines(),
        [
            GET_BASELINE,
            "GET /apis/anchorwatch.dev/v1alpha1/sensorreports/gone",
            GET_REPORT,
            PUT_BASELINE,
            PUT_REPORT
        ],
        "the baseline is read first, then what it is judged by"
    );
    assert_eq!(
        calls.last(PUT_BASELINE)["status"]["mergedBatches"],
        json!([batch("node1", 2), batch("outstanding", 1)])
    );
}

#[tokio::test]
async fn a_watch_that_is_behind_has_no_batch_forgotten() {
    let mut held = first_baseline(&report(1, "/bin/a")).await;
    // The watch shows the old epoch of the node; the API server has the new one, not acknowledged.
    let renewed = json!({"node": "node2", "epoch": "1".repeat(32), "seq": 1});
    held["status"]["mergedBatches"] = json!([renewed]);
    let mut made = world();
    let mut old = report_of("node2");
    old["status"] = acknowledged(1);
    put(&mut made.feeds.reports, old.clone());
    old["spec"]["epoch"] = json!("1".repeat(32));
    let mut next = report(2, "/bin/b");
    next["status"] = acknowledged(1);
    let store = Store {
        report: next.clone(),
        baseline: Mutex::new(Some(held)),
    };
    let (result, calls) = run_in(&made, next, move |call| match call.line.as_str() {
        "GET /apis/anchorwatch.dev/v1alpha1/sensorreports/node2" => (200, old.clone()),
        _ => store.answer(call),
    })
    .await;
    result.unwrap();
    let kept = calls.last(PUT_BASELINE)["status"]["mergedBatches"].clone();
    assert!(kept.as_array().unwrap().contains(&renewed), "{kept}");
}
