//! Reading what an earlier run kept. Rows that make no sense are left out and counted.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row};

use super::Stored;
use super::text::{read_change, read_host, read_state, read_time, read_verdict};
use crate::findings::History;
use crate::findings::history::{MAX_CHANGES, Past};
use crate::findings::saved::{Kept, SavedFinding, SavedHost, SavedWatch};

/// Reads everything in a file of a schema: of findings, the newest `capacity`.
pub(super) fn all(
    connection: &Connection,
    schema: i64,
    capacity: usize,
) -> rusqlite::Result<Stored> {
    let mut unreadable = 0;
    let most = i64::try_from(capacity).unwrap_or(i64::MAX);
    let mut findings = rows(connection, FINDINGS, most, &mut unreadable, finding)?;
    findings.reverse();
    let query = if schema < 2 { HOSTS_OF_1 } else { HOSTS };
    let hosts = rows(connection, query, i64::MAX, &mut unreadable, host)?;
    let most = i64::try_from(MAX_CHANGES).unwrap_or(i64::MAX);
    let mut changes = rows(connection, CHANGES, most, &mut unreadable, change)?;
    changes.reverse();
    let mut history = History::default();
    for past in changes {
        history.push(past);
    }
    let watch = connection.query_row(WATCH, [], |it| {
        Ok(SavedWatch {
            watched: Duration::from_nanos(it.get::<_, i64>(0)?.unsigned_abs()),
            slot: Duration::from_secs(it.get::<_, i64>(1)?.unsigned_abs()),
        })
    });
    Ok(Stored {
        kept: Kept {
            watch: watch.optional()?.unwrap_or_default(),
            hosts,
            findings,
        },
        history,
        unreadable,
        put_aside: None,
    })
}

fn rows<T>(
    connection: &Connection,
    query: &str,
    most: i64,
    unreadable: &mut u64,
    read: impl Fn(&Row<'_>) -> Option<T>,
) -> rusqlite::Result<Vec<T>> {
    let mut statement = connection.prepare(query)?;
    let mut rows = statement.query([most])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        match read(row) {
            Some(it) => all.push(it),
            None => *unreadable += 1,
        }
    }
    Ok(all)
}

fn finding(row: &Row<'_>) -> Option<SavedFinding> {
    let text = |place: usize| row.get::<_, String>(place).ok();
    let count = |place: usize| u64::try_from(row.get::<_, i64>(place).ok()?).ok();
    Some(SavedFinding {
        host: read_host(&text(0)?)?,
        vendor: text(1)?,
        verdict: read_verdict(&text(2)?)?,
        state: read_state(&text(3)?)?,
        state_since: read_time(&text(4)?)?,
        first_seen: read_time(&text(5)?)?,
        last_seen: read_time(&text(6)?)?,
        products: text(7)?.split(", ").map(str::to_owned).collect(),
        sightings: count(8)?,
        sent: count(9)?,
        received: count(10)?,
        page: serde_json::from_str(&text(11)?).ok()?,
    })
}

fn host(row: &Row<'_>) -> Option<SavedHost> {
    let flag = |place: usize| Some(row.get::<_, i64>(place).ok()? != 0);
    Some(SavedHost {
        host: read_host(&row.get::<_, String>(0).ok()?)?,
        is_proven: flag(1)?,
        is_resolver: flag(2)?,
        is_proxy: flag(3)?,
        was_asked: flag(4)?,
        seen_secs: row.get(5).ok()?,
        slots: row.get(6).ok()?,
        who: match row.get::<_, Option<String>>(7).ok()? {
            Some(text) => Some(serde_json::from_str(&text).ok()?),
            None => None,
        },
    })
}

fn change(row: &Row<'_>) -> Option<Past> {
    let text = |place: usize| row.get::<_, String>(place).ok();
    Some(Past {
        at: read_time(&text(0)?)?,
        host: read_host(&text(1)?)?,
        vendor: text(2)?.into(),
        kind: read_change(&text(3)?)?,
        from: read_verdict(&text(4)?)?,
        to: read_verdict(&text(5)?)?,
    })
}

const FINDINGS: &str = "SELECT host, vendor, verdict, state, state_since, first_seen, last_seen, \
                        products, sightings, sent, received, page FROM findings \
                        ORDER BY last_seen DESC, host, vendor LIMIT ?1";
const HOSTS: &str =
    "SELECT host, proven, resolver, proxy, asked, seen_secs, slots, identity FROM hosts LIMIT ?1";
const HOSTS_OF_1: &str =
    "SELECT host, proven, resolver, proxy, asked, seen_secs, slots, NULL FROM hosts LIMIT ?1";
const CHANGES: &str = "SELECT at, host, vendor, change, verdict_before, verdict FROM changes \
                       ORDER BY number DESC LIMIT ?1";
const WATCH: &str = "SELECT watched_nanos, slot_secs FROM watch";
