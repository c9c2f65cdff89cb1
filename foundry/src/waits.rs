//! How long each part of a call waits for its vendors: one budget, of which everything a route tries has its share. docs/LATENCY.md
//! shows it as a table.
//!
//! Whoever is outside waits for longer than whoever is inside: a vendor fails by its route, a route by itself, and the session or the
//! node of a graph hears why. The other way round the others would not be asked, and nobody would learn who was late.

use providers_route::call::{AUDIO_MS, FINAL_MS, OPEN_MS};

/// A route gives up by itself, after it has asked the others: the session must not hang up before.
pub(crate) fn patience(waits: &mut media_session::Waits) {
    waits.raise(OPEN_MS, FINAL_MS, AUDIO_MS);
}

#[cfg(test)]
mod tests {
    use providers_route::call::{hearing, speaking, thinking};

    use super::*;

    /// The least that another alternative needs to be of use: a connection and its first progress.
    const ANOTHER_MS: u64 = 700;

    fn waits() -> media_session::Waits {
        let mut waits = media_session::Waits::default();
        patience(&mut waits);
        waits
    }

    #[test]
    fn every_route_is_possible_and_asks_a_second_in_time() {
        for options in [hearing(), speaking(), thinking()] {
            assert_eq!(options.validate(), Ok(()));
        }
        for options in [speaking(), thinking()] {
            let hedge = options.hedge.expect("both hedge");
            assert!(hedge.ceiling_ms + ANOTHER_MS <= options.give_up_after_ms);
            assert!(hedge.ceiling_ms < options.first.ceiling_ms);
            assert!(options.first.ceiling_ms < options.give_up_after_ms);
        }
        let hearing = hearing();
        assert!(hearing.last.ceiling_ms + ANOTHER_MS <= hearing.give_up_after_ms);
    }

    #[test]
    fn whoever_is_outside_waits_for_longer() {
        let (waits, reply) = (waits(), media_turn_reply());
        let late = u64::from(reply);
        assert!(hearing().give_up_after_ms < u64::from(waits.final_ms) && waits.final_ms < reply);
        assert!(
            speaking().give_up_after_ms < u64::from(waits.first_audio_ms) && waits.first_audio_ms < reply
        );
        // A voice that stops is noticed, and the next is heard, before the session gives the turn up.
        let speaking = speaking();
        assert!(speaking.next_ms + speaking.first.ceiling_ms <= u64::from(waits.next_audio_ms));
        assert!(waits.next_audio_ms < waits.silence_ms && waits.silence_ms < 3_000);
        // A model that stops is noticed by its route, then by its node, then by the session, then by the caller.
        let node = node_timeout_ms();
        let thinking = thinking();
        assert!(thinking.give_up_after_ms < node && thinking.next_ms < node);
        assert!(node < u64::from(waits.first_text_ms) && u64::from(waits.first_text_ms) < late);
        let bridged = agents_graph::Manners::default().working_ms;
        assert!(bridged + speaking.hedge.map_or(0, |hedge| hedge.ceiling_ms) + ANOTHER_MS <= late);
        // What a vendor's supervisor gives without an answer comes before everybody else has given up.
        let supervisor = providers_link::hearing::FINALIZE_WITHIN.as_millis();
        assert!(supervisor < u128::from(media_session::Waits::default().final_ms));
        assert!(supervisor < u128::from(hearing().give_up_after_ms));
    }

    fn media_turn_reply() -> u32 {
        media_session::Options::default().turn.reply.late_ms
    }

    /// Of a node that says nothing of it.
    fn node_timeout_ms() -> u64 {
        let node = serde_json::json!({"kind": "llm", "instructions": "Talk."});
        let agents_graph::Node::Llm(node) = serde_json::from_value(node).expect("a node") else {
            unreachable!("it is of kind llm")
        };
        node.timeout_ms
    }
}
