//! What a vendor's list of voices says of each.

use serde::Serialize;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct VoiceListing {
    /// What `domain::Voice::name` takes.
    pub id: String,
    /// For people.
    pub name: String,
    /// As the vendor writes it: a code or a locale.
    pub language: Option<String>,
    /// A sample to listen to.
    pub preview_url: Option<String>,
}
