//! The edge: health, outages, replicas, Redis, the OpenAPI document.

mod browser;
mod edge;
mod log;
mod look_ups;
mod openapi;
mod outage;
mod redis;
mod replicas;
mod time_outs;
