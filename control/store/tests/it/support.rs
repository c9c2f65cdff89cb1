use control_store::{Access, Db};
use testkit::postgres;

/// A migrated database of the test's own, and its URL.
pub(crate) async fn database() -> (Db, String) {
    let url = apart(|| {
        postgres::copy_of("store", |url| {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let db = Db::open(&Access::url(url).expect("a URL")).await.expect("migrated");
                db.close().await;
            });
        })
    });
    let url = url.await;
    let db = Db::open(&Access::url(&url).expect("a URL")).await.expect("opened");
    (db, url)
}

/// What the superuser sees.
pub(crate) async fn sql(url: &str, statement: &str) -> String {
    let (url, statement) = (url.to_owned(), statement.to_owned());
    apart(move || postgres::sql(&url, &statement)).await
}

/// Work that blocks, and is waited for.
#[expect(clippy::disallowed_methods, reason = "it has an owner: the test waits for its end")]
pub(crate) async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.expect("it ends")
}
