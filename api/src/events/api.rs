//! Endpoints of the firm's history.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::Query;
use poem_openapi::payload::Json;

use crate::access::Operation;
use crate::app::{App, Area};
use crate::events::store;
use crate::events::types::EventView;
use crate::failure::Failure;
use crate::http::auth::Auth;
use crate::http::paging::{self, Page, Slice};

/// The firm's history.
pub struct EventsApi;

#[OpenApi(tag = "Area::Events")]
impl EventsApi {
    /// List events
    ///
    /// Every fact of the firm in the order it was committed. Numbers have no gaps; each event's hash covers the one
    /// before, so that a missing or changed event shows.
    ///
    /// The history goes on: `next_cursor` is there on the last page too, and gives what happened since. It is absent
    /// only when there is no event and no cursor was sent. An empty `data` means that nothing new has happened.
    #[oai(path = "/v1/events", method = "get", operation_id = "list_events")]
    async fn list_events(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// Entries of a page, 1 to 200; 50 if absent.
        limit: Query<Option<u64>>,
        /// Where the last page ended.
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<EventView>>, Failure> {
        let caller = auth.caller(Operation::ListEvents)?;
        let slice = Slice::of(limit.0, cursor.0.as_deref())?;
        let after = slice.after()?.unwrap_or(0);
        let rows = store::list_after(app.db.reader(), caller.firm_id, after, slice.limit + 1).await?;
        let mut page: Page<EventView> = slice.page(rows, |row| row.seq.to_string(), Into::into);
        let newest = page.data.last().map(|event| event.seq.to_string()).or(slice.after);
        page.next_cursor = newest.map(|key| paging::cursor(&key));
        Ok(Json(page))
    }
}
