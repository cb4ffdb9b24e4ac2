//! Baselines that the API server does not take.

use super::*;

/// A batch about a baseline that holds much already, and what is answered to its writes.
async fn with_answer(
    made: &HandMade,
    line: &'static str,
    answer: (u16, Value),
) -> (Result<Action, IngestError>, Calls) {
    let store = Store {
        report: report(1, "/bin/a"),
        baseline: Mutex::default(),
    };
    run_in(made, report(1, "/bin/a"), move |call| {
        if call.line == line {
            answer.clone()
        } else {
            store.answer(call)
        }
    })
    .await
}

#[tokio::test]
async fn a_baseline_that_is_refused_does_not_stop_the_nodes_outbox() {
    for (line, code, reason) in [
        (PUT_BASELINE, 422, "Invalid"),
        (PUT_BASELINE, 413, "RequestEntityTooLarge"),
        (POST_BASELINE, 422, "Invalid"),
        (POST_BASELINE, 403, "Forbidden"),
        (PUT_BASELINE, 403, "Forbidden"),
        (POST_BASELINE, 400, "BadRequest"),
        (PUT_BASELINE, 400, "BadRequest"),
    ] {
        let made = world();
        let (result, calls) = with_answer(&made, line, refusal(code, reason)).await;
        result.unwrap();
        assert_eq!(calls.last(PUT_REPORT)["status"]["acknowledged"]["seq"], 1);
        assert_eq!(dropped(&made, plan::dropped::REFUSED), 1, "{line} {code}");
    }
}

#[tokio::test]
async fn a_right_that_the_operator_lacks_loses_nothing() {
    let (_, mut lacking) = refusal(403, "Forbidden");
    lacking["message"] = json!(
        "behaviorbaselines.anchorwatch.dev is forbidden: User \"system:serviceaccount:a:b\" cannot create resource \
         \"behaviorbaselines\" in API group \"anchorwatch.dev\" in the namespace \"shop\""
    );
    let made = world();
    let (result, calls) = with_answer(&made, POST_BASELINE, (403, lacking)).await;
    assert!(matches!(result, Err(IngestError::Api(_))));
    assert!(!calls.lines().contains(&PUT_REPORT.to_owned()));
    assert_eq!(dropped(&made, plan::dropped::REFUSED), 0);
}

#[tokio::test]
async fn what_fails_for_one_workload_cuts_no_other_short() {
    let made = world();
    made.world.tell_of_pod(Event::Apply(crate::world::facts::PodFacts {
        controller: None,
        ..agent_pod("lone")
    }));
    let mut both = report(1, "/bin/a");
    let mut of_lone = both["spec"]["containers"][0].clone();
    of_lone["pod"] = json!({"namespace": "shop", "name": "lone", "uid": "uid-lone"});
    both["spec"]["containers"].as_array_mut().unwrap().push(of_lone);
    let held = both.clone();
    let (result, calls) = run_in(&made, both, move |call| match call.line.as_str() {
        GET_REPORT => (200, held.clone()),
        POST_BASELINE if call.body["metadata"]["name"] == "deployment-agent" => refusal(500, "InternalError"),
        POST_BASELINE => (201, versioned(call.body.clone(), "1")),
        line if line.starts_with("GET") => refusal(404, "NotFound"),
        _ => (200, call.body.clone()),
    })
    .await;
    assert!(matches!(result, Err(IngestError::Api(_))));
    let put_lone = PUT_BASELINE.replace("deployment-agent", "pod-lone");
    assert_eq!(entries(&calls.last(&put_lone)), [("/bin/a".to_owned(), 3)]);
    assert!(!calls.lines().contains(&PUT_REPORT.to_owned()));
}

#[tokio::test]
async fn a_namespace_that_goes_takes_its_behaviours_along_and_no_others() {
    let (_, mut going) = refusal(403, "Forbidden");
    going["message"] = json!("unable to create new content in namespace shop because it is being terminated");
    for (line, answer) in [(POST_BASELINE, (403, going)), (POST_BASELINE, refusal(404, "NotFound"))] {
        let made = world();
        let (result, calls) = with_answer(&made, line, answer).await;
        result.unwrap();
        assert_eq!(calls.last(PUT_REPORT)["status"]["acknowledged"]["seq"], 1);
        assert_eq!(dropped(&made, plan::dropped::NAMESPACE_GONE), 1);
    }
}

#[tokio::test]
async fn a_baseline_that_is_deleted_meanwhile_is_made_anew() {
    let held = first_baseline(&report(1, "/bin/a")).await;
    let mut next = report(2, "/bin/b");
    next["status"] = acknowledged(1);
    let store = Store {
        report: next.clone(),
        baseline: Mutex::new(Some(held)),
    };
    let deleted = AtomicUsize::new(0);
    let made = world();
    let (result, calls) = run_in(&made, next, move |call| {
        if call.line == PUT_BASELINE && deleted.fetch_add(1, Ordering::SeqCst) == 0 {
            *store.baseline.lock().unwrap() = None;
            return refusal(404, "NotFound");
        }
        store.answer(call)
    })
    .await;
    result.unwrap();
    assert_eq!(
        calls.lines(),
        [
            GET_BASELINE,
            GET_REPORT,
            PUT_BASELINE,
            GET_BASELINE,
            GET_REPORT,
            POST_BASELINE,
            PUT_BASELINE,
            PUT_REPORT
        ]
    );
    assert_eq!(entries(&calls.last(PUT_BASELINE)), [("/bin/b".to_owned(), 3)]);
    assert_eq!(dropped(&made, plan::dropped::NAMESPACE_GONE), 0);
}

#[tokio::test]
async fn only_the_behaviours_of_the_batch_count_as_lost() {
    let mut much = first_baseline(&report(1, "/bin/a")).await;
    much["status"]["learned"] = json!(170);
    let mut next = report(2, "/bin/b");
    next["status"] = acknowledged(1);
    let store = Store {
        report: next.clone(),
        baseline: Mutex::new(Some(much)),
    };
    let made = world();
    let (result, _) = run_in(&made, next, move |call| match call.line.as_str() {
        PUT_BASELINE => refusal(422, "Invalid"),
        _ => store.answer(call),
    })
    .await;
    result.unwrap();
    assert_eq!(dropped(&made, plan::dropped::REFUSED), 1);
}
