//! Times in requests (RFC 3339).

use serde::de::Error as _;
use serde::{Deserialize as _, Deserializer};
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

/// Nanoseconds of what Postgres keeps of a second.
const MICROSECOND: u32 = 1000;

/// A time or `null`, as UTC and as exact as it is stored.
pub(super) fn optional<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<OffsetDateTime>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    let time = OffsetDateTime::parse(&text, &Rfc3339).map_err(D::Error::custom)?;
    let beyond = || D::Error::custom("a time within the years 0 to 9999, as UTC");
    let time = time.checked_to_offset(UtcOffset::UTC).ok_or_else(beyond)?;
    let whole = time.nanosecond() / MICROSECOND * MICROSECOND;
    time.replace_nanosecond(whole).map(Some).map_err(D::Error::custom)
}
