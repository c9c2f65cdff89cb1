use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use domain::{AudioFrame, MediaTime, SessionId, Voice, Voiced};
use futures::StreamExt;
use providers_api::conformance;
use providers_api::{
    Finish, Message, SpeechAsk, SpeechEvent, SpeechGiven, SpeechInput, SpeechModel, SpeechRequest,
    SpeechStream, ToolChoice,
};
use providers_openai::{ConversationOptions, Options, conversation};
use serde_json::json;

use crate::{KEY, RATE_HZ, ms, seen, trial, vendor, voice};

fn model(options: &Options) -> Arc<dyn SpeechModel> {
    Arc::new(conversation(options.clone(), ConversationOptions::default()))
}

/// A conversation that is polled while something is given, as it must be.
struct Talk {
    stream: SpeechStream,
    came: VecDeque<SpeechEvent>,
}

impl Talk {
    async fn open(options: &Options) -> Self {
        let voice = Voice { name: "cedar".to_owned(), ..Voice::default() };
        let request = SpeechRequest { session: SessionId::generate(), rate_hz: RATE_HZ, voice };
        let stream = model(options).open(request).await.expect("opens");
        Self { stream, came: VecDeque::new() }
    }

    async fn give(&mut self, input: SpeechInput) {
        self.stream.input.send(input).await.expect("open");
        self.work(ms(2)).await;
    }

    async fn work(&mut self, length: Duration) {
        let until = tokio::time::Instant::now() + length;
        while let Ok(event) = tokio::time::timeout_at(until, self.stream.events.next()).await {
            self.came.push_back(event.expect("goes on").expect("no fault"));
        }
    }

    async fn next(&mut self) -> SpeechEvent {
        if let Some(event) = self.came.pop_front() {
            return event;
        }
        let event = tokio::time::timeout(Duration::from_secs(5), self.stream.events.next()).await;
        event.expect("in time").expect("goes on").expect("no fault")
    }

    async fn end_of(&mut self, answer: u32) -> Finish {
        loop {
            let event = self.next().await;
            if let (true, SpeechGiven::Finished(finish)) = (event.answer == answer, event.given) {
                return finish;
            }
        }
    }
}

fn ask() -> SpeechInput {
    let (instructions, tools) = ("Be short.".into(), Arc::new([]));
    SpeechInput::Answer(SpeechAsk {
        instructions,
        tools,
        tool_choice: ToolChoice::Auto,
        max_tokens: Some(99),
    })
}

fn typed(text: &str) -> SpeechInput {
    SpeechInput::Said(Message::Caller(text.to_owned()))
}

#[tokio::test]
async fn every_rule_of_models_that_hear_and_speak_holds() {
    let (_standin, options) = vendor().await;
    conformance::speech(&*model(&options), &trial()).await.expect("every rule holds");
}

#[tokio::test]
async fn every_adversity_is_told_for_what_it_is() {
    let (standin, options) = vendor().await;
    let set = |adversity| standin.stage.always(adversity);
    let fresh = || model(&options);
    conformance::speech_adversities(&fresh, &set, &trial()).await.expect("every adversity is told");
}

#[tokio::test]
async fn the_session_is_asked_for_as_documented_and_the_vendor_judges_no_turns() {
    let (standin, options) = vendor().await;
    let _talk = Talk::open(&options).await;
    let asked = seen(&standin.stage, "session.update").await.expect("asked").body;
    let format = json!({ "type": "audio/pcm", "rate": 24_000 });
    assert_eq!(
        asked["session"],
        json!({
            "type": "realtime", "model": "gpt-realtime", "output_modalities": ["audio"],
            "audio": {
                "input": { "format": format, "turn_detection": null },
                "output": { "format": format, "voice": "cedar" },
            },
        })
    );
}

#[tokio::test]
async fn what_was_not_heard_is_taken_out_of_the_models_memory() {
    let (standin, options) = vendor().await;
    let mut talk = Talk::open(&options).await;
    talk.give(typed("tell me a story that takes some time")).await;
    talk.give(ask()).await;
    let mut sounded = Duration::ZERO;
    while sounded < ms(300) {
        if let SpeechGiven::Voiced(Voiced::Audio(frame)) = talk.next().await.given {
            sounded += frame.duration().as_duration();
        }
    }
    talk.give(SpeechInput::Heard { answer: 0, heard: ms(240) }).await;
    assert_eq!(talk.end_of(0).await, Finish::Stop);
    let cut = seen(&standin.stage, "conversation.item.truncate").await.expect("told").body;
    assert_eq!(cut["audio_end_ms"], 240);
    assert!(
        seen(&standin.stage, "response.cancel").await.expect("cancelled").body["response_id"].is_string()
    );
    // Of the next nothing is heard: it goes with its words. And one that is cut before it began never was.
    for _ in 0..2 {
        talk.give(ask()).await;
    }
    while !matches!(talk.next().await.given, SpeechGiven::Voiced(Voiced::Audio(_))) {}
    for answer in [2, 1] {
        talk.give(SpeechInput::Heard { answer, heard: Duration::ZERO }).await;
        talk.end_of(answer).await;
    }
    seen(&standin.stage, "conversation.item.delete").await.expect("deleted");
    talk.give(ask()).await;
    assert_eq!(talk.end_of(3).await, Finish::Stop);
    let asked = standin.stage.seen().into_iter().filter(|seen| seen.what == "response.create").count();
    assert_eq!(asked, 3, "what was taken back in time was never asked");
    talk.work(ms(30)).await;
    let complaints = standin.stage.seen().into_iter().filter(|seen| seen.what == "error").count();
    assert_eq!(complaints, 0);
}

#[tokio::test]
async fn audio_counts_once_in_usage_and_what_the_cache_gave_counts_as_that() {
    let (_standin, options) = vendor().await;
    let mut talk = Talk::open(&options).await;
    let mut counts = Vec::new();
    for _ in 0..2 {
        for samples in voice(ms(1_200)).chunks(320) {
            let frame = AudioFrame { samples: samples.to_vec(), rate_hz: RATE_HZ, at: MediaTime::ZERO };
            talk.give(SpeechInput::Audio(frame)).await;
        }
        talk.give(SpeechInput::Turn).await;
        talk.give(ask()).await;
        loop {
            match talk.next().await.given {
                SpeechGiven::Usage(usage) => counts.push(usage),
                SpeechGiven::Finished(_) => break,
                _ => {}
            }
        }
    }
    let [first, second] = counts.as_slice() else { panic!("{counts:?}") };
    assert_eq!((first.audio_input_tokens, first.cached_tokens), (12, 0));
    assert!(first.audio_output_tokens > 0 && first.audio_output_tokens < first.output_tokens);
    assert!(second.cached_tokens > 0 && !second.estimated);
    for usage in [first, second] {
        assert!(usage.audio_input_tokens + usage.cached_tokens <= usage.input_tokens, "{usage:?}");
    }
}

#[tokio::test]
async fn an_answer_that_fails_ends_the_conversation_and_what_it_used_is_told_first() {
    let (standin, options) = vendor().await;
    let mut talk = Talk::open(&options).await;
    standin.stage.push(conformance::Adversity::BreaksAfter(15));
    talk.give(typed("tell me a story that takes some time")).await;
    talk.give(ask()).await;
    let mut usage = None;
    let error = loop {
        match talk.stream.events.next().await.expect("an error") {
            Ok(SpeechEvent { given: SpeechGiven::Usage(used), .. }) => usage = Some(used),
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(usage.is_some_and(|usage| usage.estimated && usage.audio_output_tokens > 0), "{usage:?}");
    assert_eq!(error.kind, providers_api::ErrorKind::Closed);
    assert!(!error.to_string().contains(KEY) && !error.to_string().contains("story"), "{error}");
    assert!(talk.stream.events.next().await.is_none());
}
