//! The ledger: each message of a call reaches its client once and in order, wherever the connection
//! breaks and whichever replica the client comes back to; and each change has its answer.

mod books;
mod counting;
mod cut;
mod kill;
mod leave;
mod outage;
mod reading;
mod replica;
mod slow;
mod task;
