//! Calls and answers in any order, compared with one call at a time.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// What a caller does, or what the server does next.
#[derive(Clone, Debug)]
enum Step {
    Get(u8),
    Upsert(u8, u8),
    Replace(u8, u8),
    Touch(u8),
    Destroy(u8),
    Clear,
    Length,
    /// Sends what may be sent.
    Send,
    /// One of the commands in flight comes back; whether the server carried it out early.
    Reply(prop::sample::Index),
}

fn step() -> impl Strategy<Value = Step> {
    // Mostly the same few, and now and then so many that two commands leave at once.
    let sid = prop_oneof![3 => 0..4_u8, 2 => 4..40_u8];
    prop_oneof![
        4 => sid.clone().prop_map(Step::Get),
        4 => (sid.clone(), any::<u8>()).prop_map(|(sid, value)| Step::Upsert(sid, value)),
        2 => (sid.clone(), any::<u8>()).prop_map(|(sid, value)| Step::Replace(sid, value)),
        2 => sid.clone().prop_map(Step::Touch),
        2 => sid.prop_map(Step::Destroy),
        1 => Just(Step::Clear),
        1 => Just(Step::Length),
        6 => Just(Step::Send),
        6 => any::<prop::sample::Index>().prop_map(Step::Reply),
    ]
}

/// A server that carries out commands when they come back, in any order.
#[derive(Default)]
struct Simulation {
    schedule: Schedule,
    in_flight: Vec<Job>,
    stored: BTreeMap<String, u8>,
    answers: BTreeMap<Ticket, Option<u8>>,
}

impl Simulation {
    fn send(&mut self) {
        while let Some(job) = self.schedule.next_job() {
            self.in_flight.push(job);
        }
    }

    fn reply(&mut self, index: usize) {
        match self.in_flight.remove(index) {
            Job::Get(batch) => {
                self.schedule.command_done(Lane::Read, NEAR);
                for (key, id) in batch.keys.iter().zip(&batch.items) {
                    let answer = self.stored.get(&**id).copied();
                    for ticket in self.schedule.settle(*key) {
                        self.answers.insert(ticket, answer);
                    }
                }
            }
            Job::Write(batch) => {
                self.schedule.command_done(Lane::Write, NEAR);
                // Statements of one command may be carried out in any order.
                for write in batch.items.iter().rev() {
                    let exists = self.stored.contains_key(&*write.id);
                    match &write.change {
                        Change::Upsert(Stored::Document(session)) => {
                            self.stored.insert(write.id.to_string(), session[0]);
                        }
                        Change::Replace(Stored::Document(session)) if exists => {
                            self.stored.insert(write.id.to_string(), session[0]);
                        }
                        _ => {}
                    }
                }
                let _ = tickets(&mut self.schedule, &batch.keys);
            }
            Job::Destroy(batch) => {
                self.schedule.command_done(Lane::Write, NEAR);
                for id in &batch.items {
                    self.stored.remove(&**id);
                }
                let _ = tickets(&mut self.schedule, &batch.keys);
            }
            Job::Bulk(bulk) => {
                if bulk.kind == BulkKind::Clear {
                    self.stored.clear();
                }
                self.schedule.bulk_done(&bulk.kind);
            }
        }
    }
}

proptest! {
    /// Whatever is called and however the server's answers come back: every get sees what it would
    /// see if calls were carried out one at a time, and so does the database in the end.
    #[test]
    fn any_interleaving_ends_as_one_call_at_a_time(steps in prop::collection::vec(step(), 0..300)) {
        let mut simulation = Simulation::default();
        let mut model: BTreeMap<String, u8> = BTreeMap::new();
        let mut expected = BTreeMap::new();
        for (ticket, step) in (0..).zip(steps) {
            let name = |sid: u8| format!("sid{sid}");
            let write = |change| Work::Write { expires_ms: 0, change, extra: Extra::default() };
            let (sid, work) = match step {
                Step::Get(sid) => {
                    expected.insert(ticket, model.get(&name(sid)).copied());
                    (sid, Work::Get)
                }
                Step::Upsert(sid, value) => {
                    model.insert(name(sid), value);
                    (sid, write(Change::Upsert(Stored::Document(vec![value]))))
                }
                Step::Replace(sid, value) => {
                    model.entry(name(sid)).and_modify(|stored| *stored = value);
                    (sid, write(Change::Replace(Stored::Document(vec![value]))))
                }
                Step::Touch(sid) => (sid, write(Change::Touch)),
                Step::Destroy(sid) => {
                    model.remove(&name(sid));
                    (sid, Work::Destroy)
                }
                Step::Clear | Step::Length => {
                    let kind = if matches!(step, Step::Clear) { BulkKind::Clear } else { BulkKind::Length };
                    if kind == BulkKind::Clear {
                        model.clear();
                    }
                    simulation.schedule.push_bulk(Bulk { ticket, kind, deadline: None });
                    continue;
                }
                Step::Send => {
                    simulation.send();
                    continue;
                }
                Step::Reply(index) => {
                    if !simulation.in_flight.is_empty() {
                        let index = index.index(simulation.in_flight.len());
                        simulation.reply(index);
                    }
                    continue;
                }
            };
            simulation.schedule.push(request(ticket, &name(sid), work));
        }
        loop {
            simulation.send();
            if simulation.in_flight.is_empty() {
                break;
            }
            simulation.reply(0);
        }
        prop_assert!(simulation.schedule.is_empty());
        prop_assert_eq!(simulation.answers, expected);
        prop_assert_eq!(simulation.stored, model);
    }
}
