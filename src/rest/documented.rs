//! What the OpenAPI document says of several operations.

use utoipa::IntoParams;

/// The project of a path.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "described, not read: the extractor reads it")]
pub(super) struct ProjectPath {
    /// The project's id or short name.
    project: String,
}

/// The header of creations.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "described, not read: the extractor reads it")]
pub(super) struct RepeatHeader {
    /// Makes a repeat within 24 hours harmless: it is answered as the first, without the key itself.
    #[param(rename = "Idempotency-Key", max_length = 255)]
    idempotency_key: Option<String>,
}

/// The header of conditional changes.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "described, not read: the extractor reads it")]
pub(super) struct IfMatchHeader {
    /// The change is made only to what has this entity tag.
    #[param(rename = "If-Match")]
    if_match: Option<String>,
}
