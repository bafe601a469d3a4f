//! What a client says of itself, within its limits.

use serde_json::Value;

use crate::model::nul::has_nul;

/// The longest client name and version, in bytes.
const MAX_NAME_BYTES: usize = 200;
/// The largest capabilities object, in bytes of JSON.
const MAX_CAPABILITIES_BYTES: usize = 32 * 1024;
pub(super) const CAPABILITIES_TOO_LARGE: &str = "`capabilities` has at most 32 KiB of JSON";

/// Checks a client's name, version and capabilities; says what is wrong.
pub(super) fn check(name: &str, version: &str, capabilities: &Value) -> Result<(), &'static str> {
    if name.len() > MAX_NAME_BYTES || version.len() > MAX_NAME_BYTES {
        return Err("`clientInfo.name` and `.version` have at most 200 bytes each");
    }
    if capabilities.to_string().len() > MAX_CAPABILITIES_BYTES {
        return Err(CAPABILITIES_TOO_LARGE);
    }
    if name.contains('\0') || version.contains('\0') || has_nul(capabilities) {
        return Err("`clientInfo` and `capabilities` may not have NUL characters");
    }
    Ok(())
}
