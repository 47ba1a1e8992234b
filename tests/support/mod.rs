//! What all tests share: servers, clients, databases, a small world of people and branches, and raw connections.

pub mod app;
pub mod bucket;
pub mod chain;
pub mod client;
pub mod cutter;
pub mod files;
pub mod mail;
pub mod pdf;
pub mod postgres;
pub mod sealed;
pub mod smtp;
pub mod tiny;
pub mod transcriber;
pub mod wire;
pub mod world;

use std::future::Future;
use std::time::Duration;

use uuid::Uuid;

/// Runs tests on both databases: `on_both!(a, b)` makes `a::sqlite`, `a::postgres`, `b::sqlite` and `b::postgres` of
/// the functions `async fn a(app: &TestApp)` and `b`. A test has also failed when the server logged an error, or does
/// not stop with exit 0 when asked to.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            #[tokio::test]
            async fn sqlite() {
                let app = $crate::support::app::TestApp::start($crate::support::app::Kind::Sqlite).await;
                super::$name(&app).await;
                app.finish().await;
            }

            #[tokio::test]
            async fn postgres() {
                let app = $crate::support::app::TestApp::start($crate::support::app::Kind::Postgres).await;
                super::$name(&app).await;
                app.finish().await;
            }
        }
    )+};
}

pub(crate) use on_both;

/// Runs tests on both databases with files in a bucket, as [`on_both`] does with files in a folder: `on_buckets::a::sqlite`
/// and so on.
macro_rules! on_buckets {
    ($($name:ident),+ $(,)?) => {
        mod on_buckets {
            $(mod $name {
                #[tokio::test]
                async fn sqlite() {
                    let app = $crate::support::app::TestApp::start_on_bucket($crate::support::app::Kind::Sqlite).await;
                    super::super::$name(&app).await;
                    app.finish().await;
                }

                #[tokio::test]
                async fn postgres() {
                    let app =
                        $crate::support::app::TestApp::start_on_bucket($crate::support::app::Kind::Postgres).await;
                    super::super::$name(&app).await;
                    app.finish().await;
                }
            })+
        }
    };
}

pub(crate) use on_buckets;

/// How long something that must happen may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks again and again until there is an answer.
///
/// # Panics
///
/// When there is none in time.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(tokio::time::Instant::now() < deadline, "still not after {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A new id, as phones make them.
#[expect(clippy::disallowed_methods, reason = "the tests are the phone; the server's own ids are injected")]
pub fn new_id() -> String {
    Uuid::now_v7().to_string()
}

/// The time.
#[expect(clippy::disallowed_methods, reason = "the tests live on the machine's clock")]
pub fn now() -> chrono::DateTime<chrono::Utc> {
    chrono::Utc::now()
}

/// The day in UTC.
pub fn today() -> String {
    now().date_naive().to_string()
}

/// A setting of the test run.
#[expect(clippy::disallowed_methods, reason = "the tests have no settings of their own but this")]
pub fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Small numbers in an order that looks random and is the same in every run (SplitMix64).
pub struct Dice(pub u64);

impl Dice {
    /// A number below `sides`.
    pub fn below(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % sides as u64).expect("below a usize")
    }
}
