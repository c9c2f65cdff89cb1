use super::*;

const PHONE: &str = "v=0\r\no=alice 1 1 IN IP4 192.0.2.7\r\ns=call\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\n\
    m=audio 4000 RTP/AVP 9 8 0 101\r\na=rtpmap:9 G722/8000\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n";

fn local() -> Local {
    Local {
        address: "192.0.2.1:20000".parse().expect("address"),
        session: 7,
        version: 1,
        codecs: vec![Codec::Opus, Codec::Pcmu, Codec::Pcma],
        key: Master::new([7; 30]),
        secure: false,
    }
}

fn parsed(text: &str) -> Description {
    Description::parse(text).expect("parses")
}

#[test]
fn the_answer_has_the_first_of_their_codecs_that_we_speak_and_their_events() {
    let (text, agreed) = answer(&parsed(PHONE), &local()).expect("in common");
    assert_eq!(agreed.send, Format { payload_type: 8, codec: Codec::Pcma });
    assert_eq!(agreed.remote, Some("192.0.2.7:4000".parse().expect("address")));
    assert_eq!((agreed.events, agreed.direction), (Some(101), Direction::SendRecv));
    assert!(text.contains("m=audio 20000 RTP/AVP 8 101\r\n"), "{text}");
    assert!(text.contains("a=rtpmap:8 PCMA/8000\r\n") && text.contains("a=sendrecv\r\n"), "{text}");
    let again = parsed(&text);
    assert_eq!(again.formats, vec![agreed.send]);
}

#[test]
fn wide_sound_comes_before_a_phones_and_after_opus() {
    let wide = Local { codecs: vec![Codec::Opus, G722, Codec::Pcmu, Codec::Pcma], ..local() };
    for (offered, number) in [("9 8 0 101", 9), ("0 8 9 101", 9), ("8 0 101", 8)] {
        let (text, agreed) = answer(&parsed(&PHONE.replace("9 8 0 101", offered)), &wide).expect("in common");
        assert_eq!((agreed.send.payload_type, agreed.events), (number, Some(101)), "{offered}: {text}");
    }
    let (text, _) = answer(&parsed(PHONE), &wide).expect("in common");
    assert!(text.contains("a=rtpmap:9 G722/8000\r\n"), "{text}");
    let ours = parsed(&offer(&wide, Direction::SendRecv));
    let numbers: Vec<u8> = ours.formats.iter().map(|format| format.payload_type).collect();
    assert_eq!(numbers, [111, 9, 0, 8]);
    let opus = PHONE.replace("9 8 0 101", "96 9").replace("a=sendrecv", "a=rtpmap:96 opus/48000/2");
    assert_eq!(
        answer(&parsed(&opus), &wide).expect("in common").1.send.codec,
        Codec::Opus,
        "as they want it"
    );
}

#[test]
fn opus_keeps_the_number_that_they_gave_it_and_events_of_its_clock() {
    let text = "v=0\nc=IN IP4 192.0.2.7\nm=audio 4000 RTP/AVP 96 0 97 98\na=rtpmap:96 opus/48000/2\n\
        a=rtpmap:97 telephone-event/8000\na=rtpmap:98 telephone-event/48000\n";
    let (_, agreed) = answer(&parsed(text), &local()).expect("in common");
    assert_eq!(agreed.send, Format { payload_type: 96, codec: Codec::Opus });
    assert_eq!(agreed.events, Some(98));
}

#[test]
fn hold_is_answered_from_our_side_and_no_address_is_nowhere_to_send() {
    let held = PHONE.replace("sendrecv", "sendonly");
    assert_eq!(answer(&parsed(&held), &local()).expect("held").1.direction, Direction::RecvOnly);
    let inactive = PHONE.replace("sendrecv", "inactive");
    assert_eq!(answer(&parsed(&inactive), &local()).expect("held").1.direction, Direction::Inactive);
    let older = PHONE.replace("c=IN IP4 192.0.2.7", "c=IN IP4 0.0.0.0");
    assert_eq!(answer(&parsed(&older), &local()).expect("held").1.remote, None);
}

#[test]
fn media_beside_the_audio_is_declined_line_by_line_in_its_place() {
    let video =
        PHONE.replace("m=audio", "m=video 5000 RTP/AVP 96\r\nm=audio") + "m=application 9 UDP/BFCP *\r\n";
    let (text, _) = answer(&parsed(&video), &local()).expect("audio");
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("m=")).collect();
    assert_eq!(lines, ["m=video 0 RTP/AVP 96", "m=audio 20000 RTP/AVP 8 101", "m=application 0 UDP/BFCP *"]);
}

#[test]
fn an_offer_of_ours_is_understood_and_its_answer_too() {
    let theirs = parsed(&offer(&local(), Direction::SendRecv));
    assert_eq!(
        theirs.formats.iter().map(|format| format.codec).collect::<Vec<_>>(),
        [Codec::Opus, Codec::Pcmu, Codec::Pcma]
    );
    let chosen = parsed(&PHONE.replace("9 8 0 101", "0 101"));
    let agreed = answered(&chosen, &local()).expect("chosen");
    assert_eq!((agreed.send.codec, agreed.events), (Codec::Pcmu, Some(101)));
}

/// With a key of theirs.
fn secret(tag: u32) -> String {
    let crypto = Crypto { tag, suite: Suite::Sha1Of32, master: Master::new([9; 30]) };
    let other = "a=crypto:1 AES_256_CM_HMAC_SHA1_80 inline:AAAA";
    format!("{}{other}\r\na=crypto:{}\r\n", PHONE.replace("RTP/AVP", "RTP/SAVP"), crypto.value())
}

#[test]
fn an_offer_with_a_key_that_can_be_used_is_answered_with_ours() {
    let (text, agreed) = answer(&parsed(&secret(4)), &local()).expect("in common");
    let keys = Keys { suite: Suite::Sha1Of32, send: Master::new([7; 30]), receive: Master::new([9; 30]) };
    assert_eq!(agreed.keys, Some(keys));
    let ours = Crypto { tag: 4, suite: Suite::Sha1Of32, master: Master::new([7; 30]) };
    assert!(text.contains("m=audio 20000 RTP/SAVP 8 101") && text.contains(&ours.value()), "{text}");
    let both = format!(
        "{PHONE}{}",
        secret(1).split_once("m=audio").map(|(_, rest)| format!("m=audio{rest}")).expect("media")
    );
    let (text, agreed) = answer(&parsed(&both), &local()).expect("in common");
    assert!(agreed.keys.is_some() && text.contains("m=audio 0 RTP/AVP"), "the secret one of two: {text}");
    assert_eq!(Description::parse(&PHONE.replace("RTP/AVP", "RTP/SAVP")), Err(Error::NoAudio), "no key");
    let wary = Local { secure: true, ..local() };
    assert_eq!(answer(&parsed(PHONE), &wary), Err(Error::NotSecure));
    assert!(answer(&parsed(&secret(1)), &wary).is_ok());
}

#[test]
fn a_secret_offer_of_ours_is_answered_with_a_key_or_is_no_call() {
    let wary = Local { secure: true, ..local() };
    let text = offer(&wary, Direction::SendRecv);
    assert!(text.contains("m=audio 20000 RTP/SAVP 111 0 8"), "{text}");
    assert!(text.contains("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:"), "{text}");
    let (answer, theirs) =
        answer(&parsed(&text), &Local { key: Master::new([9; 30]), ..local() }).expect("in common");
    let ours = answered(&parsed(&answer), &wary).expect("agreed");
    let (ours, theirs) = (ours.keys.expect("keys"), theirs.keys.expect("keys"));
    assert_eq!((ours.suite, ours.send, ours.receive), (theirs.suite, theirs.receive, theirs.send));
    assert_eq!(answered(&parsed(PHONE), &wary), Err(Error::NotSecure));
    assert_eq!(answered(&parsed(&secret(4)), &wary), Err(Error::NotSecure), "a tag that was not offered");
    assert_eq!(answered(&parsed(&secret(1)), &local()), Err(Error::NotSecure), "nothing of that was offered");
}

#[test]
fn what_cannot_be_used_is_named() {
    let refused = |text: &str| Description::parse(text).and_then(|offer| answer(&offer, &local())).err();
    assert_eq!(refused(&PHONE.replace("9 8 0 101", "9 101")), Some(Error::NoCodec));
    assert_eq!(refused(&PHONE.replace("m=audio", "m=video")), Some(Error::NoAudio));
    assert_eq!(refused(&PHONE.replace("RTP/AVP", "RTP/SAVP")), Some(Error::NoAudio));
    assert_eq!(refused(&PHONE.replace("m=audio 4000", "m=audio 0")), Some(Error::NoAudio));
    assert_eq!(refused(""), Some(Error::NoAudio));
    assert_eq!(refused("nonsense"), Some(Error::Line("nonsense".to_owned())));
    assert_eq!(refused("m=audio 99999 RTP/AVP 0"), Some(Error::Line("m=audio 99999 RTP/AVP 0".to_owned())));
    assert_eq!(refused(&"m=audio 1 RTP/AVP 0\n".repeat(17)), Some(Error::TooManyMedia));
    assert_eq!(refused(&"a=x\n".repeat(10_000)), Some(Error::TooLong));
}

proptest::proptest! {
    #![proptest_config(testkit::seed::cases(256))]

    #[test]
    fn no_text_panics_and_no_answer_has_lines_that_the_offer_smuggled_in(text in "(.|\n|\r){0,400}", media in "[ -~]{0,60}") {
        let _ = Description::parse(&text);
        let offer = format!("m={media}\nm=audio 4000 RTP/AVP 0\n");
        if let Ok(offer) = Description::parse(&offer) {
            let (answer, _) = answer(&offer, &local()).expect("PCMU is there");
            proptest::prop_assert_eq!(answer.lines().filter(|line| line.starts_with("m=")).count(), 2);
        }
    }
}
