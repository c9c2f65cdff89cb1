//! What machines say in their greetings.

/// In lower case, without punctuation, as recognisers write them.
const PHRASES: &[&str] = &[
    // English
    "leave a message",
    "leave me a message",
    "leave us a message",
    "leave your message",
    "leave your name",
    "record your message",
    "after the tone",
    "after the beep",
    "at the tone",
    "at the beep",
    "voicemail",
    "voice mail",
    "answering machine",
    "mailbox",
    "is not available",
    "are not available",
    "am not available",
    "not available right now",
    "unavailable to take your call",
    "cant come to the phone",
    "cannot come to the phone",
    "cant take your call",
    "cannot take your call",
    "unable to take your call",
    "unable to answer",
    "get back to you as soon",
    "call you back as soon",
    "the person you are calling",
    "the person you are trying to reach",
    "you have reached",
    "youve reached",
    // German
    "nachricht nach dem",
    "hinterlassen sie",
    "nach dem signalton",
    "nach dem piepton",
    "nach dem ton",
    "anrufbeantworter",
    "nicht erreichbar",
    // French
    "laissez un message",
    "laisser un message",
    "après le bip",
    "après le signal sonore",
    "messagerie",
    "répondeur",
    // Spanish
    "deje un mensaje",
    "deje su mensaje",
    "después de la señal",
    "después del tono",
    "buzón de voz",
    // Italian
    "lasciate un messaggio",
    "lasci un messaggio",
    "dopo il segnale acustico",
    "segreteria telefonica",
];

/// Whether only a machine would say this.
#[must_use]
pub fn of_a_machine(text: &str) -> bool {
    let plain = plain(text);
    PHRASES.iter().any(|phrase| plain.contains(&format!(" {phrase} ")))
}

/// Words with one space before and behind each.
fn plain(text: &str) -> String {
    let mut plain = String::from(" ");
    for word in text.split_whitespace() {
        let word: String =
            word.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
        if !word.is_empty() {
            plain.push_str(&word);
            plain.push(' ');
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_are_known_by_their_words_and_people_are_not() {
        for text in [
            "Please leave a message after the tone.",
            "Hi, you've reached Maria Lopez,",
            "I can't come to the phone right now",
            "Guten Tag, bitte hinterlassen Sie eine Nachricht",
            "Bonjour, laissez un message après le bip",
        ] {
            assert!(of_a_machine(text), "{text}");
        }
        for text in [
            "Hello?",
            "This is Maria speaking.",
            "Who is calling?",
            "Lopez, good morning",
            "I left a message",
            "",
        ] {
            assert!(!of_a_machine(text), "{text}");
        }
    }
}
