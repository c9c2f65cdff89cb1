//! The models of this machine, loaded once for all tests.

use std::sync::OnceLock;

use inference::store::default_directory;
use inference::{Engine, Store};
use providers_local::stt::{LocalStt, Options};

/// The store of this machine. Fails, with what to do, where the models were not fetched.
pub(crate) fn store() -> Store {
    let store = Store::open(default_directory(|name| std::env::var_os(name)).expect("a cache directory"));
    let wrong = store.verify(inference::store::Depth::Quick);
    assert!(
        wrong.is_empty(),
        "these tests need the models, `foundry models pull` fetches them: {}",
        wrong[0]
    );
    store
}

pub(crate) fn engine() -> Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE
        .get_or_init(|| Engine::start(&inference::Options::default(), &store()).expect("the runtime starts"))
        .clone()
}

pub(crate) fn stt() -> &'static LocalStt {
    static STT: OnceLock<LocalStt> = OnceLock::new();
    let options = Options { streams_max: 64, ..Options::default() };
    STT.get_or_init(|| LocalStt::load(&engine(), &store(), options).expect("the recogniser loads"))
}

/// A recogniser on threads that no other test uses.
pub(crate) fn own_stt() -> (Engine, LocalStt) {
    let engine = Engine::start(&inference::Options::default(), &store()).expect("the runtime starts");
    let options = Options { streams_max: 1, ..Options::default() };
    let stt = LocalStt::load(&engine, &store(), options).expect("the recogniser loads");
    (engine, stt)
}
