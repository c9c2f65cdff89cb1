//! Several servers at once on one cluster, each with a database of its own.

use control_store::{Access, Db};
use testkit::postgres::Cluster;

use crate::support::apart;

#[tokio::test]
async fn servers_that_start_in_one_moment_on_a_new_cluster_make_its_roles_once() {
    let (cluster, urls) = apart(|| {
        let cluster = Cluster::start();
        let urls: Vec<String> = (0..4).map(|_| cluster.create(None)).collect();
        (cluster, urls)
    })
    .await;
    let opened = urls.iter().map(|url| async {
        let db = Db::open(&Access::url(url).expect("a URL")).await?;
        db.close().await;
        Ok::<_, control_store::Error>(())
    });
    for outcome in futures::future::join_all(opened).await {
        outcome.expect("it finds the roles, or makes them");
    }
    apart(move || drop(cluster)).await;
}
