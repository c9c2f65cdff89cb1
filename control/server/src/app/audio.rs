//! How the audio of a call fared, as its page shows it. Pure.

use std::time::Duration;

use control_api::call::{NetworkIn, Quality, QualityIn, QualityOut, ReportedOut};
use domain::SessionEvent;

use crate::app::summary::ms;

/// Of the whole call. A session tells of all of it at its end; of one that a crash cut off there are its turns, and what follows is told by
/// the session that went on.
pub(crate) fn of_call(events: &[(Duration, SessionEvent)]) -> Option<domain::Quality> {
    let (mut sum, mut before) = (None, None);
    for (_, event) in events {
        match event {
            SessionEvent::Quality { turn: Some(_), quality } => add(&mut sum, quality),
            SessionEvent::Quality { turn: None, quality } => {
                sum = before.clone();
                add(&mut sum, quality);
            }
            SessionEvent::Reattached { after_crash: true, .. } => before = sum.clone(),
            _ => {}
        }
    }
    sum
}

fn add(sum: &mut Option<domain::Quality>, quality: &domain::Quality) {
    match sum {
        Some(sum) => sum.merge(quality),
        None => *sum = Some(quality.clone()),
    }
}

pub(crate) fn shown(quality: &domain::Quality) -> Quality {
    let (inbound, outbound) = (&quality.inbound, &quality.outbound);
    Quality {
        transport: quality.transport.clone(),
        encoding: quality.encoding,
        length_ms: ms(quality.length),
        inbound: QualityIn {
            packets: inbound.packets,
            network: inbound.network.map(|network| NetworkIn {
                expected: network.expected,
                lost: network.lost,
                late: network.late,
                recovered: network.recovered,
                loss_percent: percent(network.loss()),
                unrecovered_percent: percent(network.unrecovered()),
                reordered: network.reordered,
                duplicates: network.duplicates,
                concealed_ms: ms(network.concealed),
                gaps: network.gaps,
                gap_ms: ms(network.gap),
                jitter_ms: ms(network.jitter),
            }),
            mos: inbound.mos.map(score),
        },
        outbound: QualityOut {
            packets: outbound.packets,
            reported: outbound.reported.map(|reported| ReportedOut {
                packets: reported.packets,
                lost: reported.lost,
                loss_percent: percent(reported.loss()),
                jitter_ms: ms(reported.jitter),
            }),
            late: outbound.late,
            skipped_ms: ms(outbound.skipped),
            refused: outbound.refused,
            underruns: outbound.underruns,
            dry_ms: ms(outbound.dry),
            mos: outbound.mos.map(score),
        },
        round_trip_ms: quality.round_trip.map(ms),
        flaws: quality.flaws(),
        poor: quality.is_poor(),
    }
}

fn percent(share: f64) -> f64 {
    (share * 10_000.0).round() / 100.0
}

/// As far as it says anything.
pub(crate) fn score(mos: f32) -> f64 {
    (f64::from(mos) * 100.0).round() / 100.0
}

/// For the events table.
pub(crate) fn line(quality: &domain::Quality) -> String {
    let of = |direction: &str, known: Option<(f64, Duration)>, mos: Option<f32>| {
        let Some((loss, jitter)) = known else { return format!("{direction} unknown") };
        let mos = mos.map(|mos| format!(", score {:.1}", score(mos))).unwrap_or_default();
        format!("{direction} {:.1} % lost, {:.0} ms of jitter{mos}", loss * 100.0, ms(jitter))
    };
    let network = quality.inbound.network.map(|network| (network.loss(), network.jitter));
    let reported = quality.outbound.reported.map(|reported| (reported.loss(), reported.jitter));
    let inbound = of("from the caller", network, quality.inbound.mos);
    let outbound = of("to the caller", reported, quality.outbound.mos);
    let far = quality.round_trip.map(|far| format!("; {:.0} ms there and back", ms(far))).unwrap_or_default();
    format!("audio {inbound}; {outbound}{far}")
}

#[cfg(test)]
mod tests {
    use domain::quality::Arrived;
    use domain::{Encoding, TurnId};

    use super::*;

    fn event(turn: Option<u32>, expected: u64, lost: u64) -> (Duration, SessionEvent) {
        let mut quality = domain::Quality::new("sip", Encoding::Pcma);
        quality.inbound.network = Some(Arrived { expected, lost, ..Arrived::default() });
        quality.judge();
        (Duration::ZERO, SessionEvent::Quality { turn: turn.map(TurnId), quality: Box::new(quality) })
    }

    fn expected(events: &[(Duration, SessionEvent)]) -> Option<(u64, u64)> {
        of_call(events)?.inbound.network.map(|network| (network.expected, network.lost))
    }

    #[test]
    fn a_call_is_what_its_sessions_tell_at_their_end_and_turns_where_they_could_not() {
        let crashed = SessionEvent::Reattached {
            gap: Duration::from_secs(3),
            transport: "sip".to_owned(),
            after_crash: true,
        };
        assert_eq!(expected(&[]), None);
        let mut events = vec![event(Some(1), 100, 5), event(Some(2), 100, 0)];
        assert_eq!(expected(&events), Some((200, 5)), "so far");
        let mut whole = events.clone();
        whole.push(event(None, 230, 5));
        assert_eq!(expected(&whole), Some((230, 5)), "with what came after the last turn");
        events.extend([(Duration::ZERO, crashed), event(Some(3), 50, 1)]);
        assert_eq!(expected(&events), Some((250, 6)));
        events.push(event(None, 60, 1));
        assert_eq!(expected(&events), Some((260, 6)));
    }

    #[test]
    fn a_page_shows_percents_and_says_what_nobody_knows() {
        let (_, SessionEvent::Quality { quality, .. }) = event(None, 300, 19) else {
            unreachable!("made so")
        };
        let shown = shown(&quality);
        let network = shown.inbound.network.expect("known");
        assert!((network.loss_percent - 6.33).abs() < 1e-9, "{network:?}");
        assert_eq!((shown.outbound.reported, shown.outbound.mos, shown.round_trip_ms), (None, None, None));
        assert_eq!(
            line(&quality),
            "audio from the caller 6.3 % lost, 0 ms of jitter, score 3.8; to the caller unknown"
        );
    }
}
