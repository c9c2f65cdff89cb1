//! Keys that agents press, by the line that they go out on: events or tones of a SIP call, packets in a LiveKit room; commands to carriers are
//! in `carriers::way`. Browsers and streams of Twilio have no way: what is played into those is sound alone.

use domain::Keys;
use futures::FutureExt;
use futures::future::BoxFuture;
use media_session::{Keypad, NotPressed};
use media_sip::Control;

/// Of a call by SIP.
pub(crate) struct ByPhone(pub(crate) Control);

impl Keypad for ByPhone {
    fn press(&self, keys: &Keys) -> BoxFuture<'static, Result<(), NotPressed>> {
        let (control, keys) = (self.0.clone(), keys.clone());
        async move { control.press(keys).await.map_err(|error| NotPressed::failed(&error.to_string())) }
            .boxed()
    }
}

/// Of a LiveKit room.
pub(crate) struct InRoom(pub(crate) media_livekit::Keypad);

impl Keypad for InRoom {
    fn press(&self, keys: &Keys) -> BoxFuture<'static, Result<(), NotPressed>> {
        let (keypad, keys) = (self.0.clone(), keys.clone());
        async move {
            keypad.press(&keys).await.map_err(|error| match error {
                media_livekit::NotPressed::NoPhone => NotPressed::unsupported(&error.to_string()),
                other => NotPressed::failed(&other.to_string()),
            })
        }
        .boxed()
    }
}
