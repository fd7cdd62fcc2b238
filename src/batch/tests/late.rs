//! What a late command costs the others.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

/// A schedule that knows the server.
fn acquainted() -> Schedule {
    let mut schedule = Schedule::default();
    for _ in 0..ROUND_TRIPS {
        push_each(&mut schedule, 0..1, |_| Work::Get);
        let read = next_get(&mut schedule);
        back(&mut schedule, &read, NEAR);
        tickets(&mut schedule, &read.keys);
        push_each(&mut schedule, 0..1, |_| touch(1));
        let written = next_write(&mut schedule);
        back(&mut schedule, &written, NEAR);
        tickets(&mut schedule, &written.keys);
    }
    schedule
}

#[test]
fn what_is_late_lets_the_next_command_go_and_nothing_waits_for_it() {
    let mut schedule = acquainted();
    push_each(&mut schedule, 1..2, |_| touch(1));
    let late = next_write(&mut schedule);
    push_each(&mut schedule, 2..3, |_| touch(1));
    assert!(schedule.next_job(*START).is_none(), "it may be in time");
    assert_eq!(schedule.next_moment(), Some(*START + late.late_after));
    schedule.mark_late(*START + late.late_after);
    let other = next_write(&mut schedule);
    assert_eq!(other.items.len(), 1);
    back(&mut schedule, &other, NEAR);
    assert_eq!(tickets(&mut schedule, &other.keys), [2]);
    back(&mut schedule, &late, 10 * LATE);
    assert_eq!(tickets(&mut schedule, &late.keys), [1]);
}

#[test]
fn a_late_write_is_no_business_of_reads() {
    let mut schedule = acquainted();
    push_each(&mut schedule, 1..2, |_| touch(1));
    let late = next_write(&mut schedule);
    schedule.mark_late(*START + late.late_after);
    push_each(&mut schedule, 2..52, |_| Work::Get);
    assert_eq!(next_get(&mut schedule).items.len(), 50);
    assert!(schedule.next_job(*START).is_none());
}

#[test]
fn while_something_is_late_commands_are_smaller_and_more_and_afterwards_few_and_large_again() {
    let mut schedule = acquainted();
    push_each(&mut schedule, 1..2, |_| touch(1));
    let late = next_write(&mut schedule);
    schedule.mark_late(*START + late.late_after);
    let mut sizes = Vec::new();
    let mut batches = Vec::new();
    push_each(&mut schedule, 2..22, |_| touch(1));
    while let Some(Job::Write(batch)) = schedule.next_job(*START) {
        sizes.push(batch.items.len());
        batches.push(batch);
    }
    assert_eq!(sizes, [4; COMMANDS_NEAR + COMMANDS_FOR_LATE]);
    batches.push(late);
    for batch in batches {
        back(&mut schedule, &batch, 2 * LATE);
        tickets(&mut schedule, &batch.keys);
    }
    push_each(&mut schedule, 2..12, |_| touch(1));
    assert_eq!(next_write(&mut schedule).items.len(), 10);
    push_each(&mut schedule, 12..14, |_| touch(1));
    assert!(schedule.next_job(*START).is_none());
}

#[test]
fn a_server_that_has_become_slow_is_soon_known_as_such() {
    let mut schedule = acquainted();
    let slow = 10 * LATE;
    let was_late = |schedule: &mut Schedule| {
        push_each(schedule, 0..1, |_| touch(1));
        let batch = next_write(schedule);
        let was_late = batch.late_after < slow;
        back(schedule, &batch, slow);
        tickets(schedule, &batch.keys);
        was_late
    };
    assert!(was_late(&mut schedule));
    let more = (0..20).filter(|_| was_late(&mut schedule)).count();
    assert!(more < 10, "{more}");
    assert!(!was_late(&mut schedule));
}

#[test]
fn one_command_that_took_long_does_not_make_the_others_wait_longer_for_the_next() {
    let mut schedule = acquainted();
    push_each(&mut schedule, 0..1, |_| touch(1));
    let held = next_write(&mut schedule);
    back(&mut schedule, &held, Duration::from_secs(10));
    tickets(&mut schedule, &held.keys);
    push_each(&mut schedule, 0..1, |_| touch(1));
    assert!(next_write(&mut schedule).late_after <= 4 * LATE);
}

#[test]
fn what_was_late_while_others_were_in_time_says_nothing_about_the_server() {
    let mut schedule = acquainted();
    let held: Vec<_> = (1..9)
        .map(|ticket| {
            push_each(&mut schedule, [ticket], |_| touch(1));
            let held = next_write(&mut schedule);
            schedule.mark_late(*START + held.late_after);
            held
        })
        .collect();
    let later = *START + 10 * LATE;
    push_each(&mut schedule, [9], |_| touch(1));
    let Some(Job::Write(other)) = schedule.next_job(later) else {
        panic!("it waits for what is held")
    };
    let late_after = other.late_after;
    schedule.command_done(other.command, later + NEAR);
    tickets(&mut schedule, &other.keys);
    for held in held {
        back(&mut schedule, &held, Duration::from_secs(10));
        tickets(&mut schedule, &held.keys);
    }
    push_each(&mut schedule, [10], |_| touch(1));
    assert!(next_write(&mut schedule).late_after <= late_after);
}

#[test]
fn no_more_commands_are_under_way_than_there_are_connections_but_one_of_each_lane_always_is() {
    let mut schedule = acquainted();
    schedule.set_connections(2);
    let mut under_way = 0;
    for time in 1..10 {
        push_each(&mut schedule, 100 * time..100 * time + 50, |_| touch(1));
        while schedule.next_job(*START).is_some() {
            under_way += 1;
        }
        schedule.mark_late(*START + Duration::from_secs(60));
    }
    assert_eq!(under_way, 2);
    push_each(&mut schedule, 1..2, |_| Work::Get);
    assert_eq!(next_get(&mut schedule).items.len(), 1);
}

#[test]
fn where_everything_is_late_what_waits_leaves_together_as_ever() {
    let mut schedule = acquainted();
    schedule.set_connections(16);
    push_each(&mut schedule, 100..101, |_| touch(1));
    let mut last = next_write(&mut schedule);
    for ticket in 101..114 {
        push_each(&mut schedule, [ticket], |_| touch(1));
        schedule.mark_late(*START + Duration::from_secs(60));
        if let Some(Job::Write(batch)) = schedule.next_job(*START) {
            last = batch;
        }
    }
    push_each(&mut schedule, 200..300, |_| touch(1));
    schedule.mark_late(*START + Duration::from_secs(60));
    assert!(
        schedule.next_job(*START).is_none(),
        "the connections are out"
    );
    back(&mut schedule, &last, Duration::from_secs(1));
    assert_eq!(next_write(&mut schedule).items.len(), 100);
}

#[test]
fn a_write_whose_document_is_held_leaves_again_alone_and_before_what_was_called_for_it_later() {
    let mut schedule = acquainted();
    push_each(&mut schedule, 1..4, |_| upsert(b"1"));
    let batch = next_write(&mut schedule);
    schedule.push(request(4, "sid2", upsert(b"2")));
    back(&mut schedule, &batch, NEAR);
    let mut writes = batch.keys.into_iter().zip(batch.items);
    let (first, _) = writes.next().unwrap();
    assert_eq!(tickets(&mut schedule, &[first]), [1]);
    for (key, write) in writes {
        schedule.put_back(key, Work::Again(Box::new(write)));
    }
    let again = next_write(&mut schedule);
    assert_eq!(again.items[0].id, "sid3".into());
    schedule.mark_late(*START + 10 * LATE);
    let held = next_write(&mut schedule);
    assert_eq!(held.items.len(), 1);
    assert_eq!(held.items[0].id, "sid2".into());
    assert!(
        matches!(&held.items[0].change, Change::Upsert(Stored::Document(session)) if session == b"1")
    );
    back(&mut schedule, &held, NEAR);
    assert_eq!(tickets(&mut schedule, &held.keys), [2]);
}

#[test]
fn a_write_that_was_put_back_and_for_which_nobody_waits_is_not_sent() {
    let mut schedule = acquainted();
    let soon = Instant::now();
    schedule.push(Request {
        deadline: soon,
        ..request(1, "a", upsert(b"1"))
    });
    let batch = next_write(&mut schedule);
    assert_eq!(expired(&mut schedule, soon), [(1, true)]);
    back(&mut schedule, &batch, NEAR);
    let mut writes = batch.keys.into_iter().zip(batch.items);
    let (key, write) = writes.next().unwrap();
    schedule.put_back(key, Work::Again(Box::new(write)));
    assert!(schedule.next_job(*START).is_none());
    assert!(schedule.is_empty());
}

/// Calls of so many sessions, of which some are held: what is about one of those never comes back.
fn calls() -> impl Strategy<Value = (Vec<(Ticket, bool)>, BTreeSet<Ticket>)> {
    let calls = prop::collection::vec((0..60_u32, any::<bool>()), 1..300);
    (calls, prop::collection::btree_set(0..60_u32, 0..8))
}

proptest! {
    /// Whatever never comes back, everybody is answered who did not share a command or a session with it,
    /// and long before any deadline.
    #[test]
    fn a_command_that_never_comes_back_is_nobody_elses_business((calls, held) in calls()) {
        let mut schedule = acquainted();
        schedule.set_connections(100);
        let mut now = *START;
        let mut waiting = BTreeMap::new();
        let mut answered = BTreeSet::new();
        let mut victims = held.clone();
        let mut calls = (1000..).zip(calls);
        let mut quiet = 0;
        // So long that every command under way is late, a few times.
        while quiet < 20 {
            for (ticket, (sid, is_get)) in calls.by_ref().take(7) {
                let work = if is_get { Work::Get } else { touch(1) };
                schedule.push(request(ticket, &format!("{sid}"), work));
                waiting.insert(ticket, sid);
            }
            schedule.mark_late(now);
            quiet += 1;
            while let Some(job) = schedule.next_job(now) {
                quiet = 0;
                let (command, keys, ids) = match job {
                    Job::Get(batch) => (batch.command, batch.keys, batch.items),
                    Job::Write(batch) => {
                        let ids = batch.items.iter().map(|write| write.id.clone());
                        (batch.command, batch.keys, ids.collect())
                    }
                    job => panic!("{job:?}"),
                };
                let sids: Vec<Ticket> = ids.iter().map(|id| id.parse().unwrap()).collect();
                if sids.iter().any(|sid| held.contains(sid)) {
                    victims.extend(sids);
                    continue;
                }
                schedule.command_done(command, now + NEAR);
                answered.extend(tickets(&mut schedule, &keys));
            }
            now += LATE;
        }
        let forgotten: Vec<_> = waiting
            .iter()
            .filter(|(ticket, sid)| !answered.contains(ticket) && !victims.contains(sid))
            .collect();
        prop_assert!(forgotten.is_empty(), "{forgotten:?}");
        // The first command may be shared by all that were called together, later ones by few.
        prop_assert!(victims.len() <= 8 * 7, "{victims:?}");
    }
}
