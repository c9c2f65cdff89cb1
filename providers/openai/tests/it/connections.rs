//! Over HTTP/1.1 the next request takes the connection of the one before, whatever is asked for.

use domain::Secret;
use futures::StreamExt;
use futures::future::join_all;
use loadtest_vendors::{Delays, Standin, trial};
use providers_api::{LlmEvent, Tts, TtsEvent};
use providers_openai::{LlmOptions, OpenAiLlm, Options, TtsOptions, speech};

use crate::{KEY, client, ms};

const CALLS: usize = 8;
const TURNS: usize = 50;
/// One turn of so many is cut off by its caller.
const CUT_OFF: usize = 5;

async fn vendor(llm_tokens_per_second: u64) -> (Standin, Options) {
    let delays = Delays {
        llm_first_token_ms: 2,
        llm_tokens_per_second,
        tts_first_byte_ms: 2,
        tts_ms_per_char: 5,
        ..Delays::default()
    };
    let standin = Standin::start(delays).await;
    let key = Secret::new(KEY.to_owned());
    let base_url = format!("http://{}/openai/v1", standin.address);
    (standin, Options::compatible("vllm", Some(key), &base_url))
}

#[tokio::test]
async fn a_models_connection_is_used_again_for_95_of_100_turns_and_one_that_is_cut_off_ends_at_once() {
    let (standin, options) = vendor(1_000).await;
    let llm = OpenAiLlm::new(options.clone(), LlmOptions::new(&options, "compat-small"), client());
    let long = "word ".repeat(400);
    let calls = (0..CALLS).map(|_| async {
        for turn in 0..TURNS {
            if turn % CUT_OFF == 0 {
                let mut reply = trial::answer(&llm, &long).await;
                assert!(matches!(reply.next().await, Some(Ok(LlmEvent::Text(_)))));
            }
            trial::answered(&llm, "Hello.").await;
            tokio::time::sleep(ms(20)).await;
        }
    });
    join_all(calls).await;
    let cut_off = CALLS * TURNS / CUT_OFF;
    let seen = standin.sees("cancelled", cut_off).await.len();
    assert_eq!(seen, cut_off, "whoever was cut off made no more tokens, and nobody else was");
    // Each that was cut off took its connection with it.
    let fresh = standin.stage.connections() - cut_off;
    assert!(fresh * 20 <= CALLS * TURNS, "{fresh} of {} turns opened a connection", CALLS * TURNS);
}

#[tokio::test]
async fn a_voices_connections_are_used_again_from_sentence_to_sentence_and_turn_to_turn() {
    let (standin, options) = vendor(100).await;
    for events in [false, true] {
        let before = standin.stage.connections();
        let tts = speech(options.clone(), TtsOptions { events, ..TtsOptions::default() }, client());
        for _ in 0..30 {
            let mut stream = tts.open(trial::turn()).await.expect("opens");
            trial::say(&mut stream, "One.").await;
            trial::say(&mut stream, "Two.").await;
            // As a session listens: up to the end of its last sentence.
            while let Some(event) = trial::heard(&mut stream).await {
                if matches!(event, TtsEvent::SentenceDone { sentence: 1 }) {
                    break;
                }
            }
            drop(stream);
            tokio::time::sleep(ms(5)).await;
        }
        let opened = standin.stage.connections() - before;
        assert!(opened <= 3, "{opened} connections for 60 sentences");
    }
}
