use std::sync::mpsc;

use super::*;

fn pool(threads: usize) -> Pool {
    Pool::start(&Options { threads, ..Options::default() }).unwrap()
}

/// Occupies a worker until the sender is dropped; the receiver says that it began.
fn occupy(pool: &Pool, lane: Lane) -> (mpsc::Sender<()>, Ticket<()>) {
    let (release, released) = mpsc::channel::<()>();
    let (began, has_begun) = mpsc::channel();
    let ticket = pool.run(lane, move || {
        began.send(()).unwrap();
        let _ = released.recv();
    });
    has_begun.recv().unwrap();
    (release, ticket)
}

#[tokio::test]
async fn interactive_jobs_overtake_background_ones() {
    let pool = pool(1);
    let (release, _first) = occupy(&pool, Lane::Background);
    let (order, seen) = mpsc::channel();
    let other = order.clone();
    let late = pool.run(Lane::Background, move || order.send("background").unwrap());
    let soon = pool.run(Lane::Interactive, move || other.send("interactive").unwrap());
    drop(release);
    late.await.unwrap();
    soon.await.unwrap();
    assert_eq!(seen.iter().take(2).collect::<Vec<_>>(), ["interactive", "background"]);
}

#[tokio::test]
async fn realtime_runs_while_every_worker_is_busy() {
    let pool = pool(1);
    let (release, _busy) = occupy(&pool, Lane::Interactive);
    assert_eq!(pool.run(Lane::Realtime, || 7).await, Ok(7));
    drop(release);
}

#[tokio::test]
async fn background_jobs_leave_a_worker_free() {
    let pool = pool(2);
    let (release, _busy) = occupy(&pool, Lane::Background);
    assert!(!pool.has_idle_worker());
    let waiting = pool.run(Lane::Background, || ());
    assert_eq!(pool.run(Lane::Interactive, || 1).await, Ok(1));
    drop(release);
    assert_eq!(waiting.await, Ok(()));
}

#[tokio::test]
async fn a_dropped_ticket_cancels_a_job_that_has_not_begun() {
    let pool = pool(1);
    let (release, busy) = occupy(&pool, Lane::Interactive);
    let (ran, seen) = mpsc::channel::<()>();
    drop(pool.run(Lane::Interactive, move || ran.send(()).unwrap()));
    drop(release);
    busy.await.unwrap();
    pool.run(Lane::Interactive, || ()).await.unwrap();
    assert_eq!(seen.try_recv(), Err(mpsc::TryRecvError::Disconnected));
}

#[tokio::test]
async fn a_full_lane_refuses_and_cancelled_jobs_make_room() {
    let pool = pool(1);
    let (release, _busy) = occupy(&pool, Lane::Interactive);
    let mut tickets: Vec<_> = Vec::new();
    let refused = loop {
        let mut ticket = pool.run(Lane::Interactive, || ());
        match futures::poll!(&mut ticket) {
            Poll::Pending => tickets.push(ticket),
            Poll::Ready(outcome) => break outcome,
        }
    };
    assert_eq!(refused, Err(Rejected::Full(Lane::Interactive)));
    tickets.pop();
    let fits = pool.run(Lane::Interactive, || ());
    drop(release);
    assert_eq!(fits.await, Ok(()));
    for ticket in tickets {
        assert_eq!(ticket.await, Ok(()));
    }
}

#[tokio::test]
async fn quiet_means_that_no_background_job_waits_or_runs() {
    let pool = pool(2);
    pool.background_done().await;
    let (release, _running) = occupy(&pool, Lane::Background);
    let waiting = pool.run(Lane::Background, || ());
    let mut quiet = Box::pin(pool.background_done());
    assert!(futures::poll!(&mut quiet).is_pending());
    drop(release);
    quiet.await;
    assert_eq!(waiting.await, Ok(()));
}

#[tokio::test]
async fn a_panicking_job_fails_alone() {
    let pool = pool(1);
    let failed = pool.run(Lane::Interactive, || assert!(std::hint::black_box(false), "on purpose"));
    assert_eq!(failed.await, Err(Rejected::Panicked));
    assert_eq!(pool.run(Lane::Interactive, || 3).await, Ok(3));
}

#[tokio::test]
async fn dropping_the_pool_refuses_what_waits() {
    let pool = pool(1);
    let (release, busy) = occupy(&pool, Lane::Interactive);
    let waiting = pool.run(Lane::Interactive, || ());
    pool.shared.lock().stop();
    drop(release);
    drop(pool);
    assert_eq!(waiting.await, Err(Rejected::Stopped));
    assert_eq!(busy.await, Ok(()));
}

#[tokio::test]
async fn workers_step_back_and_the_realtime_thread_does_not() {
    #[expect(unsafe_code, reason = "the standard library has no thread priorities")]
    // SAFETY: takes two numbers; who = 0 is the calling thread.
    let nice = || unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) };
    let base = nice();
    let pool = Pool::start(&Options { threads: 1, niceness: 19 }).unwrap();
    assert_eq!(pool.run(Lane::Interactive, nice).await, Ok(19));
    assert_eq!(pool.run(Lane::Realtime, nice).await, Ok(base));
}

#[test]
fn a_thread_that_cannot_start_is_an_error_and_ends_the_others() {
    for room in 0..3 {
        let (ended, has_ended) = mpsc::channel();
        let mut started = 0;
        let pool = Pool::start_with(&Options { threads: 2, ..Options::default() }, |name, body| {
            if started == room {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            started += 1;
            let ended = ended.clone();
            thread::Builder::new().name(name.to_owned()).spawn(move || {
                body();
                ended.send(()).unwrap();
            })
        });
        let Err(Error::Threads(_)) = pool else { unreachable!("{room} threads are a pool: {pool:?}") };
        drop(ended);
        assert_eq!(has_ended.iter().count(), room);
    }
}
