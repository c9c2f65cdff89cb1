//! Where the control plane's data lies. May come later than the server: calls are taken while the database starts.

use std::sync::{Arc, OnceLock};

use control_api::problem;
use control_store::Db;
use domain::OrgId;

use crate::error::Error;

/// Cheap to clone; one place for all clones.
#[derive(Clone, Default)]
pub struct Store(Arc<OnceLock<Opened>>);

#[derive(Debug, Clone)]
pub(crate) struct Opened {
    pub(crate) db: Db,
    /// The organization that the operator acts in unless they name another.
    pub(crate) organization: OrgId,
}

impl Store {
    /// Not there yet: until `open`, what needs it is answered with `STORE_UNAVAILABLE`.
    #[must_use]
    pub fn absent() -> Self {
        Self::default()
    }

    #[must_use]
    pub fn of(db: Db, organization: OrgId) -> Self {
        let store = Self::absent();
        store.open(db, organization);
        store
    }

    /// Once; what comes second is ignored.
    pub fn open(&self, db: Db, organization: OrgId) {
        if self.0.set(Opened { db, organization }).is_err() {
            tracing::warn!("the store was opened already");
        }
    }

    pub(crate) fn opened(&self) -> Result<&Opened, Error> {
        self.0.get().ok_or_else(|| {
            Error::new(
                &problem::STORE_UNAVAILABLE,
                "the database is still being started; try again in a moment",
            )
        })
    }
}
