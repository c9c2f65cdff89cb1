//! Connections that wait for the next turn, kept alive, replaced before they are too old. Found by endpoint: vendor, tenant and region.

use std::sync::Arc;

use runtime::Tasks;

/// Cheap to clone; all clones share the connections.
#[derive(Clone)]
pub struct Pool {
    pub(crate) tasks: Arc<Tasks>,
}

impl Pool {
    #[must_use]
    pub fn new(tasks: &Tasks) -> Self {
        Self { tasks: Arc::new(tasks.child()) }
    }
}
