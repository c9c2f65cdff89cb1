use super::*;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Characters of 10 ms each.
fn timed(text: &str) -> Vec<Timed> {
    text.chars()
        .enumerate()
        .map(|(n, character)| Timed {
            text: character.to_string(),
            from: n as f64 / 100.0,
            to: (n + 1) as f64 / 100.0,
        })
        .collect()
}

fn word(text: &str, from: u64, to: u64) -> SpokenWord {
    SpokenWord { text: text.to_owned(), from: ms(from), to: ms(to) }
}

fn sentences(texts: &[&str]) -> Sentences {
    let mut sentences = Sentences::default();
    for (index, text) in texts.iter().enumerate() {
        sentences.push(index, text);
    }
    sentences
}

#[test]
fn a_word_grows_over_the_edges_of_chunks_and_is_told_when_it_is_complete() {
    let mut all = sentences(&["Good day."]);
    let first = all.align(&timed("Good d"), ms(0), true);
    assert_eq!(first, [Found::Words { sentence: 0, words: vec![word("Good", 0, 40)] }]);
    let second = all.align(&timed("ay. "), ms(60), true);
    let words = vec![word("Good", 0, 40), word("day.", 50, 90)];
    assert_eq!(second, [Found::Words { sentence: 0, words }]);
}

#[test]
fn a_sentence_is_over_when_its_characters_are_aligned_and_their_sound_is_here() {
    let mut all = sentences(&["Hi.", "You."]);
    all.align(&timed(" Hi. "), ms(0), true);
    assert_eq!(all.over(ms(20)), None);
    assert_eq!(all.over(ms(50)), Some(0));
    assert_eq!(all.over(ms(60)), None);
    assert!(all.waiting());
}

#[test]
fn a_chunk_over_two_sentences_is_cut_where_the_second_begins() {
    let mut all = sentences(&["Hi.", "You."]);
    let found = all.align(&timed("Hi. You."), ms(100), true);
    assert_eq!(
        found,
        [
            Found::Words { sentence: 0, words: vec![word("Hi.", 100, 130)] },
            Found::Over { sentence: 0, at: ms(140) },
            Found::Words { sentence: 1, words: vec![word("You.", 140, 180)] },
        ]
    );
    assert_eq!(all.over(ms(180)), Some(1));
    assert!(!all.waiting());
}

#[test]
fn sentences_keep_their_numbers_where_one_had_nothing_to_speak() {
    let mut all = Sentences::default();
    all.push(0, "Hi.");
    all.push(2, "You.");
    let found = all.align(&timed("Hi.You."), ms(0), true);
    assert!(found.contains(&Found::Over { sentence: 0, at: ms(30) }));
    assert_eq!(all.over(ms(70)), Some(2));
    assert_eq!(all.last(), Some(2));
}

#[test]
fn text_that_was_spelled_out_belongs_to_the_sentence_under_way() {
    let mut all = sentences(&["It is 5.", "Bye."]);
    all.align(&timed("It is five point"), ms(0), false);
    assert_eq!(all.over(ms(1_000)), None);
    let (found, news) = all.settle(0);
    let Some(Found::Words { sentence: 0, words }) = found.first() else {
        panic!("words expected: {found:?}")
    };
    assert!(news && words.last() == Some(&word("point", 110, 160)));
    let found = all.align(&timed("Bye "), ms(160), false);
    assert_eq!(found, [Found::Words { sentence: 1, words: vec![word("Bye", 160, 190)] }]);
}

#[test]
fn what_the_vendor_settles_counts_though_characters_are_missing() {
    let mut all = sentences(&["Hi \u{1f600}.", "You."]);
    all.align(&timed("Hi. "), ms(0), true);
    assert_eq!(all.over(ms(1_000)), None);
    assert_eq!(all.settle(0), (Vec::new(), true));
    assert_eq!(all.settle(0), (Vec::new(), false));
    all.align(&timed("You."), ms(40), true);
    assert_eq!(all.over(ms(80)), Some(1));
}

#[test]
fn characters_beyond_all_that_was_sent_and_times_that_are_none_do_no_harm() {
    let mut all = sentences(&["Hi."]);
    all.align(&timed("Hi. and more"), ms(0), true);
    let odd = Timed { text: "x".to_owned(), from: f64::NAN, to: -1.0 };
    all.align(&[odd], ms(0), true);
    assert!(Sentences::default().align(&timed("Hi"), ms(0), true).is_empty());
    assert_eq!(all.over(ms(500)), Some(0));
}

#[test]
fn a_turn_that_ends_between_two_sentences_was_cut() {
    let mut all = sentences(&["Hi.", "You."]);
    all.align(&timed("Hi. "), ms(0), true);
    assert!(all.is_cut_between(ms(60)));
    // Sound without characters: it was spoken after all.
    assert!(!all.is_cut_between(ms(2_000)));
    all.align(&timed("Yo"), ms(60), true);
    assert!(!all.is_cut_between(ms(80)));
}
