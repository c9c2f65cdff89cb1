//! How near a text is to the intents of a node: cosine to its nearest examples, or shared words where no embedder is there.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use agents_graph::{BACKGROUND, Compiled, IntentNode, Method, Node, Scored, Scores};
use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use providers_api::Embedder;

use crate::lexical::Corpus;
use crate::vectors;

/// Texts whose vectors are remembered: what was thought ahead is not computed again at the commit. The oldest is forgotten.
const RECENT: usize = 256;
/// Longest text that is embedded, in characters; the end of a longer one counts.
const LONGEST: usize = 600;
/// After so long words are compared instead: the caller is waiting.
const DEADLINE: Duration = Duration::from_millis(1500);
/// Examples embedded in one request when warming.
const BATCH: usize = 32;
/// How much the second nearest example says beside the nearest.
const SECOND: f32 = 0.25;

type Vector = Arc<Vec<f32>>;
type Embedding = Shared<BoxFuture<'static, Option<Vector>>>;

pub(crate) struct Classifier {
    nodes: BTreeMap<String, Examples>,
    embedder: Option<Arc<dyn Embedder>>,
    recent: Mutex<VecDeque<(String, Embedding)>>,
}

struct Examples {
    /// Intent of each text.
    intents: Vec<String>,
    /// In the order of `intents`; empty without an embedder.
    vectors: Vec<Vec<f32>>,
    corpus: Corpus,
}

impl Classifier {
    pub(crate) async fn warm(
        graph: &Compiled,
        embedder: Option<Arc<dyn Embedder>>,
        directory: Option<&Path>,
    ) -> Self {
        let mut kept = vectors::Kept::open(directory, &graph.definition.name, embedder.as_deref());
        let mut nodes = BTreeMap::new();
        let mut working = embedder;
        for (id, node) in &graph.definition.nodes {
            let Node::Intent(node) = node else { continue };
            let (intents, texts) = examples(node);
            let vectors = match &working {
                Some(embedder) => embed_all(embedder.as_ref(), &texts, &mut kept).await,
                None => Ok(Vec::new()),
            };
            let vectors = vectors.unwrap_or_else(|error| {
                tracing::warn!(agent = graph.definition.name, %error, "examples could not be embedded; words are compared instead");
                working = None;
                Vec::new()
            });
            nodes.insert(id.clone(), Examples { intents, vectors, corpus: Corpus::new(&texts) });
        }
        if working.is_some() {
            kept.forget_unasked();
        }
        kept.save();
        Self { nodes, embedder: working, recent: Mutex::new(VecDeque::new()) }
    }

    pub(crate) fn method(&self) -> Method {
        if self.embedder.is_some() { Method::Embedding } else { Method::Lexical }
    }

    /// The best score of each intent over the texts. Cancel-safe.
    pub(crate) async fn score(&self, node: &str, texts: &[String]) -> Scores {
        let Some(examples) = self.nodes.get(node) else {
            return Scores { method: Method::Lexical, intents: Vec::new() };
        };
        if let Some(embedder) = &self.embedder {
            let wanted: Vec<Embedding> = texts.iter().map(|text| self.embedding(embedder, text)).collect();
            match tokio::time::timeout(DEADLINE, futures::future::join_all(wanted)).await {
                Ok(vectors) if vectors.iter().all(Option::is_some) => {
                    let vectors: Vec<Vector> = vectors.into_iter().flatten().collect();
                    return Scores {
                        method: Method::Embedding,
                        intents: best(examples, &vectors, |vector: &Vector, at| {
                            cosine(vector, &examples.vectors[at])
                        }),
                    };
                }
                Ok(_) => self.forget(texts),
                Err(_) => tracing::warn!(
                    deadline_ms = DEADLINE.as_millis(),
                    "the embedder gave nothing in time; words are compared instead"
                ),
            }
        }
        let profiles: Vec<_> = texts.iter().map(|text| examples.corpus.profile(text)).collect();
        Scores {
            method: Method::Lexical,
            intents: best(examples, &profiles, |profile, at| examples.corpus.similarity(profile, at)),
        }
    }

    fn embedding(&self, embedder: &Arc<dyn Embedder>, text: &str) -> Embedding {
        let text = clean(text);
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = recent.iter().find(|(known, _)| *known == text) {
            return known.clone();
        }
        let embedder = Arc::clone(embedder);
        let asked = text.clone();
        let embedding: Embedding = async move {
            match embedder.embed(vec![asked]).await {
                Ok(vectors) => vectors.into_iter().next().map(Arc::new),
                Err(error) => {
                    tracing::warn!(%error, "a text could not be embedded; words are compared instead");
                    None
                }
            }
        }
        .boxed()
        .shared();
        if recent.len() >= RECENT {
            recent.pop_front();
        }
        recent.push_back((text, embedding.clone()));
        embedding
    }

    /// A failure is not remembered.
    fn forget(&self, texts: &[String]) {
        let texts: Vec<String> = texts.iter().map(|text| clean(text)).collect();
        self.recent
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|(known, _)| !texts.contains(known));
    }
}

fn examples(node: &IntentNode) -> (Vec<String>, Vec<String>) {
    let known = node
        .intents
        .iter()
        .flat_map(|(name, intent)| intent.examples.iter().map(move |text| (name.clone(), text)));
    let background = node.background.iter().map(|text| (BACKGROUND.to_owned(), text));
    known.chain(background).map(|(name, text)| (name, clean(text))).unzip()
}

async fn embed_all(
    embedder: &dyn Embedder,
    texts: &[String],
    kept: &mut vectors::Kept,
) -> Result<Vec<Vec<f32>>, providers_api::Error> {
    let new: Vec<String> = texts.iter().filter(|text| kept.vector(text).is_none()).cloned().collect();
    for batch in new.chunks(BATCH) {
        for (text, vector) in batch.iter().zip(embedder.embed(batch.to_vec()).await?) {
            kept.put(text, vector);
        }
    }
    // An embedder that gives fewer vectors than texts leaves empty ones, which are near to nothing.
    Ok(texts.iter().map(|text| kept.vector(text).map(<[f32]>::to_vec).unwrap_or_default()).collect())
}

/// As a recogniser may or may not write it: case and final punctuation say nothing.
fn clean(text: &str) -> String {
    let lower = text.trim().to_lowercase();
    let chars = lower.chars().count();
    let tail: String = lower.chars().skip(chars.saturating_sub(LONGEST)).collect();
    tail.trim_end_matches(['.', '!', '?', ',']).to_owned()
}

fn best<T>(examples: &Examples, texts: &[T], similarity: impl Fn(&T, usize) -> f32) -> Vec<Scored> {
    let mut scores: BTreeMap<&str, f32> = BTreeMap::new();
    for text in texts {
        let mut nearest: BTreeMap<&str, (f32, f32)> = BTreeMap::new();
        for (at, intent) in examples.intents.iter().enumerate() {
            let score = similarity(text, at).max(0.0);
            let (first, second) = nearest.entry(intent).or_default();
            if score > *first {
                (*first, *second) = (score, *first);
            } else if score > *second {
                *second = score;
            }
        }
        for (intent, (first, second)) in nearest {
            let score = first * (1.0 - SECOND) + first.min(second) * SECOND;
            let held = scores.entry(intent).or_default();
            *held = held.max(score);
        }
    }
    scores.into_iter().map(|(intent, score)| Scored { intent: intent.to_owned(), score }).collect()
}

/// Vectors have unit length.
fn cosine(left: &[f32], right: &[f32]) -> f32 {
    left.iter().zip(right).map(|(a, b)| a * b).sum()
}
