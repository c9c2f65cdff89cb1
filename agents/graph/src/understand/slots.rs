//! All wanted values in one utterance, in any order, with corrections: what is taken back ("not Tuesday", "I don't want a
//! colour") is no value but a denied one, what comes after "no, ..." or "I mean ..." replaces what came before.

use jiff::civil::Date;

use super::choices::Choices;
use super::tokens::Words;
use super::{Clock, Day, Reply, dates, names, numbers, phones, times};

#[derive(Debug, Clone, Copy)]
pub enum WantedKind<'a> {
    Date,
    Time,
    Name,
    Phone,
    Choice(&'a Choices),
    Number,
    YesNo,
    Text,
}

/// A value to look for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    pub name: &'a str,
    pub kind: WantedKind<'a>,
    /// This one was asked for: a bare value is it.
    pub expected: bool,
    /// It has a value: only what is said plainly, or as a correction, replaces it.
    pub held: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Reading {
    Date(Day),
    Time(Clock),
    /// As a person writes it.
    Name(String),
    /// Digits, of a whole number or of a part of one.
    Digits(String),
    /// The key of the choice.
    Choice(String),
    Number(u32),
    YesNo(bool),
    Text(String),
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Readings {
    /// Name of what was wanted and its value.
    pub values: Vec<(String, Reading)>,
    /// What the caller does not want.
    pub denied: Vec<(String, Reading)>,
    /// The utterance has nothing but digits: it may continue a number.
    pub only_digits: bool,
}

impl Readings {
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&Reading> {
        self.values.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    fn put(&mut self, name: &str, value: Reading) {
        match self.values.iter_mut().find(|(known, _)| known == name) {
            Some(slot) => slot.1 = value,
            None => self.values.push((name.to_owned(), value)),
        }
    }
}

/// Fewest digits in a row that are a telephone number although nobody asked for one.
const UNASKED_DIGITS: usize = 6;

#[must_use]
pub fn read(text: &str, wanted: &[Wanted<'_>], today: Date) -> Readings {
    let mut words = Words::new(text);
    let mut readings = Readings { only_digits: only_digits(&words), ..Readings::default() };
    let reply = super::reply(&words);
    for (from, to) in taken_back(&words, wanted) {
        let mut denied = Readings::default();
        read_stretch(&mut words.slice(from, to), wanted, today, None, &mut denied);
        readings.denied.extend(denied.values);
        words.take(from, to);
    }
    for (from, to) in stretches(&words) {
        let mut stretch = words.slice(from, to);
        read_stretch(&mut stretch, wanted, today, reply, &mut readings);
    }
    if let Some(free) =
        wanted.iter().find(|wanted| wanted.expected && matches!(wanted.kind, WantedKind::Text))
    {
        let trimmed = text.trim();
        if !trimmed.is_empty() {
            readings.put(free.name, Reading::Text(trimmed.to_owned()));
        }
    }
    readings
}

fn read_stretch(
    words: &mut Words,
    wanted: &[Wanted<'_>],
    today: Date,
    reply: Option<Reply>,
    readings: &mut Readings,
) {
    // The order settles who gets a word first: long digit runs are numbers before they are hours.
    for rank in 0..7 {
        for item in wanted {
            if order(item, words) != rank {
                continue;
            }
            // "at three, I mean four": what was just said is what the correction is about.
            let corrected = matches!(item.kind, WantedKind::Date | WantedKind::Time)
                && readings.value(item.name).is_some();
            let item = &Wanted { expected: item.expected || corrected, ..*item };
            if let Some((value, from, to)) = find(words, item, wanted, today, reply) {
                words.take(from, to);
                readings.put(item.name, value);
            }
        }
    }
}

fn order(item: &Wanted<'_>, words: &Words) -> usize {
    match item.kind {
        WantedKind::Phone if item.expected || phone_announced(words) || long_digits(words) => 0,
        WantedKind::Phone => 6,
        WantedKind::Choice(_) => 1,
        WantedKind::Date => 2,
        WantedKind::Time => 3,
        WantedKind::Name => 4,
        WantedKind::Number | WantedKind::YesNo | WantedKind::Text => 5,
    }
}

fn find(
    words: &Words,
    item: &Wanted<'_>,
    wanted: &[Wanted<'_>],
    today: Date,
    reply: Option<Reply>,
) -> Option<(Reading, usize, usize)> {
    match item.kind {
        WantedKind::Date => {
            let found = dates::find(words, today, item.expected)?;
            Some((Reading::Date(found.value), found.from, found.to))
        }
        WantedKind::Time => {
            let found = times::find(words, item.expected)?;
            Some((Reading::Time(found.value), found.from, found.to))
        }
        WantedKind::Name => {
            let found = names::find(words, item.expected)?;
            Some((Reading::Name(found.value), found.from, found.to))
        }
        WantedKind::Phone => {
            let found = phones::find(words)?;
            let enough = found.value.len() >= UNASKED_DIGITS || phone_announced(words);
            let bare = item.expected
                && digits_count(words, found.from, found.to)
                && !dated(words, wanted, today, &found.value);
            (enough || bare).then_some((Reading::Digits(found.value), found.from, found.to))
        }
        WantedKind::Choice(choices) => {
            let found = choices.find(words, !item.held || corrects(words))?;
            Some((Reading::Choice(found.value), found.from, found.to))
        }
        WantedKind::Number => {
            if !item.expected {
                return None;
            }
            let (at, (value, used)) =
                (0..words.len()).find_map(|at| numbers::cardinal(words, at).map(|found| (at, found)))?;
            Some((Reading::Number(value), at, at + used))
        }
        WantedKind::YesNo => {
            let reply = reply.filter(|_| item.expected)?;
            Some((Reading::YesNo(reply == Reply::Yes), 0, 0))
        }
        WantedKind::Text => None,
    }
}

/// The stretch says that something else was wrong.
fn corrects(words: &Words) -> bool {
    [
        "no",
        "not",
        "actually",
        "sorry",
        "correction",
        "instead",
        "rather",
        "i mean",
        "i meant",
        "i said",
        "change",
        "make it",
        "make that",
    ]
    .iter()
    .any(|phrase| words.has(phrase))
}

/// A short run of digits counts as part of a number where one was asked for and nothing makes it an hour or a day.
fn digits_count(words: &Words, from: usize, to: usize) -> bool {
    let before = words.before(from, 1);
    let after = words.word(to);
    !matches!(before, "at" | "make" | "the" | "around")
        && !matches!(
            after,
            "am" | "pm" | "o'clock" | "in" | "past" | "to" | "oclock" | "of" | "weeks" | "days"
        )
}

fn dated(words: &Words, wanted: &[Wanted<'_>], today: Date, digits: &str) -> bool {
    digits.len() <= 2
        && wanted.iter().any(|item| matches!(item.kind, WantedKind::Date))
        && dates::find(words, today, false).is_some()
}

fn phone_announced(words: &Words) -> bool {
    ["number is", "number's", "phone is", "reach me at", "call me at", "call me on", "reach me on"]
        .iter()
        .any(|phrase| words.has(phrase))
}

fn long_digits(words: &Words) -> bool {
    phones::find(words).is_some_and(|found| found.value.len() >= UNASKED_DIGITS)
}

fn only_digits(words: &Words) -> bool {
    phones::find(words).is_some_and(|found| {
        let outside = (0..words.len()).filter(|at| !(found.from..found.to).contains(at));
        found.value.len() > 1
            && outside
                .map(|at| words.word(at))
                .all(|word| matches!(word, "and" | "then" | "um" | "uh" | "please" | "it's" | "yes" | "okay"))
    })
}

/// The stretches that the caller takes back: "not Tuesday", "instead of three", "I don't want a colour", "from Tuesday to ...".
fn taken_back(words: &Words, wanted: &[Wanted<'_>]) -> Vec<(usize, usize)> {
    let mut stretches: Vec<(usize, usize)> = Vec::new();
    for at in 0..words.len() {
        if stretches.last().is_some_and(|(_, to)| at < *to) {
            continue;
        }
        let Some(start) = denial(words, at, wanted) else { continue };
        let start = after_filler(words, start);
        let talk = matches!(
            words.word(start),
            "sure" | "right" | "correct" | "yet" | "what" | "good" | "quite" | "really" | "i"
        );
        if start < words.len() && talk {
            continue;
        }
        stretches.push((at, end_of_denied(words, start, wanted)));
    }
    stretches
}

/// Where what is denied begins, if something is denied at `at`.
fn denial(words: &Words, at: usize, wanted: &[Wanted<'_>]) -> Option<usize> {
    let verb = |at: usize| matches!(words.word(at), "want" | "need" | "like" | "have" | "wish");
    match words.word(at) {
        "not" => Some(at + 1 + usize::from(verb(at + 1))),
        "don't" | "dont" | "didn't" if verb(at + 1) => Some(at + 2),
        "without" | "except" => Some(at + 1),
        "instead" if words.word(at + 1) == "of" => Some(at + 2),
        "rather" if words.word(at + 1) == "than" => Some(at + 2),
        // "no, Thursday" corrects; "no beard trim" denies.
        "no" if !words.pause_after(at) && end_of_choice(words, at + 1, wanted).is_some() => Some(at + 1),
        "from"
            if (at + 2..words.len().min(at + 6)).any(|later| words.word(later) == "to")
                && changing(words) =>
        {
            Some(at + 1)
        }
        _ => None,
    }
}

fn after_filler(words: &Words, start: usize) -> usize {
    const FILLER: &[&str] = &[
        "on", "at", "the", "a", "an", "for", "next", "this", "my", "any", "to", "have", "get", "come", "time",
    ];
    (start..words.len()).find(|at| !FILLER.contains(&words.word(*at))).unwrap_or(words.len())
}

/// "not half past two": up to the pause, but never further than a short phrase; all of a choice's name.
fn end_of_denied(words: &Words, start: usize, wanted: &[Wanted<'_>]) -> usize {
    if let Some(end) = end_of_choice(words, start, wanted) {
        return end;
    }
    let last = (start..words.len().min(start + 3)).find(|at| words.pause_after(*at));
    let clear = |word: &str| matches!(word, "but" | "to" | "make" | "it's" | "i" | "please");
    let mut to = start + 1;
    if let Some(last) = last {
        while to <= last && !clear(words.word(to)) && !is_weekday(words.word(to)) {
            to += 1;
        }
    }
    to.min(words.len())
}

fn end_of_choice(words: &Words, at: usize, wanted: &[Wanted<'_>]) -> Option<usize> {
    wanted.iter().find_map(|item| match item.kind {
        WantedKind::Choice(choices) => choices.end_of_name(words, at),
        _ => None,
    })
}

fn is_weekday(word: &str) -> bool {
    matches!(word, "monday" | "tuesday" | "wednesday" | "thursday" | "friday" | "saturday" | "sunday")
}

fn changing(words: &Words) -> bool {
    ["change", "move", "switch", "shift"].iter().any(|word| words.has(word))
}

/// The utterance cut where the caller begins anew: "Tuesday, no wait, Thursday".
fn stretches(words: &Words) -> Vec<(usize, usize)> {
    let mut cuts = vec![0];
    for at in 1..words.len() {
        let anew = matches!(words.word(at), "no" | "actually" | "sorry" | "correction")
            || words.starts(at, &["i", "mean"])
            || words.starts(at, &["i", "meant"])
            || words.starts(at, &["make", "that"]);
        // "double no": a cut directly after a cut is one.
        if anew && words.before(at, 1) != "say" {
            cuts.push(at);
        }
    }
    cuts.push(words.len());
    cuts.windows(2).map(|pair| (pair[0], pair[1])).filter(|(from, to)| from < to).collect()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn booking(text: &str, expecting: &str) -> String {
        let services = Choices::new([
            ("haircut", "haircut"),
            ("beard_trim", "beard trim"),
            ("colour", "colour"),
            ("colour", "color"),
        ]);
        let kinds = [
            ("service", WantedKind::Choice(&services)),
            ("date", WantedKind::Date),
            ("time", WantedKind::Time),
            ("name", WantedKind::Name),
            ("phone", WantedKind::Phone),
        ];
        let wanted =
            kinds.map(|(name, kind)| Wanted { name, kind, expected: name == expecting, held: false });
        let mut shown: Vec<String> = read(text, &wanted, date(2026, 11, 23))
            .values
            .into_iter()
            .map(|(name, value)| match value {
                Reading::Date(Day::On(day)) => format!("{name}={day}"),
                Reading::Date(Day::Nonexistent) => format!("{name}=none"),
                Reading::Time(Clock::Exact(time)) => format!("{name}={}", time.strftime("%H:%M")),
                Reading::Time(Clock::Either(early, _)) => format!("{name}={}?", early.strftime("%H:%M")),
                Reading::Time(Clock::Vague(part)) => format!("{name}={}", part.name()),
                Reading::Name(text) | Reading::Digits(text) | Reading::Choice(text) | Reading::Text(text) => {
                    format!("{name}={text}")
                }
                Reading::Number(value) => format!("{name}={value}"),
                Reading::YesNo(value) => format!("{name}={value}"),
            })
            .collect();
        shown.sort();
        shown.join(" ")
    }

    #[test]
    fn values_are_read_in_any_order() {
        for (text, expecting, expected) in [
            (
                "I need to make an appointment for Friday at ten in the morning.",
                "",
                "date=2026-11-27 time=10:00",
            ),
            ("Next Tuesday at three in the afternoon please.", "date", "date=2026-12-01 time=15:00"),
            (
                "a beard trim on thursday at half past two my name is maria lopez",
                "",
                "date=2026-11-26 name=Maria Lopez service=beard_trim time=02:30?",
            ),
            ("My name is Maria Lopez and my number is 555 0142", "name", "name=Maria Lopez phone=5550142"),
            ("My phone number is five five five, zero one four two.", "phone", "phone=5550142"),
            ("five five five zero one four two", "time", "phone=5550142"),
            ("five five five", "phone", "phone=555"),
            ("three", "time", "time=03:00?"),
            ("a haircut please", "service", "service=haircut"),
            ("Maria", "name", "name=Maria"),
            ("the 5th at noon", "date", "date=2026-12-05 time=12:00"),
            ("what", "name", ""),
        ] {
            assert_eq!(booking(text, expecting), expected, "{text}");
        }
    }

    #[test]
    fn what_is_taken_back_is_not_read() {
        for (text, expected) in [
            ("No, I said Thursday, not Tuesday.", "date=2026-11-26"),
            ("no i said thursday not tuesday", "date=2026-11-26"),
            ("not Tuesday, Thursday", "date=2026-11-26"),
            ("not tuesday thursday", "date=2026-11-26"),
            ("no, Thursday", "date=2026-11-26"),
            ("Tuesday, no wait, Thursday", "date=2026-11-26"),
            ("at three, I mean four", "time=04:00?"),
            ("change it from Tuesday to Friday", "date=2026-11-27"),
            ("make it four", "time=04:00?"),
            ("actually my name is Anna", "name=Anna"),
            ("Friday instead of Tuesday", "date=2026-11-27"),
            ("I don't want a colour", ""),
            ("I do not want a beard trim", ""),
            ("no beard trim", ""),
            ("no, a beard trim", "service=beard_trim"),
            ("a haircut without a beard trim", "service=haircut"),
            ("I don't want a haircut but a colour", "service=colour"),
            ("not a beard trim", ""),
        ] {
            assert_eq!(booking(text, ""), expected, "{text}");
        }
    }

    #[test]
    fn only_an_asked_for_yes_is_a_value() {
        let wanted = |expected| [Wanted { name: "ok", kind: WantedKind::YesNo, expected, held: false }];
        assert_eq!(read("yes", &wanted(true), date(2026, 11, 23)).value("ok"), Some(&Reading::YesNo(true)));
        assert_eq!(read("yes", &wanted(false), date(2026, 11, 23)).values, []);
        assert!(read("zero one four two", &wanted(false), date(2026, 11, 23)).only_digits);
    }
}
