//! Starting all embedded providers together, on good models and on damaged ones.

use std::fs;
use std::path::Path;

use inference::{Member, Store};
use providers_api::{ErrorKind, Stt as _, SttRequest};
use providers_local::stt::LocalStt;
use providers_local::{LocalProviders, Options};

use crate::models::{engine, store};

fn request() -> SttRequest {
    SttRequest {
        session: domain::SessionId::generate(),
        rate_hz: 16_000,
        language: None,
        keywords: Vec::new(),
    }
}

/// A store of links to the real files, in which single ones can be spoilt.
fn copy() -> (tempfile::TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    link(store().directory(), directory.path());
    let copy = Store::open(directory.path());
    (directory, copy)
}

fn link(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
        if path.is_dir() {
            fs::create_dir(to.join(&name)).unwrap();
            link(&path, &to.join(name));
        } else if path.extension().is_some_and(|extension| extension == "json") {
            fs::copy(&path, to.join(name)).unwrap(); // stamps and costs: the copy writes its own
        } else {
            std::os::unix::fs::symlink(&path, to.join(name)).unwrap();
        }
    }
}

fn spoil(store: &Store, member: Member, change: impl FnOnce(&mut Vec<u8>)) {
    let path = store.path(member).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    change(&mut bytes);
    fs::remove_file(&path).unwrap();
    fs::write(&path, bytes).unwrap();
}

#[expect(clippy::ptr_arg, reason = "the signature that `spoil` wants")]
fn flip_a_byte(bytes: &mut Vec<u8>) {
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
}

#[tokio::test]
async fn everything_starts_is_measured_and_takes_as_many_streams_as_it_carries() {
    let (directory, store) = copy();
    // Measure anew, whatever an earlier run has kept.
    let _ = fs::remove_file(directory.path().join("costs.json"));
    let local = LocalProviders::start(&store, Options::default()).await.expect("the models are there");
    println!("{} calls; {:?}", local.capacity, local.costs);
    assert!(local.capacity >= 1);
    assert!(!local.costs.stt_final.is_zero() && local.costs.tts_realtime_factor > 0.0, "{:?}", local.costs);
    let mut streams = Vec::new();
    let error = loop {
        match local.stt.open(request()).await {
            Ok(stream) => streams.push(stream),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind, ErrorKind::Full);
    assert!(streams.len() >= local.capacity);
    streams.pop();
    assert!(local.stt.open(request()).await.is_ok(), "a stream that was dropped makes room");
    let again = LocalProviders::start(&store, Options::default()).await.expect("the models are there");
    assert_eq!(again.costs, local.costs, "costs are kept");
}

#[tokio::test]
async fn a_missing_model_is_named_before_anything_loads() {
    let (_directory, store) = copy();
    fs::remove_file(store.path(Member::MoonshineDecoder).unwrap()).unwrap();
    let error = LocalProviders::start(&store, Options::default()).await.expect_err("a model is missing");
    assert_eq!(error.failure().code.0, "MODEL_MISSING");
    let text = error.to_string();
    assert!(text.contains("decoder") && text.contains("foundry models pull"), "{text}");
}

#[tokio::test]
async fn a_flipped_byte_is_found_in_every_model() {
    for member in Member::ALL {
        let (_directory, store) = copy();
        spoil(&store, member, flip_a_byte);
        let error = LocalProviders::start(&store, Options::default()).await.expect_err("a model is damaged");
        assert_eq!(error.failure().code.0, "MODEL_CORRUPT", "{member}: {error}");
    }
}

#[test]
fn a_model_that_is_damaged_after_the_check_fails_to_load_and_crashes_nothing() {
    let half = |bytes: &mut Vec<u8>| bytes.truncate(bytes.len() / 2);
    for member in [Member::MoonshineEncoder, Member::MoonshineDecoder, Member::MoonshineTokenizer] {
        let (_directory, store) = copy();
        spoil(&store, member, half);
        let error = LocalStt::load(&engine(), &store, Default::default()).expect_err("half a model");
        assert_eq!(error.failure().code.0, "MODEL_CORRUPT", "{member}: {error}");
    }
    for member in [Member::MiniLmWeights, Member::MiniLmVocabulary] {
        let (_directory, store) = copy();
        spoil(&store, member, half);
        let loaded = providers_local::embed::LocalEmbedder::load(engine().pool(), &store);
        assert_eq!(loaded.expect_err("half a model").failure().code.0, "MODEL_CORRUPT", "{member}");
    }
}
