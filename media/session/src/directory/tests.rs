use super::*;

#[test]
fn a_slot_is_given_once_and_comes_back() {
    let directory = Directory::new(2);
    let first = directory.reserve().expect("free");
    let _second = directory.reserve().expect("free");
    let full = directory.reserve().expect_err("two of two");
    assert_eq!(full.failure().code.0, "SESSIONS_FULL");
    assert_eq!(full.retry_after(), RETRY_AFTER);
    drop(first);
    assert!(directory.reserve().is_ok());
    assert_eq!(directory.counts(), Counts { capacity: 2, taken: 1, running: 0, draining: false });
}

/// Calls out that begin beside so many callers until no other may.
fn begun(percent: u8, capacity: usize, callers: usize) -> usize {
    let directory = Directory::new(capacity);
    let _callers: Vec<Slot> = (0..callers).map(|_| directory.reserve().expect("free")).collect();
    let calls: Vec<Slot> =
        std::iter::from_fn(|| directory.reserve_leaving(Kept { percent }).ok()).take(capacity + 1).collect();
    calls.len()
}

#[test]
fn a_fifth_of_the_places_is_left_to_callers() {
    assert_eq!(begun(20, 10, 0), 8);
    assert_eq!(begun(20, 40, 0), 32);
    assert_eq!(begun(20, 14, 0), 12, "rounded down");
}

#[test]
fn callers_who_talk_already_do_not_use_up_what_is_kept_for_the_next_ones() {
    assert_eq!(begun(20, 10, 5), 3);
    assert_eq!(begun(20, 10, 8), 0);
    assert_eq!(begun(20, 10, 10), 0);
}

#[test]
fn a_small_server_calls_all_the_same_and_one_without_a_share_uses_every_place() {
    assert_eq!(begun(20, 1, 0), 1);
    assert_eq!(begun(100, 3, 0), 1);
    assert_eq!(begun(0, 3, 0), 3);
    assert_eq!(begun(20, 0, 0), 0);
}

#[test]
fn what_is_kept_is_there_for_callers_and_a_server_that_drains_calls_nobody() {
    let directory = Directory::new(2);
    let kept = Kept { percent: 50 };
    let _ours = directory.reserve_leaving(kept).expect("one of two");
    let refused = directory.reserve_leaving(kept).expect_err("the other is kept");
    assert_eq!(refused.failure().code.0, "SESSIONS_FULL");
    let caller = directory.reserve();
    assert!(caller.is_ok(), "whoever calls has it");
    drop(caller);
    directory.0.lock().draining = true;
    let refused = directory.reserve_leaving(Kept { percent: 0 }).expect_err("it drains");
    assert_eq!(refused.failure().code.0, "SERVER_DRAINING");
}

#[test]
fn reserving_from_many_threads_never_gives_more_than_there_is() {
    let directory = Directory::new(10);
    let slots: Vec<Slot> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| (0..5).filter_map(|_| directory.reserve().ok()).collect::<Vec<_>>()))
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    });
    assert_eq!(slots.len(), 10);
}

fn enter(directory: &Directory, id: SessionId, tasks: &Tasks) -> Result<Place, Taken> {
    directory.reserve().expect("free").enter(id, tasks)
}

#[tokio::test]
async fn a_session_that_runs_keeps_its_place_when_another_comes_under_its_id() {
    let (directory, tasks, id) = (Directory::new(2), Tasks::new(), SessionId::generate());
    let first = enter(&directory, id, &tasks).expect("nobody is there");
    let token = first.own.token();
    let Err(Taken::Running(running)) = enter(&directory, id, &tasks) else {
        unreachable!("two sessions under one id");
    };
    assert_eq!(running.id(), id);
    assert!(!token.is_cancelled(), "the session that ran was ended");
    assert_eq!(directory.counts(), Counts { capacity: 2, taken: 1, running: 1, draining: false });
    drop(first);
    assert!(token.is_cancelled());
    assert!(matches!(directory.taken(id), Some(Taken::Ended)));
    assert!(matches!(enter(&directory, id, &tasks), Err(Taken::Ended)), "it cannot begin again");
    assert_eq!(directory.counts().taken, 0);
}

#[tokio::test]
async fn a_session_that_was_cut_off_takes_no_others_entry_with_it() {
    let (directory, tasks, id) = (Directory::new(2), Tasks::new(), SessionId::generate());
    let first = enter(&directory, id, &tasks).expect("nobody is there");
    // As draining does past its grace.
    drop(directory.0.lock().sessions.remove(&id).expect("it runs"));
    let second = enter(&directory, id, &tasks).expect("the first is not listed any more");
    let token = second.own.token();
    drop(first);
    assert!(!token.is_cancelled() && directory.get(id).is_some());
}

#[tokio::test]
async fn what_is_remembered_of_ended_sessions_is_bounded() {
    let (directory, tasks) = (Directory::new(1), Tasks::new());
    let ids: Vec<SessionId> = (0..=ENDED).map(|_| SessionId::generate()).collect();
    ids.iter().for_each(|id| drop(enter(&directory, *id, &tasks).expect("free")));
    assert!(directory.taken(ids[0]).is_none() && directory.taken(ids[1]).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_draining_house_takes_nobody_and_waits_for_those_inside() {
    let directory = Directory::new(2);
    let slot = directory.reserve().expect("free");
    let (inside, drained) = tokio::join!(
        async {
            tokio::time::sleep(Duration::from_secs(3)).await;
            let refused = directory.reserve().expect_err("draining");
            drop(slot);
            refused
        },
        directory.drain(Duration::from_secs(10), Duration::from_secs(1)),
    );
    assert_eq!(inside.failure().code.0, "SERVER_DRAINING");
    assert!(drained);
}

#[tokio::test(start_paused = true)]
async fn sessions_that_are_behind_keep_no_other_from_its_goodbye() {
    let (directory, tasks) = (Directory::new(12), Tasks::new());
    let mut places: Vec<Place> =
        (0..12).map(|_| enter(&directory, SessionId::generate(), &tasks).expect("free")).collect();
    for behind in &places[..6] {
        for _ in 0..COMMANDS {
            behind.handle.text("one more".to_owned()).await.expect("room");
        }
    }
    assert!(!directory.drain(Duration::ZERO, Duration::from_secs(1)).await);
    for place in &mut places[6..] {
        let told = place.commands.try_recv();
        assert!(matches!(told, Ok(Command::End(EndReason::ServerStopping))), "not told to end");
    }
}
