use std::sync::Mutex;

use domain::Voice;
use providers_api::{ErrorKind, Message};
use providers_fake::{FakeLlm, FakeTts, Fault, LlmOptions, TtsOptions};
use providers_route::RouteEvent;

use super::*;

#[derive(Default)]
struct Kept(Mutex<Vec<Attempt>>);

impl Observer for Kept {
    fn attempt(&self, attempt: Attempt) {
        self.0.lock().expect("not poisoned").push(attempt);
    }

    fn event(&self, _event: RouteEvent) {}
}

impl Kept {
    fn only(&self) -> Attempt {
        let mut kept = self.0.lock().expect("not poisoned");
        assert_eq!(kept.len(), 1, "{kept:?}");
        kept.remove(0)
    }
}

fn llm(fault: Option<Fault>, books: &Arc<Kept>) -> Alone<dyn Llm> {
    Alone::new(
        Arc::new(FakeLlm::new(LlmOptions { always: fault.unwrap_or_default(), ..LlmOptions::default() })),
        books.clone(),
    )
}

fn question() -> LlmRequest {
    let messages = vec![Message::Caller("hello".to_owned())];
    LlmRequest { turn: Some(TurnId(4)), ..LlmRequest::new(SessionId::generate(), "Be brief.", messages) }
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_on_record_with_what_the_vendor_counted_and_its_turn() {
    let books = Arc::new(Kept::default());
    let asked = llm(None, &books);
    let reply = asked.chat(question()).await.expect("accepted").collect::<Vec<_>>().await;
    let attempt = books.only();
    assert_eq!((attempt.outcome, attempt.turn), (Outcome::Served, Some(TurnId(4))));
    assert!(attempt.usage.output_tokens > 0 && !attempt.usage.estimated, "{:?}", attempt.usage);
    assert!(reply.len() > 1 && attempt.first_progress >= attempt.connect);
}

#[tokio::test(start_paused = true)]
async fn what_is_dropped_is_cancelled_and_what_is_refused_is_known_and_free() {
    let books = Arc::new(Kept::default());
    let mut reply = llm(None, &books).chat(question()).await.expect("accepted");
    assert!(reply.next().await.is_some());
    drop(reply);
    let cut = books.only();
    assert!(cut.outcome == Outcome::Cancelled && cut.usage.estimated, "{cut:?}");
    assert!(cut.usage.input_tokens > 0, "it has read the question");
    assert!(llm(Some(Fault::Refuse), &books).chat(question()).await.is_err());
    let refused = books.only();
    let Outcome::Failed(error) = refused.outcome else { unreachable!("it was refused") };
    assert!(matches!(error.kind, ErrorKind::Unauthorized | ErrorKind::Unreachable | ErrorKind::Rejected));
    assert_eq!(refused.usage, Usage::default());
}

#[tokio::test(start_paused = true)]
async fn a_voice_that_counts_nothing_is_counted_and_one_that_is_let_go_after_its_sentence_is_complete() {
    let books = Arc::new(Kept::default());
    let tts = FakeTts::new(TtsOptions::default()).expect("valid");
    let voice: Alone<dyn Tts> = Alone::new(Arc::new(tts), books.clone());
    let request = TtsRequest { session: SessionId::generate(), turn: None, voice: Voice::default() };
    drop(voice.open(request.clone()).await.expect("open"));
    assert!(books.0.lock().expect("not poisoned").is_empty(), "nothing was asked of it");
    let TtsStream { mut input, mut events } = voice.open(request).await.expect("open");
    input.send(TtsInput::Sentence("Grüß Gott.".to_owned())).await.expect("open");
    while !matches!(events.next().await, None | Some(Ok(TtsEvent::SentenceDone { .. }))) {}
    drop(events);
    let spoken = books.only();
    assert_eq!((spoken.outcome, spoken.usage.characters), (Outcome::Served, 10));
    assert!(spoken.usage.audio_out > Duration::from_millis(100), "{:?}", spoken.usage);
}
