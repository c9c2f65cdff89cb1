//! Keys for a caller who is a telephone: `SipDtmf` packets, which LiveKit's SIP server sends on as events. One at a time, at the pace of
//! fingers: the server keeps no count of how long they take.

use domain::{Digit, Key, Keys};
use tokio::sync::{mpsc, oneshot};

use crate::wire::{Data, DataPacket, SipDtmf};

/// Keys that the participant has not taken. When full whoever presses waits.
pub(crate) const PRESSES: usize = 8;
/// As events number them (RFC 4733).
const CODES: &str = "0123456789*#ABCD";

/// Why keys did not go out, or not all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotPressed {
    #[error("the caller in the room is no telephone")]
    NoPhone,
    #[error("nobody is there whose keys could be pressed")]
    Nobody,
    #[error("the room is being left")]
    Left,
}

/// A key that somebody wants pressed.
#[derive(Debug)]
pub(crate) struct Press {
    pub(crate) digit: Digit,
    pub(crate) answer: oneshot::Sender<Result<(), NotPressed>>,
}

/// Presses keys at the caller's. Cheap to clone; good as long as the visit.
#[derive(Debug, Clone)]
pub struct Keypad(mpsc::Sender<Press>);

impl Keypad {
    pub(crate) fn new() -> (Self, mpsc::Receiver<Press>) {
        let (sender, presses) = mpsc::channel(PRESSES);
        (Self(sender), presses)
    }

    /// Returns when all are out; dropping it presses no more.
    ///
    /// # Errors
    /// Why they are not.
    pub async fn press(&self, keys: &Keys) -> Result<(), NotPressed> {
        for key in keys.iter() {
            if let Key::Press(digit) = key {
                let (answer, answered) = oneshot::channel();
                self.0.send(Press { digit, answer }).await.map_err(|_| NotPressed::Left)?;
                answered.await.unwrap_or(Err(NotPressed::Left))?;
            }
            tokio::time::sleep(key.length()).await;
        }
        Ok(())
    }
}

/// To the caller alone.
pub(crate) fn packet(to: &str, digit: Digit) -> DataPacket {
    let digit = char::from(digit);
    let code = CODES.find(digit).and_then(|at| u32::try_from(at).ok()).unwrap_or_default();
    DataPacket {
        destination_identities: vec![to.to_owned()],
        value: Some(Data::SipDtmf(SipDtmf { code, digit: digit.to_string() })),
        ..DataPacket::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_goes_to_the_caller_alone_with_the_number_of_its_event() {
        for (key, code) in [('0', 0), ('9', 9), ('*', 10), ('#', 11), ('D', 15)] {
            let packet = packet("sip_1", Digit::try_from(key).expect("a key"));
            assert_eq!(packet.destination_identities, ["sip_1"]);
            assert_eq!(packet.value, Some(Data::SipDtmf(SipDtmf { code, digit: key.to_string() })));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn keys_come_one_after_the_other_and_the_first_that_is_refused_ends_them() {
        let (keypad, mut presses) = Keypad::new();
        let began = tokio::time::Instant::now();
        let pressing = async move { keypad.press(&"1w2".parse().expect("keys")).await };
        let taking = async {
            let mut times = Vec::new();
            while let Some(Press { digit, answer }) = presses.recv().await {
                times.push((char::from(digit), began.elapsed().as_millis()));
                let _gone = answer.send(Ok(()));
            }
            times
        };
        let (pressed, times) = tokio::join!(pressing, taking);
        assert_eq!((pressed, times), (Ok(()), vec![('1', 0), ('2', 660)]));

        let (keypad, mut presses) = Keypad::new();
        let pressing = async move { keypad.press(&"12".parse().expect("keys")).await };
        let refusing = async {
            let mut refused = 0;
            while let Some(Press { answer, .. }) = presses.recv().await {
                let _gone = answer.send(Err(NotPressed::NoPhone));
                refused += 1;
            }
            refused
        };
        assert_eq!(tokio::join!(pressing, refusing), (Err(NotPressed::NoPhone), 1));
    }
}
