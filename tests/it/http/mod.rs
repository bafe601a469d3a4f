//! The edge: health, outages, replicas, Redis.

mod edge;
mod log;
mod look_ups;
mod outage;
mod redis;
mod replicas;
mod time_outs;
