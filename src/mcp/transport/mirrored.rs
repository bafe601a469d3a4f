//! Headers that mirror a modern message: what stands between client and server may act on them, so
//! they must say what the message says (2026-07-28, streamable HTTP, server validation).

use axum::http::{HeaderMap, HeaderName};
use serde_json::Value;

use super::headers::PROTOCOL_VERSION;
use crate::mcp::wire::header_param::says;
use crate::mcp::wire::{HeaderParam, RpcError, header_value, names};

const METHOD: HeaderName = HeaderName::from_static(names::METHOD);
const NAME: HeaderName = HeaderName::from_static(names::NAME);

/// Checks the header of the version.
pub(super) fn check_version(headers: &HeaderMap, version: &str) -> Result<(), RpcError> {
    check_text(headers, &PROTOCOL_VERSION, version)
}

/// Checks the header of the method, and of what it names.
pub(super) fn check_method(
    headers: &HeaderMap,
    method: &str,
    name: Option<&str>,
) -> Result<(), RpcError> {
    check_text(headers, &METHOD, method)?;
    match name {
        None if headers.contains_key(NAME) => Err(mismatch(&NAME, "is not expected")),
        None => Ok(()),
        Some(name) => check(headers, &NAME, &Value::from(name)),
    }
}

/// Checks the headers of a tool's arguments.
pub(super) fn check_arguments(
    headers: &HeaderMap,
    params: &[HeaderParam],
    arguments: &Value,
) -> Result<(), RpcError> {
    for param in params {
        let name = HeaderName::try_from(&param.header).map_err(|error| {
            tracing::error!(%error, param.header, "a tool names a header that can be none");
            RpcError::internal()
        })?;
        match param.value(arguments) {
            Some(value) => check(headers, &name, value)?,
            None if headers.contains_key(&name) => return Err(mismatch(&name, "is not expected")),
            None => {}
        }
    }
    Ok(())
}

/// The header must be `value`, as it is.
fn check_text(headers: &HeaderMap, name: &HeaderName, value: &str) -> Result<(), RpcError> {
    if one(headers, name)? == value { Ok(()) } else { Err(mismatch(name, DIFFERS)) }
}

/// The header must say `value`, perhaps wrapped.
fn check(headers: &HeaderMap, name: &HeaderName, value: &Value) -> Result<(), RpcError> {
    let header = header_value::decode(one(headers, name)?);
    let header = header.ok_or_else(|| mismatch(name, "is not valid Base64"))?;
    if says(&header, value) { Ok(()) } else { Err(mismatch(name, DIFFERS)) }
}

const DIFFERS: &str = "does not say what the message says";

fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<&'a str, RpcError> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Err(mismatch(name, "is missing")),
        (Some(_), Some(_)) => Err(mismatch(name, "is there more than once")),
        (Some(value), None) => {
            let text = value.to_str().map_err(|_| mismatch(name, "has characters that it may not"));
            text.map(|text| text.trim_matches([' ', '\t']))
        }
    }
}

fn mismatch(name: &HeaderName, what: &str) -> RpcError {
    RpcError::header_mismatch(format!("the header `{name}` {what}"))
}
