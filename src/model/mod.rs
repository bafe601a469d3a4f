//! Floor 0: the words of the product as plain values, without any I/O.
//!
//! Everything above speaks in these: who ([`ids`], [`rights`]), what ([`document`],
//! [`document_path`], [`signal`]), and the two things a pure function must be handed: the time
//! ([`clock`]) and randomness ([`entropy`]). [`secret`] wraps what must never be printed,
//! [`seal`] signs what leaves us and comes back.

pub mod ambient;
pub mod audit;
pub mod client_address;
pub mod clock;
pub mod document;
pub mod document_path;
pub mod entropy;
pub mod ids;
pub mod nul;
pub mod quota;
pub mod rights;
pub mod seal;
pub mod secret;
pub mod signal;

pub use ambient::Ambient;
pub use audit::{Actor, ActorKind, Change};
pub use client_address::TrustedProxies;
pub use clock::Clock;
pub use document::{Author, Document, DocumentSummary, Etag};
pub use document_path::{DocumentPath, PathError};
pub use entropy::{Entropy, EntropyError};
pub use ids::{DocumentId, KeyId, ProjectId, StreamId, UserId};
pub use quota::{Count, Quota};
pub use rights::{Right, Role, Scope, Scopes};
pub use seal::Sealer;
pub use secret::Secret;
pub use signal::{SIGNALS_KEPT, Signal, SignalKind};
