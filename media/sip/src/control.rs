//! What a session can have done in its call beyond audio: keys pressed, the other side sent elsewhere.

use domain::Keys;
use rsipstack::transaction::Transaction;
use tokio::sync::{mpsc, oneshot};

use crate::call::{Call, Meaning, Told};
use crate::dialog::Other;
use crate::machine::Input;
use crate::outgoing::{address, dialable};

/// Asked and not looked at. When full whoever asks waits.
pub(crate) const ASKS: usize = 8;

/// Of one call. Clones ask the same call.
#[derive(Debug, Clone)]
pub struct Control(pub(crate) mpsc::Sender<Ask>);

#[derive(Debug)]
pub(crate) enum Ask {
    Press {
        keys: Keys,
        answer: oneshot::Sender<Result<(), NotPressed>>,
    },
    Transfer {
        to: Whom,
        answer: oneshot::Sender<Result<(), NotTransferred>>,
    },
    /// What this call is to another.
    Other(oneshot::Sender<Option<Other>>),
    /// What becomes of a wish of the other side to be put through.
    Judged(bool),
    Tell {
        status: u16,
        said: oneshot::Sender<()>,
    },
}

/// Where the other side is sent.
#[derive(Debug)]
pub(crate) enum Whom {
    Somebody(String),
    /// The other side of another call of ours, in our place.
    Other(Box<Other>),
}

/// Why the other side still has us. The call goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotTransferred {
    #[error("that cannot be dialled")]
    NotDialable,
    #[error("a transfer of this call is under way")]
    UnderWay,
    /// The other side does not, or whom it called did not answer.
    #[error("the transfer was refused with status {0}")]
    Refused(u16),
    #[error("the call is over")]
    Over,
}

/// Why keys were not sent, or not all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotPressed {
    #[error("the call is on hold")]
    Held,
    #[error("keys of this call are being sent")]
    UnderWay,
    #[error("the line changed while keys were being sent")]
    Changed,
    #[error("the call is over")]
    Over,
}

impl Control {
    /// Sends keys in place of the agent's audio, as events (RFC 4733) or, where the other side takes none, as tones. Returns when all are sent; dropping it
    /// sends no more.
    ///
    /// # Errors
    /// Why they were not.
    pub async fn press(&self, keys: Keys) -> Result<(), NotPressed> {
        let (answer, answered) = oneshot::channel();
        self.0.send(Ask::Press { keys, answer }).await.map_err(|_| NotPressed::Over)?;
        answered.await.unwrap_or(Err(NotPressed::Over))
    }

    /// Sends the other side elsewhere (REFER, RFC 3515), to a number of its own network or to a SIP address, and hangs up once that answers.
    ///
    /// # Errors
    /// Why it stayed.
    pub async fn transfer(&self, to: &str) -> Result<(), NotTransferred> {
        if !dialable(to) && address(to).is_none() {
            return Err(NotTransferred::NotDialable);
        }
        self.send(Whom::Somebody(to.to_owned())).await
    }

    /// Has the other side of this call talk on with the other side of `other`, without us (REFER with Replaces, RFC 5589): an attended transfer. This
    /// call is hung up once they are joined; `other` is ended by its far end, or by whoever holds it. Where it fails both calls are as they were.
    ///
    /// # Errors
    /// Why the other side stayed.
    pub async fn join(&self, other: &Self) -> Result<(), NotTransferred> {
        let (ask, known) = oneshot::channel();
        other.0.send(Ask::Other(ask)).await.map_err(|_| NotTransferred::Over)?;
        let other = known.await.ok().flatten().ok_or(NotTransferred::Over)?;
        self.send(Whom::Other(Box::new(other))).await
    }

    async fn send(&self, to: Whom) -> Result<(), NotTransferred> {
        let (answer, answered) = oneshot::channel();
        self.0.send(Ask::Transfer { to, answer }).await.map_err(|_| NotTransferred::Over)?;
        answered.await.unwrap_or(Err(NotTransferred::Over))
    }
}

impl Call {
    pub(crate) fn asked_for(&mut self, ask: Ask) {
        match ask {
            Ask::Press { answer, .. }
                if self.pressing.as_ref().is_some_and(|waiting| !waiting.is_closed()) =>
            {
                let _gone = answer.send(Err(NotPressed::UnderWay));
            }
            Ask::Press { keys, answer } => {
                // Of keys that nobody waits for any more none is left.
                self.voice.release();
                if self.voice.press(&keys) {
                    self.pressing = Some(answer);
                } else {
                    let _gone = answer.send(Err(NotPressed::Held));
                }
            }
            Ask::Transfer { answer, .. } if self.transfer.is_some() => {
                let _gone = answer.send(Err(NotTransferred::UnderWay));
            }
            Ask::Other(known) => {
                let _gone = known.send(self.dialog.as_other().filter(|_| self.machine.is_confirmed()));
            }
            Ask::Judged(yes) => self.judged(yes),
            Ask::Tell { status, said } => self.tell(status, said),
            Ask::Transfer { to, answer } => match self.send_to(&to) {
                Ok(transaction) => {
                    self.transfer = Some((answer, false));
                    self.carry(transaction, Some((self.tell.clone(), Told::of_refer as Meaning)), None);
                }
                Err(error) => {
                    tracing::warn!(%error, "a REFER could not be built");
                    let _gone = answer.send(Err(NotTransferred::Refused(500)));
                }
            },
        }
    }

    /// No more keys are sent for whoever does not wait for them any longer.
    pub(crate) fn let_go(&mut self) {
        if self.pressing.as_ref().is_some_and(oneshot::Sender::is_closed) {
            self.voice.release();
        }
    }

    /// A frame was sent: whoever waits for the keys is told when that was the last of them.
    pub(crate) fn pressed_on(&mut self) {
        if !self.voice.is_pressing()
            && let Some(answer) = self.pressing.take()
        {
            let _gone = answer.send(if self.voice.take_cut() { Err(NotPressed::Changed) } else { Ok(()) });
        }
    }

    fn send_to(&mut self, to: &Whom) -> rsipstack::Result<Transaction> {
        match to {
            Whom::Somebody(to) => self.dialog.refer(to),
            Whom::Other(other) => self.dialog.join(other),
        }
    }

    /// What came of a transfer so far; `begun`: the other side will try.
    pub(crate) async fn referred(&mut self, status: u16, begun: bool) {
        let Some((answer, _)) = self.transfer.take() else { return };
        if begun {
            self.transfer = Some((answer, true));
            return;
        }
        if status < 300 {
            let _gone = answer.send(Ok(()));
            self.feed(Input::HangUp).await;
        } else {
            let _gone = answer.send(Err(NotTransferred::Refused(status)));
        }
    }
}

/// How a transfer comes along: the status line in the body of a NOTIFY (message/sipfrag).
pub(crate) fn progress_of(body: &[u8]) -> Option<u16> {
    let text = std::str::from_utf8(body).ok()?;
    text.trim_start().strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_a_transfer_comes_along_is_read_from_its_status_line() {
        assert_eq!(progress_of(b"SIP/2.0 200 OK\r\n"), Some(200));
        assert_eq!(progress_of(b"SIP/2.0 100 Trying"), Some(100));
        assert_eq!(progress_of(b"SIP/2.0 "), None);
        assert_eq!(progress_of(b"hello"), None);
        assert_eq!(progress_of(&[0xff]), None);
    }
}
