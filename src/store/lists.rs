//! Pages of lists: of sessions, and of the users who have them.

use super::reading::reader;
use crate::backend::{Backend, Id, Order, Page, Position, UserPage, Which};
use crate::codec::raw;
use crate::document::{self, Loaded, Reading, field, index_path};
use crate::error::{Error, Result};
use crate::filter::SortValue;
use crate::options::Config;

/// How many documents the first page has at most; how large they are is not known yet.
pub const FIRST_PAGE: u32 = 100;

/// How many a later one has at most.
const LARGEST_PAGE: usize = 1000;

/// About how many bytes a page is to have.
const PAGE_BYTES: usize = 1024 * 1024;

/// Of how many sessions the users are told in one page, at most but for one user who has more.
pub const USER_PAGE: u32 = 1000;

/// Part of a list, as JavaScript asks for it.
#[derive(Default)]
pub struct Place {
    /// By what the list is sorted, besides by the ids: the name of an index, or of what the store keeps of
    /// every session.
    pub sorted_by: Option<String>,
    /// Whether what is greatest comes first.
    pub descends: bool,
    /// What the list holds there of what it is sorted by, as [`SortValue::text`] has it.
    pub value: Option<String>,
    /// The id behind which the page begins.
    pub after: Option<String>,
    /// Whether it begins before this id.
    pub is_before_id: bool,
    /// How many documents it has at most.
    pub most: Option<u32>,
}

impl Place {
    pub(super) fn order(&self, config: &Config) -> Result<Order> {
        let field = self.sorted_by.as_ref();
        let field = field.map(|name| sort_field(name, config)).transpose()?;
        Ok(Order {
            field,
            descends: self.descends,
        })
    }

    pub(super) fn position(&self) -> Result<Option<Position>> {
        if self.after.is_none() && self.value.is_none() {
            return Ok(None);
        }
        let value = self.value.as_deref();
        Ok(Some(Position {
            value: value.map(SortValue::parse).transpose()?,
            id: self.after.as_deref().map(Id::from),
            is_before_id: self.is_before_id,
        }))
    }
}

/// The field by which a list is sorted.
fn sort_field(name: &str, config: &Config) -> Result<String> {
    if config.indexes.iter().any(|index| index == name) {
        return Ok(index_path(name));
    }
    let mut known = vec![("expires", &*config.layout.moment)];
    if config.stores_creation() {
        known.push((field::CREATED, field::CREATED));
    }
    if config.timestamps {
        known.push((field::UPDATED, field::UPDATED));
    }
    if config.devices {
        known.push((field::SEEN, field::SEEN));
    }
    if let Some((_, field)) = known.iter().find(|(one, _)| *one == name) {
        return Ok((*field).to_owned());
    }
    let names: Vec<_> = known.iter().map(|(name, _)| format!("'{name}'")).collect();
    Err(Error::Filter(format!(
        "the option 'sort' must name one of the option 'indexes', or of what the store keeps of every session: {}",
        names.join(", ")
    )))
}

/// What a page holds.
#[derive(Debug, Default)]
pub struct Entries {
    /// In the order of the list.
    pub entries: Vec<Entry>,
    /// What the next page needs; None after the last.
    pub next: Option<Next>,
    /// Why some are missing: they cannot be decrypted.
    pub left_out: Option<Error>,
}

/// A session in a list.
#[derive(Debug)]
pub struct Entry {
    /// The id in the document without the prefix.
    pub id: String,
    /// When it expires, in milliseconds since the epoch; None if never.
    pub expires_ms: Option<i64>,
    /// The session; None where only ids are wanted.
    pub session: Option<Loaded>,
    /// What it holds of what the list is sorted by, as [`SortValue::text`] has it.
    pub value: Option<String>,
}

/// What the next page of a list begins behind.
#[derive(Debug)]
pub struct Next {
    /// The last id.
    pub id: String,
    /// What its document holds of what the list is sorted by.
    pub value: Option<String>,
    /// How many documents the next page may have.
    pub most: u32,
}

/// Users who have live sessions.
#[derive(Debug, Default)]
pub struct Users {
    /// In the order of their texts.
    pub users: Vec<UserCount>,
    /// The user behind whom the next page begins; None after the last.
    pub next: Option<String>,
}

/// What is told of the live sessions of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserCount {
    /// Who it is.
    pub user: String,
    /// How many there are.
    pub count: i64,
    /// When the last of them expires, in milliseconds since the epoch; None if one never does.
    pub expires_ms: Option<i64>,
    /// When one of them was used last, likewise; None if their documents do not say.
    pub seen_ms: Option<i64>,
}

/// Reads a page of a list.
pub async fn page(backend: &dyn Backend, config: &Config, page: &Page) -> Result<Entries> {
    let mut reader = reader(config).await;
    // Of a list, only the devices of a user are told what documents say about their sessions.
    reader.wants_metadata &= matches!(page.which, Which::Of(_));
    let alive = config.alive(reader.now_ms);
    let layout = &config.layout;
    let sorted_by = page.order.field.as_deref();
    let mut read = Entries::default();
    let mut last = None;
    let mut documents = 0;
    let mut bytes = 0;
    backend
        .page(&config.prefix, page, alive, &mut |document| {
            documents += 1;
            bytes += document.len();
            let Some(id) = layout.id_of(document) else {
                return;
            };
            let value =
                sorted_by.map(|path| SortValue::of(document::at_path(document, path)).text());
            last = Some((id.to_owned(), value.clone()));
            // A collection may have a collation by which more ids are in the range of the prefix.
            let Some(sid) = id.strip_prefix(&*config.prefix) else {
                return;
            };
            let session = match (page.ids_only, reader.read(document)) {
                (true, _) => None,
                (false, Ok(Reading::Live(loaded))) => Some(loaded),
                (false, Err(error @ Error::Decryption(_))) => {
                    read.left_out = Some(error);
                    return;
                }
                // No session of ours; `get` warns of it.
                _ => return,
            };
            let moment = raw::find(document, &layout.moment).and_then(document::earliest);
            read.entries.push(Entry {
                id: sid.to_owned(),
                expires_ms: moment.map(|moment| layout.expiry_of(moment)),
                session,
                value,
            });
        })
        .await?;
    // MongoDB ends a reply before the document by which it would have more than 16 MiB, so that only
    // nothing at all proves the end; ids never have as much.
    let is_last = documents == 0 || (page.ids_only && documents < page.most as usize);
    if !is_last && let Some(size) = bytes.checked_div(documents) {
        let most = (PAGE_BYTES / size.max(1)).clamp(1, LARGEST_PAGE);
        read.next = last
            .zip(u32::try_from(most).ok())
            .map(|((id, value), most)| Next { id, value, most });
    }
    Ok(read)
}

/// Counts live sessions.
pub async fn count(
    backend: &dyn Backend,
    config: &Config,
    which: &Which,
    most: Option<u32>,
) -> Result<u64> {
    let alive = config.alive(config.clock.called_ms());
    backend.count(&config.prefix, which, most, alive).await
}

/// A page of the list of users. The last one on it may have more sessions than it tells of, so that they are
/// left to the next page, or asked for alone if there is nobody else.
pub async fn users(backend: &dyn Backend, config: &Config, page: &UserPage) -> Result<Users> {
    let mut users = read_users(backend, config, page).await?;
    let UserPage::Behind(_, most) = page else {
        return Ok(Users { users, next: None });
    };
    let is_last = users.iter().map(|user| user.count).sum::<i64>() < i64::from(*most);
    if !is_last {
        if let [one] = &users[..] {
            let one = UserPage::Only(one.user.clone());
            let counted = read_users(backend, config, &one).await?;
            // They may have logged out meanwhile; the next page begins behind them all the same.
            if !counted.is_empty() {
                users = counted;
            }
        } else {
            users.pop();
        }
    }
    let next = users.last().filter(|_| !is_last);
    let next = next.map(|last| last.user.clone());
    Ok(Users { users, next })
}

async fn read_users(
    backend: &dyn Backend,
    config: &Config,
    page: &UserPage,
) -> Result<Vec<UserCount>> {
    let alive = config.alive(config.clock.called_ms());
    let mut users = Vec::new();
    backend
        .users(&config.prefix, page, alive, &mut |document| {
            let find = |name| raw::find(document, name);
            let number = |name| find(name).and_then(|element| element.as_i64()).unwrap_or(0);
            let Some(user) = find("_id").and_then(|element| element.as_str()) else {
                return;
            };
            let moment = find("moment").and_then(document::earliest);
            let expires = moment.map(|moment| config.layout.expiry_of(moment));
            users.push(UserCount {
                user: user.to_owned(),
                count: number("sessions"),
                expires_ms: expires.filter(|_| number("endless") == 0),
                seen_ms: find("seen").and_then(|element| element.as_date()),
            });
        })
        .await?;
    Ok(users)
}
