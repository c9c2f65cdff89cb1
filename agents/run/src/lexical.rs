//! Similarity of texts by shared words, pairs of words and parts of words, the rare ones counting more.
//!
//! What is left when there is no embedder: it knows spellings, not meanings.

use std::collections::BTreeMap;

/// Weight of a part of a word beside a whole one: enough for slips and endings, not for chance.
const PART: f32 = 0.35;
const PAIR: f32 = 0.8;
/// Words that say little of what is wanted.
const COMMON: &[&str] = &[
    "a", "an", "the", "i", "you", "to", "is", "it", "of", "and", "please", "do", "me", "for", "on", "at",
    "in", "my", "your", "can", "could", "would", "that", "this", "like", "be", "are", "have", "d", "s",
];

pub(crate) struct Corpus {
    rarity: BTreeMap<String, f32>,
    profiles: Vec<Profile>,
    /// Rarity of what no example has.
    unknown: f32,
}

/// Features of a text with their weights, of unit length.
pub(crate) type Profile = BTreeMap<String, f32>;

impl Corpus {
    pub(crate) fn new(texts: &[String]) -> Self {
        let counted: Vec<Profile> = texts.iter().map(|text| features(text)).collect();
        let mut documents: BTreeMap<String, u32> = BTreeMap::new();
        for feature in counted.iter().flat_map(BTreeMap::keys) {
            *documents.entry(feature.clone()).or_default() += 1;
        }
        let total = texts.len().max(1) as f32;
        let rarity: BTreeMap<String, f32> = documents
            .into_iter()
            .map(|(feature, count)| (feature, (1.0 + total / count as f32).ln()))
            .collect();
        let mut corpus = Self { rarity, profiles: Vec::new(), unknown: (1.0 + total).ln() };
        corpus.profiles = counted.into_iter().map(|profile| corpus.weigh(profile)).collect();
        corpus
    }

    pub(crate) fn profile(&self, text: &str) -> Profile {
        self.weigh(features(text))
    }

    /// Similarity to the example at `at`, 0 to 1.
    pub(crate) fn similarity(&self, profile: &Profile, at: usize) -> f32 {
        let Some(example) = self.profiles.get(at) else { return 0.0 };
        profile.iter().filter_map(|(feature, weight)| Some(weight * example.get(feature)?)).sum()
    }

    fn weigh(&self, mut profile: Profile) -> Profile {
        for (feature, weight) in &mut profile {
            *weight *= self.rarity.get(feature).copied().unwrap_or(self.unknown);
        }
        let length = profile.values().map(|weight| weight * weight).sum::<f32>().sqrt();
        if length > 0.0 {
            profile.values_mut().for_each(|weight| *weight /= length);
        }
        profile
    }
}

fn features(text: &str) -> Profile {
    let lower = text.to_lowercase();
    let words: Vec<&str> =
        lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let mut profile = Profile::new();
    let mut add = |feature: String, weight: f32| {
        let held = profile.entry(feature).or_default();
        *held = held.max(weight);
    };
    for word in &words {
        add(format!("w:{}", stem(word)), if COMMON.contains(word) { 0.3 } else { 1.0 });
        if !COMMON.contains(word) && word.len() > 3 {
            let marked: Vec<char> = format!("^{word}$").chars().collect();
            marked.windows(4).for_each(|part| add(format!("p:{}", part.iter().collect::<String>()), PART));
        }
    }
    for pair in words.windows(2) {
        let common = pair.iter().filter(|word| COMMON.contains(word)).count();
        add(format!("b:{} {}", stem(pair[0]), stem(pair[1])), if common == 2 { PAIR * 0.3 } else { PAIR });
    }
    profile
}

fn stem(word: &str) -> &str {
    let cut = |ending: &str, least: usize| word.strip_suffix(ending).filter(|stem| stem.len() >= least);
    cut("ing", 4).or_else(|| cut("es", 4)).or_else(|| cut("ed", 4)).or_else(|| cut("s", 3)).unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_rare_words_bring_texts_together() {
        let texts: Vec<String> = ["what are your opening hours", "where can i park", "how much is a haircut"]
            .map(str::to_owned)
            .to_vec();
        let corpus = Corpus::new(&texts);
        let nearest = |text: &str| {
            let profile = corpus.profile(text);
            (0..3)
                .max_by(|a, b| corpus.similarity(&profile, *a).total_cmp(&corpus.similarity(&profile, *b)))
                .unwrap()
        };
        assert_eq!(nearest("opening hours please"), 0);
        assert_eq!(nearest("is there parking"), 1);
        assert_eq!(nearest("how much are haircuts"), 2);
        let same = corpus.profile("where can I park?");
        assert!((corpus.similarity(&same, 1) - 1.0).abs() < 1e-5);
        assert!(corpus.similarity(&corpus.profile(""), 0) == 0.0);
    }
}
