//! How well intents are told apart, on sentences that are no examples.

use std::collections::BTreeSet;

use agents_graph::{BACKGROUND, Method, Node, Scores};
use agents_run::Agent;

use crate::dialogues::library;

fn rows(file: &str) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(library().join("eval").join(file)).unwrap();
    text.lines().skip(1).map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

fn plain(text: &str) -> String {
    text.to_lowercase().chars().filter(|c| c.is_alphanumeric() || c.is_whitespace()).collect::<String>().trim().to_owned()
}

#[test]
fn no_sentence_of_the_evaluation_is_an_example() {
    let agent = agents_graph::parse(agents_graph::LIBRARY[1].1).unwrap();
    let Some(Node::Intent(desk)) = agent.nodes.get("desk") else { unreachable!() };
    let examples: BTreeSet<String> = desk.intents.values().flat_map(|intent| &intent.examples).chain(&desk.background).map(|text| plain(text)).collect();
    let (known, unknown) = (rows("front-desk-paraphrases.tsv"), rows("front-desk-out-of-scope.tsv"));
    assert_eq!((known.len(), unknown.len()), (200, 100));
    for row in known.iter().chain(&unknown) {
        assert!(!examples.contains(&plain(&row[0])), "{}", row[0]);
    }
    for row in &known {
        assert!(desk.intents.contains_key(&row[1]), "{row:?}");
    }
}

/// The intent that the desk would choose.
fn chosen(agent: &Agent, scores: &Scores) -> Option<String> {
    agent.graph().decide("desk", scores).filter(|intent| intent != BACKGROUND)
}

/// Right answers of the paraphrases and accepted out-of-scope sentences, in percent.
pub(crate) async fn measure(agent: &Agent) -> (f32, f32) {
    let mut right = 0;
    let known = rows("front-desk-paraphrases.tsv");
    for row in &known {
        let scores = agent.classify("desk", &row[0]).await;
        let intent = chosen(agent, &scores);
        right += u32::from(intent.as_deref() == Some(&row[1]));
    }
    let mut accepted = 0;
    let unknown = rows("front-desk-out-of-scope.tsv");
    for row in &unknown {
        let scores = agent.classify("desk", &row[0]).await;
        accepted += u32::from(chosen(agent, &scores).is_some());
    }
    (right as f32 * 100.0 / known.len() as f32, accepted as f32 * 100.0 / unknown.len() as f32)
}

#[tokio::test]
async fn words_alone_tell_most_intents_apart() {
    let agent = Agent::load(agents_graph::LIBRARY[1].1, None).await.unwrap();
    assert_eq!(agent.method(), Method::Lexical);
    let (right, accepted) = measure(&agent).await;
    println!("intents by words: {right:.1} % of 200 paraphrases right, {accepted:.1} % of 100 out-of-scope sentences accepted");
    assert!(right >= 60.0 && accepted <= 10.0, "{right} {accepted}");
}
