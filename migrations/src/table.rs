//! Column and key shapes that every table shares, so that both databases get the same ones.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{string_len, string_len_null, uuid};

/// Length of a sha256 in lower-case hex.
const SHA256_HEX: u32 = 64;

/// A text column that holds one of a closed list of words, enforced by the database.
pub fn words(name: &'static str, known: &'static [&'static str]) -> ColumnDef {
    string_len(name, 24).check(Expr::col(name).is_in(known.iter().copied())).take()
}

/// Like [`words`], but may be absent.
pub fn words_null(name: &'static str, known: &'static [&'static str]) -> ColumnDef {
    string_len_null(name, 24).check(Expr::col(name).is_in(known.iter().copied())).take()
}

/// A sha256 in lower-case hex.
pub fn sha256(name: &'static str) -> ColumnDef {
    string_len(name, SHA256_HEX)
}

/// A sha256 in lower-case hex that may be absent.
pub fn sha256_null(name: &'static str) -> ColumnDef {
    string_len_null(name, SHA256_HEX)
}

/// Starts a table that belongs to a firm: `(firm_id, id)` is its key.
///
/// Foreign keys over both columns make a reference into another firm impossible, whatever the code does.
pub fn firm_table(name: &'static str) -> TableCreateStatement {
    Table::create()
        .table(name)
        .col(uuid("firm_id"))
        .col(uuid("id"))
        .primary_key(Index::create().col("firm_id").col("id"))
        .foreign_key(ForeignKey::create().from(name, "firm_id").to("firms", "id").on_delete(ForeignKeyAction::Restrict))
        .take()
}

/// A reference from `table.column` to the `id` of `target` in the same firm.
pub fn within_firm(table: &'static str, column: &'static str, target: &'static str) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .from(table, ("firm_id", column))
        .to(target, ("firm_id", "id"))
        .on_delete(ForeignKeyAction::Restrict)
        .take()
}

/// An index over `columns` of `table`.
pub fn index(name: &'static str, table: &'static str, columns: &[&'static str]) -> IndexCreateStatement {
    let mut index = Index::create().name(name).table(table).take();
    for column in columns {
        index.col(*column);
    }
    index
}

/// A unique index over `columns` of `table`.
pub fn unique(name: &'static str, table: &'static str, columns: &[&'static str]) -> IndexCreateStatement {
    index(name, table, columns).unique().take()
}

/// Creates the tables, then the indexes.
pub async fn create(
    manager: &SchemaManager<'_>,
    tables: Vec<TableCreateStatement>,
    indexes: Vec<IndexCreateStatement>,
) -> Result<(), DbErr> {
    for table in tables {
        manager.create_table(table).await?;
    }
    for index in indexes {
        manager.create_index(index).await?;
    }
    Ok(())
}

/// Drops the tables in the order given.
pub async fn drop_tables(manager: &SchemaManager<'_>, names: &[&'static str]) -> Result<(), DbErr> {
    for name in names {
        manager.drop_table(Table::drop().table(*name).take()).await?;
    }
    Ok(())
}
