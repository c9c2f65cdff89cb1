//! The lists themselves, one set for each language. Every entry is lower-case, without punctuation but apostrophes.

use super::Vocabulary;

#[rustfmt::skip]
pub(super) const COMMON: Vocabulary = Vocabulary {
    continuers: &[
        "mhm", "mm", "mmm", "hmm", "hm", "mhmm", "uhhuh", "huh", "aha", "ah", "oh", "m",
    ],
    answers: &["ok", "okay"],
    fillers: &["um", "uh", "uhm", "er", "erm", "eh"],
    commands: &["stop", "hello"],
    greetings: &["hello", "hallo"],
    phantoms: &[],
    trailing: &[],
    complete: &["ok", "okay"],
    digits: &[],
};

#[rustfmt::skip]
pub(super) const ENGLISH: Vocabulary = Vocabulary {
    continuers: &[
        "mhm", "mm", "mmm", "hmm", "hm", "mhmm", "uhhuh", "huh", "aha", "ah", "oh", "m", "wow", "mum",
    ],
    answers: &[
        "yes", "yeah", "yep", "yup", "ya", "okay", "ok", "right", "sure", "alright", "all right", "i see",
        "got it", "great", "good", "cool", "fine", "exactly", "of course", "perfect", "nice", "true",
        "makes sense", "uh yeah",
    ],
    fillers: &[
        "um", "uh", "uhm", "er", "erm", "eh", "umm", "uhh", "well", "like",
    ],
    commands: &[
        "stop", "wait", "no", "nope", "hello", "hold on", "excuse me", "sorry", "pardon", "hang on",
        "what", "cancel", "help", "but", "actually", "quiet", "pause",
    ],
    greetings: &[
        "hello", "hi", "hey", "good morning", "good afternoon", "good evening", "yes", "speaking", "there",
    ],
    phantoms: &[
        "you", "the", "a", "i", "it", "bye", "thank you", "thanks for watching",
    ],
    trailing: &[
        "and", "or", "but", "so", "because", "the", "a", "an", "my", "your", "to", "for", "with", "of",
        "from", "in", "on", "at", "is", "are", "if", "then", "like", "um", "uh", "erm", "i",
        "it's", "i'm", "i want", "i need", "i'd", "we", "next", "about", "between", "i would like", "i'd like",
        "number is", "name is", "address is", "let me see", "let me think", "maybe", "please can you",
        "could you", "can you", "i think",
    ],
    complete: &[
        "yes", "no", "yeah", "yep", "nope", "yes please", "no thanks", "no thank you", "thank you",
        "thanks", "goodbye", "bye", "okay", "ok", "sure", "correct", "that's right", "that's correct",
        "yes that's correct", "yes that is correct", "that is correct", "that's it", "i think so", "like that", "that's all",
        "thank you goodbye", "stop", "wait a moment", "hello", "repeat that", "what",
    ],
    digits: &[
        "zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
    ],
};

#[rustfmt::skip]
pub(super) const GERMAN: Vocabulary = Vocabulary {
    continuers: &[
        "mhm", "mm", "mmm", "hmm", "hm", "mhmm", "aha", "ah", "oh", "ach", "m",
    ],
    answers: &[
        "ja", "jawohl", "okay", "ok", "genau", "gut", "klar", "richtig", "stimmt", "ach so", "alles klar",
        "jaja", "super",
    ],
    fillers: &["äh", "ähm", "öh", "hm", "also", "na"],
    commands: &[
        "stopp", "stop", "halt", "nein", "moment", "warte", "warten sie", "hallo", "entschuldigung",
        "bitte was", "was", "aber",
    ],
    greetings: &[
        "hallo", "guten tag", "guten morgen", "guten abend", "grüß gott", "ja", "moin", "servus",
    ],
    phantoms: &["untertitel", "vielen dank", "tschüss", "das", "die"],
    trailing: &[
        "und", "oder", "aber", "weil", "der", "die", "das", "ein", "eine", "einen", "mein", "meine", "zu",
        "für", "mit", "von", "in", "im", "am", "um", "ist", "sind", "wenn", "dass", "dann", "ich",
        "ich möchte", "ich hätte gern", "nummer ist", "name ist", "nächsten", "äh", "ähm", "vielleicht",
        "können sie",
    ],
    complete: &[
        "ja", "nein", "ja bitte", "nein danke", "danke", "tschüss", "okay", "genau", "richtig", "stimmt",
        "auf wiederhören",
    ],
    digits: &[
        "null", "eins", "zwei", "zwo", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun",
    ],
};

#[rustfmt::skip]
pub(super) const SPANISH: Vocabulary = Vocabulary {
    continuers: &[
        "mhm", "mm", "mmm", "hmm", "hm", "ajá", "aja", "ah", "oh", "m",
    ],
    answers: &[
        "sí", "si", "vale", "ok", "okay", "claro", "bien", "bueno", "exacto", "de acuerdo", "ya",
        "correcto", "perfecto",
    ],
    fillers: &["eh", "em", "este", "pues", "um", "uh"],
    commands: &[
        "para", "espera", "espere", "no", "hola", "perdón", "disculpe", "un momento", "qué", "pero",
        "alto",
    ],
    greetings: &[
        "hola", "buenos días", "buenas tardes", "buenas noches", "diga", "dígame", "sí", "buenas",
    ],
    phantoms: &["gracias", "subtítulos", "el", "la"],
    trailing: &[
        "y", "o", "pero", "porque", "el", "la", "los", "las", "un", "una", "mi", "su", "a", "para", "con",
        "de", "del", "en", "es", "son", "que", "si", "entonces", "quiero", "quisiera", "me gustaría",
        "número es", "nombre es", "eh", "este", "puede", "próximo",
    ],
    complete: &[
        "sí", "si", "no", "sí por favor", "no gracias", "gracias", "adiós", "vale", "claro", "correcto",
        "eso es todo",
    ],
    digits: &[
        "cero", "uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve",
    ],
};

#[rustfmt::skip]
pub(super) const FRENCH: Vocabulary = Vocabulary {
    continuers: &[
        "mhm", "mm", "mmm", "hmm", "hm", "ah", "oh", "m",
    ],
    answers: &[
        "oui", "ouais", "d'accord", "ok", "okay", "bien", "exactement", "voilà", "très bien", "bien sûr",
        "parfait",
    ],
    fillers: &["euh", "heu", "ben", "bah", "um", "uh"],
    commands: &[
        "stop", "attendez", "attends", "non", "allô", "pardon", "excusez moi", "un moment", "quoi", "mais",
        "arrêtez",
    ],
    greetings: &["bonjour", "allô", "bonsoir", "salut", "oui"],
    phantoms: &["merci", "le", "la"],
    trailing: &[
        "et", "ou", "mais", "parce que", "le", "la", "les", "un", "une", "mon", "ma", "à", "pour", "avec",
        "de", "du", "en", "est", "sont", "que", "si", "alors", "je", "je voudrais", "j'aimerais",
        "numéro est", "nom est", "euh", "pouvez vous", "prochain",
    ],
    complete: &[
        "oui", "non", "oui s'il vous plaît", "non merci", "merci", "au revoir", "d'accord", "c'est ça",
        "c'est tout", "ok",
    ],
    digits: &[
        "zéro", "un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf",
    ],
};
