//! The header that a proxy puts before a client's stream to tell who the client is (the PROXY
//! protocol of HAProxy, versions 1 and 2).
//!
//! It is passed over, so that the message behind it is read. Whom it names is not taken: it is what
//! the proxy says, and the connection is the proxy's. A proxy sends the header at once, so it lies
//! whole at the beginning of a segment.

/// Octets of the header that a payload begins with: 0 if it begins with none, or not with a whole
/// one.
#[inline]
#[must_use]
pub fn header_len(payload: &[u8]) -> usize {
    match payload {
        [b'P', b'R', ..] => line_len(payload),
        [b'\r', b'\n', b'\r', b'\n', 0, ..] => binary_len(payload),
        _ => 0,
    }
}

/// Version 1: a line of text.
fn line_len(payload: &[u8]) -> usize {
    let line = payload.get(..MAX_LINE).unwrap_or(payload);
    if !KINDS.iter().any(|it| line.starts_with(it)) {
        return 0;
    }
    let end = line.windows(2).position(|it| it == b"\r\n");
    end.map_or(0, |it| it.saturating_add(2))
}

/// Version 2: signature, version and command, family, length (16 bits) of what follows.
fn binary_len(payload: &[u8]) -> usize {
    let fixed = payload.split_first_chunk::<BINARY_LEN>();
    let Some((&[ref signature @ .., version, _, high, low], rest)) = fixed else {
        return 0;
    };
    let len = usize::from(u16::from_be_bytes([high, low]));
    if signature != SIGNATURE || version >> 4 != 2 || rest.len() < len {
        return 0;
    }
    BINARY_LEN.saturating_add(len)
}

/// How lines of version 1 begin.
const KINDS: [&[u8]; 3] = [b"PROXY TCP4 ", b"PROXY TCP6 ", b"PROXY UNKNOWN"];

/// Octets of the longest line of version 1.
const MAX_LINE: usize = 107;

/// Octets of the part of version 2 that is always there.
const BINARY_LEN: usize = 16;

/// What version 2 begins with.
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &[u8] = b"PROXY TCP4 192.0.2.1 198.51.100.2 51000 443\r\n";
    const BINARY: &[u8] =
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x02\xc7\x38\x01\xbb";

    #[test]
    fn the_header_is_as_long_as_it_says() {
        for header in [LINE, BINARY, b"PROXY UNKNOWN\r\n"] {
            assert_eq!(header_len(header), header.len());
            assert_eq!(header_len(&[header, b"GET / "].concat()), header.len());
            for end in 0..header.len() {
                assert_eq!(header_len(&header[..end]), 0, "{end}");
            }
        }
    }

    #[test]
    fn what_is_like_a_header_is_none() {
        let long = [b"PROXY TCP6 ".as_slice(), &[b'0'; 100], b"\r\n"].concat();
        assert_eq!(header_len(&long), 0);
        assert_eq!(header_len(b"PROXY SCTP 1 2\r\n"), 0);
        assert_eq!(header_len(b"PROPFIND / HTTP/1.1\r\n"), 0);
        let mut binary = BINARY.to_vec();
        binary[12] = 0x11;
        assert_eq!(header_len(&binary), 0);
    }
}
