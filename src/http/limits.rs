//! What a call is charged before its body is read, and what its answer says of that.

use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;

use crate::access::Meter;
use crate::access::limits::{Denied, Reading, Standing, seconds};
use crate::model::Clock;

/// The limits, and where the caller stands (draft-ietf-httpapi-ratelimit-headers-11).
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STANDING: HeaderName = HeaderName::from_static("ratelimit");
/// The same of the tightest limit alone, for old clients.
const OLD_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const OLD_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const OLD_RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// What pages of allowed origins may read of it.
pub(super) const EXPOSED: [&str; 5] = [
    "ratelimit",
    "ratelimit-policy",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
];

/// Charges `request` to `meter` and lets `next` answer it, with the meter among its extensions; one that
/// is too much is answered by `refuse`.
pub(super) async fn within(
    (meter, clock): (Meter, &Clock),
    mut request: Request,
    refuse: impl FnOnce(&Denied) -> Response,
    next: impl AsyncFnOnce(Request) -> Response,
) -> Response {
    let mut response = match meter.charge(1).await {
        Ok(()) => {
            request.extensions_mut().insert(meter.clone());
            next(request).await
        }
        Err(denied) => refuse(&denied),
    };
    show(&meter.read(), clock, &mut response);
    response
}

/// Writes what the meter shows into the headers of the answer.
fn show(reading: &Reading, clock: &Clock, response: &mut Response) {
    let refused = response.status() == StatusCode::TOO_MANY_REQUESTS;
    let headers = response.headers_mut();
    if let Some(denied) = reading.denied.filter(|_| refused) {
        headers.insert(header::RETRY_AFTER, seconds(denied.wait).into());
    }
    let Some(tightest) = reading.standings.iter().min_by_key(|standing| standing.left) else {
        return;
    };
    let reset = clock.now().unix_timestamp().saturating_add_unsigned(whole(tightest.reset));
    for (name, value) in [
        (OLD_LIMIT, tightest.quota.limit.into()),
        (OLD_REMAINING, tightest.left.into()),
        (OLD_RESET, reset.into()),
    ] {
        headers.insert(name, value);
    }
    for (name, item) in [(POLICY, policy as fn(&Standing) -> String), (STANDING, standing)] {
        let items: Vec<String> = reading.standings.iter().map(item).collect();
        // Names of ours and numbers.
        if let Ok(value) = HeaderValue::try_from(items.join(", ")) {
            headers.insert(name, value);
        }
    }
}

fn policy(standing: &Standing) -> String {
    let Standing { policy, quota, .. } = standing;
    format!("\"{policy}\";q={};w={}", quota.limit, whole(quota.window))
}

fn standing(standing: &Standing) -> String {
    let Standing { policy, left, reset, .. } = standing;
    format!("\"{policy}\";r={left};t={}", whole(*reset))
}

/// Seconds, of which there is never less than one to wait.
fn whole(time: Duration) -> u64 {
    seconds(time).max(1)
}
