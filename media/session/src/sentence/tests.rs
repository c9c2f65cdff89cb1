use super::*;

/// Feeds the text in pieces of every size: the cuts must not depend on how a vendor chops its stream.
fn cut(text: &str) -> Vec<String> {
    let whole = pieces(text, usize::MAX);
    for size in [1, 2, 3, 5, 8] {
        assert_eq!(pieces(text, size), whole, "in pieces of {size}");
    }
    whole
}

fn pieces(text: &str, size: usize) -> Vec<String> {
    let mut cutter = Cutter::default();
    let mut sentences = Vec::new();
    let chars: Vec<char> = text.chars().collect();
    for piece in chars.chunks(size.min(chars.len().max(1))) {
        sentences.extend(cutter.push(&piece.iter().collect::<String>()));
    }
    sentences.extend(cutter.finish());
    sentences
}

#[test]
fn a_sentence_is_given_with_its_full_stop_and_not_a_token_later() {
    let mut cutter = Cutter::default();
    assert_eq!(cutter.push("We are open"), Vec::<String>::new());
    assert_eq!(cutter.push(" today."), ["We are open today."]);
    assert_eq!(cutter.push(" Until when? Six!"), ["Until when?", "Six!"]);
    assert_eq!(cutter.finish(), None);
}

#[test]
fn stops_inside_a_sentence_do_not_cut_it() {
    for sentence in [
        "That is 9.30 sharp on Monday.",
        "Dr. Smith and Mrs. J. Miller will see you.",
        "It costs approx. 3.5 euros, e.g. in cash.",
        "Write to info@example.com today!",
        "We close at 6 p.m. on Fridays.",
    ] {
        assert_eq!(cut(sentence), [sentence]);
    }
}

#[test]
fn a_stop_that_may_go_on_waits_for_what_follows() {
    assert_eq!(cut("We open at 9 a.m. Come early."), ["We open at 9 a.m.", "Come early."]);
    assert_eq!(cut("It costs 5. Anything else?"), ["It costs 5.", "Anything else?"]);
    let mut cutter = Cutter::default();
    assert_eq!(cutter.push("It costs 5."), Vec::<String>::new());
    assert_eq!(cutter.finish().as_deref(), Some("It costs 5."));
}

#[test]
fn a_word_that_is_also_an_abbreviation_ends_its_sentence() {
    for (text, sentences) in [
        ("No. We are closed.", ["No.", "We are closed."]),
        ("I'm afraid, no. Anything else?", ["I'm afraid, no.", "Anything else?"]),
        ("Sit in the sun. It is warm.", ["Sit in the sun.", "It is warm."]),
        ("The cat sat. Then it left.", ["The cat sat.", "Then it left."]),
        ("Of course, hon. Which day?", ["Of course, hon.", "Which day?"]),
        ("We are on 5th Ave. Come in!", ["We are on 5th Ave.", "Come in!"]),
    ] {
        assert_eq!(cut(text), sentences);
    }
    let mut cutter = Cutter::default();
    cutter.push("No.");
    assert_eq!(cutter.push(" W"), ["No."], "not later than its next letter");
}

#[test]
fn abbreviations_go_on_where_what_follows_says_so() {
    for sentence in [
        "That is apartment No. 5 on the left.",
        "Open Sat. and Sun. from nine.",
        "The fifth of Nov. 2026 is free.",
        "Col. Brown and Rev. Green will come.",
        "See fig. 3 there.",
    ] {
        assert_eq!(cut(sentence), [sentence]);
    }
}

#[test]
fn a_long_first_sentence_gives_its_first_clause() {
    let text =
        "For an appointment with one of our doctors this week, I need your name, and your number, please.";
    let sentences = cut(text);
    assert_eq!(sentences[0], "For an appointment with one of our doctors this week,");
    assert_eq!(sentences[1], "I need your name, and your number, please.");
    let again = format!("Yes. {text}");
    assert_eq!(cut(&again), ["Yes.", text], "only the first piece is cut at a clause");
}

#[test]
fn nothing_to_speak_is_nothing() {
    assert_eq!(cut(" \n ... — \n"), Vec::<String>::new());
    assert_eq!(cut(""), Vec::<String>::new());
}

#[test]
fn text_without_stops_is_cut_before_it_is_endless() {
    let text = "word ".repeat(200);
    let sentences = cut(&text);
    assert!(sentences.len() >= 3 && sentences.iter().all(|s| s.len() <= LONGEST_CHARS + 5), "{sentences:?}");
    assert_eq!(sentences.join(" "), text.trim());
}

#[test]
fn quotes_and_lists_keep_their_marks() {
    assert_eq!(cut("She said \"Come in.\" Then left."), ["She said \"Come in.\"", "Then left."]);
    assert_eq!(pieces("Really?! Yes.", 100), ["Really?!", "Yes."]);
    assert_eq!(pieces("Really?! Yes.", 1), ["Really?", "Yes."], "given at once");
    assert_eq!(cut("Monday\nTuesday\n"), ["Monday", "Tuesday"]);
}

#[test]
fn what_has_no_gap_is_cut_before_a_voice_tires_of_it() {
    let letters = "x".repeat(130);
    let sentences = cut(&format!("Hello {letters}, welcome."));
    assert_eq!(sentences.concat().replace(' ', ""), format!("Hello{letters},welcome."));
    assert!(sentences.len() >= 4 && sentences.iter().all(|piece| piece.len() < 60), "{sentences:?}");
}
