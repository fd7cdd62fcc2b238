//! The limit on how many sessions a user has: which log-ins are refused, and which sessions end for others.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::old_id;
use super::selection::fate;
use crate::backend::{Backend, Id, Ids, Removal, Sweep, Which, Write, Written};
use crate::batch::Batch;
use crate::codec::raw;
use crate::document::{Renewed, field};
use crate::error::{Error, Result};
use crate::options::Config;

/// How many sessions a user may have, and what the engine needs to keep to that.
pub struct Limit {
    /// None where each write says it.
    most: Option<usize>,
    /// Whether one more log-in is refused, and no session ended.
    refuses: bool,
    config: Arc<Config>,
}

/// What was found out about the log-ins of a batch before they are sent.
#[derive(Default)]
pub struct LogIns {
    /// Why none of those is sent that would give a user one session too many.
    pub refused: Vec<Error>,
    /// The sessions that were not their users' before, of those that are sent.
    new: HashSet<Id>,
}

/// The live sessions of users: since when each is theirs, and its id.
type UserSessions = HashMap<String, Vec<(Option<i64>, Id)>>;

impl Limit {
    /// None without a limit.
    pub fn of(config: &Arc<Config>) -> Option<Arc<Self>> {
        let users = config.users?;
        users.limits.then(|| {
            Arc::new(Self {
                most: users.most_sessions,
                refuses: users.refuses,
                config: config.clone(),
            })
        })
    }

    fn most(&self, write: &Write) -> usize {
        let own = write.extra.most_sessions;
        own.or(self.most).unwrap_or(usize::MAX)
    }

    /// Puts those writes of a batch to its end that would give a user one session too many. Only where that ends
    /// no other session.
    pub async fn refuse(&self, backend: &dyn Backend, batch: &mut Batch<Write>) -> LogIns {
        let users = gainers(&batch.items);
        if !self.refuses || users.is_empty() {
            return LogIns::default();
        }
        let mut new = HashSet::new();
        let mut refused: HashMap<Id, Error> = HashMap::new();
        match self.sessions(backend, &users).await {
            Err(error) => {
                let gaining = batch.items.iter().filter(|write| gains(write).is_some());
                refused.extend(gaining.map(|write| (write.id.clone(), error.clone())));
            }
            Ok(mut sessions) => {
                for write in &batch.items {
                    let Some(user) = gains(write) else { continue };
                    let own = sessions.entry(user.to_string()).or_default();
                    if own.iter().any(|(_, id)| *id == write.id) {
                        continue;
                    }
                    if own.len() < self.most(write) {
                        own.push((None, write.id.clone()));
                        new.insert(write.id.clone());
                        continue;
                    }
                    // A request may be under way with an id that one of them has given up.
                    let reason = match self.current(backend, &write.id).await {
                        Ok(Some(id)) if own.iter().any(|(_, other)| *other == id) => continue,
                        Ok(_) => Error::TooManySessions,
                        Err(error) => error,
                    };
                    refused.insert(write.id.clone(), reason);
                }
            }
        }
        let count = batch.items.len();
        let sent = batch.set_apart(count, |write| refused.contains_key(&write.id));
        let reason = |write: &Write| refused.remove(&write.id);
        LogIns {
            refused: batch.items[sent..].iter().filter_map(reason).collect(),
            new,
        }
    }

    /// Removes the oldest sessions of each user to whom one of the writes may have given another one.
    /// A write whose user could not be looked after has failed: its caller will try again.
    ///
    /// Processes that do this at the same moment agree on which sessions are the oldest, and the last
    /// of them sees what all have written. So exactly as many stay as may.
    pub async fn keep(
        &self,
        backend: &dyn Backend,
        writes: &[Write],
        log_ins: &LogIns,
        results: &mut [Result<Written>],
    ) {
        let mut limits: Vec<(Arc<str>, usize)> = Vec::new();
        for (write, result) in writes.iter().zip(&*results) {
            if let (Some(user), Ok(Written::Stored | Written::Created)) = (gains(write), result) {
                limits.retain(|(other, _)| other != user);
                limits.push((user.clone(), self.most(write)));
            }
        }
        if limits.is_empty() {
            return;
        }
        let removed = if self.refuses {
            self.remove_own(backend, &limits, log_ins).await
        } else {
            self.remove_oldest(backend, &limits).await
        };
        for (write, result) in writes.iter().zip(results) {
            if gains(write).is_none() || result.is_err() {
                continue;
            }
            match &removed {
                Ok(removed) if removed.contains(&write.id) && self.refuses => {
                    *result = Err(Error::TooManySessions);
                }
                // Others have logged in as late, and its id decides.
                Ok(removed) if removed.contains(&write.id) => *result = Ok(Written::Missing),
                Ok(_) => {}
                Err(error) => *result = Err(error.clone()),
            }
        }
    }

    /// Answers which sessions have gone.
    async fn remove_oldest(
        &self,
        backend: &dyn Backend,
        limits: &[(Arc<str>, usize)],
    ) -> Result<Vec<Id>> {
        let mut sessions = self.sessions(backend, &named(limits)).await?;
        let mut chosen = Vec::new();
        for (user, most) in limits {
            let own = sessions.remove(&**user).unwrap_or_default();
            chosen.push((user.clone(), oldest(own, *most)));
        }
        self.remove(backend, chosen).await
    }

    /// Ends the sessions that have become their users' at the same moment as others, where that are too many:
    /// each of those who log in sees the others, so that perhaps all of them end, and never too few. One that was
    /// there before ends as well, since it holds the log-in.
    async fn remove_own(
        &self,
        backend: &dyn Backend,
        limits: &[(Arc<str>, usize)],
        log_ins: &LogIns,
    ) -> Result<Vec<Id>> {
        let mut sessions = self.sessions(backend, &named(limits)).await?;
        let mut chosen = Vec::new();
        for (user, most) in limits {
            let all = sessions.remove(&**user).unwrap_or_default();
            let excess = all.len().saturating_sub(*most);
            let is_new = |(_, id): &(Option<i64>, Id)| log_ins.new.contains(id);
            let mut new: Vec<_> = all.into_iter().filter(is_new).collect();
            new.sort_unstable();
            let ids = new.into_iter().rev().take(excess).map(|(_, id)| id);
            chosen.push((user.clone(), ids.collect()));
        }
        self.remove(backend, chosen).await
    }

    /// The id that a session has now which may have given up this one.
    async fn current(&self, backend: &dyn Backend, id: &Id) -> Result<Option<Id>> {
        if !self.config.delete_flags {
            return Ok(None);
        }
        old_id::current(backend, &self.config, id).await
    }

    /// The live sessions of these users, each under one id.
    async fn sessions(&self, backend: &dyn Backend, users: &[Arc<str>]) -> Result<UserSessions> {
        let (prefix, layout) = (&self.config.prefix, &self.config.layout);
        let alive = self.config.alive(self.config.clock.called_ms());
        let mut sessions = UserSessions::new();
        let mut copies = Vec::new();
        backend
            .of_users(prefix, users, alive, &mut |document| {
                let text = |name| raw::find(document, name).and_then(|element| element.as_str());
                if let (Some(user), Some(id)) = (text(field::USER), layout.id_of(document)) {
                    let since = raw::find(document, field::USER_SINCE);
                    let since = since.and_then(|element| element.as_date());
                    match text(field::RENEWED_FROM) {
                        Some(from) => {
                            copies.push((Id::from(from), user.to_owned(), since, Id::from(id)));
                        }
                        None => sessions
                            .entry(user.to_owned())
                            .or_default()
                            .push((since, id.into())),
                    }
                }
            })
            .await?;
        if !copies.is_empty() {
            // A session that is just getting a new id is one, whichever of them leads there.
            let from: Vec<Id> = copies.iter().map(|(from, ..)| from.clone()).collect();
            let renewed = old_id::renewed(backend, &self.config, &from).await?;
            for (from, user, since, id) in copies {
                let own = sessions.entry(user).or_default();
                let is_counted = own.iter().any(|(_, other)| *other == from);
                let leads_here = |moved: &Renewed| *moved.to == *id;
                if !is_counted && renewed.get(&from).is_some_and(leads_here) {
                    own.push((since, id));
                }
            }
        }
        Ok(sessions)
    }

    /// Removes these sessions of these users, and answers which they are.
    async fn remove(
        &self,
        backend: &dyn Backend,
        chosen: Vec<(Arc<str>, Vec<Id>)>,
    ) -> Result<Vec<Id>> {
        let mut removed = Vec::new();
        let mut removals = Vec::new();
        for (user, ids) in chosen {
            if ids.is_empty() {
                continue;
            }
            removed.extend_from_slice(&ids);
            removals.push(Removal {
                which: Which::Of(user),
                takes_any_text: self.config.takes_any_text,
                ids: Ids::Only(ids),
            });
        }
        if removals.is_empty() {
            return Ok(removed);
        }
        let fate = fate(&self.config, self.config.clock.called_ms());
        let count = backend.remove(&self.config.prefix, &removals, fate).await?;
        if self.config.delete_flags && count < removed.len() as u64 {
            for removal in removals {
                let Ids::Only(ids) = removal.ids.clone() else {
                    continue;
                };
                let sweep = Sweep::Sessions(Arc::new(removal));
                old_id::pursue(backend, &self.config, &sweep, &ids, fate).await?;
            }
        }
        Ok(removed)
    }
}

fn named(limits: &[(Arc<str>, usize)]) -> Vec<Arc<str>> {
    limits.iter().map(|(user, _)| user.clone()).collect()
}

/// The users to whom writes may give another session.
fn gainers(writes: &[Write]) -> Vec<Arc<str>> {
    let mut users: Vec<Arc<str>> = Vec::new();
    for user in writes.iter().filter_map(gains) {
        if !users.contains(user) {
            users.push(user.clone());
        }
    }
    users
}

/// The user to whom a write may give another session.
fn gains(write: &Write) -> Option<&Arc<str>> {
    let user = write.extra.user.as_ref()?.as_ref()?;
    write.extra.marks_since.then_some(user)
}

/// All but the `most` newest. One of unknown age is older than every other, and of two that are of one
/// moment the smaller id is.
fn oldest(mut sessions: Vec<(Option<i64>, Id)>, most: usize) -> Vec<Id> {
    sessions.sort_unstable();
    sessions.truncate(sessions.len().saturating_sub(most));
    sessions.into_iter().map(|(_, id)| id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_stay_and_ids_decide_where_moments_are_equal() {
        let session = |since, id: &str| (since, Id::from(id));
        let sessions = vec![
            session(Some(2), "b"),
            session(None, "z"),
            session(Some(1), "c"),
            session(Some(2), "a"),
        ];
        let ids = |most| -> Vec<String> {
            let oldest = oldest(sessions.clone(), most).into_iter();
            oldest.map(|id| id.to_string()).collect()
        };
        assert_eq!(ids(1), ["z", "c", "a"]);
        assert_eq!(ids(2), ["z", "c"]);
        assert_eq!(ids(4), [""; 0]);
        assert_eq!(ids(9), [""; 0]);
    }
}
