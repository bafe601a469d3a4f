//! The edge: health, outages, replicas, Redis.

mod outage;
mod redis;
mod replicas;
