//! What the queue of pending requests promises.

mod late;
mod simulation;
mod sweeps;

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use super::pace::{COMMANDS_NEAR, FAR, INTERVAL, LATE, ROUND_TRIPS};
use super::schedule::lanes::{COMMANDS_FOR_LATE, MANY_WRITES};
use super::*;
use crate::backend::{Change, Extra, Id, Stored, Write};

const NEAR: Duration = Duration::from_micros(100);

/// How long a busy server may work on one write.
const BUSY: Duration = Duration::from_micros(200);

/// When everything is sent here.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

fn far() -> Instant {
    Instant::now() + Duration::from_secs(3600)
}

fn request(ticket: Ticket, id: &str, work: Work) -> Request {
    Request {
        ticket,
        verb: "test",
        id: id.into(),
        work,
        deadline: far(),
    }
}

fn touch(expires_ms: i64) -> Work {
    Work::Write {
        expires_ms,
        change: Change::Touch,
        extra: Extra::default(),
    }
}

fn upsert(session: &[u8]) -> Work {
    Work::Write {
        expires_ms: 0,
        change: Change::Upsert(Stored::Document(session.to_vec())),
        extra: Extra::default(),
    }
}

/// Calls for as many sessions as there are tickets.
fn push_each(
    schedule: &mut Schedule,
    tickets: impl IntoIterator<Item = Ticket>,
    work: impl Fn(Ticket) -> Work,
) {
    for ticket in tickets {
        schedule.push(request(ticket, &format!("sid{ticket}"), work(ticket)));
    }
}

fn tickets(schedule: &mut Schedule, keys: &[Key]) -> Vec<Ticket> {
    keys.iter()
        .flat_map(|key| {
            schedule
                .settle(*key)
                .map(|waiter| waiter.ticket)
                .collect::<Vec<_>>()
        })
        .collect()
}

fn expired(schedule: &mut Schedule, now: Instant) -> Vec<(Ticket, bool)> {
    let expired = schedule.expire(now).into_iter();
    expired
        .map(|expired| (expired.ticket, expired.was_sent))
        .collect()
}

/// The command of a batch comes back.
fn back<T>(schedule: &mut Schedule, batch: &Batch<T>, elapsed: Duration) {
    schedule.command_done(batch.command, *START + elapsed);
}

fn next_get(schedule: &mut Schedule) -> Batch<Id> {
    match schedule.next_job(*START) {
        Some(Job::Get(batch)) => batch,
        other => panic!("expected gets, got {other:?}"),
    }
}

fn next_write(schedule: &mut Schedule) -> Batch<Write> {
    match schedule.next_job(*START) {
        Some(Job::Write(batch)) => batch,
        other => panic!("expected writes, got {other:?}"),
    }
}

#[test]
fn a_lone_request_leaves_at_once_and_those_that_wait_leave_together() {
    let mut schedule = Schedule::default();
    schedule.push(request(0, "lone", Work::Get));
    let lone = next_get(&mut schedule);
    assert_eq!(lone.items.len(), 1);
    push_each(&mut schedule, 2..12, |_| Work::Get);
    assert!(
        schedule.next_job(*START).is_none(),
        "a command is in flight"
    );
    back(&mut schedule, &lone, NEAR);
    assert_eq!(next_get(&mut schedule).items.len(), 10);
}

#[test]
fn a_server_that_is_far_gets_more_commands_at_once() {
    let mut schedule = Schedule::default();
    let mut in_flight = |round_trip| {
        for _ in 0..2 * ROUND_TRIPS {
            schedule.push(request(0, "a", Work::Get));
            let batch = next_get(&mut schedule);
            back(&mut schedule, &batch, round_trip);
            tickets(&mut schedule, &batch.keys);
        }
        let mut batches = Vec::new();
        for ticket in 0..60 {
            schedule.push(request(ticket, &format!("{ticket}"), Work::Get));
            if let Some(Job::Get(batch)) = schedule.next_job(*START) {
                batches.push(batch);
            }
        }
        let count = batches.len();
        while let Some(batch) = batches.pop() {
            back(&mut schedule, &batch, round_trip);
            tickets(&mut schedule, &batch.keys);
            if let Some(Job::Get(batch)) = schedule.next_job(*START) {
                batches.push(batch);
            }
        }
        count
    };
    assert_eq!(in_flight(NEAR), COMMANDS_NEAR);
    assert_eq!(in_flight(FAR), 4);
    assert_eq!(in_flight(20 * INTERVAL), 20);
    assert_eq!(in_flight(NEAR), COMMANDS_NEAR);
}

#[test]
fn a_server_that_is_near_and_busy_is_not_taken_for_one_that_is_far() {
    let mut schedule = Schedule::default();
    for _ in 0..2 * ROUND_TRIPS {
        push_each(&mut schedule, 0..50, |_| touch(1));
        let batch = next_write(&mut schedule);
        assert_eq!(batch.keys.len(), 50);
        back(&mut schedule, &batch, 50 * BUSY);
        tickets(&mut schedule, &batch.keys);
    }
    push_each(&mut schedule, 0..1, |_| touch(1));
    let _ = next_write(&mut schedule);
    push_each(&mut schedule, 1..2, |_| touch(1));
    assert!(schedule.next_job(*START).is_none(), "one command is enough");
}

#[test]
fn gets_of_one_session_are_read_once() {
    let mut schedule = Schedule::default();
    schedule.push(request(1, "a", Work::Get));
    schedule.push(request(2, "a", Work::Get));
    let batch = next_get(&mut schedule);
    assert_eq!(batch.items.len(), 1);
    // One that is out already may have been read before the next was called.
    schedule.push(request(3, "a", Work::Get));
    assert!(schedule.next_job(*START).is_none());
    back(&mut schedule, &batch, NEAR);
    assert_eq!(tickets(&mut schedule, &batch.keys), [1, 2]);
    let batch = next_get(&mut schedule);
    assert_eq!(tickets(&mut schedule, &batch.keys), [3]);
}

#[test]
fn touches_that_wait_become_the_last_of_them() {
    let mut schedule = Schedule::default();
    schedule.push(request(1, "a", touch(10)));
    schedule.push(request(2, "a", touch(20)));
    let batch = next_write(&mut schedule);
    assert_eq!(batch.items[0].expires_ms, 20);
    assert_eq!(tickets(&mut schedule, &batch.keys), [1, 2]);
}

#[test]
fn a_batch_ends_before_it_grows_too_large_and_a_large_session_goes_alone() {
    let mut schedule = Schedule::default();
    let large = vec![0; BATCH_BYTES * 2];
    let middle = vec![0; BATCH_BYTES / 3];
    schedule.push(request(0, "large", upsert(&large)));
    push_each(&mut schedule, 1..6, |_| upsert(&middle));
    let first = next_write(&mut schedule);
    assert_eq!(first.items.len(), 1);
    back(&mut schedule, &first, NEAR);
    assert_eq!(next_write(&mut schedule).items.len(), 2);
}

#[test]
fn many_writes_that_wait_get_a_second_command_and_never_a_third() {
    let mut schedule = Schedule::default();
    let mut called = 0..;
    let mut push = |schedule: &mut Schedule, count| {
        push_each(schedule, called.by_ref().take(count), |ticket| {
            if ticket % 2 == 0 {
                touch(1)
            } else {
                Work::Destroy
            }
        });
    };
    push(&mut schedule, 1);
    assert!(schedule.next_job(*START).is_some());
    push(&mut schedule, MANY_WRITES - 1);
    assert!(schedule.next_job(*START).is_none());
    push(&mut schedule, 1);
    assert!(schedule.next_job(*START).is_some());
    push(&mut schedule, 2 * MANY_WRITES);
    assert!(schedule.next_job(*START).is_none());
}

#[test]
fn large_writes_do_not_hold_up_gets() {
    let mut schedule = Schedule::default();
    let session = vec![0; BATCH_BYTES];
    push_each(&mut schedule, 0..100, |_| upsert(&session));
    while schedule.next_job(*START).is_some() {}
    schedule.push(request(100, "small", Work::Get));
    assert_eq!(next_get(&mut schedule).items.len(), 1);
}

#[test]
fn gets_of_large_documents_are_asked_for_in_smaller_batches() {
    let mut schedule = Schedule::default();
    for _ in 0..200 {
        schedule.saw_document(BATCH_BYTES / 10);
    }
    push_each(&mut schedule, 0..100, |_| Work::Get);
    let size = next_get(&mut schedule).items.len();
    assert!((5..20).contains(&size), "{size}");
}

#[test]
fn destroys_and_writes_leave_in_the_order_in_which_they_were_called() {
    let mut schedule = Schedule::default();
    schedule.push(request(0, "a", Work::Destroy));
    schedule.push(request(1, "b", touch(1)));
    let Some(Job::Destroy(destroy)) = schedule.next_job(*START) else {
        panic!("the destroy was called first");
    };
    back(&mut schedule, &destroy, NEAR);
    assert!(matches!(schedule.next_job(*START), Some(Job::Write(_))));
}

#[test]
fn every_caller_is_told_at_its_own_deadline_and_what_nobody_waits_for_is_not_sent() {
    let mut schedule = Schedule::default();
    let now = Instant::now();
    let at = |seconds| now + Duration::from_secs(seconds);
    let due = |ticket, id: &str, work, seconds| Request {
        deadline: at(seconds),
        ..request(ticket, id, work)
    };
    schedule.push(due(1, "a", upsert(b"out"), 1));
    let out = next_write(&mut schedule);
    schedule.push(due(2, "a", upsert(b"waits"), 2));
    schedule.push(due(3, "a", Work::Get, 4));
    schedule.push(due(4, "a", Work::Get, 3));
    assert_eq!(schedule.earliest_deadline(), Some(at(1)));
    assert_eq!(expired(&mut schedule, at(1)), [(1, true)]);
    assert_eq!(expired(&mut schedule, at(2)), [(2, false)]);
    assert_eq!(expired(&mut schedule, at(3)), [(4, false)]);
    assert_eq!(schedule.earliest_deadline(), Some(at(4)));
    // The command comes back late: its caller is gone, the write behind it is skipped.
    back(&mut schedule, &out, NEAR);
    assert!(tickets(&mut schedule, &out.keys).is_empty());
    assert!(matches!(schedule.next_job(*START), Some(Job::Get(_))));
}

/// A write that is out, and for whose answer nobody waits any more.
fn lost_write(schedule: &mut Schedule, id: &str) -> Batch<Write> {
    let soon = Instant::now();
    schedule.push(Request {
        deadline: soon,
        ..request(0, id, touch(1))
    });
    let lost = next_write(schedule);
    assert_eq!(expired(schedule, soon), [(0, true)]);
    schedule.abandon(lost.command);
    lost
}

fn bulk(kind: BulkKind) -> Bulk {
    Bulk {
        ticket: 1,
        kind,
        deadline: None,
    }
}

#[test]
fn nothing_waits_for_a_write_that_is_out_and_abandoned_but_those_of_its_session() {
    let mut schedule = Schedule::default();
    let lost = lost_write(&mut schedule, "lost");
    assert!(schedule.is_idle());

    schedule.push(request(1, "lost", touch(2)));
    schedule.push(request(2, "other", touch(2)));
    let other = next_write(&mut schedule);
    assert_eq!(other.items.len(), 1, "only the other session");
    back(&mut schedule, &other, NEAR);
    assert_eq!(tickets(&mut schedule, &other.keys), [2]);
    assert!(!schedule.is_idle());

    back(&mut schedule, &lost, NEAR);
    assert!(tickets(&mut schedule, &lost.keys).is_empty());
    let later = next_write(&mut schedule);
    back(&mut schedule, &later, NEAR);
    assert_eq!(tickets(&mut schedule, &later.keys), [1]);
}

#[test]
fn what_reads_all_sessions_does_not_wait_for_an_abandoned_write_and_neither_does_the_end() {
    for kind in [BulkKind::Length, BulkKind::Close] {
        let mut schedule = Schedule::default();
        let lost = lost_write(&mut schedule, "lost");
        schedule.push_bulk(bulk(kind.clone()));
        assert!(schedule.next_job(*START).is_some(), "{kind:?}");
        back(&mut schedule, &lost, NEAR);
        assert!(tickets(&mut schedule, &lost.keys).is_empty());
    }
}

#[test]
fn an_outage_lets_nothing_go_but_the_end() {
    let mut schedule = Schedule::default();
    schedule.push_bulk(bulk(BulkKind::Length));
    assert!(schedule.next_close(*START).is_none());
    assert!(schedule.next_job(*START).is_some());
    schedule.push_bulk(bulk(BulkKind::Close));
    assert!(
        schedule.next_close(*START).is_none(),
        "what runs is waited for"
    );
    schedule.bulk_done();
    assert!(schedule.next_close(*START).is_some());
}
