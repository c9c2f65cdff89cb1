//! What the root configuration reads, refuses, hands on and shows.

use super::*;

#[test]
fn flags_win_over_the_file_and_the_file_over_defaults() {
    let mut config: Config = toml::from_str("data_dir = \"/srv\"\n[calls]\nmax = 3\n").expect("well-formed");
    config.apply(Overrides { max_calls: Some(5), ..Overrides::default() });
    assert_eq!((config.calls.max, config.data_dir), (Some(5), PathBuf::from("/srv")));
    assert_eq!(config.server, Server::default());
}

#[test]
fn a_table_that_names_one_key_changes_no_other() {
    let text = "[calls]\nmax = 3\n[session]\nreattach_s = 7\n\
        [session.turn.endpointing]\nmode = { fixed = { ms = 200 } }\n";
    let config = Config::parse(text).expect("well-formed");
    assert_eq!(config.calls, Calls { max: Some(3), ..Calls::default() });
    let mut session = Config::default().session;
    session.reattach_s = 7;
    session.turn.endpointing.mode.clone_from(&config.session.turn.endpointing.mode);
    assert_eq!(config.session, session);
    assert_ne!(session.turn.endpointing.mode, Config::default().session.turn.endpointing.mode);
}

#[test]
fn the_dump_is_read_back_and_shows_no_key() {
    let mut config = Config::default();
    config.vendor_environment(|name| (name == "DEEPGRAM_API_KEY").then(|| "dg-very-secret".to_owned()));
    let dump = config.dump().expect("printable");
    assert!(!dump.contains("very-secret"));
    assert!(dump.contains("[secret]"));
    let again: Config = toml::from_str(&dump).expect("the dump is a configuration");
    assert_eq!(again.server, config.server);
}

#[test]
fn an_unknown_key_and_a_bad_origin_are_refused_by_name() {
    let unknown = toml::from_str::<Config>("[server]\nlisten_on = 1\n").expect_err("unknown");
    assert!(unknown.to_string().contains("listen_on"));
    let mut config = Config::default();
    config.server.allowed_origins = vec!["example.com/path".to_owned()];
    assert!(config.validate().expect_err("no scheme").contains("example.com/path"));
}

#[test]
fn the_surface_gets_what_the_operator_sets() {
    let config = |text: &str| {
        let config = Config::parse(text).expect("well-formed");
        config.validate().map(|()| config.surface())
    };
    let set = config(
        "[server]\nopen = false\noperator_token = \"0123456789abcdef\"\ntoken_key = \"fedcba9876543210\"\n\
         [[server.ice_servers]]\nurls = [\"turn:turn.example.com\"]\nusername = \"u\"\ncredential = \"pass\"\n",
    )
    .expect("valid");
    assert!(!set.open);
    assert_eq!(set.operator_token.as_ref().map(|token| token.expose().as_str()), Some("0123456789abcdef"));
    assert_eq!(set.ice_servers[0].credential, Some(Secret::new("pass".to_owned())));
    let proxied = config("[server]\npublic_url = \"https://voice.example.com\"\n").expect("valid");
    assert_eq!(proxied.public_url.as_deref(), Some("https://voice.example.com"));
    for (wrong, key) in [
        ("operator_token = \"short\"", "operator_token"),
        ("public_url = \"voice.example.com/x\"", "public_url"),
        ("own_url = \"voice.example.com\"", "own_url"),
        ("ice_servers = [{ urls = [\"http://x\"] }]", "ice_servers"),
    ] {
        let refused = config(&format!("[server]\n{wrong}\n")).expect_err("wrong");
        assert!(refused.contains(key) && !refused.contains("short"), "{refused}");
    }
}

#[test]
fn no_secret_is_dumped_and_every_one_is_listed() {
    let text = "[server]\noperator_token = \"very-secret-operator\"\ntoken_key = \"very-secret-signature\"\n\
        [[server.ice_servers]]\nurls = [\"turn:t\"]\ncredential = \"very-secret-turn\"\n";
    let dump = Config::parse(text).expect("well-formed").dump().expect("printable");
    assert!(!dump.contains("very-secret"), "{dump}");
    for listed in [
        "server.operator_token: [secret]",
        "server.token_key: [secret]",
        "ice_servers[0].credential: [secret]",
    ] {
        assert!(dump.contains(listed), "no {listed} in {dump}");
    }
    assert!(Config::parse(&dump).is_ok(), "the dump is a configuration: {dump}");
}

#[test]
fn a_livekit_server_is_given_whole_and_its_secret_is_not_dumped() {
    let config = |text: &str| {
        let config = Config::parse(&format!("[livekit]\n{text}\n")).expect("well-formed");
        config.validate().map(|()| config)
    };
    let whole = "url = \"wss://x.example.com\"\napi_key = \"key\"\napi_secret = \"very-secret\"";
    let given = config(whole).expect("valid");
    assert!(given.livekit.server().is_some());
    let dump = given.dump().expect("printable");
    assert!(dump.contains("livekit.api_secret: [secret]") && !dump.contains("very-secret"), "{dump}");
    assert!(config("").expect("none at all is valid").livekit.server().is_none());
    assert!(config("url = \"wss://x\"").expect_err("no keys").contains("LIVEKIT_API_SECRET"));
    let nowhere = whole.replace("wss://x.example.com", "ftp://x");
    assert!(config(&nowhere).expect_err("no address").contains("in [livekit]"));
}

#[test]
fn what_a_component_cannot_work_with_is_refused_before_it_starts() {
    for (text, named) in [
        ("[providers.local.inference]\nniceness = 40\n", "inference.niceness"),
        ("[session]\nreattach_s = 0\n", "session.reattach_s"),
    ] {
        let config: Config = toml::from_str(text).expect("well-formed");
        let refused = config.validate().expect_err("out of range").to_string();
        assert!(refused.contains(named), "{refused}");
    }
}
