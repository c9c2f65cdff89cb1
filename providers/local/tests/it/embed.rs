//! Sentence embeddings against vectors that another implementation (NumPy in double precision, the `tokenizers`
//! library) computed from the same weights.

use std::sync::OnceLock;

use providers_api::Embedder as _;
use providers_local::embed::LocalEmbedder;
use serde::Deserialize;

use crate::models::{engine, store};

#[derive(Deserialize)]
struct Reference {
    text: String,
    pieces: usize,
    vector: Vec<f32>,
}

fn embedder() -> &'static LocalEmbedder {
    static EMBEDDER: OnceLock<LocalEmbedder> = OnceLock::new();
    EMBEDDER.get_or_init(|| LocalEmbedder::load(engine().pool(), &store()).expect("the model loads"))
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[tokio::test]
async fn vectors_are_those_of_the_reference() {
    let references: Vec<Reference> =
        serde_json::from_str(include_str!("reference/embeddings.json")).expect("a table of vectors");
    let texts = references.iter().map(|reference| reference.text.clone()).collect();
    let vectors = embedder().embed(texts).await.unwrap();
    assert_eq!(vectors.len(), references.len());
    for (reference, vector) in references.iter().zip(vectors) {
        let worst = reference.vector.iter().zip(&vector).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-4, "{:?} ({} pieces) is off by {worst}", reference.text, reference.pieces);
        assert!((dot(&vector, &vector) - 1.0).abs() < 1e-4);
    }
}

#[tokio::test]
async fn what_means_the_same_lies_closer() {
    let texts =
        ["When are you open?", "What are your opening hours?", "My dog likes bananas."].map(str::to_owned);
    let vectors = embedder().embed(texts.to_vec()).await.unwrap();
    let (same, other) = (dot(&vectors[0], &vectors[1]), dot(&vectors[0], &vectors[2]));
    assert!(same > 0.6 && other < 0.3, "{same} against {other}");
}

#[tokio::test]
async fn nothing_to_embed_gives_nothing() {
    assert!(embedder().embed(Vec::new()).await.unwrap().is_empty());
}
