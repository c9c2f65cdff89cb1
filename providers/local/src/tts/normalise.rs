//! Turns written text into words that can be spoken: times, money, dates, phone numbers, abbreviations. Keeps for each
//! piece which written word it stands for, so that what was heard can be told in the words that were written.

use super::numbers;

/// What to say for one written word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Words with at most closing punctuation out of `.,?!;:`. Not empty.
    pub(crate) say: String,
    /// Index among the written words: the text split at white space.
    pub(crate) word: usize,
}

/// The written words and what to say for them. A word without a sound has no piece.
pub(crate) fn pieces(text: &str) -> (Vec<&str>, Vec<Piece>) {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut said: Vec<Piece> = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let (say, used) = Reader { words: &words, at }.read();
        let say = say.trim();
        if say.chars().any(char::is_alphanumeric) {
            said.push(Piece { say: say.to_owned(), word: at });
        } else if let (Some(last), Some(mark)) = (said.last_mut(), say.chars().next())
            && !last.say.ends_with(MARKS)
        {
            last.say.push(mark);
        }
        at += used;
    }
    (words, said)
}

const MARKS: [char; 6] = ['.', ',', '?', '!', ';', ':'];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
/// Written short, said long. A closing dot belongs to the short form.
const SHORT: &[(&str, &str)] = &[
    ("mr", "Mister"),
    ("mrs", "Missus"),
    ("ms", "Miz"),
    ("prof", "Professor"),
    ("ave", "Avenue"),
    ("blvd", "Boulevard"),
    ("rd", "Road"),
    ("apt", "apartment"),
    ("dept", "department"),
    ("approx", "approximately"),
    ("etc", "et cetera"),
    ("vs", "versus"),
    ("e.g", "for example"),
    ("i.e", "that is"),
    ("jr", "Junior"),
    ("sr", "Senior"),
    ("inc", "Incorporated"),
    ("ltd", "Limited"),
    ("co", "Company"),
    ("ext", "extension"),
    ("jan", "January"),
    ("feb", "February"),
    ("apr", "April"),
    ("aug", "August"),
    ("sept", "September"),
    ("sep", "September"),
    ("oct", "October"),
    ("nov", "November"),
    ("dec", "December"),
    ("tue", "Tuesday"),
    ("tues", "Tuesday"),
    ("thu", "Thursday"),
    ("thur", "Thursday"),
    ("thurs", "Thursday"),
    ("fri", "Friday"),
    ("mon", "Monday"),
    ("wed", "Wednesday"),
];
/// Short only with their dot: without it they are words.
const NEEDS_DOT: &[&str] = &["mon", "wed", "sat", "sun", "co", "inc", "dec", "no", "ext", "apt"];
/// After a number: one, several.
const UNITS: &[(&str, &str, &str)] = &[
    ("min", "minute", "minutes"),
    ("mins", "minute", "minutes"),
    ("hr", "hour", "hours"),
    ("hrs", "hour", "hours"),
    ("h", "hour", "hours"),
    ("sec", "second", "seconds"),
    ("km", "kilometer", "kilometers"),
    ("kg", "kilogram", "kilograms"),
    ("cm", "centimeter", "centimeters"),
    ("mm", "millimeter", "millimeters"),
    ("g", "gram", "grams"),
    ("lb", "pound", "pounds"),
    ("lbs", "pound", "pounds"),
    ("oz", "ounce", "ounces"),
    ("ft", "foot", "feet"),
    ("mph", "mile per hour", "miles per hour"),
    ("gb", "gigabyte", "gigabytes"),
    ("mb", "megabyte", "megabytes"),
];
const CURRENCIES: &[(char, &str, &str, &str, &str)] = &[
    ('$', "dollar", "dollars", "cent", "cents"),
    ('€', "euro", "euros", "cent", "cents"),
    ('£', "pound", "pounds", "penny", "pence"),
];

struct Reader<'a> {
    words: &'a [&'a str],
    at: usize,
}

impl Reader<'_> {
    /// What to say at this place and how many written words that uses.
    fn read(&self) -> (String, usize) {
        let word = self.words.get(self.at).copied().unwrap_or_default();
        let (core, mark) = bare(word);
        if core.is_empty() {
            return (mark_of(word), 1);
        }
        let phone = self.phone();
        if phone.1 > 0 {
            return phone;
        }
        if let Some((say, used, mark)) =
            self.money(core, mark.clone()).or_else(|| self.time(core, mark.clone()))
        {
            return (format!("{say}{mark}"), used);
        }
        let say = self.date(core).or_else(|| self.number(core)).or_else(|| self.short(core, word));
        let (say, mark) = match say {
            Some((say, swallowed_dot)) if swallowed_dot && mark == "." && self.at + 1 < self.words.len() => {
                (say, String::new())
            }
            Some((say, _)) => (say, mark),
            None => (compound(core), mark),
        };
        (format!("{say}{mark}"), 1)
    }

    fn core_at(&self, offset: isize) -> &str {
        self.at.checked_add_signed(offset).and_then(|at| self.words.get(at)).map_or("", |word| bare(word).0)
    }

    /// Digit by digit in groups: `555-0142`, `(415) 555-0142`, `+1 415 555 0142`.
    fn phone(&self) -> (String, usize) {
        let mut groups: Vec<&str> = Vec::new();
        let mut used = 0;
        let mut mark = String::new();
        let mut best = (String::new(), 0);
        let first = self.words.get(self.at).copied().unwrap_or_default();
        let marked = first.contains('-') || first.starts_with(['+', '(']) || first.matches('.').count() == 2;
        for word in self.words.iter().skip(self.at) {
            let plain = word.trim_start_matches(['+', '(']).trim_end_matches(MARKS).trim_end_matches(')');
            let parts: Vec<&str> = plain.split(['-', '.', ')', '\u{2011}']).collect();
            let short = |part: &&str| numbers::all_digits(part) && part.len() <= 4;
            if !mark.is_empty() || !parts.iter().all(short) || plain.len() > 16 {
                break;
            }
            groups.extend(parts);
            used += 1;
            mark = closing(word);
            let count: usize = groups.iter().map(|group| group.len()).sum();
            let grouped = groups.len() >= 2
                && groups.last().is_some_and(|last| last.len() >= 3)
                && groups.iter().skip(1).all(|g| g.len() >= 2);
            if grouped && (marked || used >= 3 && count >= 10) && (count == 7 || (10..=13).contains(&count)) {
                let said: Vec<String> = groups.iter().map(|group| numbers::digits(group)).collect();
                best = (format!("{}{mark}", said.join(", ")), used);
            }
        }
        best
    }

    fn money(&self, core: &str, mark: String) -> Option<(String, usize, String)> {
        let (_, one, many, small_one, small_many) = CURRENCIES.iter().find(|c| core.starts_with(c.0))?;
        let amount = core.trim_start_matches(|c: char| !c.is_ascii_digit() && c != '.');
        if let Some((low, high)) = amount.split_once(['-', '\u{2013}']) {
            let high = high.trim_start_matches(|c: char| !c.is_ascii_digit());
            return Some((
                format!("{} to {} {many}", numbers::decimal(low)?, numbers::decimal(high)?),
                1,
                mark,
            ));
        }
        let scale = self.core_at(1);
        if mark.is_empty() && ["million", "billion", "thousand", "trillion"].contains(&scale) {
            let end = self.words.get(self.at + 1).map(|word| closing(word)).unwrap_or_default();
            return Some((format!("{} {scale} {many}", numbers::decimal(amount)?), 2, end));
        }
        let (whole, fraction) = amount.split_once('.').unwrap_or((amount, ""));
        let units = numbers::grouped(whole).or_else(|| whole.is_empty().then_some(0))?;
        let plural = |n: u64, one: &str, many: &str| {
            format!("{} {}", numbers::cardinal(n), if n == 1 { one } else { many })
        };
        let cents = match fraction.len() {
            0 => 0,
            2 => fraction.parse().ok()?,
            _ => return Some((format!("{} {many}", numbers::decimal(amount)?), 1, mark)),
        };
        let say = match (units, cents) {
            (units, 0) => plural(units, one, many),
            (0, cents) => plural(cents, small_one, small_many),
            _ => format!("{} and {}", plural(units, one, many), plural(cents, small_one, small_many)),
        };
        Some((say, 1, mark))
    }

    /// `3:30`, `3:30pm`, `3 p.m.`, `9:00-17:00`, `9-5`.
    fn time(&self, core: &str, mark: String) -> Option<(String, usize, String)> {
        if let Some((from, to)) = core.split_once(['-', '\u{2013}']) {
            let clock = |text: &str| text.contains(':') || half_of_day(text).is_some();
            let is_range = clock(from) || clock(to);
            let (from, to) = (said_time(from, false)?, said_time(to, false)?);
            return is_range.then(|| (format!("{from} to {to}"), 1, mark));
        }
        let next = self.core_at(1).to_ascii_lowercase();
        let half = match next.trim_end_matches('.') {
            "am" | "a.m" => Some("A M"),
            "pm" | "p.m" => Some("P M"),
            _ => None,
        };
        if let Some(half) = half.filter(|_| mark.is_empty() && half_of_day(core).is_none()) {
            let said = said_time(core, true)?;
            let last = self.words.get(self.at + 1).copied().unwrap_or_default();
            // The dot of "p.m." ends a sentence only where nothing follows.
            let end = match closing(last).as_str() {
                "." if last.contains('.')
                    && !last.ends_with("..")
                    && last.matches('.').count() > 1
                    && self.at + 2 < self.words.len() =>
                {
                    String::new()
                }
                other => other.to_owned(),
            };
            return Some((format!("{said} {half}"), 2, end));
        }
        (core.contains(':') || half_of_day(core).is_some())
            .then(|| said_time(core, false))
            .flatten()
            .map(|said| (said, 1, mark))
    }

    /// `5/12`, `5/12/2026`, `2026-05-12`, the day after or before a month's name, a year.
    fn date(&self, core: &str) -> Option<(String, bool)> {
        let parts: Vec<u64> = core
            .split(['/', '-'])
            .map(|part| if numbers::all_digits(part) { part.parse().ok() } else { None })
            .collect::<Option<_>>()?;
        let named = |month: u64| MONTHS.get((month as usize).checked_sub(1)?).copied();
        let is_day = |day: u64| (1..=31).contains(&day);
        let say = match *parts.as_slice() {
            [month, day] if core.contains('/') && is_day(day) => {
                format!("{} {}", named(month)?, numbers::ordinal(day))
            }
            [month, day, year] if core.contains('/') && is_day(day) => {
                let year = if year < 100 { year + 2000 } else { year };
                format!("{} {}, {}", named(month)?, numbers::ordinal(day), numbers::year(year))
            }
            [year @ 1900..2100, month, day] if is_day(day) => {
                format!("{} {}, {}", named(month)?, numbers::ordinal(day), numbers::year(year))
            }
            [day]
                if is_day(day)
                    && (is_month(self.core_at(-1)) || is_month(self.core_at(1)))
                    && core.len() <= 2 =>
            {
                numbers::ordinal(day)
            }
            [year @ 1100..2100] if core.len() == 4 && self.after_date_word() => numbers::year(year),
            _ => return None,
        };
        Some((say, false))
    }

    fn after_date_word(&self) -> bool {
        let before = self.core_at(-1);
        let day_of_month =
            is_month(self.core_at(-2)) && before.trim_end_matches(|c: char| c.is_alphabetic()).len() <= 2;
        is_month(before)
            || day_of_month
            || ["in", "since", "year", "until", "by", "from", "of"]
                .contains(&before.to_ascii_lowercase().as_str())
    }

    fn number(&self, core: &str) -> Option<(String, bool)> {
        let with_prefix =
            |prefix: &str, rest: &str| numbers::decimal(rest).map(|said| format!("{prefix} {said}"));
        if let Some(rest) = core.strip_prefix('#') {
            return with_prefix("number", rest).map(|say| (say, false));
        }
        if let Some(rest) = core.strip_suffix('%') {
            return numbers::decimal(rest).map(|say| (format!("{say} percent"), false));
        }
        for suffix in ["st", "nd", "rd", "th"] {
            if let Some(n) = core.strip_suffix(suffix).and_then(numbers::grouped) {
                return Some((numbers::ordinal(n), false));
            }
        }
        if numbers::all_digits(core) && (core.len() >= 5 || core.len() > 1 && core.starts_with('0')) {
            return Some((numbers::digits(core), false));
        }
        if let Some((low, high)) = core.split_once(['-', '\u{2013}'])
            && let (Some(low), Some(high)) = (numbers::grouped(low), numbers::grouped(high))
        {
            return Some((format!("{} to {}", numbers::cardinal(low), numbers::cardinal(high)), false));
        }
        let split = core.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(core.len());
        let (amount, unit) = core.split_at(split);
        if let Some((_, one, many)) = UNITS.iter().find(|(short, ..)| unit.eq_ignore_ascii_case(short))
            && let Some(said) = numbers::decimal(amount)
        {
            return Some((format!("{said} {}", if said == "one" { one } else { many }), false));
        }
        numbers::decimal(core).map(|say| (say, false))
    }

    /// Abbreviations; the flag says that a dot after it is its own.
    fn short(&self, core: &str, word: &str) -> Option<(String, bool)> {
        let lower = core.to_lowercase();
        let plain = lower.trim_end_matches('.');
        let dotted = word.trim_start_matches(is_opening).len() > core.len() || core.ends_with('.');
        let dot = dotted && closing(word) == ".";
        let after_number = numbers::decimal(self.core_at(-1));
        if let Some((_, one, many)) = UNITS.iter().find(|(short, ..)| plain == *short)
            && let Some(amount) = after_number
        {
            return Some(((if amount == "one" { *one } else { *many }).to_owned(), dot));
        }
        let next_is_name = self.core_at(1).chars().next().is_some_and(char::is_uppercase);
        match plain {
            "dr" => return Some((if next_is_name || !dot { "Doctor" } else { "Drive" }.to_owned(), dot)),
            "st" => {
                return Some((
                    if next_is_name && closing(word) != "," { "Saint" } else { "Street" }.to_owned(),
                    dot,
                ));
            }
            "no" if dot && numbers::decimal(self.core_at(1)).is_some() => {
                return Some(("number".to_owned(), dot));
            }
            "a.m" | "am" if core != "am" => return Some(("A M".to_owned(), dot)),
            "p.m" | "pm" => return Some(("P M".to_owned(), dot)),
            "sat" | "sun" if dot => {
                return Some((if plain == "sat" { "Saturday" } else { "Sunday" }.to_owned(), dot));
            }
            _ => {}
        }
        let long = SHORT.iter().find(|(short, _)| *short == plain)?.1;
        (dot || !NEEDS_DOT.contains(&plain)).then(|| (long.to_owned(), dot))
    }
}

fn half_of_day(text: &str) -> Option<(&str, &'static str)> {
    let lower = text.len().checked_sub(2).and_then(|at| text.get(at..))?.to_ascii_lowercase();
    let half = match lower.as_str() {
        "am" => "A M",
        "pm" => "P M",
        _ => return None,
    };
    let clock = text.get(..text.len() - 2)?;
    clock.ends_with(|c: char| c.is_ascii_digit()).then_some((clock, half))
}

fn said_time(text: &str, half_follows: bool) -> Option<String> {
    if let Some((clock, half)) = half_of_day(text) {
        return Some(format!("{} {half}", said_time(clock, true)?));
    }
    let (hour, minute) = text.split_once(':').unwrap_or((text, ""));
    if !numbers::all_digits(hour)
        || hour.len() > 2
        || !(minute.is_empty() || minute.len() == 2 && numbers::all_digits(minute))
    {
        return None;
    }
    let hour: u64 = hour.parse().ok().filter(|hour| *hour < 25)?;
    let said = numbers::cardinal(hour);
    match minute.parse::<u64>() {
        Err(_) => Some(said),
        Ok(0) if half_follows => Some(said),
        Ok(0) if (1..=12).contains(&hour) => Some(format!("{said} o'clock")),
        Ok(0) => Some(format!("{said} hundred")),
        Ok(minute @ 1..10) => Some(format!("{said} oh {}", numbers::cardinal(minute))),
        Ok(minute @ 10..60) => Some(format!("{said} {}", numbers::cardinal(minute))),
        Ok(_) => None,
    }
}

fn is_month(word: &str) -> bool {
    word.len() >= 3
        && MONTHS.iter().any(|month| {
            *month == word || word.len() <= 4 && month.get(..3) == word.get(..3) && word != "Mary"
        })
}

/// Addresses of the net and codes are spelled; signs become words; the rest is for the dictionary.
fn compound(core: &str) -> String {
    let inside_dot =
        core.split('.').count() > 1 && core.split('.').all(|part| part.len() > 1) && core.is_ascii();
    if core.contains('@') || core.contains("://") || core.starts_with("www.") || inside_dot {
        let plain = core.trim_start_matches("https://").trim_start_matches("http://");
        let spaced =
            plain.replace("www", "w w w").replace('@', " at ").replace('.', " dot ").replace('/', " slash ");
        return spaced.replace('-', " dash ").replace('_', " underscore ");
    }
    let letters = core.chars().filter(|c| c.is_ascii_alphabetic()).count();
    let has_digits = core.chars().any(|c| c.is_ascii_digit());
    let mut said = String::new();
    for c in core.chars() {
        match c {
            '&' => said.push_str(" and "),
            '+' => said.push_str(" plus "),
            '=' => said.push_str(" equals "),
            '%' => said.push_str(" percent "),
            '0'..='9' => said.push_str(&format!(" {} ", numbers::digits(&c.to_string()))),
            c if has_digits && letters <= 4 && c.is_ascii_alphabetic() => {
                said.push_str(&format!(" {} ", c.to_ascii_uppercase()))
            }
            '\u{2019}' | '\'' => said.push('\''),
            '-' if !has_digits => said.push('-'),
            c if c.is_alphabetic() => said.push(c),
            _ => said.push(' '),
        }
    }
    said.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn is_opening(c: char) -> bool {
    !c.is_alphanumeric() && !matches!(c, '$' | '€' | '£' | '#' | '+' | '&' | '-' | '.' | '=' | '\u{2212}')
}

/// The word without quotes, brackets and closing punctuation, and the one mark it closes with.
fn bare(word: &str) -> (&str, String) {
    let core = word.trim_start_matches(is_opening);
    let core = core.trim_end_matches(|c: char| !c.is_alphanumeric() && c != '%' && c != '&' && c != '+');
    let core =
        if core.starts_with('-') && !core.get(1..2).is_some_and(|c| c.bytes().all(|b| b.is_ascii_digit())) {
            core.trim_start_matches('-')
        } else {
            core
        };
    let core =
        if core.starts_with('.') && !core.get(1..2).is_some_and(|c| c.bytes().all(|b| b.is_ascii_digit())) {
            core.trim_start_matches('.')
        } else {
            core
        };
    (core, closing(word))
}

fn closing(word: &str) -> String {
    let tail = word.trim_end_matches(['"', '\'', ')', ']', '}', '\u{201d}', '\u{2019}', '*', '_']);
    match tail.chars().last() {
        Some(mark @ ('.' | ',' | '?' | '!' | ';' | ':')) => mark.to_string(),
        Some('\u{2026}') => ".".to_owned(),
        Some('\u{2014}' | '\u{2013}') => ",".to_owned(),
        _ => String::new(),
    }
}

/// A word that is only signs: a dash is a short pause, brackets nothing.
fn mark_of(word: &str) -> String {
    match word {
        "-" | "--" | "\u{2013}" | "\u{2014}" => ",".to_owned(),
        "&" => "and".to_owned(),
        "+" => "plus".to_owned(),
        "=" => "equals".to_owned(),
        "@" => "at".to_owned(),
        other => closing(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn say(text: &str) -> String {
        pieces(text).1.into_iter().map(|piece| piece.say).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn written_forms_are_spoken_as_people_say_them() {
        for (written, spoken) in [
            ("Tuesday at 3:30 is free.", "Tuesday at three thirty is free."),
            ("From 9:00 to 5:05pm, or 3 p.m.", "From nine o'clock to five oh five P M, or three P M."),
            ("At 3 p.m. we close.", "At three P M we close."),
            (
                "Open 9am-5pm and 9:00-17:00.",
                "Open nine A M to five P M and nine o'clock to seventeen hundred.",
            ),
            (
                "It costs $12.50, $1 or $1,200.",
                "It costs twelve dollars and fifty cents, one dollar or one thousand two hundred dollars.",
            ),
            (
                "About $3 million, $.99, \u{20ac}20.",
                "About three million dollars, ninety nine cents, twenty euros.",
            ),
            ("Call 555-0142.", "Call five five five, zero one four two."),
            ("Call (415) 555-0142 now", "Call four one five, five five five, zero one four two now"),
            ("+1 415 555 0142, ask", "one, four one five, five five five, zero one four two, ask"),
            ("On 5/12 and 5/12/2026.", "On May twelfth and May twelfth, twenty twenty six."),
            ("2026-05-12 or May 3, 2027", "May twelfth, twenty twenty six or May third, twenty twenty seven"),
            ("the 21st and 3rd, Dec. 24", "the twenty first and third, December twenty fourth"),
            (
                "Dr. Smith lives at 12 Oak St. near St. Mary.",
                "Doctor Smith lives at twelve Oak Street near Saint Mary.",
            ),
            (
                "Order 47291 for 15% of 1,234",
                "Order four seven two nine one for fifteen percent of one thousand two hundred thirty four",
            ),
            ("It is 3.5 km or 20 min. away", "It is three point five kilometers or twenty minutes away"),
            ("Code A12, No. 5, #7", "Code A one two, number five, number seven"),
            ("info@example.com", "info at example dot com"),
            ("\u{201c}Yes\u{201d} \u{2014} he said\u{2026}", "Yes, he said."),
            ("I am no. We, etc.", "I am no. We, et cetera."),
            ("Rock & roll (live)!", "Rock and roll live!"),
            (
                "In 1984 he had 1984 books",
                "In nineteen eighty four he had one thousand nine hundred eighty four books",
            ),
            ("10-20 people", "ten to twenty people"),
            ("I don\u{2019}t know, O'Brien", "I don't know, O'Brien"),
        ] {
            assert_eq!(say(written), spoken, "of {written}");
        }
    }

    #[test]
    fn each_piece_knows_the_written_word_it_stands_for() {
        let (words, said) = pieces("At 3 p.m. on \u{1f600} 5/12.");
        assert_eq!(words.len(), 6);
        let at: Vec<usize> = said.iter().map(|piece| piece.word).collect();
        assert_eq!(at, [0, 1, 3, 5]);
    }

    #[test]
    fn nothing_to_say_gives_no_piece() {
        for silent in ["", "   ", "...", "\u{1f600}", "-- !!", "\"\"", "( )"] {
            assert_eq!(pieces(silent).1, [], "{silent:?}");
        }
    }

    #[test]
    fn any_text_is_survived() {
        let signs: Vec<char> = "a1 .,:;-$%+#()/@\u{e9}\u{4e2d}\u{1f600}'\"am pm0".chars().collect();
        let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..20_000 {
            let text: String = (0..12)
                .map(|_| {
                    seed ^= seed << 13;
                    seed ^= seed >> 7;
                    seed ^= seed << 17;
                    signs[(seed % signs.len() as u64) as usize]
                })
                .collect();
            for piece in pieces(&text).1 {
                assert!(!piece.say.trim().is_empty(), "{text:?}");
            }
        }
    }
}
