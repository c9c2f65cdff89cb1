//! How well intents are told apart, on sentences that are no examples.

use std::collections::BTreeSet;
use std::sync::Arc;

use agents_graph::{Method, Node};
use agents_run::{Agent, Clock};
use inference::store::{Depth, default_directory};
use inference::{Engine, Store};
use providers_api::Embedder;
use providers_local::embed::LocalEmbedder;

use crate::dialogues::{Monday, library};

fn rows(file: &str) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(library().join("eval").join(file)).unwrap();
    text.lines().skip(1).map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

fn plain(text: &str) -> String {
    text.to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || c.is_whitespace())
        .collect::<String>()
        .trim()
        .to_owned()
}

#[test]
fn no_sentence_of_the_evaluation_is_an_example() {
    let agent = agents_graph::parse(agents_graph::LIBRARY[1].1).unwrap();
    let Some(Node::Intent(desk)) = agent.nodes.get("desk") else { unreachable!() };
    let examples: BTreeSet<String> = desk
        .intents
        .values()
        .flat_map(|intent| &intent.examples)
        .chain(&desk.background)
        .map(|text| plain(text))
        .collect();
    let (known, unknown) = (rows("front-desk-paraphrases.tsv"), rows("front-desk-out-of-scope.tsv"));
    assert_eq!((known.len(), unknown.len()), (200, 100));
    for row in known.iter().chain(&unknown) {
        assert!(!examples.contains(&plain(&row[0])), "{}", row[0]);
    }
    for row in &known {
        assert!(desk.intents.contains_key(&row[1]), "{row:?}");
    }
}

/// Right answers of the paraphrases and accepted out-of-scope sentences, in percent.
async fn measure(agent: &Agent) -> (f32, f32) {
    let mut right = 0;
    let known = rows("front-desk-paraphrases.tsv");
    for row in &known {
        let intent = agent.intent("desk", &row[0], &Monday.now()).await;
        right += u32::from(intent.as_deref() == Some(&row[1]));
    }
    let mut accepted = 0;
    let unknown = rows("front-desk-out-of-scope.tsv");
    for row in &unknown {
        accepted += u32::from(agent.intent("desk", &row[0], &Monday.now()).await.is_some());
    }
    (right as f32 * 100.0 / known.len() as f32, accepted as f32 * 100.0 / unknown.len() as f32)
}

#[tokio::test]
async fn words_alone_tell_most_intents_apart() {
    let agent = Agent::load(agents_graph::LIBRARY[1].1, None).await.unwrap();
    assert_eq!(agent.method(), Method::Lexical);
    let (right, accepted) = measure(&agent).await;
    println!(
        "intents by words: {right:.1} % of 200 paraphrases right, {accepted:.1} % of 100 out-of-scope sentences accepted"
    );
    assert!(right >= 55.0 && accepted <= 10.0, "{right} {accepted}");
}

/// The embedder of this machine. Fails, with what to do, where the models were not fetched.
pub(crate) fn embedder() -> Arc<dyn Embedder> {
    let store = Store::open(default_directory(|name| std::env::var_os(name)).expect("a cache directory"));
    let wrong = store.verify(Depth::Quick);
    assert!(wrong.is_empty(), "this test needs the models, `foundry models pull` fetches them: {}", wrong[0]);
    let engine = Engine::start(&inference::Options::default(), &store).expect("the runtime starts");
    Arc::new(LocalEmbedder::load(engine.pool(), &store).expect("the model loads"))
}

#[tokio::test]
async fn sentence_embeddings_tell_intents_apart() {
    let directory = tempfile::tempdir().unwrap();
    let embedder = embedder();
    let agent = Agent::load_cached(agents_graph::LIBRARY[1].1, Some(Arc::clone(&embedder)), directory.path())
        .await
        .unwrap();
    assert_eq!(agent.method(), Method::Embedding);
    let (right, accepted) = measure(&agent).await;
    println!(
        "intents by embeddings: {right:.1} % of 200 paraphrases right, {accepted:.1} % of 100 out-of-scope sentences accepted"
    );
    assert!(right >= 90.0 && accepted < 5.0, "{right} {accepted}");
    // The next start takes the vectors from the file, and decides the same.
    let again =
        Agent::load_cached(agents_graph::LIBRARY[1].1, Some(embedder), directory.path()).await.unwrap();
    assert!(directory.path().join("front-desk.vectors").exists());
    assert_eq!(measure(&again).await, (right, accepted));
}
