//! `google.cloud.speech.v2`, by the field numbers of its published definition: what streaming recognition needs.

use std::time::Duration;

use prost::{Message, Oneof};

pub(crate) const STREAMING_RECOGNIZE: &str = "/google.cloud.speech.v2.Speech/StreamingRecognize";
/// `ExplicitDecodingConfig.AudioEncoding.LINEAR16`.
pub(crate) const LINEAR16: i32 = 1;

#[derive(Clone, PartialEq, Message)]
pub(crate) struct StreamingRecognizeRequest {
    #[prost(string, tag = "3")]
    pub(crate) recognizer: String,
    #[prost(oneof = "StreamingRequest", tags = "5, 6")]
    pub(crate) streaming_request: Option<StreamingRequest>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum StreamingRequest {
    #[prost(bytes = "bytes", tag = "5")]
    Audio(bytes::Bytes),
    #[prost(message, tag = "6")]
    Config(StreamingRecognitionConfig),
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct StreamingRecognitionConfig {
    #[prost(message, optional, tag = "1")]
    pub(crate) config: Option<RecognitionConfig>,
    #[prost(message, optional, tag = "2")]
    pub(crate) streaming_features: Option<StreamingRecognitionFeatures>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct RecognitionConfig {
    #[prost(message, optional, tag = "2")]
    pub(crate) features: Option<RecognitionFeatures>,
    #[prost(message, optional, tag = "6")]
    pub(crate) adaptation: Option<SpeechAdaptation>,
    #[prost(message, optional, tag = "8")]
    pub(crate) explicit_decoding_config: Option<ExplicitDecodingConfig>,
    #[prost(string, tag = "9")]
    pub(crate) model: String,
    #[prost(string, repeated, tag = "10")]
    pub(crate) language_codes: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ExplicitDecodingConfig {
    #[prost(int32, tag = "1")]
    pub(crate) encoding: i32,
    #[prost(int32, tag = "2")]
    pub(crate) sample_rate_hertz: i32,
    #[prost(int32, tag = "3")]
    pub(crate) audio_channel_count: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct RecognitionFeatures {
    #[prost(bool, tag = "2")]
    pub(crate) enable_word_time_offsets: bool,
    #[prost(bool, tag = "4")]
    pub(crate) enable_automatic_punctuation: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct SpeechAdaptation {
    #[prost(message, repeated, tag = "1")]
    pub(crate) phrase_sets: Vec<AdaptationPhraseSet>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct AdaptationPhraseSet {
    #[prost(message, optional, tag = "2")]
    pub(crate) inline_phrase_set: Option<PhraseSet>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct PhraseSet {
    #[prost(message, repeated, tag = "3")]
    pub(crate) phrases: Vec<Phrase>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Phrase {
    #[prost(string, tag = "1")]
    pub(crate) value: String,
    #[prost(float, tag = "2")]
    pub(crate) boost: f32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct StreamingRecognitionFeatures {
    #[prost(bool, tag = "2")]
    pub(crate) interim_results: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct StreamingRecognizeResponse {
    #[prost(message, optional, tag = "5")]
    pub(crate) metadata: Option<RecognitionResponseMetadata>,
    #[prost(message, repeated, tag = "6")]
    pub(crate) results: Vec<StreamingRecognitionResult>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct RecognitionResponseMetadata {
    #[prost(message, optional, tag = "6")]
    pub(crate) total_billed_duration: Option<ProtoDuration>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct StreamingRecognitionResult {
    #[prost(message, repeated, tag = "1")]
    pub(crate) alternatives: Vec<SpeechRecognitionAlternative>,
    #[prost(bool, tag = "2")]
    pub(crate) is_final: bool,
    #[prost(message, optional, tag = "4")]
    pub(crate) result_end_offset: Option<ProtoDuration>,
    #[prost(string, tag = "6")]
    pub(crate) language_code: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct SpeechRecognitionAlternative {
    #[prost(string, tag = "1")]
    pub(crate) transcript: String,
    /// 0 where it was not set.
    #[prost(float, tag = "2")]
    pub(crate) confidence: f32,
    #[prost(message, repeated, tag = "3")]
    pub(crate) words: Vec<WordInfo>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct WordInfo {
    #[prost(message, optional, tag = "1")]
    pub(crate) start_offset: Option<ProtoDuration>,
    #[prost(message, optional, tag = "2")]
    pub(crate) end_offset: Option<ProtoDuration>,
    #[prost(string, tag = "3")]
    pub(crate) word: String,
}

/// `google.protobuf.Duration`.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(crate) struct ProtoDuration {
    #[prost(int64, tag = "1")]
    pub(crate) seconds: i64,
    #[prost(int32, tag = "2")]
    pub(crate) nanos: i32,
}

impl From<ProtoDuration> for Duration {
    /// One below zero is none.
    fn from(wire: ProtoDuration) -> Self {
        let seconds = u64::try_from(wire.seconds).unwrap_or(0);
        Self::new(seconds, u32::try_from(wire.nanos).unwrap_or(0).min(999_999_999))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes put together by hand from the published field numbers, so that a wrong tag does not agree with itself.
    #[test]
    fn the_first_message_has_the_published_field_numbers() {
        let request = StreamingRecognizeRequest {
            recognizer: "r".to_owned(),
            streaming_request: Some(StreamingRequest::Config(StreamingRecognitionConfig {
                config: Some(RecognitionConfig {
                    features: Some(RecognitionFeatures {
                        enable_word_time_offsets: true,
                        enable_automatic_punctuation: true,
                    }),
                    adaptation: None,
                    explicit_decoding_config: Some(ExplicitDecodingConfig {
                        encoding: LINEAR16,
                        sample_rate_hertz: 16,
                        audio_channel_count: 1,
                    }),
                    model: "m".to_owned(),
                    language_codes: vec!["l".to_owned()],
                }),
                streaming_features: Some(StreamingRecognitionFeatures { interim_results: true }),
            })),
        };
        #[rustfmt::skip]
        let config = [
            0x12, 4, 0x10, 1, 0x20, 1,       // 2: features { 2: true, 4: true }
            0x42, 6, 8, 1, 0x10, 16, 0x18, 1, // 8: decoding { 1: LINEAR16, 2: 16, 3: 1 }
            0x4A, 1, b'm',                    // 9: model
            0x52, 1, b'l',                    // 10: language_codes
        ];
        let mut expected = vec![0x1A, 1, b'r', 0x32, config.len() as u8 + 6, 0x0A, config.len() as u8];
        expected.extend(config);
        expected.extend([0x12, 2, 0x10, 1]); // 2: streaming_features { 2: interim_results }
        assert_eq!(request.encode_to_vec(), expected);

        let audio = StreamingRequest::Audio(bytes::Bytes::from_static(&[1, 2]));
        let audio = StreamingRecognizeRequest { recognizer: String::new(), streaming_request: Some(audio) };
        assert_eq!(audio.encode_to_vec(), [0x2A, 2, 1, 2]);
    }

    #[test]
    fn an_answer_is_read_by_the_published_field_numbers() {
        #[rustfmt::skip]
        let result = [
            0x0A, 15, 0x0A, 2, b'h', b'i', 0x1A, 9, 0x0A, 2, 8, 1, 0x1A, 3, b'h', b'i', b'!', // 1: alternative { 1: text, 3: word { 1: 1 s, 3 } }
            0x10, 1,                          // 2: is_final
            0x22, 5, 8, 2, 0x10, 0x80, 1,     // 4: 2 s and 128 ns
            0x32, 2, b'e', b'n',              // 6: language_code
        ];
        let mut answer = vec![0x2A, 4, 0x32, 2, 8, 3, 0x32, result.len() as u8]; // 5: metadata { 6: 3 s }, 6: results
        answer.extend(result);
        let answer = StreamingRecognizeResponse::decode(answer.as_slice()).expect("well formed");
        let billed = answer.metadata.and_then(|metadata| metadata.total_billed_duration).expect("said");
        assert_eq!(Duration::from(billed), Duration::from_secs(3));
        let result = &answer.results[0];
        assert!(result.is_final);
        assert_eq!(result.result_end_offset.map(Duration::from), Some(Duration::new(2, 128)));
        assert_eq!(result.language_code, "en");
        assert_eq!(result.alternatives[0].transcript, "hi");
        assert_eq!(result.alternatives[0].words[0].word, "hi!");
        assert_eq!(
            result.alternatives[0].words[0].start_offset.map(Duration::from),
            Some(Duration::from_secs(1))
        );
    }
}
