//! The rules of turn-taking, each of which protects a promise and can be switched off alone, so that the suite can
//! show what it is for. Not a setting: every call runs with all of them.

use std::fmt;

macro_rules! rules {
    ($($(#[doc = $doc:literal])* $name:ident,)*) => {
        /// One rule. docs/TURNS.md tells each in a sentence.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Rule { $($(#[doc = $doc])* $name,)* }

        impl Rule {
            pub const ALL: &[Self] = &[$(Self::$name,)*];
        }
    };
}

rules! {
    /// The agent greets when media flows both ways, not before.
    GreetWhenActive,
    /// There is one greeting in a session, however often media comes back.
    GreetOnce,
    /// A "hello?" into the greeting does not end it.
    GreetingSurvivesHello,
    /// While the connection is gone, no clock runs.
    PauseWhenLost,
    /// Words are words even where the voice detector slept.
    WordsWithoutVoice,
    /// Sound over the agent ducks it first; whose floor it is is decided with evidence.
    HoldBeforeDeciding,
    /// A sound that ends without words gives the floor back.
    SoundWithoutWords,
    /// "mhm" and "okay" over the agent do not take the floor.
    Backchannels,
    /// A "yes" just before the agent's last sample is an answer to it.
    LateAnswer,
    /// "stop" or "wait" takes the floor as a single word.
    Commands,
    /// Real words take the floor, even of an utterance that had been given up as noise.
    WordsTakeTheFloor,
    /// Speech that goes on takes the floor although no words came.
    VoiceTakesTheFloor,
    /// Single words that recognisers invent from noise are nothing.
    PhantomWords,
    /// On a line where sounds keep turning out wordless, a sound must be surer to be speech.
    NoisyLine,
    /// Someone in the background, quieter than the caller, does not duck the agent.
    Background,
    /// The agent's own words coming back do not interrupt it.
    EchoWords,
    /// Right after the agent began, sound alone does not duck it (where the option is set).
    EchoGuard,
    /// What must not be interrupted is not.
    Uninterruptible,
    /// What was said over an uninterruptible agent is answered after it.
    AnswerAfterwards,
    /// A sound without words leaves a pending answer alive.
    PendingAnswerSurvives,
    /// The caller who goes on before the answer sounds had not finished.
    TakeBack,
    /// An answer that had effects is followed, not taken back.
    Irrevocable,
    /// A sure end-of-turn score shortens the wait, an unsure one lengthens it.
    Score,
    /// A score of audio before the last word says nothing about now.
    StaleScore,
    /// An unsure model is asked a second time.
    Rescore,
    /// "my number is" is waited for.
    Unfinished,
    /// Where the caller is likely to go on, the final is demanded late: a pause does not cut the words in two.
    LateFinal,
    /// A question or a plain "yes" is answered soon.
    Complete,
    /// The caller's own pauses lengthen the wait.
    LearnedPauses,
    /// The turn ends at the hard time-out whatever models and words say.
    HardTimeout,
    /// A final that does not come is not waited for.
    Verdict,
    /// The final must cover the last voiced sample.
    FinalCoversVoice,
    /// Silence that nobody heard (a stalled network) is not silence yet.
    SilenceIsHeard,
    /// Voice that rises as the wait ends is waited for.
    RisingVoice,
    /// A recognised turn is not recognised twice.
    StaleWords,
    /// A wordless sound is no turn, and everything goes on as before.
    WordlessIsNoTurn,
    /// "um" alone is no turn.
    FillersAreNoTurn,
    /// Speech that recognition failed on is asked for again.
    NotUnderstood,
    /// A turn has a longest length.
    TooLong,
    /// A forced commit is not taken back by the same breath.
    TooLongStands,
    /// Text is thought about ahead once, and dropped when wrong.
    Speculation,
    /// What is thought about ahead are words that will hardly change.
    StableGuess,
    /// An answer that is late is apologised for.
    ReplyLate,
    /// An answer that never comes is given up.
    Abandon,
    /// Playout that stops reporting is over.
    PlayoutStall,
    /// Reports about a cancelled turn change nothing.
    LateReports,
    /// Silence of the caller is spoken to.
    Nudge,
    /// The nudges are counted, and their last is a goodbye.
    GiveUp,
    /// Silence counts from the agent's last sample, not from its first.
    IdleAfterPlayout,
    /// Nobody is nudged in mid-word.
    IdleNotWhileSpeaking,
    /// "wait a moment" is granted.
    HoldOn,
    /// Typed text takes the floor.
    TypedTakesFloor,
    /// Keys are collected into one turn.
    CollectDigits,
    /// A key takes the floor.
    DigitsTakeFloor,
}

/// A set of rules; by default all.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Rules(u64);

const _: () = assert!(Rule::ALL.len() <= 64, "one bit for each rule");

impl Default for Rules {
    fn default() -> Self {
        Self(u64::MAX)
    }
}

impl Rules {
    #[must_use]
    pub const fn without(self, rule: Rule) -> Self {
        Self(self.0 & !(1 << rule as u64))
    }

    #[must_use]
    pub const fn on(self, rule: Rule) -> bool {
        self.0 & (1 << rule as u64) != 0
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let off = Rule::ALL.iter().filter(|rule| !self.on(**rule));
        f.write_str("all but ")?;
        f.debug_list().entries(off).finish()
    }
}
