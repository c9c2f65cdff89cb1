//! How the audio fares is measured, turn by turn and for the call, in both directions.

use domain::quality::Flaw;
use domain::{Encoding, Quality, SessionEvent, TurnId};
use media_core::leg::{self, Received};
use media_core::{Codec, Delivery, LegEvent};

use crate::dialogue::say;
use crate::net::Net;
use crate::sim::{Setup, Sim, ms, plain, wait};

const QUESTION: &str = "I would like to book an appointment for tomorrow morning please";
const ANSWER: &str = "Certainly. Tomorrow at nine is free. Shall I put you down for that?";

fn measured(sim: &Sim) -> Vec<(Option<TurnId>, Quality)> {
    let events = sim.events().into_iter();
    events
        .filter_map(|event| match event {
            SessionEvent::Quality { turn, quality } => Some((turn, *quality)),
            _ => None,
        })
        .collect()
}

async fn talk(setup: Setup) -> Sim {
    let sim = Sim::start(Setup { replies: vec![vec![say(ANSWER)], vec![say(ANSWER)]], ..setup }).await;
    for nth in 1..=2 {
        wait(300).await;
        sim.caller.say(QUESTION).await;
        sim.agent_turn(nth).await;
    }
    sim.caller.event(LegEvent::Closed).await;
    sim.ended().await;
    sim
}

#[tokio::test(start_paused = true)]
async fn a_lossy_uneven_way_shows_in_each_turn_and_in_the_call() {
    let net = Net { loss: 0.05, jitter: ms(30), delay: ms(40), ..Net::default() };
    let sim = talk(Setup { net, codec: Codec::Pcmu, ..plain() }).await;
    let measured = measured(&sim);
    let turns: Vec<_> = measured.iter().filter_map(|(turn, quality)| turn.map(|_| quality)).collect();
    assert!(turns.len() >= 2, "{measured:#?}");
    for quality in &turns {
        let network = quality.inbound.network.expect("known");
        assert!((0.01..0.12).contains(&network.loss()), "{network:?}");
        // Both of two packets vary by up to 30 ms: a third of that, on the mean.
        assert!(network.jitter > ms(5) && network.jitter < ms(20), "{network:?}");
        assert!(quality.inbound.mos.is_some_and(|mos| (3.0..4.35).contains(&mos)), "{quality:?}");
        assert_eq!((&quality.outbound.reported, quality.outbound.mos), (&None, None), "nobody reported");
    }
    let (last, call) = measured.last().expect("measured");
    assert_eq!(*last, None, "of the whole call, at its end");
    let network = call.inbound.network.expect("known");
    assert!((0.03..0.07).contains(&network.loss()) && call.flaws().contains(&Flaw::LossIn), "{call:?}");
    let of_turns: u64 = turns.iter().filter_map(|turn| turn.inbound.network).map(|part| part.expected).sum();
    assert!(
        of_turns <= network.expected && network.expected <= of_turns + 100,
        "turns add up: {of_turns} of {network:?}"
    );
    assert_eq!((call.transport.as_str(), call.encoding), ("test", Encoding::Pcmu));
}

#[tokio::test(start_paused = true)]
async fn a_clean_way_shows_nothing() {
    let sim = talk(Setup { codec: Codec::Pcmu, ..plain() }).await;
    let measured = measured(&sim);
    assert!(measured.len() >= 3);
    for (_, quality) in &measured {
        let network = quality.inbound.network.expect("known");
        assert_eq!(
            (network.lost, network.late, network.gaps, network.jitter),
            (0, 0, 0, ms(0)),
            "{quality:?}"
        );
        assert_eq!((quality.flaws(), quality.is_poor()), (Vec::new(), false));
        let out = &quality.outbound;
        assert_eq!((out.late, out.skipped, out.refused, out.underruns), (0, ms(0), 0, 0));
    }
    let (_, call) = measured.last().expect("measured");
    assert!(call.inbound.mos.is_some_and(|mos| mos > 4.3) && call.outbound.packets > 100, "{call:?}");
}

#[tokio::test(start_paused = true)]
async fn what_the_far_end_reports_is_the_other_direction() {
    let sim = Sim::start(Setup { replies: vec![vec![say(ANSWER)]], ..plain() }).await;
    wait(300).await;
    sim.caller.say(QUESTION).await;
    sim.until(5_000, |event| matches!(event, SessionEvent::AgentSaying { .. })).await;
    for (highest, lost) in [(1_000, 0), (1_100, 8)] {
        wait(800).await;
        let received = Some(Received { highest, lost, jitter: ms(45) });
        let quality = leg::Quality { received, round_trip: Some(ms(420)) };
        sim.caller.event(LegEvent::Quality(quality)).await;
    }
    sim.agent_turn(1).await;
    wait(100).await;
    let measured = measured(&sim);
    let (_, quality) = measured.last().expect("measured");
    let reported = quality.outbound.reported.expect("told");
    assert_eq!((reported.lost, reported.jitter), (8, ms(45)));
    assert!(reported.packets > 100 && quality.outbound.mos.is_some_and(|mos| mos < 4.2), "{quality:?}");
    let flaws = quality.flaws();
    assert!(
        [Flaw::LossOut, Flaw::JitterOut, Flaw::RoundTrip].iter().all(|flaw| flaws.contains(flaw)),
        "{flaws:?}"
    );
    assert!(!flaws.contains(&Flaw::LossIn), "{flaws:?}");
}

/// Whether an Opus packet of one 20 ms frame carries a coarse copy of the one before (RFC 6716, section 4.2.4).
fn has_copy(payload: &[u8]) -> bool {
    /// Configurations from here on have no speech layer, which alone has copies.
    const CELT_ALONE: u8 = 16;
    let Some((toc, frame)) = payload.split_first() else { return false };
    toc >> 3 < CELT_ALONE && frame.first().is_some_and(|flags| flags & 0b0100_0000 != 0)
}

#[tokio::test(start_paused = true)]
async fn the_encoder_is_told_of_loss_and_sends_copies_from_then_on() {
    let mut setup = Setup { replies: vec![vec![say(ANSWER)]], codec: Codec::Opus, ..plain() };
    setup.options.opus.expected_loss_percent = 0;
    let sim = Sim::start(setup).await;
    wait(300).await;
    sim.caller.say(QUESTION).await;
    sim.until(5_000, |event| matches!(event, SessionEvent::AgentSaying { .. })).await;
    let copies = || {
        let state = sim.caller.state.lock().expect("not poisoned");
        let payloads = state.received.iter().map(|received| &received.packet.payload);
        (state.received.len(), payloads.filter(|payload| has_copy(payload)).count())
    };
    let report = |highest, lost| {
        let received = Some(Received { highest, lost, jitter: ms(5) });
        LegEvent::Quality(leg::Quality { received, round_trip: None })
    };
    wait(800).await;
    sim.caller.event(report(1_000, 0)).await;
    wait(200).await;
    let (before, none) = copies();
    assert!(
        before > 40 && none == 0,
        "{none} of {before} packets with copies for a far end that loses nothing"
    );
    sim.caller.event(report(1_100, 8)).await;
    sim.agent_turn(1).await;
    let (all, some) = copies();
    assert!(some > 20, "{some} of {} packets since with copies", all - before);
}

#[tokio::test(start_paused = true)]
async fn of_a_socket_no_loss_jitter_or_score_is_made_up() {
    let net = Net { jitter: ms(30), ..Net::default() };
    let sim = talk(Setup { net, delivery: Delivery::Stream, ..plain() }).await;
    let measured = measured(&sim);
    assert!(measured.len() >= 3);
    for (_, quality) in measured {
        assert_eq!((quality.inbound.network, quality.outbound.reported), (None, None), "{quality:?}");
        assert_eq!((quality.mos(), quality.round_trip, quality.is_poor()), (None, None, false));
        assert!(quality.inbound.packets > 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_voice_that_runs_dry_is_our_own_doing() {
    let sim = Sim::start(Setup {
        replies: vec![vec![say(ANSWER)]],
        tts: providers_fake::TtsOptions { speed: 0.6, ..Default::default() },
        codec: Codec::Pcmu,
        ..plain()
    })
    .await;
    wait(300).await;
    sim.caller.say(QUESTION).await;
    sim.agent_turn(1).await;
    wait(100).await;
    let measured = measured(&sim);
    let (_, quality) = measured.last().expect("measured");
    assert!(quality.outbound.underruns > 0 && quality.outbound.dry > ms(100), "{quality:?}");
    assert!(quality.flaws().contains(&Flaw::Underruns), "{quality:?}");
}
