//! What the session itself adds to a response, in virtual time.

use media_core::Codec;

use crate::caller::RATE_HZ;
use crate::dialogue::say;
use crate::sim::{Setup, Sim, ms, plain, wait};

/// The end of the turn is taken 200 ms after the last sample, the voice needs 50 ms. The rest is ours, whatever the phase of
/// the caller's frames against windows and ticks.
#[tokio::test(start_paused = true)]
async fn a_response_takes_what_its_settings_and_vendors_take_and_a_frame() {
    for shift_ms in [0, 3, 7, 11, 16, 19] {
        let mut setup = Setup { seed: shift_ms + 1, codec: Codec::Pcm16 { rate_hz: RATE_HZ }, ..plain() };
        setup.replies = vec![vec![say("We open at nine.")]];
        (setup.tts.connect_ms, setup.tts.first_byte_ms) = (0, 50);
        let sim = Sim::start(setup).await;
        wait(400 + shift_ms).await;
        sim.caller.say("when do you open").await;
        sim.agent_turn(1).await;
        let spoke_to = sim.caller.state.lock().expect("not poisoned").spoke_to.expect("spoke");
        let response = sim.caller.first_sound_after(spoke_to).expect("answered") - spoke_to;
        assert!((ms(240)..ms(275)).contains(&response), "at {shift_ms}: {response:?}");
    }
}
