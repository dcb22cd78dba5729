//! Frames out of an input.

use phonehome::frame::{Frame, LinkType, Run};
use phonehome::pipeline::{Next, Source};
use phonehome::time::Timestamp;

use super::input::Input;

/// Frames: each an octet for its link, one for the time since the frame before, two for its length, one
/// for octets that the capture cut off, and its octets. At most [`MAX_FRAMES`].
pub(crate) fn frames(octets: &[u8]) -> Vec<Frame<'_>> {
    let mut input = Input::new(octets);
    let mut frames = Vec::new();
    let mut now = Timestamp::from_nanos(1_700_000_000_000_000_000);
    while !input.is_empty() && frames.len() < MAX_FRAMES {
        let link = LINKS[usize::from(input.u8()) % LINKS.len()];
        now = now.after(step(input.u8()));
        let len = usize::from(input.u16());
        let cut = u32::from(input.u8());
        let bytes = input.take(len);
        frames.push(Frame {
            at: now,
            link,
            wire_len: bytes.len() as u32 + cut,
            bytes,
        });
    }
    frames
}

/// A time from nothing to some days: half of the values stand for milliseconds.
fn step(octet: u8) -> std::time::Duration {
    let octet = u64::from(octet);
    std::time::Duration::from_millis(match octet {
        0..=127 => octet,
        128..=191 => (octet - 127) * 500,
        192..=254 => (octet - 191) * 60_000,
        _ => 3 * 86_400_000,
    })
}

/// The number of a link type in an input; `None` if no input can have it.
pub(crate) fn number_of(link: LinkType) -> Option<u8> {
    let place = LINKS.iter().position(|it| *it == link)?;
    u8::try_from(place).ok()
}

/// An input that is read as this frame, a millisecond after the one before.
pub(crate) fn encoded(frame: &Frame<'_>) -> Option<Vec<u8>> {
    let len = u16::try_from(frame.bytes.len()).ok()?;
    let cut = frame.wire_len.saturating_sub(u32::from(len));
    let head = [
        &[number_of(frame.link)?, 1][..],
        &len.to_le_bytes(),
        &[u8::try_from(cut).unwrap_or(u8::MAX)],
    ];
    Some([&head.concat(), frame.bytes].concat())
}

/// Gives frames in runs of a few.
pub(crate) struct Frames<'a> {
    pub(crate) left: &'a [Frame<'a>],
}

impl Source for Frames<'_> {
    fn next_run(&mut self, run: &mut Run) -> Next {
        run.clear();
        run.bytes.clear();
        let (now, later) = self.left.split_at(self.left.len().min(40));
        self.left = later;
        for frame in now {
            run.push_copy(*frame);
        }
        if now.is_empty() {
            Next::End
        } else {
            Next::Frames
        }
    }
}

/// Link types of frames; the last one is not read by anyone.
const LINKS: [LinkType; 20] = [
    LinkType::ETHERNET,
    LinkType::RAW,
    LinkType::NULL,
    LinkType::PPP,
    LinkType::PPP_HDLC,
    LinkType::PPP_ETHER,
    LinkType::C_HDLC,
    LinkType::IEEE802_11,
    LinkType::FRELAY,
    LinkType::LOOP,
    LinkType::LINUX_SLL,
    LinkType::IEEE802_11_RADIOTAP,
    LinkType::PPP_WITH_DIR,
    LinkType::IPV4,
    LinkType::IPV6,
    LinkType::NFLOG,
    LinkType::LINUX_SLL2,
    LinkType::ETHERNET,
    LinkType::ETHERNET,
    LinkType(147),
];

/// Most frames of an input.
const MAX_FRAMES: usize = 256;
