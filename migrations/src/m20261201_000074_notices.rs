//! What people are told of, how they want to be told, and how far the history was read for it.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, boolean, text, timestamp_with_time_zone, timestamp_with_time_zone_null, uuid, uuid_null,
};

use crate::table::{create, drop_tables, firm_table, index, unique, within_firm, words};

const KINDS: &[&str] = &[
    "assignment_given",
    "assignment_cancelled",
    "visit_returned",
    "visit_rejected",
    "visit_approved",
    "visit_corrected",
    "visit_published",
    "signal_shared",
    "question_asked",
    "question_answered",
    "appeal_opened",
    "appeal_withdrawn",
    "appeal_decided",
    "second_scoring_waiting",
    "result_published",
    "result_withdrawn",
];

/// What people are told of.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Not yet sent, in the words of the queries.
        let is_due = || Expr::col("mail_at").is_not_null().and(Expr::col("letter_id").is_null());
        create(
            manager,
            vec![
                firm_table("notices")
                    // The fact of the history that it tells of.
                    .col(big_integer("seq"))
                    .col(uuid("membership_id"))
                    .col(words("kind", KINDS))
                    .col(words("about", &["assignment", "visit", "result", "appeal"]))
                    .col(uuid("about_id"))
                    .col(uuid_null("branch_id"))
                    .col(uuid_null("wave_id"))
                    .col(timestamp_with_time_zone("at"))
                    .col(boolean("in_app"))
                    .col(timestamp_with_time_zone_null("read_at"))
                    // From when on it goes into a letter, and into which one it went.
                    .col(timestamp_with_time_zone_null("mail_at"))
                    .col(uuid_null("letter_id"))
                    .foreign_key(&mut within_firm("notices", "membership_id", "memberships"))
                    .foreign_key(&mut within_firm("notices", "branch_id", "branches"))
                    .foreign_key(&mut within_firm("notices", "wave_id", "waves"))
                    .take(),
                Table::create()
                    .table("notice_settings")
                    .col(uuid("firm_id"))
                    .col(uuid("membership_id"))
                    .col(words("digest", &["immediate", "daily", "off"]))
                    // By kind, as JSON; a kind that is not named is told as if nothing were set.
                    .col(text("kinds"))
                    .col(timestamp_with_time_zone("changed_at"))
                    .primary_key(Index::create().col("firm_id").col("membership_id"))
                    .foreign_key(&mut within_firm("notice_settings", "membership_id", "memberships"))
                    .take(),
                Table::create()
                    .table("notice_cursors")
                    .col(uuid("firm_id").primary_key())
                    .col(big_integer("seq"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("notice_cursors", "firm_id")
                            .to("firms", "id")
                            .on_delete(ForeignKeyAction::Restrict),
                    )
                    .take(),
            ],
            vec![
                // Nobody is told of a fact twice, whatever happens to the cursor.
                unique("notices_once", "notices", &["firm_id", "membership_id", "seq"]),
                index("notices_of_letter", "notices", &["firm_id", "letter_id"])
                    .cond_where(Expr::col("letter_id").is_not_null())
                    .take(),
                index("notices_due", "notices", &["mail_at", "firm_id", "membership_id"]).cond_where(is_due()).take(),
                index("notices_by_time", "notices", &["firm_id", "at"]),
            ],
        )
        .await?;
        // What happened before is no news.
        let heads = Query::select().columns(["firm_id", "seq"]).from("firm_heads").take();
        let mut cursors = Query::insert().into_table("notice_cursors").columns(["firm_id", "seq"]).take();
        cursors.select_from(heads).map_err(|error| DbErr::Custom(error.to_string()))?;
        manager.execute(cursors).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["notice_cursors", "notice_settings", "notices"]).await
    }
}
