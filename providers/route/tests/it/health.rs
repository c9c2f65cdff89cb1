//! Breakers at work: who is not asked, who is tried again, and what processes tell each other.

use std::sync::Arc;

use futures::StreamExt;
use providers_api::{Error, ErrorKind, Llm, LlmEvent, Stt};
use providers_fake::{Fault, LlmOptions, SttOptions, TtsOptions};
use providers_route::breaker::{self, Standing};
use providers_route::shared::{self, Memory, Shared};
use providers_route::{Health, Key, Nobody, RouteEvent, Why};
use runtime::Tasks;
use tokio::time::Instant;

use crate::cast::{Notes, Scene, llm_request, llm_route, ms, stt_request, stt_route, tts_request, tts_route};
use crate::tts::speak;

fn models(faults: &[Fault], always: Fault) -> Vec<LlmOptions> {
    vec![LlmOptions { faults: faults.to_vec(), always, ..LlmOptions::default() }, LlmOptions::default()]
}

async fn served(llm: &dyn Llm) -> String {
    let mut stream = llm.chat(llm_request("hello")).await.expect("somebody is well");
    let mut served = String::new();
    while let Some(event) = stream.next().await {
        if let LlmEvent::Served(info) = event.expect("whole") {
            served.clone_from(&info.name);
        }
    }
    served
}

fn asked(notes: &Notes) -> Vec<(String, Why)> {
    notes.attempts().iter().map(|attempt| (attempt.provider.name.clone(), attempt.why)).collect()
}

fn key(tenant: &str, provider: &str) -> Key {
    let info = providers_api::ProviderInfo {
        name: provider.to_owned(),
        model: "script".to_owned(),
        ..Default::default()
    };
    Key::new(tenant.into(), providers_api::Ability::Llm, &info)
}

#[tokio::test(start_paused = true)]
async fn a_refused_key_is_used_once_and_tells_somebody() {
    let Scene { route, notes, health } = llm_route(models(&[], Fault::Refuse));
    for _ in 0..20 {
        assert_eq!(served(&route).await, "second");
    }
    assert_eq!(asked(&notes).iter().filter(|(name, _)| name == "first").count(), 1);
    let because = notes.events().into_iter().find_map(|event| match event {
        RouteEvent::BreakerOpened { because, .. } => Some(because),
        _ => None,
    });
    assert_eq!(because, Some(ErrorKind::Unauthorized));
    assert_eq!(health.standing(&key("tenant", "first"), Instant::now()), Standing::Open);
    assert_eq!(health.standing(&key("another", "first"), Instant::now()), Standing::Ready);
}

#[tokio::test(start_paused = true)]
async fn after_the_pause_one_caller_finds_out_with_another_close_behind() {
    let Scene { route, notes, .. } = llm_route(models(&[Fault::Unreachable; 3], Fault::None));
    for _ in 0..5 {
        assert_eq!(served(&route).await, "second");
    }
    assert_eq!(asked(&notes).iter().filter(|(name, _)| name == "first").count(), 3);
    tokio::time::sleep(ms(5_000)).await;
    assert_eq!(served(&route).await, "first");
    assert_eq!(asked(&notes).last(), Some(&("first".to_owned(), Why::Probe)));
    assert!(matches!(notes.events().last(), Some(RouteEvent::BreakerClosed { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_probe_of_one_that_is_still_mute_costs_its_caller_little() {
    let Scene { route, notes, .. } = llm_route(models(&[Fault::Unreachable; 3], Fault::Mute));
    for _ in 0..3 {
        served(&route).await;
    }
    tokio::time::sleep(ms(5_000)).await;
    let begun = Instant::now();
    drop(route.chat(llm_request("hello")).await.expect("the second is well"));
    assert!(begun.elapsed() <= ms(150 + 50), "{:?}", begun.elapsed());
    for _ in 0..3 {
        served(&route).await;
    }
    assert_eq!(asked(&notes).iter().filter(|(_, why)| *why == Why::Probe).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_only_provider_is_asked_whatever_its_breaker_says() {
    let Scene { route, .. } = llm_route(models(&[Fault::Unreachable; 4], Fault::None)[..1].to_vec());
    for _ in 0..4 {
        assert!(route.chat(llm_request("hello")).await.is_err());
    }
    assert_eq!(served(&route).await, "first");
}

#[tokio::test(start_paused = true)]
async fn a_synthetic_probe_closes_the_breaker_without_a_caller() {
    let Scene { route, health, .. } = llm_route(models(&[Fault::Unreachable; 3], Fault::None));
    for _ in 0..3 {
        served(&route).await;
    }
    assert!(health.probes_due(Instant::now()).is_empty());
    tokio::time::sleep(ms(5_000)).await;
    let due = health.probes_due(Instant::now());
    assert_eq!(due.iter().map(|key| key.provider.as_str()).collect::<Vec<_>>(), ["first"]);
    let failing = Error::new(providers_api::Ability::Llm, ErrorKind::Unreachable, "first", "still");
    health.probe(&due[0], async { Err(failing) }).await;
    assert_eq!(health.standing(&due[0], Instant::now()), Standing::Open);
    tokio::time::sleep(ms(10_000)).await;
    let full = Error::new(providers_api::Ability::Llm, ErrorKind::Full, "first", "ours");
    health.probe(&due[0], async { Err(full) }).await;
    tokio::time::sleep(ms(5_000)).await;
    assert_eq!(health.standing(&due[0], Instant::now()), Standing::Probe, "it told nothing");
    health.probe(&due[0], async { Ok(()) }).await;
    assert_eq!(health.standing(&due[0], Instant::now()), Standing::Ready);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_is_well_again_is_found_out_without_a_caller() {
    let Scene { route, notes, health } = llm_route(models(&[Fault::Unreachable; 5], Fault::None));
    let tasks = Tasks::new();
    providers_route::keep_probing(Arc::clone(&health), &tasks);
    for _ in 0..3 {
        served(&route).await;
    }
    tokio::time::sleep(ms(60_000)).await;
    let checks: Vec<_> = notes.attempts().into_iter().filter(|attempt| attempt.why == Why::Check).collect();
    assert_eq!(checks.len(), 3, "after 5 s, 10 s and 20 s, and none once it was well");
    assert!(checks.iter().all(|check| check.provider.name == "first" && check.usage.input_tokens < 100));
    assert!(matches!(notes.events().last(), Some(RouteEvent::BreakerClosed { .. })));
    assert_eq!(served(&route).await, "first");
    tasks.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn every_ability_is_asked_in_its_own_way() {
    let tasks = Tasks::new();
    let stt = stt_route(vec![SttOptions { faults: vec![Fault::Refuse], ..SttOptions::default() }]);
    let tts = tts_route(vec![TtsOptions { faults: vec![Fault::Refuse], ..TtsOptions::default() }]);
    let mut ear = stt.route.open(stt_request()).await.expect("opens");
    assert!(ear.events.next().await.expect("an event").is_err());
    assert!(speak(&tts.route, tts_request(), &["Hello."]).await.error.is_some());
    for (health, notes) in [(&stt.health, &stt.notes), (&tts.health, &tts.notes)] {
        providers_route::keep_probing(Arc::clone(health), &tasks);
        tokio::time::sleep(ms(310_000)).await;
        assert!(
            matches!(notes.events().last(), Some(RouteEvent::BreakerClosed { .. })),
            "{:?}",
            notes.events()
        );
    }
    tasks.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn providers_that_no_route_has_named_for_an_hour_are_left_alone() {
    let Scene { route, notes, health } = llm_route(models(&[], Fault::Unreachable));
    let tasks = Tasks::new();
    providers_route::keep_probing(health, &tasks);
    for _ in 0..3 {
        served(&route).await;
    }
    tokio::time::sleep(ms(3_600_000)).await;
    let checks = notes.attempts().len();
    assert!(checks > 10 && checks < 100, "{checks}: not more than one a minute");
    tokio::time::sleep(ms(3_600_000)).await;
    assert_eq!(notes.attempts().len(), checks);
    tasks.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn what_one_process_found_out_the_others_need_not() {
    let shared: Arc<dyn Shared> = Arc::new(Memory::default());
    let tasks = Tasks::new();
    let Scene { route, health, .. } = llm_route(models(&[], Fault::Refuse));
    let other = Arc::new(Health::new(breaker::Options::default(), Arc::new(Nobody)));
    for health in [&health, &other] {
        shared::keep_in_step(Arc::clone(health), Arc::clone(&shared), ms(1_000), &tasks);
    }
    served(&route).await;
    tokio::time::sleep(ms(2_500)).await;
    let key = key("tenant", "first");
    assert_eq!(other.standing(&key, Instant::now()), Standing::Open);
    // Learned states end when they end: nobody keeps them alive by telling them on.
    tokio::time::sleep(ms(300_000)).await;
    assert_eq!(other.standing(&key, Instant::now()), Standing::Probe);
    assert_eq!(shared.fetch().await.expect("in memory"), []);
}
