//! One layer per file; [`router`](super::router) says in which order and why.

pub(super) mod access_log;
pub(super) mod client_ip;
pub(super) mod origin;
pub(super) mod request_id;
pub(super) mod security_headers;
pub(super) mod timeout;
