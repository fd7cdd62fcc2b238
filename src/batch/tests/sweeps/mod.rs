//! What changes all sessions, slice by slice.

mod beside;

use super::*;
use crate::backend::Swept;
use crate::error::Error;

fn clear(schedule: &mut Schedule, ticket: Ticket) {
    schedule.push_bulk(Bulk {
        ticket,
        ..bulk(BulkKind::Clear)
    });
}

/// The next command, which has to read ids: the sweep, and behind which one.
fn asked(schedule: &mut Schedule) -> (SweepKey, Option<Id>) {
    match schedule.next_job(*START) {
        Some(Job::Ids(sweep, _, after)) => (sweep, after),
        other => panic!("expected ids, got {other:?}"),
    }
}

fn next_slice(schedule: &mut Schedule) -> (SweepKey, Slice) {
    next_slice_at(schedule, *START)
}

fn next_slice_at(schedule: &mut Schedule, now: Instant) -> (SweepKey, Slice) {
    match schedule.next_job(now) {
        Some(Job::Sweep(sweep, _, slice)) => (sweep, slice),
        other => panic!("expected a slice, got {other:?}"),
    }
}

fn read(schedule: &mut Schedule, sweep: SweepKey, ids: &[&str], next: Option<&str>) {
    read_all(schedule, sweep, ids, next, false);
}

/// The same where sessions may have got new ids meanwhile.
fn read_moving(schedule: &mut Schedule, sweep: SweepKey, ids: &[&str], next: Option<&str>) {
    read_all(schedule, sweep, ids, next, true);
}

fn read_all(
    schedule: &mut Schedule,
    sweep: SweepKey,
    ids: &[&str],
    next: Option<&str>,
    may_have_moved: bool,
) {
    let swept = Swept {
        ids: ids.iter().map(|id| Id::from(*id)).collect(),
        next: next.map(Id::from),
        may_have_moved,
    };
    schedule.ids_read(sweep, Ok(swept));
}

fn done(schedule: &mut Schedule, sweep: SweepKey, slice: &Slice) {
    assert!(tickets(schedule, &slice.keys).is_empty());
    schedule.slice_done(sweep, slice.kind, Ok(slice.ids.len() as u64));
}

fn texts(ids: &[Id]) -> Vec<&str> {
    let mut texts: Vec<&str> = ids.iter().map(|id| &**id).collect();
    texts.sort_unstable();
    texts
}

#[test]
fn the_next_ids_are_read_while_a_slice_is_under_way_and_the_count_is_that_of_all() {
    let mut schedule = Schedule::default();
    clear(&mut schedule, 7);
    let (sweep, after) = asked(&mut schedule);
    assert_eq!(after, None);
    assert!(schedule.next_job(*START).is_none());
    read(&mut schedule, sweep, &["a", "b"], Some("b"));
    let (_, first) = next_slice(&mut schedule);
    assert_eq!(texts(&first.ids), ["a", "b"]);
    let (_, after) = asked(&mut schedule);
    assert_eq!(after.as_deref(), Some("b"));
    read(&mut schedule, sweep, &["c"], None);
    assert!(schedule.next_job(*START).is_none(), "one slice at a time");
    done(&mut schedule, sweep, &first);
    assert!(schedule.next_finished().is_none());
    let (_, last) = next_slice(&mut schedule);
    done(&mut schedule, sweep, &last);
    let finished = schedule.next_finished().unwrap();
    assert_eq!(finished.bulk.ticket, 7);
    assert_eq!(finished.outcome.unwrap(), 3);
    assert!(schedule.is_empty());
}

#[test]
fn a_page_has_no_more_sessions_than_a_slice_takes() {
    let mut schedule = Schedule::default();
    clear(&mut schedule, 1);
    let (sweep, _) = asked(&mut schedule);
    let ids: Vec<String> = (0..=SLICE).map(|n| format!("{n}")).collect();
    let ids: Vec<&str> = ids.iter().map(|id| &**id).collect();
    read(&mut schedule, sweep, &ids, None);
    let (_, slice) = next_slice(&mut schedule);
    assert_eq!(slice.keys.len(), SLICE);
    assert!(schedule.next_job(*START).is_none());
    done(&mut schedule, sweep, &slice);
    assert_eq!(next_slice(&mut schedule).1.keys.len(), 1);
}

#[test]
fn sweeps_are_carried_out_one_after_the_other_for_each_session_too() {
    let mut schedule = Schedule::default();
    schedule.push_bulk(bulk(BulkKind::FlagAll));
    schedule.push_bulk(bulk(BulkKind::Cleanup));
    let (first, _) = asked(&mut schedule);
    assert!(schedule.next_job(*START).is_none());
    schedule.push(request(2, "a", Work::Get));
    let (key, slice) = next_slice(&mut schedule);
    assert_eq!(key, first);
    done(&mut schedule, first, &slice);
    assert!(schedule.next_job(*START).is_none(), "it is patient");
    let (second, slice) = next_slice_at(&mut schedule, far());
    assert!(second > first);
    done(&mut schedule, second, &slice);
    assert_eq!(next_get(&mut schedule).items.len(), 1);
    read(&mut schedule, first, &["a"], None);
    assert!(schedule.next_finished().is_some());
    assert_eq!(asked(&mut schedule).0, second);
}

#[test]
fn a_sweep_that_fails_says_why_and_lets_the_others_go() {
    let mut schedule = Schedule::default();
    clear(&mut schedule, 1);
    clear(&mut schedule, 2);
    schedule.push(request(3, "a", Work::Get));
    fail(&mut schedule);
    let finished = schedule.next_finished().unwrap();
    assert_eq!(finished.bulk.ticket, 1);
    assert_eq!(finished.outcome.unwrap_err().code(), "ERR_STORE_CLOSED");
    // The second one has not begun to read, and cannot do its part either.
    fail(&mut schedule);
    assert_eq!(schedule.next_finished().unwrap().bulk.ticket, 2);
    assert_eq!(next_get(&mut schedule).items.len(), 1);
    assert!(schedule.next_job(*START).is_none());
}

#[test]
fn a_sweep_of_which_a_part_may_have_been_carried_out_says_so_whatever_failed_first() {
    let mut schedule = Schedule::default();
    clear(&mut schedule, 1);
    let (sweep, _) = asked(&mut schedule);
    schedule.push(request(2, "a", Work::Get));
    let (_, slice) = next_slice(&mut schedule);
    schedule.ids_read(sweep, Err(Error::Closed));
    assert!(tickets(&mut schedule, &slice.keys).is_empty());
    let unknown = Error::OutcomeUnknown(Box::new(Error::Closed));
    schedule.slice_done(sweep, slice.kind, Err(unknown));
    let error = schedule.next_finished().unwrap().outcome.unwrap_err();
    assert!(matches!(error, Error::OutcomeUnknown(_)));
}

fn fail(schedule: &mut Schedule) {
    let (sweep, slice) = next_slice_at(schedule, far());
    assert!(tickets(schedule, &slice.keys).is_empty());
    schedule.slice_done(sweep, slice.kind, Err(Error::Closed));
}

#[test]
fn a_sweep_that_nobody_waits_for_does_not_go_on() {
    let now = Instant::now();
    let mut schedule = Schedule::default();
    schedule.push(request(1, "a", upsert(b"out")));
    let out = next_write(&mut schedule);
    schedule.push_bulk(Bulk {
        ticket: 2,
        kind: BulkKind::Clear,
        deadline: Some(now),
    });
    schedule.push(request(3, "b", Work::Get));
    schedule.push(request(4, "c", Work::Get));
    let (sweep, slice) = next_slice(&mut schedule);
    assert_eq!(texts(&slice.ids), ["b", "c"]);
    schedule.push(request(5, "d", Work::Get));
    assert_eq!(expired(&mut schedule, now), [(2, true)]);
    // What is out may still be carried out, so its sessions wait for it; nobody else does.
    let free = next_get(&mut schedule);
    assert_eq!(free.items.len(), 1);
    back(&mut schedule, &free, NEAR);
    assert_eq!(tickets(&mut schedule, &out.keys), [1]);
    assert!(schedule.next_job(*START).is_none());
    done(&mut schedule, sweep, &slice);
    assert_eq!(next_get(&mut schedule).items.len(), 2);
}

#[test]
fn the_end_waits_for_a_sweep_until_nobody_does() {
    for gives_up in [false, true] {
        let now = Instant::now();
        let mut schedule = Schedule::default();
        schedule.push_bulk(Bulk {
            ticket: 1,
            kind: BulkKind::Clear,
            deadline: Some(now),
        });
        schedule.push_bulk(bulk(BulkKind::Close));
        let (sweep, _) = asked(&mut schedule);
        read(&mut schedule, sweep, &["a"], None);
        let (_, slice) = next_slice(&mut schedule);
        assert!(schedule.next_job(*START).is_none());
        if gives_up {
            assert_eq!(expired(&mut schedule, now), [(1, true)]);
        } else {
            done(&mut schedule, sweep, &slice);
            assert!(schedule.next_finished().is_some());
        }
        let close = schedule.next_job(*START);
        assert!(matches!(close, Some(Job::Bulk(close)) if close.kind == BulkKind::Close));
    }
}

#[test]
fn a_sweep_that_makes_progress_has_more_time() {
    let now = Instant::now();
    let second = Duration::from_secs(1);
    let mut schedule = Schedule::default();
    schedule.push_bulk(Bulk {
        ticket: 1,
        kind: BulkKind::Clear,
        deadline: Some(now),
    });
    let (sweep, _) = asked(&mut schedule);
    schedule.extend(sweep, now + second);
    assert_eq!(expired(&mut schedule, now), []);
    assert_eq!(schedule.sweep_deadline(sweep), Some(now + second));
    assert_eq!(expired(&mut schedule, now + second), [(1, false)]);
    assert_eq!(schedule.sweep_deadline(sweep), None);
}

#[test]
fn where_sessions_may_have_moved_many_are_looked_for_once_more() {
    let mut schedule = Schedule::default();
    clear(&mut schedule, 1);
    let (sweep, _) = asked(&mut schedule);
    read_moving(&mut schedule, sweep, &["b"], Some("b"));
    let (_, first) = next_slice(&mut schedule);
    let (_, after) = asked(&mut schedule);
    assert_eq!(after.as_deref(), Some("b"));
    read_moving(&mut schedule, sweep, &["c"], None);
    done(&mut schedule, sweep, &first);
    let (_, second) = next_slice(&mut schedule);
    assert!(
        schedule.next_job(*START).is_none(),
        "those that were found come first"
    );
    done(&mut schedule, sweep, &second);
    assert!(schedule.next_finished().is_none());
    let (_, after) = asked(&mut schedule);
    assert_eq!(after, None);
    read_moving(&mut schedule, sweep, &["a"], None);
    let (_, third) = next_slice(&mut schedule);
    assert_eq!(texts(&third.ids), ["a"]);
    done(&mut schedule, sweep, &third);
    assert_eq!(schedule.next_finished().unwrap().outcome.unwrap(), 3);
    assert!(schedule.is_empty());
}
