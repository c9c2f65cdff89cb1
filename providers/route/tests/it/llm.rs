//! Language models: whole replies from whoever gives one, never of two.

use futures::StreamExt;
use providers_api::{Error, ErrorKind, Llm, LlmEvent, LlmRequest, Usage};
use providers_fake::{Fault, LlmOptions};
use providers_route::budget;
use providers_route::{Alternative, LlmRoute, Options, Outcome, Pace, RouteEvent, Setting, Why};
use tokio::time::Instant;

use crate::cast::{llm_request, llm_route, ms, named_llms, setting, who};

const FIRST: &str = "This is the first model and it has a lot to say about many things.";
const SECOND: &str = "This is the second model with an answer of its own.";

fn models(fault: Fault) -> Vec<LlmOptions> {
    let options = |text: &str| LlmOptions { otherwise: text.to_owned(), ..LlmOptions::default() };
    vec![LlmOptions { always: fault, ..options(FIRST) }, options(SECOND)]
}

#[derive(Debug, Default, PartialEq)]
struct Told {
    served: Vec<String>,
    text: String,
    finished: bool,
    error: Option<ErrorKind>,
}

async fn told(llm: &dyn Llm) -> Told {
    let mut told = Told::default();
    let mut stream = match llm.chat(llm_request("hello")).await {
        Ok(stream) => stream,
        Err(Error { kind, .. }) => return Told { error: Some(kind), ..told },
    };
    while let Some(event) = stream.next().await {
        match event {
            Ok(LlmEvent::Served(info)) => told.served.push(info.name.clone()),
            Ok(LlmEvent::Text(text)) => told.text.push_str(&text),
            Ok(LlmEvent::Finished(_)) => told.finished = true,
            Ok(_) => {}
            Err(error) => told.error = Some(error.kind),
        }
    }
    told
}

fn whole(name: &str, text: &str) -> Told {
    Told { served: vec![name.to_owned()], text: text.to_owned(), finished: true, error: None }
}

#[tokio::test(start_paused = true)]
async fn without_faults_the_first_serves_and_the_second_is_never_asked() {
    let scene = llm_route(models(Fault::None));
    for _ in 0..30 {
        assert_eq!(told(&scene.route).await, whole("first", FIRST));
    }
    assert!(scene.notes.outcomes().iter().all(|outcome| *outcome == ("first".to_owned(), "served")));
    let attempt = &scene.notes.attempts()[0];
    assert_eq!((attempt.why, attempt.number, attempt.first_progress), (Why::First, 1, Some(ms(50))));
    assert!(attempt.usage.output_tokens > 0 && !attempt.usage.estimated);
}

#[tokio::test(start_paused = true)]
async fn whatever_goes_wrong_before_the_first_token_the_second_gives_the_whole_reply_in_time() {
    let faults = [
        (Fault::Refuse, 0),
        (Fault::Unreachable, 0),
        (Fault::Hang, 1_200),
        (Fault::Mute, 1_200),
        (Fault::Garbage, 0),
        (Fault::Empty, 100),
        (Fault::CloseAfter { after_ms: 10 }, 10),
        (Fault::Slow { factor: 100 }, 1_200),
        (Fault::Stall { after_ms: 45, for_ms: 60_000 }, 1_200),
    ];
    for (fault, added) in faults {
        let scene = llm_route(models(fault));
        let begun = Instant::now();
        let mut stream = scene.route.chat(llm_request("hello")).await.expect("the second is well");
        let waited = begun.elapsed();
        assert!(waited <= ms(added + 50 + 150), "{fault:?}: {waited:?}");
        let mut text = String::new();
        while let Some(event) = stream.next().await {
            if let LlmEvent::Text(piece) = event.expect("whole") {
                text.push_str(&piece);
            }
        }
        assert_eq!(text, SECOND, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_breaks_is_not_continued_by_another_and_ends_in_bounded_time() {
    for fault in [Fault::CloseAfter { after_ms: 155 }, Fault::Stall { after_ms: 155, for_ms: 600_000 }] {
        let scene = llm_route(models(fault));
        let begun = Instant::now();
        let told = told(&scene.route).await;
        assert!(begun.elapsed() <= ms(155 + 4_000 + 150), "{fault:?}");
        assert_eq!((told.error, told.finished), (Some(ErrorKind::Closed), false), "{fault:?}");
        assert!(FIRST.starts_with(&told.text) && !told.text.is_empty(), "{fault:?}: {}", told.text);
        assert_eq!(scene.notes.outcomes(), who(&[("first", "failed")]));
        assert!(scene.notes.attempts()[0].usage.estimated);
    }
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_breaks_before_it_can_be_spoken_is_begun_anew_by_another() {
    let usual = 1_200;
    for (fault, added) in [
        (Fault::CloseAfter { after_ms: 95 }, 95),
        (Fault::Stall { after_ms: 95, for_ms: 600_000 }, 95 + usual),
    ] {
        let scene = llm_route(models(fault));
        let mut stream = scene.route.chat(llm_request("hello")).await.expect("a first token");
        let begun = Instant::now();
        let first = stream.next().await.expect("goes on").expect("no error");
        assert!(matches!(first, LlmEvent::Served(info) if info.name == "second"), "{fault:?}");
        assert!(begun.elapsed() <= ms(added + 50 + 150), "{fault:?}: {:?}", begun.elapsed());
        drop(stream);
        assert_eq!(told(&llm_route(models(fault)).route).await, whole("second", SECOND), "{fault:?}");
        assert_eq!(scene.notes.outcomes()[0], ("first".to_owned(), "failed"));
    }
}

#[tokio::test(start_paused = true)]
async fn half_a_clause_of_the_only_model_is_not_said() {
    let scene = llm_route(models(Fault::CloseAfter { after_ms: 95 })[..1].to_vec());
    let told = told(&scene.route).await;
    assert_eq!(told, Told { error: Some(ErrorKind::Closed), ..Told::default() });
}

#[tokio::test(start_paused = true)]
async fn the_most_hopeful_error_goes_up_and_not_the_last() {
    let mut all = models(Fault::Unreachable);
    all[1].always = Fault::Refuse;
    assert_eq!(told(&llm_route(all).route).await.error, Some(ErrorKind::Unreachable));
    let mut all = models(Fault::Refuse);
    all[1].always = Fault::Mute;
    assert_eq!(told(&llm_route(all).route).await.error, Some(ErrorKind::TimedOut));
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_less_is_answered_in_that_time() {
    let scene = llm_route(models(Fault::Mute));
    let request = LlmRequest { patience: Some(ms(800)), ..llm_request("hello") };
    let begun = Instant::now();
    drop(scene.route.chat(request.clone()).await.expect("the second is asked in time"));
    assert!(begun.elapsed() <= ms(500), "{:?}", begun.elapsed());
    let mut all = models(Fault::Mute);
    all[1].always = Fault::Hang;
    let begun = Instant::now();
    let failed = llm_route(all).route.chat(request).await.err().expect("nobody answers");
    assert!(begun.elapsed() < ms(800), "{:?}", begun.elapsed());
    assert_eq!(failed.kind, ErrorKind::TimedOut);
}

#[tokio::test(start_paused = true)]
async fn one_that_is_beaten_by_its_hedge_each_time_is_not_asked_any_more() {
    let scene = llm_route(models(Fault::Mute));
    for _ in 0..3 {
        assert_eq!(told(&scene.route).await, whole("second", SECOND));
    }
    let begun = Instant::now();
    assert_eq!(told(&scene.route).await, whole("second", SECOND));
    assert!(begun.elapsed() < ms(500), "{:?}: the first was asked again", begun.elapsed());
    assert_eq!(scene.notes.outcomes().last(), Some(&("second".to_owned(), "served")));
}

#[tokio::test(start_paused = true)]
async fn one_that_is_beaten_by_its_hedge_does_not_make_the_hedge_later() {
    let mut all = models(Fault::Mute);
    all[0].faults = vec![Fault::None; 30];
    let (setting, _notes, _) = setting(Options::llm());
    let never = providers_route::breaker::Options { failures: 10_000, ..Default::default() };
    let health = std::sync::Arc::new(providers_route::Health::new(never, setting.observer.clone()));
    let route = LlmRoute::new(named_llms(all), Setting { health, ..setting }).expect("valid");
    for _ in 0..130 {
        told(&route).await;
    }
    let begun = Instant::now();
    drop(route.chat(llm_request("hello")).await.expect("hedged"));
    assert!(begun.elapsed() <= ms(150 + 50 + 10), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn one_that_is_hung_up_because_it_was_late_has_failed() {
    let scene = llm_route(models(Fault::Mute)[..1].to_vec());
    for _ in 0..3 {
        assert!(tokio::time::timeout(ms(1_300), scene.route.chat(llm_request("hello"))).await.is_err());
    }
    assert_eq!(scene.notes.outcomes(), vec![("first".to_owned(), "timed out"); 3]);
    assert!(matches!(scene.notes.events()[..], [RouteEvent::BreakerOpened { .. }]));
}

#[tokio::test(start_paused = true)]
async fn a_guess_is_asked_of_one_model_until_it_may_be_the_answer() {
    let scene = llm_route(models(Fault::Hang));
    let request = LlmRequest { ahead: true, ..llm_request("hello") };
    let hedge = Options::llm().hedge.expect("models are hedged").default_ms;
    assert!(tokio::time::timeout(ms(hedge + 200), scene.route.chat(request.clone())).await.is_err());
    assert_eq!(scene.notes.attempts().len(), 1);
    drop(scene.route.chat(request).await.expect("the second answers"));
    assert_eq!(scene.notes.attempts().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_is_ready_counts_before_the_deadline_where_nobody_looked() {
    let scene = llm_route(models(Fault::None));
    let mut asked = Box::pin(scene.route.chat(llm_request("hello")));
    assert!(futures::poll!(&mut asked).is_pending());
    assert!(futures::poll!(&mut asked).is_pending());
    tokio::time::advance(ms(3_000)).await;
    drop(asked.await.expect("it had answered"));
    assert_eq!(scene.notes.outcomes(), who(&[("first", "cancelled")]));
}

#[tokio::test(start_paused = true)]
async fn where_all_fail_the_last_error_goes_up_before_patience_ends() {
    for fault in [Fault::Refuse, Fault::Hang, Fault::Mute, Fault::Empty, Fault::Garbage] {
        let mut all = models(fault);
        all[1].always = fault;
        let scene = llm_route(all);
        let begun = Instant::now();
        let told = told(&scene.route).await;
        assert!(told.error.is_some() && told.text.is_empty(), "{fault:?}");
        assert!(begun.elapsed() <= ms(6_000), "{fault:?}: {:?}", begun.elapsed());
        assert_eq!(scene.notes.attempts().len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_reply_is_hedged_and_the_loser_is_paid_for_and_named() {
    let scene = llm_route(models(Fault::Slow { factor: 100 }));
    assert_eq!(told(&scene.route).await, whole("second", SECOND));
    assert_eq!(scene.notes.outcomes(), who(&[("first", "abandoned"), ("second", "served")]));
    let attempts = scene.notes.attempts();
    assert_eq!(attempts[1].why, Why::Hedge);
    let Usage { input_tokens, estimated, .. } = attempts[0].usage;
    assert!(input_tokens > 0 && estimated);
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_hangs_up_cancels_and_nobody_is_blamed() {
    let scene = llm_route(models(Fault::Mute));
    for _ in 0..10 {
        let asked = scene.route.chat(llm_request("hello"));
        assert!(tokio::time::timeout(ms(500), asked).await.is_err());
    }
    assert_eq!(scene.notes.outcomes(), vec![("first".to_owned(), "cancelled"); 10]);
    // It may have read the question: what that cost is estimated, not known to be nothing.
    let cancelled = scene.notes.attempts()[0].usage;
    assert!(cancelled.input_tokens > 0 && cancelled.estimated, "{cancelled:?}");
    assert!(scene.notes.events().is_empty());
    let mut reply = scene.route.chat(llm_request("hello")).await.expect("hedged");
    assert!(reply.next().await.is_some());
    drop(reply);
    assert_eq!(scene.notes.attempts().last().map(|a| a.outcome.clone()), Some(Outcome::Cancelled));
}

#[tokio::test(start_paused = true)]
async fn a_model_that_hangs_before_it_answers_is_estimated_and_one_that_refuses_has_used_nothing() {
    let scene = llm_route(models(Fault::Hang));
    let asked = scene.route.chat(llm_request("hello"));
    assert!(tokio::time::timeout(ms(100), asked).await.is_err());
    let hung = scene.notes.attempts()[0].clone();
    assert_eq!((hung.connect, hung.outcome), (None, Outcome::Cancelled));
    assert!(hung.usage.input_tokens > 0 && hung.usage.estimated, "{:?}", hung.usage);
    let scene = llm_route(models(Fault::Refuse));
    assert_eq!(told(&scene.route).await, whole("second", SECOND));
    assert_eq!(scene.notes.attempts()[0].usage, Usage::default());
}

#[tokio::test(start_paused = true)]
async fn what_is_learned_makes_the_hedge_earlier() {
    let mut all = models(Fault::Slow { factor: 100 });
    all[0].faults = vec![Fault::None; 30];
    let scene = llm_route(all);
    for _ in 0..30 {
        told(&scene.route).await;
    }
    let begun = Instant::now();
    drop(scene.route.chat(llm_request("hello")).await.expect("hedged"));
    assert!(begun.elapsed() <= ms(150 + 50 + 10), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_missed_budget_puts_the_cheap_model_first() {
    let (setting, notes, _health) = setting(Options::llm());
    let pace = Pace::new(budget::Options { least: 1, ..budget::Options::default() });
    let mut alternatives: Vec<Alternative<dyn Llm>> = named_llms(models(Fault::None));
    alternatives[1].cheap = true;
    let setting = Setting { pace: Some(pace.clone()), ..setting };
    let route = LlmRoute::new(alternatives, setting).expect("valid");
    assert_eq!(told(&route).await, whole("first", FIRST));
    for _ in 0..5 {
        pace.measured(ms(3_000), Instant::now());
    }
    assert_eq!(told(&route).await, whole("second", SECOND));
    assert_eq!(notes.outcomes(), who(&[("first", "served"), ("second", "served")]));
}
