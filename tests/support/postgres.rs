//! A PostgreSQL database of its own for each test, made at the start and dropped at the end.

use sea_orm::{ConnectOptions, ConnectionTrait, Database};

use super::{new_id, setting};

/// Names the server: `postgres://USER@HOST:PORT/DATABASE`.
const URL: &str = "PEEGEL_TEST_POSTGRES_URL";

/// A database that lives as long as this.
pub struct TestDatabase {
    server: String,
    name: String,
}

impl TestDatabase {
    /// Makes one.
    ///
    /// # Panics
    ///
    /// When no server is named: a test that cannot run has not passed.
    pub async fn create() -> Self {
        let server = setting(URL).unwrap_or_else(|| panic!("{URL} is not set. Run the tests by tests/run.sh"));
        let name = format!("peegel_test_{}", new_id().replace('-', ""));
        run(&server, &format!("CREATE DATABASE {name}")).await;
        Self { server, name }
    }

    /// Its address.
    pub fn url(&self) -> String {
        let (server, _) = self.server.rsplit_once('/').expect("the address of a database ends in /NAME");
        format!("{server}/{}", self.name)
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let (server, statement) = (self.server.clone(), format!("DROP DATABASE {} WITH (FORCE)", self.name));
        // A drop cannot wait on the runtime of the test, so it gets one of its own.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(run(&server, &statement));
        });
        if dropping.join().is_err() {
            eprintln!("the database {} could not be dropped", self.name);
        }
    }
}

async fn run(server: &str, statement: &str) {
    let mut options = ConnectOptions::new(server);
    options.max_connections(1).sqlx_logging(false);
    let connection = Database::connect(options).await.unwrap_or_else(|error| panic!("{URL}={server}: {error}"));
    connection.execute_unprepared(statement).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
    connection.close().await.expect("a connection that closes");
}
