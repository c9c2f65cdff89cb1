//! What the vendor may do wrong, and what is told of it.

use providers_api::conformance::{self, Trial};

use crate::{Vendor, trial};

#[tokio::test]
async fn nova_tells_each_adversity_for_what_it_is() {
    let vendor = Vendor::start().await;
    let set = |adversity| vendor.stage.always(adversity);
    conformance::stt_adversities(&|| vendor.stt(), &set, &trial()).await.expect("every rule holds");
}

#[tokio::test]
async fn flux_tells_each_adversity_for_what_it_is() {
    let vendor = Vendor::start().await;
    let set = |adversity| vendor.stage.always(adversity);
    conformance::stt_adversities(&|| vendor.flux(), &set, &trial()).await.expect("every rule holds");
}

#[tokio::test]
async fn aura_tells_each_adversity_for_what_it_is() {
    let vendor = Vendor::start().await;
    let set = |adversity| vendor.stage.always(adversity);
    let trial = Trial { words: false, ..trial() };
    conformance::tts_adversities(&|| vendor.tts(), &set, &trial).await.expect("every rule holds");
}

#[tokio::test]
async fn aura_over_http_tells_each_adversity_for_what_it_is() {
    let vendor = Vendor::start().await;
    let set = |adversity| vendor.stage.always(adversity);
    let trial = Trial { words: false, ..trial() };
    conformance::tts_adversities(&|| vendor.http(), &set, &trial).await.expect("every rule holds");
}
