//! The outbox: what others are to be told of a change, written in its transaction. Nobody delivers it yet: whoever has access to the database
//! may read it there, and it is forgotten after a while.

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use crate::at::to_database;
use crate::{Error, OrgTx, SystemTx};

pub async fn write(tx: &mut OrgTx, topic: &str, payload: &Value) -> Result<(), Error> {
    sqlx::query!(
        "insert into app.outbox (id, org_id, topic, payload) values ($1, $2, $3, $4)",
        Uuid::now_v7(),
        tx.org().as_uuid(),
        topic,
        payload
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Removes what was written before then, delivered or not, of every organization; `most` at once.
///
/// # Errors
/// When the database does not answer.
pub async fn forget(tx: &mut SystemTx, before: Timestamp, most: i64) -> Result<u64, Error> {
    let gone = sqlx::query!(
        "delete from app.outbox where id in (select id from app.outbox where created_at < $1 limit $2)",
        to_database(before),
        most
    )
    .execute(tx.connection())
    .await?;
    Ok(gone.rows_affected())
}
