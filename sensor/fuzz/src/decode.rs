//! From frames to packets.

use phonehome::decode::walk::walk;
use phonehome::decode::{Decoded, Decoder};

use super::frames::frames;

/// Frames of any link. Where the walk reads a frame, the decoder gives the same packet and counts the
/// same.
pub(crate) fn decode(octets: &[u8]) {
    let mut alone = Decoder::default();
    let mut behind_walk = Decoder::default();
    for frame in frames(octets) {
        let decoded = alone.decode(&frame);
        match walk(&frame) {
            Some(walked) => {
                assert_eq!(decoded, Decoded::Packet(walked));
                behind_walk.counts_mut().walked(&frame, &walked);
            }
            None => assert_eq!(decoded, behind_walk.decode(&frame)),
        }
        if let Decoded::Packet(packet) = decoded {
            assert!(packet.payload_len as usize >= packet.payload.len());
        }
        assert!(alone.held_octets() <= 4 << 20);
    }
    assert_eq!(alone.counts(), behind_walk.counts());
}
