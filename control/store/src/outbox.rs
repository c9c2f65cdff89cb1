//! The outbox: what others are to be told of a change, written in its transaction and delivered later.

use serde_json::Value;
use uuid::Uuid;

use crate::{Error, OrgTx};

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
