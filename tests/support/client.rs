//! A client that signs in, and answers that say what is wrong with them.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, RwLock};

use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

/// What clients sent or got that nobody else may read, in a log least of all.
#[derive(Clone, Default)]
pub struct Secrets(Arc<Mutex<BTreeSet<String>>>);

impl Secrets {
    /// Shorter ones are words or numbers that may stand in a log by themselves, such as a code of six digits or the
    /// password `wrong`.
    const MIN_CHARS: usize = 8;

    /// Adds one.
    pub fn add(&self, secret: &str) {
        if secret.chars().count() >= Self::MIN_CHARS {
            self.0.lock().expect("no test panics while it holds this").insert(secret.to_owned());
        }
    }

    /// All of them.
    pub fn all(&self) -> Vec<String> {
        self.0.lock().expect("no test panics while it holds this").iter().cloned().collect()
    }

    /// Adds what stands under the names of secrets in the JSON of a request or an answer.
    fn add_of(&self, call: &str, body: &Value) {
        // Chains and branches have codes and names too, which are no secret.
        let of_account = ["/v1/sessions", "/v1/me", "/v1/api-keys"].iter().any(|path| call.contains(path));
        let of_person = ["/v1/users", "/v1/invitations"].iter().any(|path| call.contains(path));
        let of_link = call.ends_with("/links");
        let is_secret = |name: &str| match name {
            "password" | "current_password" | "new_password" | "token" | "refresh_token" | "access_token"
            | "device_token" | "secret" | "otpauth_uri" | "recovery_codes" => true,
            "code" => of_account,
            "name" => of_person,
            "url" => of_link,
            _ => false,
        };
        for (_, value) in body.as_object().into_iter().flatten().filter(|(name, _)| is_secret(name)) {
            let texts = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
            texts.iter().filter_map(Value::as_str).for_each(|text| self.add(text));
        }
    }
}

/// Somebody who sends requests.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Arc<RwLock<String>>,
    secrets: Secrets,
    token: Option<String>,
}

impl Client {
    /// A client that is not signed in, of the server whose address is in `base`. It notes secrets in `secrets`.
    pub fn new(base: Arc<RwLock<String>>, secrets: Secrets) -> Self {
        let http = http().redirect(reqwest::redirect::Policy::none());
        Self { http: http.build().expect("a client"), base, secrets, token: None }
    }

    /// The same server, with this access token.
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// The same server and token, from another address of this machine.
    pub fn at_address(&self, address: std::net::Ipv4Addr) -> Self {
        let http = http().redirect(reqwest::redirect::Policy::none());
        let http = http.local_address(std::net::IpAddr::V4(address)).build().expect("a client");
        Self { http, ..self.clone() }
    }

    /// The access token.
    pub fn token(&self) -> &str {
        self.token.as_deref().expect("somebody who is signed in")
    }

    /// Signs in.
    pub async fn sign_in(&self, email: &str, password: &str) -> Self {
        let body = json!({"email": email, "password": password});
        let answer = self.post("/v1/sessions", &body).created().await;
        self.with_token(answer["access_token"].as_str().expect("an access token"))
    }

    /// A request.
    pub fn call(&self, method: Method, path: &str) -> Call {
        let url = format!("{}{path}", self.base.read().expect("no test panics while it holds this"));
        let name = format!("{method} {path}");
        let mut request = self.http.request(method, url);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        Call { request, name, secrets: self.secrets.clone() }
    }

    /// `GET`.
    pub fn get(&self, path: &str) -> Call {
        self.call(Method::GET, path)
    }

    /// `POST` with a JSON body.
    pub fn post(&self, path: &str, body: &Value) -> Call {
        self.call(Method::POST, path).json(body)
    }

    /// `POST` without a body.
    pub fn act(&self, path: &str) -> Call {
        self.call(Method::POST, path)
    }

    /// `PUT` with a JSON body.
    pub fn put(&self, path: &str, body: &Value) -> Call {
        self.call(Method::PUT, path).json(body)
    }

    /// `PUT` with bytes.
    pub fn put_bytes(&self, path: &str, body: impl Into<Vec<u8>>) -> Call {
        self.call(Method::PUT, path).header("content-type", "application/octet-stream").bytes(body)
    }

    /// `PATCH` with a JSON body.
    pub fn patch(&self, path: &str, body: &Value) -> Call {
        self.call(Method::PATCH, path).json(body)
    }

    /// `DELETE`.
    pub fn delete(&self, path: &str) -> Call {
        self.call(Method::DELETE, path)
    }

    /// All entries of a list, page by page.
    pub async fn all(&self, path: &str, limit: u32) -> Vec<Value> {
        let mut entries = Vec::new();
        let mut cursor = String::new();
        loop {
            let separator = if path.contains('?') { '&' } else { '?' };
            let page = self.get(&format!("{path}{separator}limit={limit}{cursor}")).ok().await;
            let data = page["data"].as_array().expect("a list");
            assert!(data.len() <= limit as usize, "{path}: a page of {} with limit {limit}", data.len());
            entries.extend(data.iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) if !data.is_empty() => cursor = format!("&cursor={next}"),
                // A feed that ends here still says where to go on later.
                _ => return entries,
            }
        }
    }
}

/// A request on its way.
pub struct Call {
    request: RequestBuilder,
    name: String,
    secrets: Secrets,
}

impl Call {
    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    /// Adds a JSON body.
    pub fn json(mut self, body: &Value) -> Self {
        self.secrets.add_of(&self.name, body);
        self.request = self.request.json(body);
        self
    }

    /// Adds a body as it is.
    pub fn bytes(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.request = self.request.body(body.into());
        self
    }

    /// `If-None-Match: *`.
    pub fn if_absent(self) -> Self {
        self.header("if-none-match", "*")
    }

    /// `If-Match`.
    pub fn if_match(self, etag: &str) -> Self {
        self.header("if-match", etag)
    }

    /// `Idempotency-Key`.
    pub fn once(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }

    /// Sends it, and reads the answer if there is one: the server may have been killed.
    pub async fn try_send(self) -> Option<Answer> {
        let response = self.request.send().await.ok()?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await.ok()?.to_vec();
        if ["/v1/sessions", "/v1/me", "/links"].iter().any(|path| self.name.contains(path)) {
            self.secrets.add_of(&self.name, &serde_json::from_slice(&body).unwrap_or_default());
        }
        Some(Answer { status, headers, body, name: self.name })
    }

    /// Sends it. Every answer has an id and may not be sniffed.
    pub async fn send(self) -> Answer {
        let name = self.name.clone();
        let answer = self.try_send().await.unwrap_or_else(|| panic!("{name}: no answer"));
        assert!(!answer.header("x-request-id").is_empty(), "{name}: every answer has an id");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{name}");
        answer
    }

    /// Sends it; 200 with JSON.
    pub async fn ok(self) -> Value {
        self.send().await.expect(200).json()
    }

    /// Sends it; 201 with JSON.
    pub async fn created(self) -> Value {
        self.send().await.expect(201).json()
    }

    /// Sends it; a problem with this status and code.
    pub async fn problem(self, status: u16, code: &str) -> Answer {
        self.send().await.problem(status, code)
    }

    /// Sends it; 422 with exactly these pointers and codes, in this order.
    pub async fn invalid(self, problems: &[(&str, &str)]) -> Answer {
        let answer = self.problem(422, "invalid").await;
        assert_eq!(answer.problems(), owned(problems), "{}", answer.describe());
        answer
    }
}

/// Pointers and codes as [`Answer::problems`] gives them.
pub fn owned(problems: &[(&str, &str)]) -> Vec<(String, String)> {
    problems.iter().map(|(pointer, code)| ((*pointer).to_owned(), (*code).to_owned())).collect()
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
    name: String,
}

impl Answer {
    /// Asserts the status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.describe());
        self
    }

    /// Asserts that it is a problem (RFC 9457) with this status and code.
    #[track_caller]
    pub fn problem(self, status: u16, code: &str) -> Self {
        let answer = self.expect(status);
        assert_eq!(answer.header("content-type"), "application/problem+json", "{}", answer.describe());
        let body = answer.json();
        assert_eq!(body["code"], code, "{}", answer.describe());
        assert_eq!(body["status"], status, "{}", answer.describe());
        assert_eq!(body["type"], format!("urn:peegel:problem:{code}"), "{}", answer.describe());
        assert_eq!(body["request_id"], answer.header("x-request-id"), "{}", answer.describe());
        for member in ["title", "detail"] {
            assert!(body[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {}", answer.describe());
        }
        assert!(body["errors"].is_array(), "{}", answer.describe());
        answer
    }

    /// The problems of the body, `(pointer, code)`; each has a message too.
    #[track_caller]
    pub fn problems(&self) -> Vec<(String, String)> {
        let body = self.json();
        let text = |problem: &Value, member: &str| {
            let text = problem[member].as_str().unwrap_or_else(|| panic!("{member} of {problem}")).to_owned();
            assert!(!text.is_empty() || member == "pointer", "{member} of {problem}");
            text
        };
        let problems = body["errors"].as_array().expect("a list of problems");
        problems
            .iter()
            .map(|problem| {
                text(problem, "message");
                (text(problem, "pointer"), text(problem, "code"))
            })
            .collect()
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("not JSON ({error}): {}", self.describe()))
    }

    /// The detail of a problem.
    #[track_caller]
    pub fn detail(&self) -> String {
        self.json()["detail"].as_str().expect("a detail").to_owned()
    }

    /// A header; empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("an ASCII header"))
    }

    /// The entity tag.
    #[track_caller]
    pub fn etag(&self) -> String {
        let tag = self.header("etag").to_owned();
        assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 2, "a strong ETag: {}", self.describe());
        tag
    }

    /// The request and what came back, for messages.
    pub fn describe(&self) -> String {
        let body = String::from_utf8_lossy(&self.body);
        let short: String = body.chars().take(2000).collect();
        format!("{} answered {} with {short}", self.name, self.status)
    }
}

/// A client of HTTP that is not set up yet.
pub fn http() -> reqwest::ClientBuilder {
    // Its parts for TLS want to know whose cryptography they use, also where there is none.
    drop(tokio_rustls::rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder().no_proxy()
}
