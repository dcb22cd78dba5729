//! Tests of the reader: files of each kind, whole, cut and changed.

use std::fs;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

use super::*;
use crate::capture::record::PcapWriter;
use crate::frame::{Frame, LinkType};

/// A frame with its octets.
type Owned = (i64, u16, u32, Vec<u8>);

fn owned(frame: Frame<'_>) -> Owned {
    (
        frame.at.as_nanos(),
        frame.link.0,
        frame.wire_len,
        frame.bytes.to_vec(),
    )
}

/// Directory with capture files.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn add(&self, name: &str, octets: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, octets).unwrap();
        path
    }
}

/// All frames and how the reading ended.
fn read_all(inputs: &[PathBuf]) -> Result<(Vec<Owned>, Vec<Damage>), ReplayError> {
    let mut replay = Replay::open(inputs)?;
    let mut frames = Vec::new();
    // Two runs in turn, as a pipeline has them.
    let mut runs = [Run::default(), Run::default()];
    for turn in 0.. {
        match replay.next_run(&mut runs[turn % 2]) {
            Ok(true) => frames.extend(runs[turn % 2].iter().map(owned)),
            Ok(false) => break,
            Err(ReplayError::Damaged(damage)) => assert_eq!(replay.damages(), [damage]),
            Err(error) => return Err(error),
        }
        assert!(turn < 100_000, "the reader does not end");
    }
    let progress = replay.progress();
    assert!(progress.total.is_none_or(|total| progress.read <= total));
    if replay.damages().is_empty() {
        assert_eq!(Some(progress.read), progress.total);
    }
    Ok((frames, replay.damages().to_vec()))
}

fn read(octets: &[u8]) -> (Vec<Owned>, Vec<Damage>) {
    let files = Files::new();
    read_all(&[files.add("capture", octets)]).unwrap()
}

fn frames_of(octets: &[u8]) -> Vec<Owned> {
    let (frames, damages) = read(octets);
    assert_eq!(damages, []);
    frames
}

/// Writes fields in one byte order.
struct Writer {
    big: bool,
    octets: Vec<u8>,
}

impl Writer {
    fn new(big: bool) -> Self {
        Self {
            big,
            octets: Vec::new(),
        }
    }

    fn u16(mut self, value: u16) -> Self {
        self.octets.extend(match self.big {
            true => value.to_be_bytes(),
            false => value.to_le_bytes(),
        });
        self
    }

    fn u32(mut self, value: u32) -> Self {
        self.octets.extend(match self.big {
            true => value.to_be_bytes(),
            false => value.to_le_bytes(),
        });
        self
    }

    fn u32s(self, values: &[u32]) -> Self {
        values.iter().fold(self, |it, value| it.u32(*value))
    }

    fn raw(mut self, octets: &[u8]) -> Self {
        self.octets.extend_from_slice(octets);
        self
    }

    /// Octets with zeros up to a multiple of four.
    fn padded(self, octets: &[u8]) -> Self {
        let zeros = octets.len().next_multiple_of(4) - octets.len();
        self.raw(octets).raw(&[0; 3][..zeros])
    }

    /// A pcapng block.
    fn block(self, block_type: u32, body: impl Fn(Writer) -> Writer) -> Self {
        let body = body(Writer::new(self.big)).octets;
        let len = u32::try_from(body.len() + 12).unwrap();
        self.u32(block_type).u32(len).raw(&body).u32(len)
    }

    fn section(self) -> Self {
        self.block(0x0a0d_0d0a, |it| {
            it.u32(0x1a2b_3c4d)
                .u16(1)
                .u16(0)
                .u32s(&[u32::MAX, u32::MAX])
        })
    }

    fn interface(self, link: u16, snaplen: u32, options: &[(u16, &[u8])]) -> Self {
        self.block(1, |it| {
            let it = it.u16(link).u16(0).u32(snaplen);
            let it = options.iter().fold(it, |it, (code, value)| {
                let len = u16::try_from(value.len()).unwrap();
                it.u16(*code).u16(len).padded(value)
            });
            match options {
                [] => it,
                _ => it.u32(0),
            }
        })
    }

    fn enhanced(self, interface: u32, units: u64, wire_len: u32, bytes: &[u8]) -> Self {
        let len = u32::try_from(bytes.len()).unwrap();
        let (high, low) = ((units >> 32) as u32, units as u32);
        self.block(6, |it| {
            it.u32s(&[interface, high, low, len, wire_len])
                .padded(bytes)
        })
    }

    fn pcap_header(self, magic: u32, link: u32) -> Self {
        let it = self.u32(magic).u16(2).u16(4);
        it.u32s(&[0, 0, 65_535, link])
    }

    fn pcap_record(self, secs: u32, fraction: u32, wire_len: u32, bytes: &[u8]) -> Self {
        let len = u32::try_from(bytes.len()).unwrap();
        self.u32s(&[secs, fraction, len, wire_len]).raw(bytes)
    }
}

/// Three frames of two octets or less, the last cut by the snapshot length.
fn small_pcap() -> Vec<u8> {
    Writer::new(false)
        .pcap_header(0xa1b2_c3d4, 1)
        .pcap_record(1, 2, 2, &[1, 2])
        .pcap_record(3, 4, 0, &[])
        .pcap_record(5, 6, 9, &[3])
        .octets
}

const SMALL_PCAP_ENDS: [usize; 4] = [24, 42, 58, 75];

fn small_pcap_frames() -> Vec<Owned> {
    vec![
        (1_000_002_000, 1, 2, vec![1, 2]),
        (3_000_004_000, 1, 0, vec![]),
        (5_000_006_000, 1, 9, vec![3]),
    ]
}

/// A frame each in an enhanced, an obsolete and a simple block, with a block between that no one
/// knows, and a second section in the other byte order.
fn small_pcapng() -> Vec<u8> {
    let first = Writer::new(false)
        .section()
        .interface(1, 4, &[])
        .enhanced(0, 5, 3, &[1, 2, 3])
        .block(0x4444, |it| it.u32(7))
        .block(2, |it| it.u16(0).u16(9).u32s(&[0, 6, 1, 8]).padded(&[4]))
        .block(3, |it| it.u32(60).raw(&[1, 2, 3, 4]));
    let second = Writer::new(true)
        .section()
        .interface(101, 0, &[(9, &[9])])
        .enhanced(0, 0x1_0000_0001, 2, &[5, 6])
        .block(3, |it| it.u32(2).padded(&[7, 8]));
    [first.octets, second.octets].concat()
}

fn small_pcapng_frames() -> Vec<Owned> {
    vec![
        (5_000, 1, 3, vec![1, 2, 3]),
        (6_000, 1, 8, vec![4]),
        (6_000, 1, 60, vec![1, 2, 3, 4]),
        (0x1_0000_0001, 101, 2, vec![5, 6]),
        (0x1_0000_0001, 101, 2, vec![7, 8]),
    ]
}

fn gzip(octets: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(octets).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn pcap_files_are_read_in_both_byte_orders_and_all_units() {
    for big in [false, true] {
        for (magic, unit) in [(0xa1b2_c3d4, 1_000), (0xa1b2_3c4d, 1)] {
            let file = Writer::new(big)
                .pcap_header(magic, 0xf000_0071)
                .pcap_record(7, 999_999, 70, &[1, 2, 3]);
            let at = 7_000_000_000 + 999_999 * unit;
            // The upper half of the link type speaks of checksums.
            assert_eq!(frames_of(&file.octets), [(at, 0x71, 70, vec![1, 2, 3])]);
        }
        let modified = Writer::new(big)
            .pcap_header(0xa1b2_cd34, 1)
            .u32s(&[7, 1, 2, 2, 99, 99])
            .raw(&[8, 9])
            .octets;
        assert_eq!(frames_of(&modified), [(7_000_001_000, 1, 2, vec![8, 9])]);
    }
}

#[test]
fn a_wire_length_below_the_length_of_the_frame_is_raised() {
    let file = Writer::new(false).pcap_header(0xa1b2_c3d4, 1);
    let file = file.pcap_record(0, 0, 1, &[1, 2, 3]).octets;
    assert_eq!(frames_of(&file), [(0, 1, 3, vec![1, 2, 3])]);
}

#[test]
fn pcapng_files_are_read_with_all_their_blocks_and_sections() {
    assert_eq!(frames_of(&small_pcapng()), small_pcapng_frames());
}

#[test]
fn units_and_offsets_of_time_belong_to_the_interface() {
    type Options = &'static [(u16, &'static [u8])];
    const OFFSET: [u8; 8] = (-3_i64).to_be_bytes();
    let cases: [(Options, u64, i64); 13] = [
        (&[], 1, 1_000),
        (&[(9, &[0])], 2, 2_000_000_000),
        (&[(9, &[3])], 5, 5_000_000),
        (&[(9, &[9])], 5, 5),
        (&[(9, &[12])], 5_999, 5),
        (&[(9, &[127])], u64::MAX, 0),
        (&[(9, &[0x80])], 2, 2_000_000_000),
        (&[(9, &[0x80 | 10])], 1_024 + 512, 1_500_000_000),
        (&[(9, &[0x80 | 32])], 1 << 31, 500_000_000),
        (&[(9, &[0x80 | 127])], u64::MAX, 0),
        (&[(9, &[0])], u64::MAX, i64::MAX),
        (&[(14, &OFFSET)], 4_000_000, 1_000_000_000),
        (&[(9, &[9]), (14, &OFFSET)], 0, -3_000_000_000),
    ];
    for (options, units, expected) in cases {
        let file = Writer::new(true)
            .section()
            .interface(1, 0, &[])
            .interface(1, 0, options)
            .enhanced(1, units, 0, &[]);
        assert_eq!(
            frames_of(&file.octets)[0].0,
            expected,
            "{options:?} {units}"
        );
    }
}

#[test]
fn each_interface_has_its_own_link_type() {
    let file = Writer::new(false)
        .section()
        .interface(1, 0, &[])
        .enhanced(0, 0, 0, &[])
        .interface(276, 0, &[])
        .enhanced(1, 0, 0, &[])
        .enhanced(0, 0, 0, &[]);
    let links: Vec<_> = frames_of(&file.octets).iter().map(|it| it.1).collect();
    assert_eq!(links, [1, 276, 1]);
}

#[test]
fn compressed_files_are_read_like_plain_ones() {
    let whole = small_pcap();
    let (one, two) = whole.split_at(40);
    let members = [gzip(one), gzip(two)].concat();
    assert_eq!(frames_of(&members), small_pcap_frames());
    let zstd_frames = [
        zstd::encode_all(one, 1).unwrap(),
        zstd::encode_all(two, 1).unwrap(),
    ];
    assert_eq!(frames_of(&zstd_frames.concat()), small_pcap_frames());
    assert_eq!(frames_of(&gzip(&small_pcapng())), small_pcapng_frames());
}

#[test]
fn a_pcap_file_cut_anywhere_gives_the_frames_before() {
    let whole = small_pcap();
    for len in 4..whole.len() {
        let (frames, damages) = read(&whole[..len]);
        let count = SMALL_PCAP_ENDS[1..].iter().filter(|it| **it <= len).count();
        assert_eq!(frames, small_pcap_frames()[..count], "cut to {len} octets");
        if SMALL_PCAP_ENDS.contains(&len) {
            assert_eq!(damages, [], "cut to {len} octets");
            continue;
        }
        let offset = len as u64;
        assert_eq!(damages.len(), 1, "cut to {len} octets");
        assert_eq!(damages[0].kind, DamageKind::CutShort { offset });
        assert_eq!(damages[0].frames, count as u64);
    }
}

#[test]
fn a_pcapng_file_cut_anywhere_gives_the_frames_before() {
    let whole = small_pcapng();
    let mut most = 0;
    for len in 4..whole.len() {
        let (frames, damages) = read(&whole[..len]);
        assert_eq!(
            frames,
            small_pcapng_frames()[..frames.len()],
            "cut to {len} octets"
        );
        assert!(frames.len() >= most, "cut to {len} octets");
        most = frames.len();
        for damage in damages {
            let offset = len as u64;
            assert_eq!(damage.kind, DamageKind::CutShort { offset });
            assert_eq!(damage.frames, frames.len() as u64);
        }
    }
    assert_eq!(most, 4);
}

#[test]
fn a_compressed_file_cut_anywhere_never_gives_a_wrong_frame() {
    let zstd = zstd::encode_all(&small_pcap()[..], 1).unwrap();
    for whole in [gzip(&small_pcap()), zstd] {
        for len in 4..whole.len() {
            let files = Files::new();
            let Ok((frames, damages)) = read_all(&[files.add("cut", &whole[..len])]) else {
                continue;
            };
            assert_eq!(
                frames,
                small_pcap_frames()[..frames.len()],
                "cut to {len} octets"
            );
            assert!(
                damages.len() == 1 && damages[0].compressed,
                "cut to {len} octets"
            );
        }
    }
}

#[test]
fn no_changed_octet_makes_the_reader_fail_or_hang() {
    let files = Files::new();
    for whole in [small_pcap(), small_pcapng(), gzip(&small_pcap())] {
        for place in 0..whole.len() {
            for change in [1, 0x80, 0xff] {
                let mut octets = whole.clone();
                octets[place] ^= change;
                match read_all(&[files.add("changed", &octets)]) {
                    Ok((frames, _)) => assert!(frames.len() <= 1_000),
                    Err(error) => assert!(!error.to_string().is_empty()),
                }
            }
        }
    }
}

/// What is wrong with a broken file, and at which octet.
fn broken(octets: &[u8]) -> (u64, Fault) {
    let (_, damages) = read(octets);
    match damages.first().map(|it| it.kind.clone()) {
        Some(DamageKind::Broken { offset, fault }) => (offset, fault),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_no_capture_tool_writes_is_damage() {
    let pcap = Writer::new(false).pcap_header(0xa1b2_c3d4, 1);
    let pcap = pcap.u32s(&[0, 0, 262_145, 262_145]).octets;
    assert_eq!(broken(&pcap), (24, Fault::FrameLength(262_145)));
    let section = || Writer::new(false).section();
    let short_block = section().u32s(&[6, 8, 8]).octets;
    assert_eq!(broken(&short_block), (28, Fault::BlockLength(8)));
    let odd_block = section().u32s(&[6, 13, 8, 13]).octets;
    assert_eq!(broken(&odd_block), (28, Fault::BlockLength(13)));
    let long_block = section().u32s(&[99, (16 << 20) + 4, 8]).octets;
    assert_eq!(
        broken(&long_block),
        (28, Fault::BlockLength((16 << 20) + 4))
    );
    let two_lengths = section().u32s(&[1, 20, 1, 0, 24]).octets;
    assert_eq!(broken(&two_lengths), (28, Fault::BlockLength(20)));
    let no_interface = section().enhanced(0, 0, 0, &[]).octets;
    assert_eq!(broken(&no_interface), (28, Fault::UnknownInterface(0)));
    let no_order = section().u32s(&[0x0a0d_0d0a, 28, 5]).octets;
    assert_eq!(broken(&no_order), (28, Fault::ByteOrder));
    let frame_past_block = section().interface(1, 0, &[]);
    let frame_past_block = frame_past_block
        .block(6, |it| it.u32s(&[0, 0, 0, 9, 9, 0]))
        .octets;
    assert_eq!(broken(&frame_past_block), (48, Fault::BlockLength(36)));
    let version = Writer::new(true).block(0x0a0d_0d0a, |it| it.u32s(&[0x1a2b_3c4d, 2 << 16, 0, 0]));
    assert_eq!(broken(&version.octets), (0, Fault::Version(2)));
}

#[test]
fn long_blocks_are_passed_over_without_being_held() {
    let long = vec![0; 3 << 20];
    let file = Writer::new(false)
        .section()
        .interface(1, 0, &[])
        .block(99, |it| it.raw(&long))
        .enhanced(0, 1, 1, &[1])
        // An enhanced block with a comment longer than what is looked at.
        .block(6, |it| it.u32s(&[0, 0, 2, 1, 1]).padded(&[2]).raw(&long))
        .enhanced(0, 3, 1, &[3])
        .octets;
    let files = Files::new();
    let mut replay = Replay::open(&[files.add("long", &file)]).unwrap();
    let mut run = Run::default();
    let mut frames = Vec::new();
    while replay.next_run(&mut run).unwrap() {
        frames.extend(run.iter().map(owned));
        assert!(run.bytes.len() <= LONE_CHUNK);
    }
    let expected = [(1_000, vec![1]), (2_000, vec![2]), (3_000, vec![3])];
    assert_eq!(frames, expected.map(|(at, bytes)| (at, 1, 1, bytes)));
}

#[test]
fn frames_longer_than_a_chunk_are_whole_in_merged_files_too() {
    let long: Vec<u8> = (0..262_144_u32).map(|it| it as u8).collect();
    let file = Writer::new(false).pcap_header(0xa1b2_c3d4, 1);
    let file = (0..4).fold(file, |it, secs| it.pcap_record(secs, 0, 262_144, &long));
    let alone = frames_of(&file.octets);
    assert_eq!(alone.len(), 4);
    assert!(alone.iter().all(|it| it.3 == long));
    let files = Files::new();
    let inputs = [files.add("a", &file.octets), files.add("b", &small_pcap())];
    let (frames, damages) = read_all(&inputs).unwrap();
    assert_eq!((frames.len(), damages), (7, vec![]));
    assert_eq!(frames.iter().filter(|it| it.3 == long).count(), 4);
}

#[test]
fn many_frames_survive_the_chunk_borders() {
    let mut writer = PcapWriter::new(Vec::new(), LinkType::RAW, 65_535).unwrap();
    let mut expected = Vec::new();
    for number in 0..20_000_u32 {
        let bytes = vec![number as u8; (number.wrapping_mul(2_654_435_761) >> 24) as usize];
        let at = Timestamp::from_secs_nanos(i64::from(number), number);
        let wire_len = bytes.len() as u32 + 1;
        let link = LinkType::RAW;
        let frame = Frame {
            at,
            link,
            wire_len,
            bytes: &bytes,
        };
        writer.write(&frame).unwrap();
        expected.push(owned(frame));
    }
    let file = writer.into_inner();
    assert!(file.len() > 4 * LONE_CHUNK);
    assert!(frames_of(&file) == expected);
    assert!(frames_of(&gzip(&file)) == expected);
}

/// A file with a frame at each of the seconds; the frames hold a letter.
fn at_seconds(letter: u8, seconds: &[u32]) -> Vec<u8> {
    let file = Writer::new(false).pcap_header(0xa1b2_c3d4, 1);
    let frames = seconds.iter();
    frames
        .fold(file, |it, secs| it.pcap_record(*secs, 0, 1, &[letter]))
        .octets
}

#[test]
fn several_files_are_merged_by_time_and_the_earlier_argument_goes_first() {
    let files = Files::new();
    let inputs = [
        files.add("a", &at_seconds(b'a', &[2, 4, 4, 9])),
        files.add("b", &at_seconds(b'b', &[])),
        files.add("c", &gzip(&at_seconds(b'c', &[1, 4, 10]))),
    ];
    let (frames, damages) = read_all(&inputs).unwrap();
    let order: Vec<_> = frames
        .iter()
        .map(|it| (it.0 / 1_000_000_000, it.3[0]))
        .collect();
    let expected = [
        (1, b'c'),
        (2, b'a'),
        (4, b'a'),
        (4, b'a'),
        (4, b'c'),
        (9, b'a'),
        (10, b'c'),
    ];
    assert_eq!((order, damages), (expected.to_vec(), vec![]));
}

#[test]
fn a_file_out_of_order_keeps_its_own_order_when_merged() {
    let files = Files::new();
    let inputs = [
        files.add("a", &at_seconds(b'a', &[5, 1, 6])),
        files.add("b", &at_seconds(b'b', &[2, 7])),
    ];
    let (frames, _) = read_all(&inputs).unwrap();
    let letters: Vec<_> = frames.iter().map(|it| it.3[0]).collect();
    assert_eq!(letters, *b"baaab");
}

#[test]
fn a_merged_run_has_no_more_frames_than_it_may() {
    let files = Files::new();
    let seconds: Vec<u32> = (0..700).collect();
    let inputs = [
        files.add("a", &at_seconds(b'a', &seconds)),
        files.add("b", &at_seconds(b'b', &[5_000])),
    ];
    let mut replay = Replay::open(&inputs).unwrap();
    let mut run = Run::default();
    let mut lens = Vec::new();
    while replay.next_run(&mut run).unwrap() {
        lens.push(run.len());
    }
    assert_eq!(lens, [256, 256, 189]);
}

#[test]
fn a_damaged_file_does_not_stop_the_others() {
    let files = Files::new();
    let cut = files.add("cut", &at_seconds(b'a', &[1, 3])[..50]);
    let whole = files.add("whole", &at_seconds(b'b', &[2, 4]));
    let (frames, damages) = read_all(&[cut.clone(), whole]).unwrap();
    let letters: Vec<_> = frames.iter().map(|it| it.3[0]).collect();
    assert_eq!(letters, *b"abb");
    assert_eq!(damages.len(), 1);
    assert_eq!((&damages[0].path, damages[0].frames), (&cut, 1));
}

#[test]
fn a_file_that_is_gone_when_its_time_comes_is_damage() {
    let files = Files::new();
    let first = files.add("first", &at_seconds(b'a', &[1]));
    let gone = files.add("gone", &at_seconds(b'b', &[2]));
    let mut replay = Replay::open(&[first, gone.clone()]).unwrap();
    fs::remove_file(&gone).unwrap();
    let mut run = Run::default();
    assert!(replay.next_run(&mut run).unwrap());
    assert_eq!(run.len(), 1);
    assert!(!replay.next_run(&mut run).unwrap());
    assert_eq!(replay.damages().len(), 1);
    assert_eq!(replay.damages()[0].path, gone);
}

#[test]
fn damage_is_told_in_one_line() {
    let files = Files::new();
    let path = files.add("cut", &small_pcap()[..50]);
    let mut replay = Replay::open(std::slice::from_ref(&path)).unwrap();
    let mut run = Run::default();
    assert!(replay.next_run(&mut run).unwrap());
    let text = replay.next_run(&mut run).unwrap_err().to_string();
    let name = path.display();
    assert_eq!(
        text,
        format!("{name}: cut short at octet 50; 1 frame before it was used")
    );
    assert!(!replay.next_run(&mut run).unwrap());
    let mut damage = replay.damages()[0].clone();
    damage.compressed = true;
    damage.path = PathBuf::from("-");
    damage.kind = DamageKind::Broken {
        offset: 7,
        fault: Fault::Version(9),
    };
    let expected = "standard input: damaged (a section of version 9) at octet 7 of the \
                    uncompressed data; 1 frame before it was used";
    assert_eq!(damage.to_string(), expected);
}

#[test]
fn what_is_no_capture_file_is_refused_with_a_reason() {
    let files = Files::new();
    let cases = [
        (files.add("empty", b""), "is empty, not a capture file"),
        (
            files.add("text", b"hello, world"),
            "is neither a pcap nor a pcapng file",
        ),
        (
            files.add("short", b"\xd4\xc3\xb2"),
            "is neither a pcap nor a pcapng file",
        ),
        (
            files.add("text.gz", &gzip(b"hello")),
            "is neither a pcap nor a pcapng file",
        ),
        (
            files.add("empty.gz", &gzip(b"")),
            "is empty, not a capture file",
        ),
        (
            files.0.path().to_owned(),
            "is a directory, not a capture file",
        ),
    ];
    for (path, reason) in cases {
        let text = Replay::open(std::slice::from_ref(&path))
            .unwrap_err()
            .to_string();
        assert_eq!(text, format!("{} {reason}", path.display()));
    }
    let missing = files.0.path().join("missing");
    let error = Replay::open(std::slice::from_ref(&missing)).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("cannot open {}", missing.display())
    );
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.starts_with("No such file"), "{cause}");
}

#[test]
fn no_input_gives_no_frame() {
    assert_eq!(read_all(&[]).unwrap(), (vec![], vec![]));
}
