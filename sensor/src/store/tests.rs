//! The file, as this program and others leave it.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use phonehome_signatures::Catalogue;
use tempfile::TempDir;

use super::*;
use crate::detection::{Notice, Reach, Sighting, What};
use crate::findings::history::Past;
use crate::findings::saved::{SavedFinding, SavedHost};
use crate::findings::{Book, ChangeKind, Limits, Verdict};
use crate::host::{Address, HomeNetworks};
use crate::identity::{self, Hold, Mac, Speaker, Statement};
use crate::names::{Endpoint, Name, Observation, Source, Transport};
use crate::time::Timestamp;

/// Findings of that many hosts.
fn findings(count: u8) -> Vec<SavedFinding> {
    let catalogue = Arc::new(Catalogue::builtin().unwrap());
    let limits = Limits::default();
    let mut book = Book::new(Arc::clone(&catalogue), HomeNetworks::default(), limits);
    let text = "s00.upd.kaspersky.com";
    let service = phonehome_signatures::Service::Tcp(443);
    let signature = catalogue.claim(text, service).unwrap();
    for number in 0..count {
        let end = |address, port| Endpoint { address, port };
        let at = Timestamp::from_secs_nanos(1_700_000_000 + i64::from(number), 123_456_789);
        let observation = Observation {
            at,
            source: Source::TlsSni,
            transport: Transport::Tcp,
            src: end(Address::from_v4([10, 0, 0, number]), 50_000),
            dst: end(Address::from_v4([203, 0, 113, 1]), 443),
            name: Name::from_text(text.as_bytes()).unwrap(),
            vlan: None,
            ech: None,
            traits: None,
            ecs: None,
        };
        let given = Statement {
            source: identity::Source::Dhcp,
            speaker: Speaker::Server,
            hold: Hold::Has {
                addresses: vec![Address::from_v4([10, 0, 0, number])],
                lease: None,
            },
            device: Mac::new([2, 0, 0, 0, 0, number]),
            name: Name::from_text(format!("pc-{number}").as_bytes()),
            class: None,
        };
        let notice = Notice {
            number: u64::from(number),
            at,
            what: What::Identity(Box::new(given)),
        };
        book.take(&notice, &mut Vec::new());
        let notice = Notice {
            number: u64::from(number),
            at,
            what: What::Sighting(Sighting {
                observation,
                signature,
                via: None,
                reach: Reach::Transferred,
            }),
        };
        book.take(&notice, &mut Vec::new());
    }
    let mut keys: Vec<_> = book.keys().collect();
    keys.sort_unstable();
    keys.into_iter()
        .filter_map(|it| book.saved(it.0, it.1))
        .collect()
}

fn past(number: i64) -> Past {
    Past {
        at: Timestamp::from_secs_nanos(1_700_000_000 + number, 1),
        host: Address::from_v4([10, 0, 0, 1]),
        vendor: "kaspersky".into(),
        kind: ChangeKind::Opened,
        from: Verdict::None,
        to: Verdict::InstalledActive,
    }
}

fn batch(number: u64) -> Batch {
    Batch {
        number,
        findings: findings(5),
        changes: vec![past(1), past(2)],
        ..Batch::default()
    }
}

/// Saves batches, each of which succeeds, and closes the store.
fn save_all(folder: &Path, batches: impl IntoIterator<Item = Batch>) -> Counts {
    let mut handle = open(folder, 100).unwrap().0.start().unwrap();
    for batch in batches {
        let number = batch.number;
        handle.hand_over(batch).unwrap();
        assert_eq!(handle.wait(PATIENCE), Some(Outcome::Saved(number)));
    }
    handle.close(PATIENCE);
    handle.counts()
}

fn integrity(folder: &Path) -> String {
    let connection = Connection::open(folder.join(FILE)).unwrap();
    let check = connection.query_row("PRAGMA integrity_check", [], |it| it.get(0));
    check.unwrap()
}

const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn what_is_saved_is_what_is_read() {
    let folder = TempDir::new().unwrap();
    let counts = save_all(folder.path(), [batch(1)]);
    assert_eq!(
        (counts.failures, counts.durations.iter().sum::<u64>()),
        (0, 1)
    );
    assert!(counts.file_bytes > 4096, "{counts:?}");
    let (_store, stored) = open(folder.path(), 100).unwrap();
    let mut read = stored.kept.findings;
    read.sort_by_key(|it| it.host);
    assert_eq!(read, findings(5));
    let history: Vec<_> = stored.history.iter().cloned().collect();
    assert_eq!(history, [past(1), past(2)]);
    assert_eq!((stored.unreadable, stored.put_aside), (0, None));
    assert_eq!(integrity(folder.path()), "ok");
}

#[test]
fn of_more_findings_than_there_is_room_for_the_newest_are_read() {
    let folder = TempDir::new().unwrap();
    save_all(folder.path(), [batch(1)]);
    let (_store, stored) = open(folder.path(), 2).unwrap();
    let hosts: Vec<_> = stored
        .kept
        .findings
        .iter()
        .map(|it| it.host.to_string())
        .collect();
    assert_eq!(hosts, ["10.0.0.3", "10.0.0.4"]);
}

#[test]
fn an_analyst_can_read_it_while_a_sensor_keeps_it() {
    let folder = TempDir::new().unwrap();
    let mut handle = open(folder.path(), 100).unwrap().0.start().unwrap();
    handle.hand_over(batch(1)).unwrap();
    assert_eq!(handle.wait(PATIENCE), Some(Outcome::Saved(1)));
    let stored = look(folder.path()).unwrap();
    assert_eq!(stored.kept.findings.len(), 5);
    assert_eq!(stored.history.len(), 2);
    let connection = Connection::open(folder.path().join(FILE)).unwrap();
    let query = "SELECT host || ' ' || vendor || ' ' || state || ' ' || first_seen FROM findings";
    let row: String = connection.query_row(query, [], |it| it.get(0)).unwrap();
    assert_eq!(
        row,
        "10.0.0.0 kaspersky active 2023-11-14T22:13:20.123456789Z"
    );
    handle.close(PATIENCE);
}

#[test]
fn what_is_gone_too_old_or_without_a_finding_is_deleted() {
    let folder = TempDir::new().unwrap();
    let hosts = [1, 9].map(|it| SavedHost {
        host: Address::from_v4([10, 0, 0, it]),
        is_proven: true,
        is_resolver: false,
        is_proxy: true,
        was_asked: false,
        seen_secs: 77,
        slots: 3,
        who: None,
    });
    let first = Batch {
        hosts: hosts.to_vec(),
        ..batch(1)
    };
    let second = Batch {
        number: 2,
        gone: vec![(Address::from_v4([10, 0, 0, 2]), "kaspersky".to_owned())],
        tidy_before: Some(past(2).at),
        ..Batch::default()
    };
    let counts = save_all(folder.path(), [first, second]);
    assert_eq!(counts.deleted, [1, 1]);
    let (_store, stored) = open(folder.path(), 100).unwrap();
    assert_eq!(stored.kept.findings.len(), 4);
    assert_eq!(stored.kept.hosts, hosts[..1]);
    assert_eq!(
        stored.history.iter().cloned().collect::<Vec<_>>(),
        [past(2)]
    );
}

#[test]
fn a_second_sensor_on_the_same_folder_is_refused() {
    let folder = TempDir::new().unwrap();
    let first = open(folder.path(), 100).unwrap();
    let refused = open(folder.path(), 100).unwrap_err();
    assert!(matches!(refused, StoreError::InUse(_)), "{refused}");
    drop(first);
    open(folder.path(), 100).unwrap();
}

#[test]
fn a_file_of_a_newer_version_is_refused_and_left_alone() {
    let folder = TempDir::new().unwrap();
    save_all(folder.path(), [batch(1)]);
    let connection = Connection::open(folder.path().join(FILE)).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let refused = open(folder.path(), 100).unwrap_err();
    assert!(refused.to_string().contains("has schema 99"), "{refused}");
    assert!(matches!(
        look(folder.path()),
        Err(StoreError::Newer { found: 99, .. })
    ));
    assert_eq!(integrity(folder.path()), "ok");
}

#[test]
fn a_file_of_the_first_schema_is_read_and_taken_over() {
    let folder = TempDir::new().unwrap();
    save_all(folder.path(), [batch(1)]);
    let path = folder.path().join(FILE);
    let connection = Connection::open(&path).unwrap();
    let back = "ALTER TABLE findings DROP COLUMN mac;
                ALTER TABLE findings DROP COLUMN host_name;
                ALTER TABLE hosts DROP COLUMN identity;
                PRAGMA user_version = 1;";
    connection.execute_batch(back).unwrap();
    drop(connection);
    assert_eq!(look(folder.path()).unwrap().kept.findings.len(), 5);
    let second = Batch {
        number: 2,
        ..batch(1)
    };
    save_all(folder.path(), [second]);
    let connection = Connection::open(&path).unwrap();
    let version = connection.pragma_query_value(None, "user_version", |it| it.get::<_, i64>(0));
    assert_eq!(version.unwrap(), SCHEMA);
    assert_eq!(look(folder.path()).unwrap().kept.findings.len(), 5);
}

#[test]
fn analysts_see_who_a_host_is() {
    let folder = TempDir::new().unwrap();
    save_all(folder.path(), [batch(1)]);
    let connection = Connection::open(folder.path().join(FILE)).unwrap();
    let query = "SELECT mac || ' ' || host_name FROM findings WHERE host = '10.0.0.3'";
    let row: String = connection.query_row(query, [], |it| it.get(0)).unwrap();
    assert_eq!(row, "02:00:00:00:00:03 pc-3");
}

#[test]
fn a_database_of_another_program_is_refused_and_left_alone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(FILE);
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch("CREATE TABLE mine (a)").unwrap();
    drop(connection);
    let before = fs::read(&path).unwrap();
    let refused = open(folder.path(), 100).unwrap_err();
    assert!(
        refused.to_string().contains("database of another program"),
        "{refused}"
    );
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_damaged_file_is_put_aside_and_never_deleted() {
    let garbage = |_: Vec<u8>| b"this is no database, whatever its name says".repeat(100);
    let holes = |mut file: Vec<u8>| {
        let len = file.len();
        file[4096..len].fill(0x5a);
        file
    };
    let damages: [&dyn Fn(Vec<u8>) -> Vec<u8>; 2] = [&garbage, &holes];
    for damage in damages {
        let folder = TempDir::new().unwrap();
        save_all(folder.path(), [batch(1)]);
        let path = folder.path().join(FILE);
        let damaged = damage(fs::read(&path).unwrap());
        fs::write(&path, &damaged).unwrap();
        let (_store, stored) = open(folder.path(), 100).unwrap();
        assert_eq!(stored.kept.findings, []);
        let aside = stored.put_aside.unwrap();
        assert!(aside.to_str().unwrap().contains("phonehome.db.damaged-"));
        assert_eq!(fs::read(aside).unwrap(), damaged);
    }
}

#[test]
fn rows_that_make_no_sense_are_left_out_and_counted() {
    let folder = TempDir::new().unwrap();
    save_all(folder.path(), [batch(1)]);
    let connection = Connection::open(folder.path().join(FILE)).unwrap();
    let damage = "UPDATE findings SET page = '{}' WHERE host = '10.0.0.1';
                  UPDATE findings SET verdict = 'certain' WHERE host = '10.0.0.2';
                  UPDATE changes SET at = 'yesterday' WHERE number = 1;";
    connection.execute_batch(damage).unwrap();
    drop(connection);
    let (_store, stored) = open(folder.path(), 100).unwrap();
    assert_eq!(stored.unreadable, 3);
    assert_eq!(stored.kept.findings.len(), 3);
    assert_eq!(stored.history.len(), 1);
}

#[test]
fn a_save_that_fails_is_counted_and_tried_again_until_it_succeeds() {
    let folder = TempDir::new().unwrap();
    let mut handle = open(folder.path(), 100).unwrap().0.start().unwrap();
    // Somebody else writes, and does not come to an end.
    let other = Connection::open(folder.path().join(FILE)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    handle.hand_over(batch(1)).unwrap();
    assert_eq!(handle.wait(PATIENCE), Some(Outcome::Failed));
    assert!(handle.counts().failures >= 1);
    other.execute_batch("COMMIT").unwrap();
    let end = Instant::now() + PATIENCE;
    while handle.wait(PATIENCE) != Some(Outcome::Saved(1)) {
        assert!(Instant::now() < end);
    }
    handle.close(PATIENCE);
    assert_eq!(look(folder.path()).unwrap().kept.findings.len(), 5);
}

#[test]
fn a_folder_that_cannot_be_had_is_named_with_what_would_be_right() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let refused = open(&file.join("state"), 100).unwrap_err();
    let text = refused.to_string();
    assert!(text.contains("state.folder must be a folder"), "{text}");
    let made = folder.path().join("a/b");
    open(&made, 100).unwrap();
    assert!(made.join(FILE).exists());
}
