use super::*;
use http::{Request, Response, StatusCode};
use kube::Client;
use kube::client::Body;
use serde_json::json;
use tower_test::mock::{self, Handle};

type ApiServer = Handle<Request<Body>, Response<Body>>;

fn batch(seq: i64) -> Outstanding {
    let spec = json!({"nodeUid": "u", "epoch": "e", "seq": seq, "containers": [], "losses": [], "hooks": []});
    Outstanding {
        epoch: "e".into(),
        seq,
        spec: spec.to_string().into_bytes().into(),
    }
}

fn report(seq: i64, acknowledged: Option<i64>) -> Value {
    let status = acknowledged.map(|seq| json!({"acknowledged": {"epoch": "e", "seq": seq}}));
    json!({
        "apiVersion": "anchorwatch.dev/v1alpha1",
        "kind": "SensorReport",
        "metadata": {"name": "node1"},
        "spec": {"nodeUid": "u", "epoch": "e", "seq": seq},
        "status": status,
    })
}

fn failure(code: u16, reason: &str, message: &str) -> (u16, Value) {
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                        "code": code, "reason": reason, "message": message});
    (code, status)
}

/// Answers as told, and returns what it was sent.
async fn answer(mut server: ApiServer, answers: Vec<(u16, Value)>) -> Vec<(String, Value)> {
    let mut requests = Vec::new();
    for (code, body) in answers {
        let (request, respond) = server.next_request().await.expect("the sender goes on");
        let line = format!("{} {}", request.method(), request.uri());
        let sent = request.into_body().collect_bytes().await.unwrap();
        requests.push((line, serde_json::from_slice(&sent).unwrap()));
        let response = Response::builder().status(StatusCode::from_u16(code).unwrap());
        respond.send_response(response.body(Body::from(body.to_string().into_bytes())).unwrap());
    }
    requests
}

async fn delivered(answers: Vec<(u16, Value)>) -> (Delivery, Vec<(String, Value)>) {
    let (service, server) = mock::pair::<Request<Body>, Response<Body>>();
    let sender = Sender {
        api: Api::all(Client::new(service, "default")),
        name: "node1".into(),
        switches: TestSwitches::default(),
        metrics: Arc::new(Metrics::new()),
    };
    let (_batches, batches) = watch::channel(Some(batch(7)));
    let (deliveries, mut delivery) = mpsc::channel(1);
    let run = tokio::spawn(sender.run(batches, deliveries));
    let requests = answer(server, answers).await;
    let delivery = delivery.recv().await.expect("a batch ends in a delivery");
    run.abort();
    (delivery, requests)
}

fn acknowledged() -> Delivery {
    Delivery::Acknowledged {
        epoch: "e".into(),
        seq: 7,
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_applied_unchanged_until_the_answer_acknowledges_it() {
    let answers = vec![
        (201, report(7, Some(6))),
        (200, report(7, None)),
        (200, report(7, Some(7))),
    ];
    let (delivery, requests) = delivered(answers).await;
    assert_eq!(delivery, acknowledged());
    let line = "PATCH /apis/anchorwatch.dev/v1alpha1/sensorreports/node1?&force=true&fieldManager=anchorwatch-sensor";
    assert!(requests.iter().all(|request| *request == requests[0]));
    assert_eq!(requests[0].0, line);
    assert_eq!(requests[0].1["spec"]["seq"], 7);
}

#[tokio::test(start_paused = true)]
async fn what_may_be_allowed_later_is_tried_again() {
    let answers = vec![
        failure(403, "Forbidden", "sensorreports is forbidden"),
        failure(404, "NotFound", "the server could not find the requested resource"),
        failure(422, "Invalid", "ValidatingAdmissionPolicy 'x' denied request: no"),
        failure(429, "TooManyRequests", "slow down"),
        failure(500, "InternalError", "etcd is away"),
        (200, report(7, Some(7))),
    ];
    assert_eq!(delivered(answers).await.0, acknowledged());
}

#[tokio::test(start_paused = true)]
async fn what_the_resources_rules_refuse_is_handed_back() {
    let refused = failure(
        422,
        "Invalid",
        "spec.seq must follow the last batch's number without a gap",
    );
    let expected = Delivery::Refused {
        epoch: "e".into(),
        seq: 7,
        message: "spec.seq must follow the last batch's number without a gap".into(),
    };
    assert_eq!(delivered(vec![refused]).await.0, expected);
}

#[tokio::test(start_paused = true)]
async fn an_answer_about_another_epoch_acknowledges_nothing() {
    let mut other = report(7, Some(7));
    other["status"]["acknowledged"]["epoch"] = json!("f");
    let (delivery, requests) = delivered(vec![(200, other), (200, report(7, Some(7)))]).await;
    assert_eq!((delivery, requests.len()), (acknowledged(), 2));
}
