use super::*;

const RATE: u32 = 1_000;

fn joining() -> Joining {
    Joining::new(RATE, None)
}

fn frame(at_ms: u64, length_ms: usize) -> AudioFrame {
    AudioFrame { samples: vec![1; length_ms], rate_hz: RATE, at: MediaTime::from_millis(at_ms) }
}

fn piece(text: &str, from_ms: u64, to_ms: u64) -> Piece {
    let at = Duration::from_millis;
    let texts: Vec<&str> = text.split(' ').collect();
    let each = (to_ms - from_ms) / texts.len() as u64;
    let words = (0_u64..)
        .zip(&texts)
        .map(|(n, text)| PieceWord {
            text: (*text).to_owned(),
            from: at(from_ms + n * each),
            to: at(from_ms + (n + 1) * each),
        })
        .collect();
    Piece { text: text.to_owned(), from: at(from_ms), to: at(to_ms), words, ..Piece::default() }
}

/// Gives everything to the connection.
fn send(joining: &mut Joining) -> usize {
    std::iter::from_fn(|| joining.next_message(40, true, u64::MAX)).map(|message| message.len()).sum()
}

fn final_of(joining: &mut Joining, answered: bool) -> Transcript {
    joining.ask(joining.pushed());
    send(joining);
    joining.finish(answered)
}

#[test]
fn messages_are_of_one_length_and_the_rest_comes_last() {
    let mut joining = joining();
    joining.push(&frame(0, 100));
    let message =
        |joining: &mut Joining, last| joining.next_message(40, last, u64::MAX).map(|message| message.len());
    assert_eq!([message(&mut joining, false), message(&mut joining, false)], [Some(40), Some(40)]);
    assert_eq!(message(&mut joining, false), None);
    assert_eq!([message(&mut joining, true), message(&mut joining, true)], [Some(20), None]);
    assert_eq!(joining.take_unbilled(), Duration::from_millis(100));
}

#[test]
fn settled_segments_are_partials_until_the_final_joins_them() {
    let mut joining = joining();
    joining.push(&frame(5_000, 2_000));
    send(&mut joining);
    let partial = joining.settle(Piece { confidence: Some(0.9), ..piece("one two", 0, 800) }).expect("told");
    assert!(!partial.is_final() && partial.text == "one two");
    let partial =
        joining.partial(Piece { confidence: Some(0.5), ..piece("three", 900, 1_500) }).expect("told");
    assert_eq!((partial.text.as_str(), partial.confidence), ("one two three", Some(0.5)));
    joining.settle(Piece { confidence: Some(0.7), ..piece("three", 900, 1_600) });
    let told = final_of(&mut joining, true);
    assert!(told.is_final() && told.text == "one two three" && told.confidence == Some(0.7));
    assert_eq!((told.from.as_millis(), told.to.as_millis()), (5_000, 6_600));
    let empty = final_of(&mut joining, true);
    assert_eq!((empty.text.as_str(), empty.from.as_millis()), ("", 7_000));
}

#[test]
fn positions_jump_where_the_track_does() {
    let mut joining = joining();
    joining.push(&frame(1_000, 500));
    joining.push(&frame(9_000, 500));
    send(&mut joining);
    joining.settle(piece("before", 0, 500));
    joining.settle(piece("after", 500, 1_000));
    let told = final_of(&mut joining, true);
    let at: Vec<u64> =
        told.words.iter().flat_map(|word| [word.from, word.to]).map(MediaTime::as_millis).collect();
    assert_eq!(at, [1_000, 1_500, 9_000, 9_500]);
}

#[test]
fn a_new_connection_gets_what_has_not_settled() {
    let mut joining = joining();
    joining.push(&frame(0, 3_000));
    send(&mut joining);
    joining.settle(piece("one", 0, 1_000));
    joining.partial(piece("two", 1_000, 1_800));
    joining.begin_connection(false);
    assert_eq!(send(&mut joining), 2_000);
    joining.settle(piece("two three", 0, 1_600));
    let told = final_of(&mut joining, true);
    assert_eq!(told.text, "one two three");
    assert_eq!(told.words[1].from.as_millis(), 1_000);
}

#[test]
fn words_whose_audio_is_no_longer_kept_are_kept_themselves() {
    let mut joining = joining();
    for at in [0, 7_000] {
        joining.push(&frame(at, 7_000));
        send(&mut joining);
    }
    joining.partial(piece("one two three four five six seven", 0, 14_000));
    joining.push(&frame(14_000, 2_000));
    joining.begin_connection(false);
    assert_eq!(send(&mut joining), 10_000);
    joining.settle(piece("four five six seven eight", 0, 10_000));
    assert_eq!(final_of(&mut joining, true).text, "one two three four five six seven eight");
}

#[test]
fn a_quiet_moment_gives_the_next_connection_the_end_alone() {
    let mut joining = joining();
    joining.push(&frame(0, 8_000));
    send(&mut joining);
    assert!(joining.is_quiet());
    joining.begin_connection(true);
    assert_eq!(send(&mut joining), 2_000);
}

#[test]
fn what_comes_late_of_a_final_that_was_given_is_not_told_again() {
    let mut joining = joining();
    joining.push(&frame(0, 1_000));
    send(&mut joining);
    joining.partial(piece("yes please", 0, 900));
    assert_eq!(final_of(&mut joining, false).text, "yes please");
    joining.push(&frame(1_000, 1_000));
    send(&mut joining);
    assert_eq!(joining.partial(piece("yes please", 0, 950)), None);
    let told = joining.settle(piece("yes please and thanks", 0, 2_000)).expect("new words");
    assert_eq!((told.text.as_str(), told.from.as_millis()), ("and thanks", 1_000));
}

#[test]
fn words_that_come_after_a_final_without_them_are_told_on() {
    let mut joining = joining();
    joining.push(&frame(0, 1_000));
    send(&mut joining);
    joining.partial(piece("well then", 0, 600));
    assert_eq!(final_of(&mut joining, false).text, "well then");
    let late = joining.settle(piece("well then my friend", 0, 1_000)).expect("new words");
    assert_eq!(late.text, "my friend");
    // The same where the vendor tells no words apart, and where it had told nothing at all.
    let mut joining = self::joining();
    joining.push(&frame(0, 1_000));
    send(&mut joining);
    let wordless = |text, to_ms| Piece { words: Vec::new(), ..piece(text, 0, to_ms) };
    joining.partial(wordless("well then", 600));
    assert_eq!(final_of(&mut joining, false).text, "well then");
    assert_eq!(joining.settle(wordless("Well then my friend", 1_000)).expect("new").text, "my friend");
    joining.push(&frame(1_000, 1_000));
    assert_eq!(final_of(&mut joining, true).text, "my friend");
    let mut joining = self::joining();
    joining.push(&frame(0, 1_000));
    assert_eq!(final_of(&mut joining, false).text, "");
    assert_eq!(joining.settle(piece("bye", 200, 800)).expect("nobody was told").text, "bye");
}

#[test]
fn a_final_is_asked_for_before_the_audio_behind_it_is_sent() {
    let mut joining = joining();
    joining.push(&frame(0, 100));
    let place = joining.pushed();
    joining.push(&frame(100, 100));
    let lengths: Vec<usize> =
        std::iter::from_fn(|| joining.next_message(40, true, place)).map(|m| m.len()).collect();
    assert_eq!(lengths, [40, 40, 20]);
}

#[test]
fn a_vendor_without_times_is_believed() {
    let mut joining = joining();
    joining.push(&frame(3_000, 1_000));
    send(&mut joining);
    joining.settle(Piece { text: "yes".to_owned(), ..Piece::default() });
    let told = final_of(&mut joining, true);
    assert_eq!((told.text.as_str(), told.from.as_millis(), told.to.as_millis()), ("yes", 3_000, 4_000));
}

#[test]
fn audio_that_nobody_took_for_long_is_lost_and_positions_stay_true() {
    let mut joining = joining();
    joining.push(&frame(0, 12_000));
    joining.begin_connection(false);
    assert_eq!(send(&mut joining), 10_000);
    joining.settle(piece("here", 0, 1_000));
    assert_eq!(final_of(&mut joining, true).from.as_millis(), 2_000);
}
