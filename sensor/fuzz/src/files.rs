//! Files that the sensor reads: captures, packs, directives, waivers.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::Crc;
use phonehome::capture::replay::{Damage, Replay, ReplayError};
use phonehome::frame::{LinkType, Run};
use phonehome::time::Timestamp;
use phonehome_signatures::{Catalogue, Directive, FileError, Service, waiver};

use super::input::{Input, pieces};

/// A capture file. Read in one go, and in pieces as a decompressor gives them, it has the same frames
/// and the same damage.
///
/// One octet with a number of lengths, the lengths of pieces, the file.
pub(crate) fn capture_file(octets: &[u8]) {
    let mut input = Input::new(octets);
    let count = usize::from(input.u8() % 16);
    let lens = input.take(count);
    let octets = input.rest();
    let whole = with_file(octets, read_capture);
    // A file may be compressed itself; then there is nothing to compare.
    let is_compressed = matches!(octets, [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..]);
    if count > 0 && octets.len() >= 4 && !is_compressed {
        let compressed: Vec<u8> = pieces(octets, lens, 200)
            .iter()
            .flat_map(|(_, it)| member(it))
            .collect();
        assert_eq!(whole, with_file(&compressed, read_capture), "in pieces");
    }
}

/// What is read of a capture.
#[derive(Debug, PartialEq)]
struct Captured {
    frames: Vec<(Timestamp, LinkType, u32, Vec<u8>)>,
    damage: Option<phonehome::capture::replay::DamageKind>,
    is_capture: bool,
}

fn read_capture(path: &Path) -> Captured {
    let mut captured = Captured {
        frames: Vec::new(),
        damage: None,
        is_capture: true,
    };
    let mut replay = match Replay::open(&[path.to_owned()]) {
        Ok(replay) => replay,
        Err(_) => {
            captured.is_capture = false;
            return captured;
        }
    };
    let mut run = Run::default();
    loop {
        match replay.next_run(&mut run) {
            Ok(true) => {}
            Ok(false) => break,
            Err(ReplayError::Damaged(Damage { kind, frames, .. })) => {
                assert_eq!(frames, captured.frames.len() as u64);
                captured.damage = Some(kind);
                break;
            }
            Err(other) => panic!("{other}"),
        }
        for frame in run.iter() {
            assert!(frame.wire_len as usize >= frame.bytes.len());
            let octets = frame.bytes.to_vec();
            captured
                .frames
                .push((frame.at, frame.link, frame.wire_len, octets));
        }
    }
    captured
}

/// Octets as a member of a gzip file (RFC 1952), stored and not compressed. A reader gets one member at
/// a time.
fn member(octets: &[u8]) -> Vec<u8> {
    let mut crc = Crc::new();
    crc.update(octets);
    let mut member = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    let blocks = octets.chunks(usize::from(u16::MAX));
    let last = blocks.len().saturating_sub(1);
    for (number, block) in blocks.enumerate() {
        let len = block.len() as u16;
        member.push(u8::from(number == last));
        member.extend(len.to_le_bytes());
        member.extend((!len).to_le_bytes());
        member.extend(block);
    }
    member.extend(crc.sum().to_le_bytes());
    member.extend(crc.amount().to_le_bytes());
    member
}

/// A pack of signatures.
pub(crate) fn pack(octets: &[u8]) {
    let text = String::from_utf8_lossy(octets);
    let packs = [("fuzz.toml", text.as_ref())];
    let catalogue = match Catalogue::from_packs(&packs) {
        Ok(catalogue) => catalogue,
        Err(errors) => return check(&errors, &text),
    };
    for name in ["ds.kaspersky.com", "a.example", "x"] {
        if let Some(id) = catalogue.claim(name, Service::Tcp(443)) {
            assert!(catalogue.signature(id).is_some());
        }
    }
    let signatures = catalogue.signatures().len();
    assert_eq!(catalogue.packs().len(), 1);
    let again = Catalogue::from_packs(&packs).map(|it| it.succeed(&catalogue));
    let Ok(Ok(again)) = again else {
        panic!("a pack that was read is read again, and succeeds itself");
    };
    assert_eq!(again.signatures().len(), signatures);
}

/// A directive.
pub(crate) fn directive(octets: &[u8]) {
    let text = String::from_utf8_lossy(octets);
    match Directive::read("fuzz.toml", &text) {
        Ok(directive) => assert!(!directive.id.is_empty()),
        Err(errors) => check(&errors, &text),
    }
}

/// A file of waivers.
pub(crate) fn waivers(octets: &[u8]) {
    let text = String::from_utf8_lossy(octets);
    match waiver::read("fuzz.toml", &text) {
        Ok(waivers) => assert!(waivers.len() <= text.len()),
        Err(errors) => check(&errors, &text),
    }
}

/// Errors say where: in the file, on one of its lines.
fn check(errors: &[FileError], text: &str) {
    assert!(!errors.is_empty(), "wrong, and nothing said");
    let lines = text.split('\n').count();
    for error in errors {
        assert_eq!(error.file, "fuzz.toml");
        assert!(
            (1..=lines).contains(&error.line),
            "{error} of {lines} lines"
        );
        assert!(!error.message.is_empty());
    }
}

/// Has a file with these octets read. Where there is one, it lies in memory.
pub(crate) fn with_file<T>(octets: &[u8], read: impl FnOnce(&Path) -> T) -> T {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let folder = match Path::new("/dev/shm") {
        memory if memory.is_dir() => memory.to_owned(),
        _ => std::env::temp_dir(),
    };
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let file = folder.join(format!("phonehome-fuzz-{}-{number}", std::process::id()));
    let file = Removed(file);
    if let Err(error) = std::fs::write(&file.0, octets) {
        panic!("cannot write {}: {error}", file.0.display());
    }
    read(&file.0)
}

/// A file that goes with its value.
struct Removed(PathBuf);

impl Drop for Removed {
    fn drop(&mut self) {
        // What cannot be removed lies in a folder for what does not last.
        let _ = std::fs::remove_file(&self.0);
    }
}
