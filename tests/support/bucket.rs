//! A bucket of its own for each test, on the S3 server that the test run brings (`tests/s3.py`).

use futures_util::TryStreamExt;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use super::client::http;
use super::{new_id, setting};

/// Names the server: `http://HOST:PORT`.
const URL: &str = "PEEGEL_TEST_S3_URL";
/// What the names of all objects begin with.
const PREFIX: &str = "audits/files";

/// A bucket.
pub struct TestBucket {
    server: String,
    name: String,
    store: AmazonS3,
}

impl TestBucket {
    /// Makes one.
    ///
    /// # Panics
    ///
    /// When no server is named: a test that cannot run has not passed.
    pub async fn create() -> Self {
        let server = setting(URL).unwrap_or_else(|| panic!("{URL} is not set. Run the tests by tests/run.sh"));
        let name = format!("peegel-test-{}", new_id());
        let made = http()
            .build()
            .expect("a client")
            .put(format!("{server}/{name}"))
            .send()
            .await
            .expect("the S3 server answers");
        assert!(made.status().is_success(), "{}", made.status());
        let store = AmazonS3Builder::new()
            .with_endpoint(&server)
            .with_bucket_name(&name)
            .with_region("us-east-1")
            .with_access_key_id("tests")
            .with_secret_access_key("tests")
            .with_allow_http(true);
        Self { server, name, store: store.build().expect("settings of a store") }
    }

    /// Its address as a setting.
    pub fn url(&self) -> String {
        format!("s3://{}/{PREFIX}", self.name)
    }

    /// The variables that say how to reach it.
    pub fn environment(&self) -> [(&'static str, &str); 5] {
        [
            ("AWS_ENDPOINT_URL", &self.server),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "tests"),
            ("AWS_SECRET_ACCESS_KEY", "tests"),
        ]
    }

    /// The names of all objects under a folder, without what all begin with.
    pub async fn names(&self, folder: &str) -> Vec<String> {
        let prefix = Path::from(format!("{PREFIX}/{folder}"));
        let found: Vec<_> = self.store.list(Some(&prefix)).try_collect().await.expect("a list of objects");
        let name =
            |key: &Path| key.as_ref().strip_prefix(PREFIX).expect("the prefix").trim_start_matches('/').to_owned();
        found.iter().map(|object| name(&object.location)).collect()
    }

    /// The content of an object.
    pub async fn get(&self, name: &str) -> Vec<u8> {
        let got = self.store.get(&key(name)).await.expect("an object");
        got.bytes().await.expect("its content").to_vec()
    }

    /// Writes an object.
    pub async fn put(&self, name: &str, content: Vec<u8>) {
        self.store.put(&key(name), content.into()).await.expect("an object is written");
    }

    /// Removes an object.
    pub async fn delete(&self, name: &str) {
        self.store.delete(&key(name)).await.expect("an object is removed");
    }

    /// Makes an object some days older.
    pub async fn age(&self, name: &str, days: u32) {
        let query = format!("bucket={}&key={PREFIX}/{name}&days={days}", self.name);
        self.tell("age", &query).await;
    }

    /// Has the next requests about this bucket answered with a status.
    pub async fn fail(&self, requests: u32, status: u16) {
        self.tell("fail", &format!("bucket={}&requests={requests}&status={status}", self.name)).await;
    }

    /// How many large files were begun and neither completed nor aborted.
    pub async fn unfinished(&self) -> usize {
        self.tell("unfinished", &format!("bucket={}", self.name)).await.parse().expect("a number")
    }

    /// Aborts all large files that were begun.
    pub async fn abort_all(&self) {
        self.tell("abort", &format!("bucket={}", self.name)).await;
    }

    async fn tell(&self, what: &str, query: &str) -> String {
        let told = http()
            .build()
            .expect("a client")
            .post(format!("{}/-/{what}?{query}", self.server))
            .send()
            .await
            .expect("the S3 server answers");
        assert_eq!(told.status(), 200);
        told.text().await.expect("an answer")
    }
}

fn key(name: &str) -> Path {
    Path::from(format!("{PREFIX}/{name}"))
}
