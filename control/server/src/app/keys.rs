//! API keys: what they look like, and whose a given one is.
//!
//! `fdy_`, 32 random bytes in base62, then six characters of their CRC-32, so that a scanner for leaked secrets and a typing
//! error are told apart without asking the database. A key has full entropy: SHA-256 of it is what is stored.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use control_api::problem;
use control_store::{Db, Reason, api_key};
use domain::Secret;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::error::Error;

pub(crate) const PREFIX: &str = "fdy_";
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// 62^43 is more than 256^32.
const BODY: usize = 43;
const CHECK: usize = 6;

/// A new key, and what is stored of it.
pub struct NewKey {
    pub secret: Secret<String>,
    pub hash: [u8; 32],
    /// Its beginning and its last four characters.
    pub hint: String,
}

impl NewKey {
    #[must_use]
    pub fn generate() -> Self {
        let text = written(&rand::random::<[u8; 32]>());
        let hint = format!("{PREFIX}…{}", &text[text.len() - 4..]);
        Self { hash: hash(&text), hint, secret: Secret::new(text) }
    }
}

fn written(bytes: &[u8; 32]) -> String {
    let mut digits = [0_u8; BODY];
    let mut number = *bytes;
    // Long division by 62, least digit last.
    for digit in digits.iter_mut().rev() {
        let mut rest = 0_u32;
        for byte in &mut number {
            let value = rest * 256 + u32::from(*byte);
            *byte = u8::try_from(value / 62).unwrap_or_default();
            rest = value % 62;
        }
        *digit = u8::try_from(rest).unwrap_or_default();
    }
    let body: String = digits.iter().map(|digit| letter(u32::from(*digit))).collect();
    format!("{PREFIX}{body}{}", check_of(&body))
}

fn letter(digit: u32) -> char {
    ALPHABET.get(digit as usize).map_or('0', |byte| char::from(*byte))
}

fn check_of(body: &str) -> String {
    let mut value = crc32fast::hash(body.as_bytes());
    let mut check = ['0'; CHECK];
    for place in check.iter_mut().rev() {
        *place = letter(value % 62);
        value /= 62;
    }
    check.iter().collect()
}

fn hash(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

/// Whether a text can be a key at all.
fn is_whole(key: &str) -> bool {
    let Some(rest) = key.strip_prefix(PREFIX) else { return false };
    rest.len() == BODY + CHECK
        && rest.is_ascii()
        && rest.split_at_checked(BODY).is_some_and(|(body, check)| check_of(body) == check)
}

/// For how long an answer of the database is believed. A key that is revoked here dies at once, one that another server
/// revokes within this.
const BELIEVED: Duration = Duration::from_secs(5);
/// Past this many, all are forgotten: each costs one look-up again.
const REMEMBERED: usize = 10_000;

/// Keys as they were last looked up, unknown ones too.
#[derive(Default)]
pub(crate) struct Keys(Mutex<Known>);

#[derive(Default)]
struct Known {
    keys: HashMap<[u8; 32], (Instant, Option<api_key::Owner>)>,
    /// Counts how often all was forgotten: what was asked before is not believed after.
    age: u64,
    /// Keys that were somebody's once. They are looked up whatever else comes from the same address, such as a proxy's.
    good: HashSet<[u8; 32]>,
}

impl Keys {
    /// Nothing that is remembered, or being asked now, is right any more.
    pub(crate) fn forget(&self) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.keys.clear();
        known.age += 1;
    }

    /// Whether it was somebody's when it was last looked up, however long ago.
    pub(crate) fn was_good(&self, key: &str) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.good.contains(&hash(key))
    }

    /// What is remembered of a key, if anything, and the age of that.
    fn recall(&self, hash: &[u8; 32]) -> (Option<Option<api_key::Owner>>, u64) {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = known.keys.get(hash).filter(|(at, _)| at.elapsed() < BELIEVED);
        (fresh.map(|(_, owner)| owner.clone()), known.age)
    }

    fn remember(&self, hash: [u8; 32], age: u64, asked: Instant, owner: Option<api_key::Owner>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.good.len() >= REMEMBERED {
            known.good.clear();
        }
        if owner.is_some() {
            known.good.insert(hash);
        } else {
            known.good.remove(&hash);
        }
        if known.age != age {
            return;
        }
        if known.keys.len() >= REMEMBERED {
            known.keys.clear();
        }
        known.keys.insert(hash, (asked, owner));
    }

    /// Whose key it is.
    pub(crate) async fn owner(&self, db: &Db, key: &str, now: Timestamp) -> Result<api_key::Owner, Error> {
        let invalid = |why: &str| Error::new(&problem::CREDENTIAL_INVALID, why);
        if !is_whole(key) {
            return Err(invalid(
                "this is no API key, nor the operator's token; a key begins with `fdy_` and is 53 characters long",
            ));
        }
        let hash = hash(key);
        let found = match self.recall(&hash) {
            (Some(found), _) => found,
            (None, age) => self.look_up(db, hash, age).await?,
        };
        let owner = found.ok_or_else(|| invalid("the key is not known here, or was revoked"))?;
        if owner.valid_until.is_some_and(|until| until <= now) {
            return Err(invalid("the key has expired, or was rotated and its grace is over"));
        }
        Ok(owner)
    }

    async fn look_up(&self, db: &Db, hash: [u8; 32], age: u64) -> Result<Option<api_key::Owner>, Error> {
        let asked = Instant::now();
        let mut tx = db.system_tx(Reason::FindKey).await?;
        let owner = api_key::owner(&mut tx, &hash).await?;
        if let Some(owner) = &owner {
            api_key::used(&mut tx, owner.key).await?;
        }
        tx.commit().await?;
        self.remember(hash, age, asked, owner.clone());
        Ok(owner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_whole_and_no_changed_character_goes_unnoticed() {
        let key = NewKey::generate();
        let text = key.secret.expose();
        assert_eq!(text.len(), 53);
        assert!(is_whole(text) && key.hint.ends_with(&text[49..]) && key.hint.len() < 12);
        for index in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
            assert!(!is_whole(&String::from_utf8(bytes).expect("ASCII")), "character {index}");
        }
        for strange in ["", "fdy_", "fdy_äöü", &"fdy_é".repeat(10)] {
            assert!(!is_whole(strange));
        }
    }

    #[test]
    fn the_least_and_the_greatest_number_fit() {
        assert!(written(&[0; 32]).starts_with("fdy_0000000000"));
        assert!(is_whole(&written(&[255; 32])));
        assert_ne!(written(&[255; 32]), written(&[254; 32]));
    }
}
