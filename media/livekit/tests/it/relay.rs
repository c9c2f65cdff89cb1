//! Two who can be reached by a TURN server alone, which the LiveKit server names.

use media_livekit::{Ended, Options};
use runtime::tasks::Tasks;
use testkit::livekit::LiveKit;
use testkit::turn;

use crate::support::{active, ended, heard_of, number_of, options, ticket, visit, within};

#[tokio::test(flavor = "multi_thread")]
async fn audio_goes_by_a_turn_server_where_nothing_else_is_offered() {
    let turn = turn::Server::start_for("ann", "a password");
    let server = LiveKit::start_with_turn(&turn, "ann", "a password");
    let tasks = Tasks::new();
    let relayed = Options { relay_only: true, ..options() };
    let mut ann = visit(ticket(&server.url(), "desk", "ann"), relayed.clone(), &tasks);
    let mut bob = visit(ticket(&server.url(), "desk", "bob"), relayed, &tasks);
    active(&mut ann).await;
    active(&mut bob).await;
    let (heard, said) = heard_of(&ann, &mut bob, 0, 100).await;
    let numbers: Vec<_> = heard.iter().map(number_of).collect();
    assert!(numbers.windows(2).all(|pair| pair[1] > pair[0]), "in order: {numbers:?}");
    let (back, _) = heard_of(&bob, &mut ann, said, 50).await;
    assert_eq!(back.len(), 50);
    let log = turn.log();
    // Two connections each.
    let allocated = log.matches("ALLOCATE processed, success").count();
    assert!(allocated >= 4, "{allocated} allocations:\n{log}");
    drop(bob.peer);
    assert!(matches!(ended(&mut ann).await, Ended::Left));
    within("all tasks", tasks.shutdown()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_server_that_refuses_us_takes_nothing_from_those_who_need_none() {
    let turn = turn::Server::start_for("ann", "a password");
    let server = LiveKit::start_with_turn(&turn, "ann", "another password");
    let tasks = Tasks::new();
    let mut ann = visit(ticket(&server.url(), "desk", "ann"), options(), &tasks);
    let mut bob = visit(ticket(&server.url(), "desk", "bob"), options(), &tasks);
    active(&mut ann).await;
    active(&mut bob).await;
    let (heard, _) = heard_of(&ann, &mut bob, 0, 25).await;
    assert_eq!(heard.len(), 25);
    within("all tasks", tasks.shutdown()).await;
}
