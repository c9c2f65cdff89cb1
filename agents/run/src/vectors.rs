//! Vectors of an agent's examples in a file, so that a start does not compute them again.
//!
//! Only examples are kept, never what a caller said. A file that cannot be read or is of another model is as good as none.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use providers_api::Embedder;
use serde::{Deserialize, Serialize};

/// Raised when texts are prepared in another way before they are embedded.
const FORMAT: u32 = 1;

#[derive(Default, Serialize, Deserialize, PartialEq)]
struct Header {
    format: u32,
    provider: String,
    model: String,
    dimensions: usize,
    texts: Vec<String>,
}

pub(crate) struct Kept {
    path: Option<PathBuf>,
    provider: String,
    model: String,
    /// Of texts that were asked for: what the agent has now.
    vectors: BTreeMap<String, Vec<f32>>,
    /// Read from the file and not asked for so far.
    unasked: BTreeMap<String, Vec<f32>>,
    changed: bool,
}

impl Kept {
    pub(crate) fn open(directory: Option<&Path>, agent: &str, embedder: Option<&dyn Embedder>) -> Self {
        let info = embedder.map(Embedder::info);
        let (provider, model) = info.map(|info| (info.name.clone(), info.model.clone())).unwrap_or_default();
        let path =
            directory.filter(|_| info.is_some()).map(|directory| directory.join(format!("{agent}.vectors")));
        let mut kept = Self {
            path,
            provider,
            model,
            vectors: BTreeMap::new(),
            unasked: BTreeMap::new(),
            changed: false,
        };
        if let Some(content) = kept.path.as_ref().and_then(|path| std::fs::read(path).ok()) {
            kept.unasked = kept.read(&content).unwrap_or_default();
        }
        kept
    }

    pub(crate) fn vector(&mut self, text: &str) -> Option<&[f32]> {
        if let Some((text, vector)) = self.unasked.remove_entry(text) {
            self.vectors.insert(text, vector);
        }
        self.vectors.get(text).map(Vec::as_slice)
    }

    /// Every example of the agent was asked for: what else the file holds belongs to examples that are gone.
    pub(crate) fn forget_unasked(&mut self) {
        self.changed |= !self.unasked.is_empty();
        self.unasked.clear();
    }

    pub(crate) fn put(&mut self, text: &str, vector: Vec<f32>) {
        self.changed = true;
        self.vectors.insert(text.to_owned(), vector);
    }

    /// Failing to save costs the next start some time and nothing else.
    pub(crate) fn save(&self) {
        let Some(path) = self.path.as_ref().filter(|_| self.changed) else { return };
        if let Err(error) = self.write(path) {
            tracing::warn!(%error, path = %path.display(), "the vectors of the examples could not be saved");
        }
    }

    fn write(&self, path: &Path) -> std::io::Result<()> {
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        let all = || self.vectors.iter().chain(&self.unasked);
        let dimensions = all().map(|(_, vector)| vector.len()).max().unwrap_or(0);
        let whole: Vec<(&String, &Vec<f32>)> =
            all().filter(|(_, vector)| vector.len() == dimensions).collect();
        let texts = whole.iter().map(|(text, _)| (*text).clone()).collect();
        let header = Header {
            format: FORMAT,
            provider: self.provider.clone(),
            model: self.model.clone(),
            dimensions,
            texts,
        };
        let mut content = serde_json::to_vec(&header)?;
        content.push(b'\n');
        content
            .extend(whole.iter().flat_map(|(_, vector)| vector.iter()).flat_map(|value| value.to_le_bytes()));
        // Beside it and then in its place: another process sees the old file or the new one.
        let beside = path.with_extension(format!("{}.part", std::process::id()));
        let mut file = std::fs::File::create(&beside)?;
        file.write_all(&content)?;
        std::fs::rename(&beside, path)
    }

    fn read(&self, content: &[u8]) -> Option<BTreeMap<String, Vec<f32>>> {
        let end = content.iter().position(|byte| *byte == b'\n')?;
        let header: Header = serde_json::from_slice(&content[..end]).ok()?;
        let numbers: Vec<f32> = content[end + 1..]
            .chunks_exact(4)
            .map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
            .collect();
        let fits = header.format == FORMAT
            && header.provider == self.provider
            && header.model == self.model
            && header.dimensions > 0;
        if !fits || numbers.len() != header.dimensions * header.texts.len() {
            return None;
        }
        Some(
            header
                .texts
                .into_iter()
                .zip(numbers.chunks_exact(header.dimensions).map(<[f32]>::to_vec))
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use providers_fake::{EmbedOptions, FakeEmbedder};

    use super::*;

    fn open(directory: &tempfile::TempDir) -> Kept {
        Kept::open(Some(directory.path()), "tiny", Some(&FakeEmbedder::new(EmbedOptions::default())))
    }

    #[test]
    fn vectors_of_examples_that_are_gone_are_dropped_once_all_were_asked_for() {
        let directory = tempfile::tempdir().unwrap();
        let mut kept = open(&directory);
        kept.put("order", vec![1.0, 0.0]);
        kept.put("buy", vec![0.0, 1.0]);
        kept.save();

        // Where the embedder broke off, not every example was asked for: nothing is lost.
        let mut kept = open(&directory);
        assert_eq!(kept.vector("order"), Some([1.0, 0.0].as_slice()));
        kept.put("new", vec![0.6, 0.8]);
        kept.save();
        assert!(open(&directory).vector("buy").is_some());

        let mut kept = open(&directory);
        assert!(kept.vector("order").is_some() && kept.vector("new").is_some());
        kept.forget_unasked();
        kept.save();
        let mut kept = open(&directory);
        assert!(kept.vector("order").is_some() && kept.vector("new").is_some());
        assert_eq!(kept.vector("buy"), None);
    }
}
