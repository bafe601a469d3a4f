//! Bodies: read within their limit, checked whole against the schema that the document shows.

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use axum::body::{Body, Bytes, HttpBody as _, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use jsonschema::Validator;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use super::problem::Invalid;
use super::{Problem, Rest, RestError};
use crate::model::nul::has_nul;

/// The most problems that one answer names.
const MAX_PROBLEMS: usize = 20;
/// The longest description of one problem, in characters.
const MAX_PROBLEM_CHARS: usize = 300;

/// A body that fits the schema of `T`.
pub(super) struct Input<T> {
    /// What it says.
    pub(super) value: T,
    /// The SHA-256 of its bytes, by which a repeat is told from another request.
    pub(super) sha256: [u8; 32],
}

impl<T: DeserializeOwned + ToSchema + 'static> FromRequest<Arc<Rest>> for Input<T> {
    type Rejection = RestError;

    async fn from_request(request: Request, rest: &Arc<Rest>) -> Result<Self, RestError> {
        check_content_type(request.headers())?;
        let bytes = read(request.into_body(), rest.max_body_bytes).await?;
        let value: Value = serde_json::from_slice(&bytes).map_err(|error| {
            RestError::refused(StatusCode::BAD_REQUEST, format!("the body is not JSON: {error}"))
        })?;
        let validator = validator::<T>()?;
        let problems: Vec<Invalid> =
            validator.iter_errors(&value).take(MAX_PROBLEMS).map(|error| invalid(&error)).collect();
        if !problems.is_empty() {
            return Err(Problem::invalid(problems).into());
        }
        // What the schema cannot say.
        if has_nul(&value) {
            return Err(Problem::invalid_field("", "no text may contain NUL").into());
        }
        let value = serde_json::from_value(value)
            .map_err(|error| Problem::invalid_field("", error.to_string()))?;
        Ok(Self { value, sha256: Sha256::digest(&bytes).into() })
    }
}

fn check_content_type(headers: &HeaderMap) -> Result<(), RestError> {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = value.and_then(|value| value.split(';').next()).unwrap_or_default();
    if essence.trim().eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let detail = "send the body as `Content-Type: application/json`";
    Err(RestError::refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail))
}

/// Reads `body`, at most `limit` bytes; one that announces more is not read at all.
pub(super) async fn read(body: Body, limit: usize) -> Result<Bytes, RestError> {
    let too_large = || {
        let detail = format!("a request body has at most {limit} bytes: send less");
        RestError::refused(StatusCode::PAYLOAD_TOO_LARGE, detail)
    };
    if usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX) > limit {
        return Err(too_large());
    }
    to_bytes(body, limit).await.map_err(|error| {
        let too_long = std::error::Error::source(&error)
            .is_some_and(<dyn std::error::Error>::is::<http_body_util::LengthLimitError>);
        let early = "the request body ended early: send it again";
        if too_long { too_large() } else { RestError::refused(StatusCode::BAD_REQUEST, early) }
    })
}

/// The problem and where it is, without the value, which may be long or private.
fn invalid(error: &jsonschema::ValidationError<'_>) -> Invalid {
    let problem = error.masked().to_string().chars().take(MAX_PROBLEM_CHARS).collect();
    Invalid { field: error.instance_path().to_string(), problem }
}

type Validators = Mutex<HashMap<TypeId, Arc<Validator>>>;

/// The validator of `T`, made once.
fn validator<T: ToSchema + 'static>() -> Result<Arc<Validator>, RestError> {
    static VALIDATORS: LazyLock<Validators> = LazyLock::new(Validators::default);
    let mut validators = VALIDATORS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(validator) = validators.get(&TypeId::of::<T>()) {
        return Ok(validator.clone());
    }
    let schema = serde_json::to_value(T::schema()).map_err(RestError::broken)?;
    let validator = jsonschema::draft202012::options()
        .should_validate_formats(true)
        .build(&schema)
        .map_err(RestError::broken)?;
    let validator = Arc::new(validator);
    validators.insert(TypeId::of::<T>(), validator.clone());
    Ok(validator)
}
