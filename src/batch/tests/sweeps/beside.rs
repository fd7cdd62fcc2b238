//! What is called beside a sweep: it waits for its own session, and for others not for long.

use super::*;
use crate::batch::SliceKind;
use crate::batch::schedule::bulks::{MOST_PATIENCE, PATIENCE};

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
