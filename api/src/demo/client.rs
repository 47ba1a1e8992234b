//! A client of the public HTTP API: what a phone or a browser would send.

use std::borrow::Cow;

use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::failure::Failure;

/// Somebody with a session.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: String,
    refresh_token: String,
}

impl Client {
    /// Signs in.
    ///
    /// # Errors
    ///
    /// [`Failure`] with the server's answer.
    pub async fn sign_in(http: &reqwest::Client, base: &str, email: &str, password: &str) -> Result<Self, Failure> {
        let nobody =
            Self { http: http.clone(), base: base.to_owned(), token: String::new(), refresh_token: String::new() };
        let session = nobody.post("/v1/sessions", &json!({"email": email, "password": password})).await?;
        Ok(nobody.with(&session))
    }

    /// The same person with new tokens.
    ///
    /// # Errors
    ///
    /// [`Failure`] with the server's answer.
    pub async fn refresh(&self) -> Result<Self, Failure> {
        let nobody = Self { token: String::new(), ..self.clone() };
        let session = nobody.post("/v1/sessions/refresh", &json!({"refresh_token": self.refresh_token})).await?;
        Ok(nobody.with(&session))
    }

    fn with(self, session: &Value) -> Self {
        let word = |name: &str| session[name].as_str().unwrap_or_default().to_owned();
        Self { token: word("access_token"), refresh_token: word("refresh_token"), ..self }
    }

    /// `GET` as JSON.
    ///
    /// # Errors
    ///
    /// [`Failure`] with the server's answer.
    pub async fn get(&self, path: &str) -> Result<Value, Failure> {
        answer(self.request(Method::GET, path)).await
    }

    /// `GET` as bytes.
    ///
    /// # Errors
    ///
    /// [`Failure`] with the server's answer.
    pub async fn get_bytes(&self, path: &str) -> Result<Vec<u8>, Failure> {
        let response = sent(self.request(Method::GET, path)).await?;
        Ok(response.bytes().await.map_err(Failure::internal)?.to_vec())
    }

    /// `POST` of JSON.
    ///
    /// # Errors
    ///
    /// [`Failure`] with the server's answer.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        answer(self.request(Method::POST, path).json(body)).await
    }

    /// `PATCH` of JSON made from the copy with `etag`.
    ///
    /// # Errors
    ///
    /// [`Failure`] with the server's answer.
    pub async fn patch(&self, path: &str, etag: &str, body: &Value) -> Result<Value, Failure> {
        answer(self.request(Method::PATCH, path).header("if-match", etag).json(body)).await
    }

    /// `PUT` of JSON: creates without `etag`, changes the copy with it. Gives the new entity tag.
    ///
    /// # Errors
    ///
    /// [`Failure`] with the server's answer.
    pub async fn put(&self, path: &str, etag: Option<&str>, body: &Value) -> Result<String, Failure> {
        let request = self.request(Method::PUT, path).json(body);
        let request = match etag {
            Some(etag) => request.header("if-match", etag),
            None => request.header("if-none-match", "*"),
        };
        let response = sent(request).await?;
        Ok(response.headers().get("etag").and_then(|tag| tag.to_str().ok()).unwrap_or_default().to_owned())
    }

    /// `PUT` of a file.
    ///
    /// # Errors
    ///
    /// [`Failure`] with the server's answer.
    pub async fn put_file(&self, path: &str, content: Cow<'static, [u8]>) -> Result<Value, Failure> {
        answer(self.request(Method::PUT, path).body(content.into_owned())).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        if self.token.is_empty() { request } else { request.bearer_auth(&self.token) }
    }
}

async fn answer(request: RequestBuilder) -> Result<Value, Failure> {
    let body = sent(request).await?.bytes().await.map_err(Failure::internal)?;
    if body.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&body).map_err(Failure::internal)
}

async fn sent(request: RequestBuilder) -> Result<Response, Failure> {
    let response = request.send().await.map_err(Failure::internal)?;
    if response.status().is_success() {
        return Ok(response);
    }
    let (status, url) = (response.status(), response.url().path().to_owned());
    let text = response.text().await.unwrap_or_default();
    Err(Failure::internal(format!("{url} answered {status}: {text}")))
}
