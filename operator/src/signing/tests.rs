//! A key is made, kept, rotated and published, and no Secret is written over that can't be read.

use std::{collections::HashMap, sync::Mutex};

use k8s_openapi::ByteString;
use serde_json::{Value, json};

use jiff::Timestamp;

use super::{
    secret::{Step, plan},
    *,
};
use crate::testkit::{Call, api_server, refusal, versioned};

const SECRETS: &str = "/api/v1/namespaces/anchorwatch/secrets";
const CONFIG_MAPS: &str = "/api/v1/namespaces/anchorwatch/configmaps";

fn wanted(generation: u32) -> Wanted {
    Wanted {
        namespace: "anchorwatch".into(),
        secret: "signing-key".into(),
        config_map: "public-keys".into(),
        generation,
        trusted: BTreeSet::new(),
    }
}

fn made(generation: u32) -> Secret {
    match plan(&wanted(generation), None, None, &[1; 32], Timestamp::UNIX_EPOCH) {
        Ok(Step::Create(secret, _)) => secret,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_key_is_made_once_and_kept() {
    let secret = made(1);
    let step = plan(&wanted(1), Some(&secret), None, &[2; 32], Timestamp::UNIX_EPOCH);
    let Ok(Step::Keep(held)) = step else { panic!("{step:?}") };
    assert_eq!(held.signer.public(), Signer::from_seed(&[1; 32]).public());
    assert_eq!(held.ring.check(&BTreeSet::new()), Ok(()));
}

#[test]
fn a_greater_generation_rotates_the_key_and_the_old_one_vouches_for_the_new() {
    let secret = made(1);
    let step = plan(&wanted(2), Some(&secret), None, &[2; 32], Timestamp::UNIX_EPOCH);
    let Ok(Step::Replace(secret, held)) = step else {
        panic!("{step:?}")
    };
    assert_eq!(held.ring.keys().len(), 2);
    assert_eq!(held.ring.check(&BTreeSet::new()), Ok(()));
    let again = plan(&wanted(2), Some(&secret), None, &[3; 32], Timestamp::UNIX_EPOCH);
    let Ok(Step::Keep(held)) = again else {
        panic!("{again:?}")
    };
    assert_eq!(held.signer.public(), Signer::from_seed(&[2; 32]).public());
    assert!(matches!(
        plan(&wanted(1), Some(&secret), None, &[3; 32], Timestamp::UNIX_EPOCH),
        Ok(Step::Keep(_))
    ));
}

#[test]
fn a_lost_secret_keeps_the_old_public_keys_and_nobody_vouches_for_the_new_one() {
    let mut published = KeyRing::default();
    let zero = anchorwatch_core::time::Timestamp::from_secs(0);
    published.add(None, &Signer::from_seed(&[1; 32]), zero);
    let step = plan(&wanted(1), None, Some(&published), &[2; 32], Timestamp::UNIX_EPOCH);
    let Ok(Step::Create(_, held)) = step else {
        panic!("{step:?}")
    };
    assert_eq!(held.ring.keys().len(), 2);
    assert!(held.ring.check(&BTreeSet::new()).is_err());
}

#[test]
fn a_secret_that_can_not_be_read_is_refused_by_its_field() {
    type Edit = fn(&mut std::collections::BTreeMap<String, ByteString>);
    let edits: [(Edit, &str); 4] = [
        (
            |data| drop(data.remove("seed")),
            "data.seed of the Secret is not there: expected 32 bytes",
        ),
        (
            |data| data.get_mut("seed").unwrap().0.truncate(31),
            "data.seed of the Secret is something else",
        ),
        (|data| data.get_mut("seed").unwrap().0[0] ^= 1, "ends with the seed's"),
        (
            |data| data.get_mut("generation").unwrap().0 = b"x".into(),
            "expected a whole number",
        ),
    ];
    for (edit, says) in edits {
        let mut secret = made(1);
        edit(secret.data.as_mut().unwrap());
        let error = plan(&wanted(9), Some(&secret), None, &[2; 32], Timestamp::UNIX_EPOCH).unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
    }
}

/// An API server that keeps what it is given under a path.
fn keeping() -> impl Fn(&Call) -> (u16, Value) {
    let kept: Mutex<HashMap<String, Value>> = Mutex::default();
    move |call| {
        let mut kept = kept.lock().unwrap();
        let (method, path) = call.line.split_once(' ').unwrap();
        if method == "GET" {
            return kept
                .get(path)
                .map_or_else(|| refusal(404, "NotFound"), |object| (200, object.clone()));
        }
        let name = call.body["metadata"]["name"].as_str().unwrap();
        let path = if method == "POST" {
            format!("{path}/{name}")
        } else {
            path.to_owned()
        };
        let object = versioned(call.body.clone(), "5");
        kept.insert(path, object.clone());
        (200, object)
    }
}

#[tokio::test]
async fn the_first_start_makes_the_key_and_the_second_finds_it() {
    let (client, calls) = api_server(keeping());
    let metrics = Metrics::new().unwrap();
    let first = open(&client, &metrics, &wanted(1)).await;
    let second = open(&client, &metrics, &wanted(1)).await;
    assert_eq!(first.signer().public(), second.signer().public());
    let writes: Vec<String> = calls
        .lines()
        .into_iter()
        .filter(|line| !line.starts_with("GET"))
        .collect();
    assert_eq!(writes, [format!("POST {SECRETS}"), format!("POST {CONFIG_MAPS}")]);
    let published = calls.last(&format!("POST {CONFIG_MAPS}"));
    let text = published["data"]["keys.json"].as_str().unwrap();
    assert_eq!(serde_json::from_str::<KeyRing>(text).unwrap(), *first.ring());
    let secret = calls.last(&format!("POST {SECRETS}"));
    let seed = secret["data"]["seed"].as_str().unwrap();
    assert!(!published.to_string().contains(seed), "the ConfigMap holds the seed");
}

#[tokio::test]
async fn published_keys_that_somebody_changed_are_written_anew() {
    let (client, calls) = api_server(keeping());
    let metrics = Metrics::new().unwrap();
    let first = open(&client, &metrics, &wanted(1)).await;
    let forged = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"namespace": "anchorwatch", "name": "public-keys"}, "data": {"keys.json": "[]"},
    });
    let config_maps: Api<ConfigMap> = Api::namespaced(client.clone(), "anchorwatch");
    config_maps
        .replace(
            "public-keys",
            &kube::api::PostParams::default(),
            &serde_json::from_value(forged).unwrap(),
        )
        .await
        .unwrap();
    open(&client, &metrics, &wanted(1)).await;
    let published = calls.last(&format!("PUT {CONFIG_MAPS}/public-keys"));
    let text = published["data"]["keys.json"].as_str().unwrap();
    assert_eq!(serde_json::from_str::<KeyRing>(text).unwrap(), *first.ring());
}

#[test]
fn a_record_counts_as_sealed_only_as_it_was_sealed() {
    let signing = signing();
    let mut record: RolloutRecord = serde_json::from_value(json!({
        "apiVersion": "anchorwatch.dev/v1alpha1", "kind": "RolloutRecord",
        "metadata": {"namespace": "shop", "name": "deployment-agent-1"},
        "spec": {
            "workload": {"kind": "Deployment", "name": "agent"}, "workloadUid": "d1", "revision": 1,
            "templateHash": "5d", "containers": [], "witness": "agent-5d-x",
            "startedAt": "2026-01-01T00:00:00Z", "recordedAt": "2026-01-01T00:00:00Z",
        },
    }))
    .unwrap();
    assert!(!signing.sealed(&record), "it has no seal");
    let (sealed, _) = document(&record).unwrap().seal(None, signing.signer()).unwrap();
    record.spec = serde_json::from_value(sealed.into_spec()).unwrap();
    assert!(signing.sealed(&record));
    record.spec.revision = 2;
    assert!(!signing.sealed(&record));
}
