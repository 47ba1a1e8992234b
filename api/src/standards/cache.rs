//! Compiled standards, kept because they are immutable once published.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use peegel_scoring::Standard;
use sea_orm::ConnectionTrait;
use serde_json::Value;
use uuid::Uuid;

use crate::entity::standard_version;
use crate::failure::Failure;
use crate::standards::store;
use crate::words::VersionState;

/// Most standards kept: of the usual size, a few megabytes.
const CAPACITY: usize = 64;

/// A version of a standard, ready to score with and to print from.
#[derive(Debug)]
pub struct CompiledStandard {
    /// What scoring needs.
    pub standard: Standard,
    /// The whole document, with its texts.
    pub body: Value,
}

type Key = (Uuid, String, i32);

/// The cache.
#[derive(Debug, Default)]
pub struct StandardCache {
    entries: Mutex<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    by_key: HashMap<Key, (Arc<CompiledStandard>, u64)>,
    /// Counts uses, so that the entry unused for longest is the one to go.
    uses: u64,
}

impl StandardCache {
    /// A version of a standard, or `None` when the firm has no such version. Drafts are compiled anew each time,
    /// because they may change.
    ///
    /// # Errors
    ///
    /// [`Failure`] (500) when the database fails.
    pub async fn get(
        &self,
        db: &impl ConnectionTrait,
        firm_id: Uuid,
        standard_id: &str,
        version: i32,
    ) -> Result<Option<Arc<CompiledStandard>>, Failure> {
        let key = (firm_id, standard_id.to_owned(), version);
        if let Some(found) = self.lock().find(&key) {
            return Ok(Some(found));
        }
        let Some(row) = store::version(db, firm_id, standard_id, version).await? else { return Ok(None) };
        let state = row.state;
        let compiled = Arc::new(compile(row)?);
        if state != VersionState::Draft {
            self.lock().keep(key, Arc::clone(&compiled));
        }
        Ok(Some(compiled))
    }

    /// Never held over an await. What a panic left behind is still a valid cache.
    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    fn find(&mut self, key: &Key) -> Option<Arc<CompiledStandard>> {
        self.uses += 1;
        let (compiled, last_use) = self.by_key.get_mut(key)?;
        *last_use = self.uses;
        Some(Arc::clone(compiled))
    }

    fn keep(&mut self, key: Key, compiled: Arc<CompiledStandard>) {
        if self.by_key.len() >= CAPACITY && !self.by_key.contains_key(&key) {
            let oldest = self.by_key.iter().min_by_key(|(_, (_, last_use))| *last_use).map(|(key, _)| key.clone());
            if let Some(oldest) = oldest {
                self.by_key.remove(&oldest);
            }
        }
        self.by_key.insert(key, (compiled, self.uses));
    }
}

/// Compiles a stored version.
///
/// # Errors
///
/// [`Failure`] (500) when what is stored is no valid standard, which an import never stores.
fn compile(row: standard_version::Model) -> Result<CompiledStandard, Failure> {
    let body: Value = serde_json::from_str(&row.body).map_err(Failure::internal)?;
    let standard = Standard::parse(&body).map_err(|problems| {
        let first = problems.first().map(ToString::to_string).unwrap_or_default();
        Failure::internal(format!("standard {} version {} does not compile: {first}", row.standard_id, row.version))
    })?;
    Ok(CompiledStandard { standard, body })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn compiled() -> Arc<CompiledStandard> {
        let body = json!({
            "id": "tiny", "version": 1, "sections": [{"id": "s", "weight": 1}],
            "items": [{"id": "a", "section": "s", "type": "yes_no", "weight": 3}],
        });
        let standard = Standard::parse(&body).unwrap();
        Arc::new(CompiledStandard { standard, body })
    }

    #[test]
    fn the_entry_unused_for_longest_goes_first() {
        let cache = StandardCache::default();
        let key = |version| (Uuid::nil(), "tiny".to_owned(), version);
        let full = i32::try_from(CAPACITY).unwrap();
        for version in 0..full {
            assert!(cache.lock().find(&key(version)).is_none());
            cache.lock().keep(key(version), compiled());
        }
        assert!(cache.lock().find(&key(0)).is_some());
        cache.lock().keep(key(full), compiled());
        assert!(cache.lock().find(&key(0)).is_some());
        assert!(cache.lock().find(&key(1)).is_none());
        assert_eq!(cache.lock().by_key.len(), CAPACITY);
    }
}
