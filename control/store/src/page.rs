//! One page of a list, newest first: what lies before a place in the order of (created_at, id), which nothing ever changes.

use jiff::Timestamp;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::at;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// The last row of the page before.
    pub after: Option<Place>,
    /// One more than is shown tells whether there are more.
    pub limit: i64,
}

/// Where a row stands in its list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub at: Timestamp,
    pub id: Uuid,
}

impl Page {
    pub(crate) fn at(&self) -> Option<OffsetDateTime> {
        self.after.map(|place| at::to_database(place.at))
    }

    pub(crate) fn id(&self) -> Option<Uuid> {
        self.after.map(|place| place.id)
    }
}
