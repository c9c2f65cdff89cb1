//! What is kept encrypted: each value under a key of its own, that key under the server's master key, both AES-256-GCM and bound to the
//! organization and the row, so that a sealed value that is moved elsewhere cannot be opened.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use control_api::provider_account::Vendor;
use control_store::provider_account::Usable;
use control_store::secret::Sealed;
use domain::{OrgId, Secret, SecretId};
use sha2::{Digest, Sha256};

use crate::ports::Account;

/// Has the master key. Opens what was sealed with it and nothing else.
pub struct Vault {
    key: RandomizedNonceKey,
    /// By which it is told apart from other master keys: says nothing of it.
    fingerprint: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CannotOpen {
    #[error(
        "the secret was sealed with another master key than this server has: give it the former one, or enter the secret again"
    )]
    OtherMasterKey,
    #[error("the sealed secret is damaged, or belongs to another organization: enter it again")]
    Damaged,
}

/// Characters of a value that people see, when it is long enough to spare them.
const HINT: usize = 4;

impl Vault {
    /// `master`: at least 16 characters that nobody else knows.
    #[must_use]
    pub fn new(master: &Secret<String>) -> Self {
        let bytes = Sha256::digest(format!("agent-foundry vault {}", master.expose()).as_bytes());
        let fingerprint = hex(&Sha256::digest(bytes)[..4]);
        Self { key: key(&bytes), fingerprint }
    }

    #[must_use]
    pub fn seal(&self, org: OrgId, id: SecretId, value: &Secret<String>) -> Sealed {
        let own: [u8; 32] = rand::random();
        let bound = bound(org, id);
        let count = value.expose().chars().count();
        let hint = if count < 4 * HINT {
            "…".to_owned()
        } else {
            format!("…{}", value.expose().chars().skip(count - HINT).collect::<String>())
        };
        Sealed {
            sealed: seal(&key(&own), &bound, value.expose().as_bytes()),
            wrapped_key: seal(&self.key, &bound, &own),
            master_key: self.fingerprint.clone(),
            hint,
        }
    }

    /// # Errors
    /// When it was sealed by another vault, for another row, or changed since.
    pub fn open(&self, org: OrgId, id: SecretId, sealed: &Sealed) -> Result<Secret<String>, CannotOpen> {
        if sealed.master_key != self.fingerprint {
            return Err(CannotOpen::OtherMasterKey);
        }
        let bound = bound(org, id);
        let own = open(&self.key, &bound, &sealed.wrapped_key).ok_or(CannotOpen::Damaged)?;
        let own: [u8; 32] = own.try_into().map_err(|_| CannotOpen::Damaged)?;
        let value = open(&key(&own), &bound, &sealed.sealed).ok_or(CannotOpen::Damaged)?;
        String::from_utf8(value).map(Secret::new).map_err(|_| CannotOpen::Damaged)
    }
}

impl Vault {
    /// An account as it is stored, with its key in the clear.
    ///
    /// # Errors
    /// Why it cannot be used, for people.
    pub fn account(&self, stored: Usable) -> Result<Account, String> {
        let key = stored.key.as_ref().map(|(id, sealed)| self.open(stored.org, *id, sealed)).transpose();
        let key = key.map_err(|error| format!("the key of the account {:?}: {error}", stored.name))?;
        let vendor = Vendor::named(&stored.vendor)
            .ok_or_else(|| format!("this version of the server knows no vendor {:?}", stored.vendor))?;
        let options = serde_json::from_value(stored.options)
            .map_err(|error| format!("the options of the account {:?}: {error}", stored.name))?;
        Ok(Account { org: stored.org, id: stored.id, name: stored.name, vendor, options, key })
    }
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vault").field("fingerprint", &self.fingerprint).finish_non_exhaustive()
    }
}

fn key(bytes: &[u8]) -> RandomizedNonceKey {
    RandomizedNonceKey::new(&AES_256_GCM, bytes).expect("32 bytes are a key")
}

fn bound(org: OrgId, id: SecretId) -> String {
    format!("{org} {id}")
}

/// Nonce, text, tag.
fn seal(key: &RandomizedNonceKey, bound: &str, text: &[u8]) -> Vec<u8> {
    let mut sealed = text.to_vec();
    let nonce = key
        .seal_in_place_append_tag(Aad::from(bound.as_bytes()), &mut sealed)
        .expect("the library seals what is far shorter than its limit");
    [nonce.as_ref().as_slice(), &sealed].concat()
}

fn open(key: &RandomizedNonceKey, bound: &str, sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, text) = sealed.split_at_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut text = text.to_vec();
    Some(key.open_in_place(nonce, Aad::from(bound.as_bytes()), &mut text).ok()?.to_vec())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault(master: &str) -> Vault {
        Vault::new(&Secret::new(master.to_owned()))
    }

    #[test]
    fn a_secret_is_opened_in_its_own_place_with_its_own_master_key_alone() {
        let (org, id) = (OrgId::generate(), SecretId::generate());
        let value = Secret::new("sk-0123456789abcdefwxyz".to_owned());
        let sealed = vault("correct horse battery").seal(org, id, &value);
        assert_eq!(sealed.hint, "…wxyz");
        assert_eq!(vault("correct horse battery").open(org, id, &sealed), Ok(value.clone()));
        let ours = vault("correct horse battery");
        assert_eq!(ours.open(OrgId::generate(), id, &sealed), Err(CannotOpen::Damaged));
        assert_eq!(ours.open(org, SecretId::generate(), &sealed), Err(CannotOpen::Damaged));
        assert_eq!(vault("another one entirely").open(org, id, &sealed), Err(CannotOpen::OtherMasterKey));
        let mut changed = sealed.clone();
        changed.sealed[20] ^= 1;
        assert_eq!(ours.open(org, id, &changed), Err(CannotOpen::Damaged));
        let again = ours.seal(org, id, &value);
        assert!(again.sealed != sealed.sealed && again.wrapped_key != sealed.wrapped_key);
        let window = value.expose().as_bytes();
        assert!(!sealed.sealed.windows(window.len()).any(|part| part == window));
    }

    #[test]
    fn a_short_secret_shows_nothing_of_itself() {
        let sealed = vault("correct horse battery").seal(
            OrgId::generate(),
            SecretId::generate(),
            &Secret::new("short-key".to_owned()),
        );
        assert_eq!(sealed.hint, "…");
        assert!(!format!("{sealed:?}").contains("short"));
    }
}
