//! The commands of a lane that are under way, and which of them are late.

use std::time::{Duration, Instant};

use slab::Slab;

use super::Lane;
use super::pace::Usual;

/// The place of a command among those of its lane that are under way.
pub type Place = usize;

/// The commands of a lane.
#[derive(Default)]
pub struct Traffic {
    commands: Slab<UnderWay>,
    requests: usize,
    late: usize,
    abandoned: usize,
    usual: Usual,
    /// When the last of those was sent that were answered in time.
    in_time_since: Option<Instant>,
}

struct UnderWay {
    requests: usize,
    sent: Instant,
    late_after: Duration,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// As far as is known, it will be answered in its usual time.
    InTime,
    /// It has been under way for longer than such commands take.
    Late,
    /// Nobody waits for it any more.
    Abandoned,
}

impl Traffic {
    /// How many have a connection of their own.
    pub fn len(&self) -> usize {
        self.commands.len()
    }

    /// How many requests they have.
    pub fn requests(&self) -> usize {
        self.requests
    }

    /// How many are not back because their time is not up.
    pub fn in_time(&self) -> usize {
        self.commands.len() - self.late - self.abandoned
    }

    /// Whether anybody waits for one of them.
    pub fn is_awaited(&self) -> bool {
        self.commands.len() > self.abandoned
    }

    /// How many are late, and still waited for.
    pub fn late(&self) -> usize {
        self.late
    }

    /// Takes note that a command is sent. It is late after the time that is answered.
    pub fn sent(&mut self, lane: Lane, requests: usize, now: Instant) -> (Place, Duration) {
        let late_after = self.usual.late_after(lane, requests);
        self.requests += requests;
        let place = self.commands.insert(UnderWay {
            requests,
            sent: now,
            late_after,
            state: State::InTime,
        });
        (place, late_after)
    }

    /// When the next one is late.
    pub fn next_late(&self) -> Option<Instant> {
        let in_time = |(_, command): (_, &UnderWay)| {
            (command.state == State::InTime).then(|| command.sent + command.late_after)
        };
        self.commands.iter().filter_map(in_time).min()
    }

    /// Takes note of the time.
    pub fn mark_late(&mut self, now: Instant) {
        for (_, command) in &mut self.commands {
            if command.state == State::InTime && command.sent + command.late_after <= now {
                command.state = State::Late;
                self.late += 1;
            }
        }
    }

    /// Takes note that nobody waits for a command any more, which still has its connection.
    pub fn abandon(&mut self, place: Place) {
        let command = &mut self.commands[place];
        if command.state == State::Late {
            self.late -= 1;
        }
        if command.state != State::Abandoned {
            self.abandoned += 1;
        }
        command.state = State::Abandoned;
    }

    /// Takes note that a command has come back or was given up, and answers how many requests it had
    /// and how long it took.
    pub fn done(&mut self, lane: Lane, place: Place, now: Instant) -> (usize, Duration) {
        let command = self.commands.remove(place);
        match command.state {
            State::InTime => {}
            State::Late => self.late -= 1,
            State::Abandoned => self.abandoned -= 1,
        }
        let elapsed = now.saturating_duration_since(command.sent);
        let UnderWay {
            requests,
            late_after,
            ..
        } = command;
        self.requests -= requests;
        let was_late = elapsed >= late_after;
        if !was_late {
            self.in_time_since = self.in_time_since.max(Some(command.sent));
        }
        // What was sent after a late one and was answered in time shows that the server was well: it was late
        // for a document or a connection, of which the next command knows nothing.
        let was_alone = was_late && self.in_time_since > Some(command.sent);
        if !was_alone {
            self.usual.saw(lane, requests, elapsed, late_after);
        }
        (requests, elapsed)
    }
}
