//! The page that shows the API: complete, its own server's alone, and the same for everyone.

use reqwest::{RequestBuilder, Response};

use crate::harness::{Database, Server};

/// An answer of `server`, asked as a stranger or with a key.
async fn get(server: &Server, path: &str, key: Option<&str>) -> Response {
    let request = reqwest::Client::new().get(format!("{}{path}", server.url));
    let request = key.into_iter().fold(request, RequestBuilder::bearer_auth);
    request.send().await.unwrap()
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers()[name].to_str().unwrap()
}

/// The values of these attributes in `page`.
fn values(page: &str) -> Vec<String> {
    let mut values = Vec::new();
    for attribute in ["src=\"", "href=\""] {
        let found = page.split(attribute).skip(1).map(|rest| rest.split('"').next().unwrap());
        values.extend(found.map(str::to_owned));
    }
    values
}

/// Checks what every answer about the page says to the browser.
fn check_headers(response: &Response) {
    let policy = header(response, "content-security-policy");
    for directive in policy.split("; ") {
        let (name, sources) = directive.split_once(' ').unwrap();
        let allowed: &[&str] = match name {
            "default-src" | "base-uri" | "form-action" | "frame-ancestors" => &["'none'"],
            "script-src" | "style-src" | "connect-src" => &["'self'"],
            "img-src" => &["'self'", "data:"],
            other => panic!("{other} is not checked"),
        };
        assert_eq!(sources.split(' ').collect::<Vec<_>>(), allowed, "{name}");
    }
    for name in ["default-src", "script-src", "style-src", "connect-src", "img-src", "base-uri"] {
        assert!(policy.contains(name), "{policy}");
    }
    assert_eq!(header(response, "x-content-type-options"), "nosniff");
    assert_eq!(header(response, "x-frame-options"), "DENY");
    assert_eq!(header(response, "cache-control"), "no-store");
}

#[tokio::test]
async fn the_page_loads_nothing_but_what_the_server_has() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let page = get(&server, "/api/docs", None).await;
    assert_eq!(
        (page.status().as_u16(), header(&page, "content-type")),
        (200, "text/html; charset=utf-8")
    );
    check_headers(&page);
    let page = page.text().await.unwrap();
    for script in page.split("<script").skip(1) {
        let (tag, rest) = script.split_once('>').unwrap();
        assert!(tag.contains("src=") && rest.starts_with("</script>"), "in the page: {script}");
    }
    assert!(
        !page.contains("<style") && !page.contains("style=") && !page.contains(" on"),
        "{page}"
    );

    let files = values(&page);
    assert_eq!(files.len(), 4, "{files:?}");
    for file in files {
        assert!(file.starts_with("docs/"), "{file}");
        let kind = match file.rsplit('.').next().unwrap() {
            "js" => "text/javascript",
            "css" => "text/css",
            "png" => "image/png",
            other => panic!("a file of the kind {other}"),
        };
        // Names are relative, so that the page can stand behind a proxy that adds a path.
        let answer = get(&server, &format!("/api/{file}"), None).await;
        assert_eq!(
            (answer.status().as_u16(), header(&answer, "content-type")),
            (200, kind),
            "{file}"
        );
        check_headers(&answer);
        let encoded = answer.headers().contains_key("content-encoding");
        let bytes = answer.bytes().await.unwrap();
        assert_eq!(bytes.starts_with(&[0x1f, 0x8b]), encoded, "{file}");
        assert_eq!(encoded, file != "docs/browser.js", "{file}");
        if !encoded {
            assert!(std::str::from_utf8(&bytes).unwrap().contains("url: \"openapi.json\""));
        }
    }
}

#[tokio::test]
async fn page_and_document_are_the_same_for_everyone() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let key = database.editor("a").await.key;
    server.session(&database.editor("a").await).await.write("secret.md", "zanzibar").await;
    for path in
        ["/api/docs", "/api/docs/browser.js", "/api/docs/swagger-ui.css", "/api/openapi.json"]
    {
        let stranger = get(&server, path, None).await.bytes().await.unwrap();
        for key in [&key, "nonsense"] {
            let answer = get(&server, path, Some(key)).await;
            assert_eq!(answer.status(), 200);
            assert!(answer.bytes().await.unwrap() == stranger, "{path} differs");
        }
    }
    let document = get(&server, "/api/openapi.json", None).await;
    assert_eq!(header(&document, "content-type"), "application/json");
    check_headers(&document);
    assert!(document.text().await.unwrap() == mbmcp::http::openapi::json().unwrap());
}

#[tokio::test]
async fn there_are_no_other_files() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    // The crate has more of them, and what is no name.
    for file in
        ["index.html", "swagger-initializer.js", "oauth2-redirect.html", "..%2Fmod.rs", "%FF"]
    {
        let answer = get(&server, &format!("/api/docs/{file}"), None).await;
        assert_eq!(answer.status(), 404, "{file}");
        assert_eq!(header(&answer, "content-type"), "application/problem+json");
    }
}
