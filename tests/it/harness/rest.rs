//! A client of the REST API.

use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use super::{Reply, Server};

/// The platform token of the test servers that have one.
pub const ADMIN_TOKEN: &str = "the platform token of the tests, 45 bytes long";

/// A client with a credential.
#[derive(Clone, Debug)]
pub struct RestClient {
    http: reqwest::Client,
    url: String,
    credential: String,
}

impl RestClient {
    pub fn new(server: &Server, credential: &str) -> Self {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { http, url: format!("{}/api/v1", server.url), credential: credential.to_owned() }
    }

    /// A request to a path below `/api/v1`.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url)).bearer_auth(&self.credential)
    }

    pub async fn get(&self, path: &str) -> Reply {
        Reply::of(self.request(Method::GET, path)).await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        Reply::of(self.request(Method::DELETE, path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        Reply::of(self.request(Method::POST, path).json(body)).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Reply {
        Reply::of(self.request(Method::PATCH, path).json(body)).await
    }
}
