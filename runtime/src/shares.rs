//! How much of something each address has: connections, for the most part.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Cheap to clone; all clones count together.
#[derive(Debug, Clone, Default)]
pub struct Shares(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// One of an address. Given back when it is dropped.
#[derive(Debug)]
pub struct Share {
    of: IpAddr,
    all: Shares,
}

impl Shares {
    /// `None`: the address has `most` already.
    #[must_use]
    pub fn take(&self, of: IpAddr, most: usize) -> Option<Share> {
        let mut taken = self.lock();
        let own = taken.get(&of).copied().unwrap_or(0);
        if own >= most {
            return None;
        }
        taken.insert(of, own + 1);
        drop(taken);
        Some(Share { of, all: self.clone() })
    }

    /// How many addresses have something.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.all.lock();
        if let Some(own) = taken.get_mut(&self.of) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.of);
            }
        }
    }
}
