//! The ids of events, by which a client says where a stream broke (2025-11-25, basic/transports,
//! resumability).

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::model::StreamId;

/// A stream, and the number of a message in it: `0` stands before the first. Written
/// `<stream>.<number>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventId {
    /// The stream.
    pub stream: StreamId,
    /// The number of the message.
    pub seq: i64,
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.stream, self.seq)
    }
}

impl FromStr for EventId {
    type Err = ();

    /// Reads an id exactly as we write it.
    fn from_str(text: &str) -> Result<Self, ()> {
        let (stream, seq) = text.split_once('.').ok_or(())?;
        let stream = StreamId(stream.parse::<Uuid>().map_err(|_| ())?);
        let id = Self { stream, seq: seq.parse().map_err(|_| ())? };
        if id.seq >= 0 && id.to_string() == text { Ok(id) } else { Err(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_we_write_is_read() {
        let id = EventId { stream: StreamId(Uuid::from_u128(7)), seq: 12 };
        assert_eq!(id.to_string().parse(), Ok(id));
        let stream = id.stream.to_string();
        let bad = [
            String::new(),
            stream.clone(),
            format!("{stream}."),
            format!("{stream}.-1"),
            format!("{stream}.+1"),
            format!("{stream}.01"),
            format!("{stream}.9223372036854775808"),
            format!("{}.1", stream.replace('-', "")),
            format!("{{{stream}}}.1"),
        ];
        for text in bad {
            assert_eq!(text.parse::<EventId>(), Err(()), "{text}");
        }
    }
}
