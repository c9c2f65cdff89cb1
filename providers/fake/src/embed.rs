//! Embeddings without a model: texts that share words point the same way.

use futures::FutureExt;
use futures::future::BoxFuture;
use providers_api::{Embedder, Error, ProviderInfo};

use crate::options::{EmbedOptions, ms};

pub struct FakeEmbedder {
    info: ProviderInfo,
    options: EmbedOptions,
}

impl FakeEmbedder {
    #[must_use]
    pub fn new(options: EmbedOptions) -> Self {
        let info =
            ProviderInfo { name: "fake".to_owned(), model: "words".to_owned(), ..ProviderInfo::default() };
        Self { info, options }
    }

    fn vector(&self, text: &str) -> Vec<f32> {
        let dimensions = self.options.dimensions.max(1);
        let mut vector = vec![0.0_f32; dimensions];
        // A little of everything, so that a text without words still has a direction.
        vector[0] = 0.01;
        for word in text.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()) {
            let lower = word.to_lowercase();
            let hash = lower.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
            vector[(hash % dimensions as u64) as usize] += 1.0;
        }
        let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        vector.iter().map(|x| x / length).collect()
    }
}

impl Embedder for FakeEmbedder {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    fn embed(&self, texts: Vec<String>) -> BoxFuture<'_, Result<Vec<Vec<f32>>, Error>> {
        async move {
            tokio::time::sleep(ms(self.options.delay_ms)).await;
            Ok(texts.iter().map(|text| self.vector(text)).collect())
        }
        .boxed()
    }
}
