//! rmcp's client, in the test's own process.

use std::collections::HashMap;

use reqwest::header::{HeaderName, HeaderValue};
use rmcp::model::{CallToolRequestParams, ProtocolVersion, ReadResourceRequestParams};
use rmcp::service::{RoleClient, RunningService};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::{ClientLifecycleMode, ClientServiceExt as _};
use serde_json::{Value, json};

use super::{Era, Job, Seen};
use crate::harness::{Process, TestKey};

pub(super) async fn session(era: Era, server: &Process, key: &TestKey, job: &Job<'_>) -> Seen {
    let client = connect(era, server, key).await;
    let tools = client.list_all_tools().await.unwrap();
    let mut results = Vec::new();
    for call in job.calls {
        let arguments = call["arguments"].as_object().unwrap().clone();
        let name = call["tool"].as_str().unwrap().to_owned();
        let call = CallToolRequestParams::new(name).with_arguments(arguments);
        results.push(json!(client.call_tool(call).await.unwrap()));
    }
    let resources = client.list_all_resources().await.unwrap();
    let last = match resources.last() {
        Some(resource) => Some(text(&client, &resource.uri).await),
        None => None,
    };
    let prompts = client.list_all_prompts().await.unwrap();
    let completed = client.complete_resource_simple("memory-bank://{+path}", "path", job.prefix);
    let completed = Some(completed.await.unwrap());
    // Ends the session.
    client.cancel().await.unwrap();
    Seen {
        tools: tools.into_iter().map(|tool| tool.name.into_owned()).collect(),
        results,
        resources: resources.into_iter().map(|resource| resource.uri).collect(),
        last,
        prompts: prompts.into_iter().map(|prompt| prompt.name).collect(),
        completed,
    }
}

async fn connect(era: Era, server: &Process, key: &TestKey) -> RunningService<RoleClient, ()> {
    let header = (HeaderName::from_static("x-api-key"), HeaderValue::from_str(&key.key).unwrap());
    let config = StreamableHttpClientTransportConfig::with_uri(format!("{}/mcp", server.url()))
        .custom_headers(HashMap::from([header]));
    let transport = StreamableHttpClientTransport::from_config(config);
    let lifecycle = match era {
        Era::Legacy => ClientLifecycleMode::Initialize,
        Era::Modern => ClientLifecycleMode::Discover {
            preferred_versions: vec![ProtocolVersion::V_2026_07_28],
        },
    };
    ().serve_with_lifecycle(transport, lifecycle).await.unwrap()
}

async fn text(client: &RunningService<RoleClient, ()>, uri: &str) -> String {
    let read = client.read_resource(ReadResourceRequestParams::new(uri)).await.unwrap();
    let read: Value = json!(read);
    read["contents"][0]["text"].as_str().unwrap().to_owned()
}
