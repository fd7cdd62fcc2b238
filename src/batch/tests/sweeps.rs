//! What changes all sessions, beside what is called for one.

use super::*;
use crate::backend::Swept;
use crate::batch::SliceKind;
use crate::batch::schedule::bulks::{MOST_PATIENCE, PATIENCE};
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
fn what_is_called_meanwhile_waits_for_its_own_session_and_is_not_undone() {
    let mut schedule = Schedule::default();
    clear(&mut schedule, 1);
    let (sweep, _) = asked(&mut schedule);
    schedule.push(request(2, "b", upsert(b"later")));
    let (_, own) = next_slice(&mut schedule);
    assert_eq!(texts(&own.ids), ["b"]);
    // Another session waits with what is called next, but not for long.
    schedule.push(request(3, "c", Work::Get));
    assert!(schedule.next_job(*START).is_none());
    done(&mut schedule, sweep, &own);
    assert_eq!(next_write(&mut schedule).items.len(), 1);
    // The ids may have been read before or after it was stored.
    read(&mut schedule, sweep, &["a", "b"], None);
    let (_, slice) = next_slice(&mut schedule);
    assert_eq!(texts(&slice.ids), ["c"]);
    let (_, page) = next_slice(&mut schedule);
    assert_eq!(texts(&page.ids), ["a"]);
    // Its next call finds it swept.
    schedule.push(request(4, "b", touch(1)));
    done(&mut schedule, sweep, &page);
    done(&mut schedule, sweep, &slice);
    assert!(matches!(schedule.next_job(*START), Some(Job::Get(_))));
    assert_eq!(schedule.next_finished().unwrap().outcome.unwrap(), 3);
}

#[test]
fn what_was_called_before_is_covered_whoever_it_waits_for() {
    let mut schedule = Schedule::default();
    let lost = lost_write(&mut schedule, "lost");
    schedule.push(request(1, "held", upsert(b"before")));
    let out = next_write(&mut schedule);
    clear(&mut schedule, 3);
    let (sweep, _) = asked(&mut schedule);
    read(&mut schedule, sweep, &["other"], None);
    let (_, slice) = next_slice(&mut schedule);
    assert_eq!(texts(&slice.ids), ["other"], "the others do not wait");
    done(&mut schedule, sweep, &slice);
    assert!(schedule.next_job(*START).is_none());
    assert!(schedule.next_finished().is_none());
    schedule.push(request(4, "free", Work::Get));
    assert_eq!(next_get(&mut schedule).items.len(), 1, "all has been read");
    assert_eq!(tickets(&mut schedule, &out.keys), [1]);
    let (_, slice) = next_slice(&mut schedule);
    assert_eq!(texts(&slice.ids), ["held"]);
    done(&mut schedule, sweep, &slice);
    back(&mut schedule, &lost, NEAR);
    assert!(tickets(&mut schedule, &lost.keys).is_empty());
    let (_, slice) = next_slice(&mut schedule);
    assert_eq!(texts(&slice.ids), ["lost"]);
    done(&mut schedule, sweep, &slice);
    assert!(schedule.next_finished().is_some());
}

#[test]
fn a_count_waits_for_a_small_sweep_and_not_for_a_large_one() {
    let mut schedule = Schedule::default();
    clear(&mut schedule, 1);
    schedule.push_bulk(bulk(BulkKind::Length));
    let (sweep, _) = asked(&mut schedule);
    assert!(schedule.next_job(*START).is_none());
    read(&mut schedule, sweep, &["a"], Some("a"));
    assert!(matches!(schedule.next_job(*START), Some(Job::Bulk(_))));
    assert!(matches!(schedule.next_job(*START), Some(Job::Sweep(..))));
}

#[test]
fn a_count_waits_for_one_session_for_a_while_only() {
    for is_overtaken in [false, true] {
        let now = *START;
        let mut schedule = Schedule::default();
        schedule.push(request(1, "held", touch(1)));
        let held = next_write(&mut schedule);
        schedule.push(request(2, "held", Work::Get));
        schedule.push(request(3, "other", Work::Get));
        let other = match schedule.next_job(now + NEAR) {
            Some(Job::Get(batch)) => batch,
            other => panic!("expected gets, got {other:?}"),
        };
        let patience = if is_overtaken {
            back(&mut schedule, &other, NEAR);
            assert_eq!(tickets(&mut schedule, &other.keys), [3]);
            PATIENCE
        } else {
            MOST_PATIENCE
        };
        schedule.push_bulk(bulk(BulkKind::Length));
        assert!(schedule.next_job(now).is_none());
        assert_eq!(schedule.earliest_deadline(), Some(now + patience));
        let later = schedule.next_job(now + patience);
        assert_eq!(
            later.is_some(),
            is_overtaken,
            "the other one is not so late"
        );
        assert!(schedule.next_job(now + 2 * patience).is_some() || is_overtaken);
        assert_eq!(tickets(&mut schedule, &held.keys), [1]);
    }
}

#[test]
fn a_count_waits_for_however_many_that_are_not_late() {
    let now = *START;
    let mut schedule = Schedule::default();
    schedule.push(request(1, "a", Work::Get));
    schedule.push(request(2, "a", touch(1)));
    let out = next_get(&mut schedule);
    schedule.push_bulk(bulk(BulkKind::Length));
    back(&mut schedule, &out, NEAR);
    assert_eq!(tickets(&mut schedule, &out.keys), [1]);
    let later = now + 2 * PATIENCE;
    assert!(matches!(schedule.next_job(later), Some(Job::Write(_))));
    assert!(schedule.next_job(later).is_none());
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
fn who_calls_something_for_a_session_of_a_sweep_does_not_wait_for_its_other_slices() {
    let now = *START;
    let mut schedule = Schedule::default();
    clear(&mut schedule, 1);
    let (sweep, _) = asked(&mut schedule);
    read(&mut schedule, sweep, &["a"], Some("a"));
    let (_, stalled) = next_slice(&mut schedule);
    assert_eq!(stalled.kind, SliceKind::InTurn);
    let (sweep, _) = asked(&mut schedule);
    read(&mut schedule, sweep, &["b", "c", "d"], Some("d"));
    schedule.push(request(2, "b", upsert(b"there")));
    schedule.push(request(3, "new", upsert(b"new")));
    let (_, awaited) = next_slice(&mut schedule);
    assert_eq!(awaited.kind, SliceKind::Awaited);
    assert_eq!(texts(&awaited.ids), ["b", "new"]);
    // The next ones do not wait for that one either, once it takes long.
    schedule.push(request(4, "c", Work::Get));
    assert!(schedule.next_job(now).is_none());
    let late = schedule.next_moment().unwrap();
    let (_, next) = next_slice_at(&mut schedule, late);
    assert_eq!(texts(&next.ids), ["c"]);
    done(&mut schedule, sweep, &awaited);
    assert_eq!(next_write(&mut schedule).items.len(), 2);
    done(&mut schedule, sweep, &next);
    assert_eq!(next_get(&mut schedule).items.len(), 1);
    assert!(schedule.next_job(now).is_none(), "the others do");
    done(&mut schedule, sweep, &stalled);
    let (_, last) = next_slice(&mut schedule);
    assert_eq!(texts(&last.ids), ["d"]);
}

#[test]
fn a_held_session_of_a_sweep_keeps_nobody_waiting() {
    let mut schedule = Schedule::default();
    clear(&mut schedule, 1);
    clear(&mut schedule, 2);
    let (sweep, _) = asked(&mut schedule);
    read(&mut schedule, sweep, &["a", "held", "c"], None);
    let (_, slice) = next_slice(&mut schedule);
    let held = slice.ids.iter().position(|id| &**id == "held").unwrap();
    for key in &slice.keys[..held] {
        schedule.settle(*key).for_each(drop);
    }
    schedule.put_back_parts(slice.kind, slice.keys[held], &slice.keys[held + 1..]);
    schedule.slice_done(sweep, slice.kind, Ok(held as u64));
    let (_, alone) = next_slice(&mut schedule);
    assert_eq!(
        (alone.kind, texts(&alone.ids)),
        (SliceKind::Held, vec!["held"])
    );
    let (_, rest) = next_slice(&mut schedule);
    assert_eq!(
        (rest.kind, texts(&rest.ids)),
        (SliceKind::InTurn, vec!["c"])
    );
    done(&mut schedule, sweep, &rest);
    // What was called after it begins.
    let (second, _) = asked(&mut schedule);
    assert_ne!(second, sweep);
    read(&mut schedule, second, &["held", "d"], None);
    let (_, slice) = next_slice(&mut schedule);
    assert_eq!(texts(&slice.ids), ["d"]);
    done(&mut schedule, sweep, &alone);
    assert_eq!(schedule.next_finished().unwrap().outcome.unwrap(), 3);
    done(&mut schedule, second, &slice);
    let (_, last) = next_slice(&mut schedule);
    done(&mut schedule, second, &last);
    assert_eq!(schedule.next_finished().unwrap().bulk.ticket, 2);
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

#[test]
fn a_session_that_gets_a_new_id_behind_a_sweep_is_left_alone_by_it() {
    let mut schedule = Schedule::default();
    clear(&mut schedule, 1);
    let (sweep, _) = asked(&mut schedule);
    let change = Change::Renew {
        to: "b".into(),
        grace_ms: 0,
    };
    let renewal = Work::Write {
        expires_ms: 0,
        change,
        extra: Extra::default(),
    };
    schedule.push(request(2, "a", renewal));
    let (_, part) = next_slice(&mut schedule);
    assert_eq!(texts(&part.ids), ["a"]);
    read(&mut schedule, sweep, &["a", "b", "c"], None);
    done(&mut schedule, sweep, &part);
    assert_eq!(next_write(&mut schedule).items.len(), 1);
    let (_, rest) = next_slice(&mut schedule);
    assert_eq!(texts(&rest.ids), ["c"]);
}
