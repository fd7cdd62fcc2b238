//! Calls, answers and deadlines in any order, compared with one call at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;

use proptest::prelude::*;

use super::*;
use crate::backend::Swept;

/// How many ids of a sweep are read at once.
const PAGE: usize = 3;

/// What a caller does, what the server does next, or that time goes by.
#[derive(Clone, Debug)]
enum Step {
    Call(u8, Call),
    Clear,
    Length,
    /// Sends what may be sent.
    Send,
    /// One of the commands that are out is carried out, and its answer comes back.
    Reply(prop::sample::Index),
    /// Time goes by, so that what is under way becomes late.
    Wait(u8),
    /// The time of the oldest callers is up, of this share of all so far.
    Expire(prop::sample::Index),
}

#[derive(Clone, Copy, Debug)]
enum Call {
    Get,
    Upsert(u8),
    Insert(u8),
    Replace(u8),
    Touch(i64),
    Destroy,
}

fn step() -> impl Strategy<Value = Step> {
    // Mostly the same few, and now and then so many that two commands leave at once.
    let sid = prop_oneof![3 => 0..4_u8, 2 => 4..40_u8];
    let call = prop_oneof![
        4 => Just(Call::Get),
        4 => any::<u8>().prop_map(Call::Upsert),
        2 => any::<u8>().prop_map(Call::Insert),
        2 => any::<u8>().prop_map(Call::Replace),
        2 => (1..100_i64).prop_map(Call::Touch),
        2 => Just(Call::Destroy),
    ];
    prop_oneof![
        16 => (sid, call).prop_map(|(sid, call)| Step::Call(sid, call)),
        1 => Just(Step::Clear),
        1 => Just(Step::Length),
        6 => Just(Step::Send),
        6 => any::<prop::sample::Index>().prop_map(Step::Reply),
        2 => any::<u8>().prop_map(Step::Wait),
        1 => any::<prop::sample::Index>().prop_map(Step::Expire),
    ]
}

/// Few, so that the limit is met.
const CONNECTIONS: usize = 12;

/// A session: what it holds, and when it expires.
type Stored = BTreeMap<String, (u8, i64)>;

/// One call at a time.
fn carry_out(stored: &mut Stored, id: &str, call: Call) -> Option<(u8, i64)> {
    match call {
        Call::Get => return stored.get(id).copied(),
        Call::Upsert(value) => {
            stored.insert(id.to_owned(), (value, 0));
        }
        Call::Insert(value) => {
            stored.entry(id.to_owned()).or_insert((value, 0));
        }
        Call::Replace(value) => {
            stored
                .entry(id.to_owned())
                .and_modify(|stored| *stored = (value, 0));
        }
        Call::Touch(expires) => {
            stored
                .entry(id.to_owned())
                .and_modify(|stored| stored.1 = expires);
        }
        Call::Destroy => {
            stored.remove(id);
        }
    }
    None
}

fn work(call: Call) -> Work {
    let document = |value| crate::backend::Stored::Document(vec![value]);
    let (expires_ms, change) = match call {
        Call::Get => return Work::Get,
        Call::Destroy => return Work::Destroy,
        Call::Upsert(value) => (0, Change::Upsert(document(value))),
        Call::Insert(value) => (0, Change::Insert(document(value))),
        Call::Replace(value) => (0, Change::Replace(document(value))),
        Call::Touch(expires) => (expires, Change::Touch),
    };
    Work::Write {
        expires_ms,
        change,
        extra: Extra::default(),
    }
}

fn call_of(write: &Write) -> Call {
    match &write.change {
        Change::Upsert(crate::backend::Stored::Document(session)) => Call::Upsert(session[0]),
        Change::Insert(crate::backend::Stored::Document(session)) => Call::Insert(session[0]),
        Change::Replace(crate::backend::Stored::Document(session)) => Call::Replace(session[0]),
        _ => Call::Touch(write.expires_ms),
    }
}

/// A server that carries out commands when they come back, in any order, and a worker.
struct Simulation {
    schedule: Schedule,
    start: Instant,
    now: Instant,
    in_flight: Vec<Job>,
    /// Commands for which nobody waits any more, and which may still be carried out.
    overdue: Vec<Job>,
    stored: Stored,
    /// For which sessions a clear was carried out.
    swept: BTreeSet<(Ticket, String)>,
    answers: BTreeMap<Ticket, Option<(u8, i64)>>,
    /// Callers who were told that their time is up, and whether their command was out.
    expired: BTreeMap<Ticket, bool>,
}

impl Simulation {
    fn new(round_trip: Duration) -> Self {
        let start = *START;
        let mut schedule = Schedule::default();
        schedule.set_connections(CONNECTIONS);
        for _ in 0..ROUND_TRIPS {
            schedule.push(request(0, "first", Work::Get));
            let batch = next_get(&mut schedule);
            back(&mut schedule, &batch, round_trip);
            tickets(&mut schedule, &batch.keys);
        }
        Self {
            schedule,
            start,
            now: start,
            in_flight: Vec::new(),
            overdue: Vec::new(),
            stored: Stored::default(),
            swept: BTreeSet::new(),
            answers: BTreeMap::new(),
            expired: BTreeMap::new(),
        }
    }

    /// All calls have the same time, so that the first one is the first whose time is up.
    fn deadline(&self, ticket: Ticket) -> Instant {
        self.start + Duration::from_secs(ticket.into())
    }

    fn send(&mut self) {
        self.schedule.mark_late(self.now);
        while let Some(job) = self.schedule.next_job(self.now) {
            self.in_flight.push(job);
        }
        assert!(
            self.in_flight
                .iter()
                .filter(|job| command(job).is_some())
                .count()
                <= CONNECTIONS
        );
    }

    fn reply(&mut self, index: usize) {
        if index >= self.in_flight.len() {
            let job = self.overdue.remove(index - self.in_flight.len());
            self.command_done(&job);
            return self.carry_out(job);
        }
        let job = self.in_flight.remove(index);
        self.command_done(&job);
        self.carry_out(job);
    }

    fn command_done(&mut self, job: &Job) {
        if let Some(command) = command(job) {
            self.schedule.command_done(command, self.now);
        }
    }

    fn carry_out(&mut self, job: Job) {
        match job {
            Job::Get(batch) => {
                for (key, id) in batch.keys.iter().zip(&batch.items) {
                    let answer = carry_out(&mut self.stored, id, Call::Get);
                    for waiter in self.schedule.settle(*key) {
                        self.answers.insert(waiter.ticket, answer);
                    }
                }
            }
            Job::Write(batch) => {
                // Statements of one command may be carried out in any order.
                for write in batch.items.iter().rev() {
                    carry_out(&mut self.stored, &write.id, call_of(write));
                }
                tickets(&mut self.schedule, &batch.keys);
            }
            Job::Destroy(batch) => {
                for id in &batch.items {
                    carry_out(&mut self.stored, id, Call::Destroy);
                }
                tickets(&mut self.schedule, &batch.keys);
            }
            Job::Bulk(_) => self.schedule.bulk_done(),
            Job::Ids(sweep, _, after) => {
                let behind = |id: &&String| after.as_deref().is_none_or(|after| &***id > after);
                let ids = self.stored.keys().filter(behind).take(PAGE);
                let ids: Vec<Id> = ids.map(|id| Id::from(&**id)).collect();
                let next = ids.last().filter(|_| ids.len() == PAGE).cloned();
                let may_have_moved = sweep % 2 == 0;
                let swept = Swept {
                    ids,
                    next,
                    may_have_moved,
                };
                self.schedule.ids_read(sweep, Ok(swept));
                while self.schedule.next_finished().is_some() {}
            }
            Job::Sweep(sweep, bulk, slice) => {
                for id in &slice.ids {
                    self.stored.remove(&**id);
                    self.swept.insert((bulk.ticket, id.to_string()));
                }
                tickets(&mut self.schedule, &slice.keys);
                self.schedule.slice_done(sweep, slice.kind, Ok(0));
                while self.schedule.next_finished().is_some() {}
            }
        }
    }

    /// What the worker does at a deadline: reads are given up, writes may still be carried out.
    fn expire(&mut self, now: Instant) {
        self.now = self.now.max(now);
        let expired = self.schedule.expire(self.now).into_iter();
        self.expired
            .extend(expired.map(|expired| (expired.ticket, expired.was_sent)));
        for job in mem::take(&mut self.in_flight) {
            let deadline = match &job {
                Job::Get(batch) | Job::Destroy(batch) => batch.deadline,
                Job::Write(batch) => batch.deadline,
                Job::Bulk(bulk) | Job::Ids(_, bulk, _) | Job::Sweep(_, bulk, _) => bulk.deadline,
            };
            if deadline.is_none_or(|deadline| deadline > self.now) {
                self.in_flight.push(job);
                continue;
            }
            match job {
                Job::Get(ref batch) => {
                    self.command_done(&job);
                    drop(tickets(&mut self.schedule, &batch.keys));
                }
                Job::Bulk(bulk) => {
                    self.expired.insert(bulk.ticket, true);
                    self.schedule.bulk_done();
                }
                Job::Ids(..) => {}
                job => {
                    if let Some(command) = command(&job) {
                        self.schedule.abandon(command);
                    }
                    self.overdue.push(job);
                }
            }
        }
    }
}

fn command(job: &Job) -> Option<Command> {
    match job {
        Job::Get(batch) | Job::Destroy(batch) => Some(batch.command),
        Job::Write(batch) => Some(batch.command),
        Job::Bulk(_) | Job::Ids(..) | Job::Sweep(..) => None,
    }
}

proptest! {
    /// Whatever is called, however the server's answers come back and whoever is given up: every get
    /// sees what it would see if calls were carried out one at a time, those that were given up before
    /// they were sent left out, and so does the database in the end.
    #[test]
    fn any_interleaving_ends_as_one_call_at_a_time(
        steps in prop::collection::vec(step(), 0..300),
        is_far in any::<bool>(),
    ) {
        let mut simulation = Simulation::new(if is_far { FAR } else { NEAR });
        let mut calls = Vec::new();
        for (ticket, step) in (1..).zip(steps) {
            match step {
                Step::Call(sid, call) => {
                    let id = format!("sid{sid}");
                    simulation.schedule.push(Request {
                        deadline: simulation.deadline(ticket),
                        ..request(ticket, &id, work(call))
                    });
                    calls.push((ticket, Some((id, call))));
                }
                Step::Clear | Step::Length => {
                    let is_clear = matches!(step, Step::Clear);
                    simulation.schedule.push_bulk(Bulk {
                        ticket,
                        kind: if is_clear { BulkKind::Clear } else { BulkKind::Length },
                        deadline: Some(simulation.deadline(ticket)),
                    });
                    if is_clear {
                        calls.push((ticket, None));
                    }
                }
                Step::Send => simulation.send(),
                Step::Reply(index) => {
                    let out = simulation.in_flight.len() + simulation.overdue.len();
                    if out > 0 {
                        simulation.reply(index.index(out));
                    }
                }
                Step::Wait(ms) => simulation.now += Duration::from_millis(ms.into()),
                Step::Expire(index) => {
                    let last = Ticket::try_from(index.index(ticket as usize)).unwrap_or(ticket);
                    simulation.expire(simulation.deadline(last));
                }
            }
        }
        loop {
            simulation.send();
            if simulation.in_flight.is_empty() && simulation.overdue.is_empty() {
                break;
            }
            simulation.reply(0);
        }

        let mut model = Stored::default();
        let mut expected = BTreeMap::new();
        for (ticket, call) in calls {
            let was_sent = simulation.expired.get(&ticket);
            match call {
                // One that was given up was carried out for some sessions.
                None if was_sent.is_some() => {
                    model.retain(|id, _| !simulation.swept.contains(&(ticket, id.clone())));
                }
                _ if was_sent == Some(&false) => {}
                None => model.clear(),
                Some((id, call)) => {
                    let found = carry_out(&mut model, &id, call);
                    if matches!(call, Call::Get) && was_sent.is_none() {
                        expected.insert(ticket, found);
                    }
                }
            }
        }
        prop_assert!(simulation.schedule.is_empty());
        prop_assert_eq!(simulation.answers, expected);
        prop_assert_eq!(simulation.stored, model);
    }
}
