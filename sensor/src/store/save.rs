//! One save: a batch in a transaction.

use rusqlite::{Connection, Transaction, params};

use super::text::{count, time};
use crate::findings::history::Past;
use crate::findings::saved::{SavedFinding, SavedHost, SavedWatch, SavedWho};
use crate::host::Address;
use crate::time::Timestamp;

/// What has changed since the batch before.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Its number; they rise.
    pub number: u64,
    /// How much time was watched.
    pub watch: SavedWatch,
    /// Findings that are new or other than they were.
    pub findings: Vec<SavedFinding>,
    /// Findings that are no more, by host and id of the vendor's pack.
    pub gone: Vec<(Address, String)>,
    /// Hosts that are new or were seen since.
    pub hosts: Vec<SavedHost>,
    /// What happened to findings.
    pub changes: Vec<Past>,
    /// If set, changes from before that time are deleted, and hosts without a finding.
    pub tidy_before: Option<Timestamp>,
}

/// Rows that a save deleted because they were too old or too many.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Deleted {
    pub(super) findings: u64,
    pub(super) changes: u64,
}

/// Saves a batch, all of it or nothing.
pub(super) fn save(connection: &mut Connection, batch: &Batch) -> rusqlite::Result<Deleted> {
    let transaction = connection.transaction()?;
    findings(&transaction, batch)?;
    hosts(&transaction, batch)?;
    changes(&transaction, batch)?;
    let SavedWatch { watched, slot } = batch.watch;
    let nanos = i64::try_from(watched.as_nanos()).unwrap_or(i64::MAX);
    transaction.execute(WATCH, [nanos, count(slot.as_secs())])?;
    let mut deleted = gone(&transaction, batch)?;
    if let Some(before) = batch.tidy_before {
        deleted.changes += tidy(&transaction, before)?;
    }
    transaction.commit()?;
    Ok(deleted)
}

fn findings(transaction: &Transaction<'_>, batch: &Batch) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare(FINDING)?;
    for it in &batch.findings {
        let page = json(&it.page)?;
        statement.execute(params![
            it.host.to_string(),
            it.vendor,
            it.verdict.as_str(),
            it.state.as_str(),
            time(it.state_since),
            time(it.first_seen),
            time(it.last_seen),
            it.products.join(", "),
            count(it.sightings),
            count(it.sent),
            count(it.received),
            page,
            it.page.who().and_then(SavedWho::mac),
            it.page.who().and_then(SavedWho::name),
        ])?;
    }
    Ok(())
}

fn json(value: &impl serde::Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|it| rusqlite::Error::ToSqlConversionFailure(it.into()))
}

fn hosts(transaction: &Transaction<'_>, batch: &Batch) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare(HOST)?;
    for it in &batch.hosts {
        let identity = it.who.as_ref().map(json).transpose()?;
        statement.execute(params![
            it.host.to_string(),
            it.is_proven,
            it.is_resolver,
            it.is_proxy,
            it.was_asked,
            it.seen_secs,
            it.slots,
            identity,
        ])?;
    }
    Ok(())
}

fn changes(transaction: &Transaction<'_>, batch: &Batch) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare(CHANGE)?;
    for it in &batch.changes {
        statement.execute(params![
            time(it.at),
            it.host.to_string(),
            it.vendor.as_ref(),
            it.kind.as_str(),
            it.from.as_str(),
            it.to.as_str(),
        ])?;
    }
    Ok(())
}

fn gone(transaction: &Transaction<'_>, batch: &Batch) -> rusqlite::Result<Deleted> {
    let mut deleted = Deleted::default();
    let mut statement = transaction.prepare(GONE)?;
    for (host, vendor) in &batch.gone {
        deleted.findings += statement.execute(params![host.to_string(), vendor])? as u64;
    }
    Ok(deleted)
}

fn tidy(transaction: &Transaction<'_>, before: Timestamp) -> rusqlite::Result<u64> {
    transaction.execute(HOMELESS, [])?;
    let old = transaction.execute(OLD, [time(before)])?;
    let over = transaction.execute(OVER, [MAX_CHANGES])?;
    Ok((old + over) as u64)
}

/// Rows of changes that are kept at most: about 100 MB.
const MAX_CHANGES: i64 = 1_000_000;

const FINDING: &str = "INSERT OR REPLACE INTO findings VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
const HOST: &str = "INSERT OR REPLACE INTO hosts VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
const CHANGE: &str = "INSERT INTO changes (at, host, vendor, change, verdict_before, verdict) \
                      VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
const WATCH: &str = "INSERT OR REPLACE INTO watch VALUES (1, ?1, ?2)";
const GONE: &str = "DELETE FROM findings WHERE host = ?1 AND vendor = ?2";
const HOMELESS: &str = "DELETE FROM hosts WHERE host NOT IN (SELECT host FROM findings)";
const OLD: &str = "DELETE FROM changes WHERE at < ?1";
const OVER: &str = "DELETE FROM changes WHERE number <= (SELECT max(number) FROM changes) - ?1";
