//! TLS 1.3 messages (RFC 8446) as a present-day browser and its server send them.
//!
//! The octets that would be secrets or ciphertext are random. Hellos are grown from a description,
//! with GREASE (RFC 8701) and extensions in any order, because that is what sensors meet.

use super::rng::Rng;

/// What a `ClientHello` is to hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hello<'a> {
    /// Its server name.
    pub(crate) name: &'a str,
    /// Whether it offers a key share of X25519MLKEM768, which makes it longer than a segment.
    pub(crate) post_quantum: bool,
    /// QUIC transport parameters, if it goes over QUIC.
    pub(crate) transport_parameters: Option<&'a [u8]>,
}

/// Builds a `ClientHello` handshake message, without a record around it.
pub(crate) fn client_hello(hello: &Hello<'_>, rng: &mut Rng) -> Vec<u8> {
    let mut message = vec![HANDSHAKE_CLIENT_HELLO];
    counted(3, &mut message, |out| {
        out.extend_from_slice(&LEGACY_VERSION);
        out.extend_from_slice(&rng.octets::<32>());
        // QUIC leaves the legacy session id empty (RFC 9001 section 8.4).
        let session_id: &[u8] = match hello.transport_parameters {
            Some(_) => &[],
            None => &rng.octets::<32>(),
        };
        counted(1, out, |out| out.extend_from_slice(session_id));
        counted(2, out, |out| {
            out.extend_from_slice(&grease(rng));
            put_all(&CIPHER_SUITES, out);
        });
        out.extend_from_slice(&[1, 0]);
        counted(2, out, |out| extensions(hello, rng, out));
    });
    message
}

/// Builds a `ServerHello` handshake message that answers a hello with this key exchange.
pub(crate) fn server_hello(post_quantum: bool, over_quic: bool, rng: &mut Rng) -> Vec<u8> {
    let mut message = vec![HANDSHAKE_SERVER_HELLO];
    counted(3, &mut message, |out| {
        out.extend_from_slice(&LEGACY_VERSION);
        out.extend_from_slice(&rng.octets::<32>());
        let session_id: &[u8] = if over_quic { &[] } else { &rng.octets::<32>() };
        counted(1, out, |out| out.extend_from_slice(session_id));
        out.extend_from_slice(&CIPHER_SUITES[0].to_be_bytes());
        out.push(0);
        counted(2, out, |out| {
            extension(EXTENSION_SUPPORTED_VERSIONS, out, |out| {
                out.extend_from_slice(&TLS13);
            });
            extension(EXTENSION_KEY_SHARE, out, |out| {
                let (group, len) = if post_quantum {
                    (GROUP_X25519MLKEM768, 1088 + 32)
                } else {
                    (GROUP_X25519, 32)
                };
                key_share(group, len, rng, out);
            });
        });
    });
    message
}

/// Puts a record header before `content`, which is at most [`MAX_RECORD`] octets.
pub(crate) fn record(content_type: u8, content: &[u8]) -> Vec<u8> {
    let mut record = vec![
        content_type,
        3,
        if content_type == HANDSHAKE { 1 } else { 3 },
    ];
    counted(2, &mut record, |out| out.extend_from_slice(content));
    record
}

/// A record of `len` octets of ciphertext.
pub(crate) fn protected(len: usize, rng: &mut Rng) -> Vec<u8> {
    let mut content = vec![0; len];
    rng.fill(&mut content);
    record(APPLICATION_DATA, &content)
}

fn extensions(hello: &Hello<'_>, rng: &mut Rng, out: &mut Vec<u8>) {
    let mut all = vec![
        made(EXTENSION_SERVER_NAME, |out| {
            counted(2, out, |out| {
                out.push(0);
                counted(2, out, |out| out.extend_from_slice(hello.name.as_bytes()));
            });
        }),
        made(EXTENSION_SUPPORTED_GROUPS, |out| {
            counted(2, out, |out| {
                out.extend_from_slice(&grease(rng));
                if hello.post_quantum {
                    out.extend_from_slice(&GROUP_X25519MLKEM768.to_be_bytes());
                }
                put_all(&GROUPS, out);
            });
        }),
        made(EXTENSION_SIGNATURE_ALGORITHMS, |out| {
            counted(2, out, |out| put_all(&SIGNATURE_SCHEMES, out));
        }),
        made(EXTENSION_ALPN, |out| {
            let protocols: &[&[u8]] = match hello.transport_parameters {
                Some(_) => &[b"h3"],
                None => &[b"h2", b"http/1.1"],
            };
            counted(2, out, |out| {
                for protocol in protocols {
                    counted(1, out, |out| out.extend_from_slice(protocol));
                }
            });
        }),
        made(EXTENSION_PSK_KEY_EXCHANGE_MODES, |out| {
            counted(1, out, |out| out.push(1));
        }),
        made(EXTENSION_SUPPORTED_VERSIONS, |out| {
            counted(1, out, |out| {
                out.extend_from_slice(&grease(rng));
                out.extend_from_slice(&TLS13);
                if hello.transport_parameters.is_none() {
                    out.extend_from_slice(&LEGACY_VERSION);
                }
            });
        }),
        made(EXTENSION_KEY_SHARE, |out| {
            counted(2, out, |out| {
                out.extend_from_slice(&grease(rng));
                counted(2, out, |out| out.push(0));
                if hello.post_quantum {
                    key_share(GROUP_X25519MLKEM768, 1184 + 32, rng, out);
                }
                key_share(GROUP_X25519, 32, rng, out);
            });
        }),
        made(EXTENSION_COMPRESS_CERTIFICATE, |out| {
            counted(1, out, |out| out.extend_from_slice(&[0, 2]));
        }),
    ];
    match hello.transport_parameters {
        Some(parameters) => all.push(made(EXTENSION_QUIC_TRANSPORT_PARAMETERS, |out| {
            out.extend_from_slice(parameters);
        })),
        None => all.extend([
            made(EXTENSION_STATUS_REQUEST, |out| {
                out.extend_from_slice(&[1, 0, 0, 0, 0]);
            }),
            made(EXTENSION_EC_POINT_FORMATS, |out| {
                counted(1, out, |out| out.push(0));
            }),
            made(EXTENSION_SIGNED_CERTIFICATE_TIMESTAMP, |_| {}),
            made(EXTENSION_EXTENDED_MASTER_SECRET, |_| {}),
            made(EXTENSION_SESSION_TICKET, |_| {}),
            made(EXTENSION_RENEGOTIATION_INFO, |out| out.push(0)),
        ]),
    }
    if hello.post_quantum {
        all.push(made(EXTENSION_ENCRYPTED_CLIENT_HELLO, |out| {
            ech_grease(rng, out);
        }));
    }
    rng.shuffle(&mut all);
    out.extend_from_slice(&grease(rng));
    counted(2, out, |_| {});
    for it in &all {
        out.extend_from_slice(it);
    }
    // The second GREASE extension must differ from the first (RFC 8701 section 4), so it is of a
    // code point that the first never has.
    out.extend_from_slice(&[0xfa, 0xfa]);
    counted(2, out, |out| out.push(0));
}

/// An Encrypted Client Hello that hides nothing (RFC 9849 section 6.2).
fn ech_grease(rng: &mut Rng, out: &mut Vec<u8>) {
    // Outer hello; HKDF-SHA256 with AES-128-GCM.
    out.extend_from_slice(&[0, 0, 1, 0, 1]);
    out.push(rng.word() as u8);
    counted(2, out, |out| out.extend_from_slice(&rng.octets::<32>()));
    let len = 144 + 32 * rng.index(4);
    counted(2, out, |out| random(len, rng, out));
}

fn key_share(group: u16, len: usize, rng: &mut Rng, out: &mut Vec<u8>) {
    out.extend_from_slice(&group.to_be_bytes());
    counted(2, out, |out| random(len, rng, out));
}

fn random(len: usize, rng: &mut Rng, out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + len, 0);
    rng.fill(&mut out[start..]);
}

/// A reserved code point, `0x0a0a` to `0xeaea` (RFC 8701 section 2).
fn grease(rng: &mut Rng) -> [u8; 2] {
    [((rng.below(15) as u8) << 4) | 0x0a; 2]
}

fn made(code: u16, data: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    extension(code, &mut out, data);
    out
}

fn extension(code: u16, out: &mut Vec<u8>, data: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(&code.to_be_bytes());
    counted(2, out, data);
}

/// Writes a vector: its length in `width` octets, then what `content` appends.
fn counted(width: usize, out: &mut Vec<u8>, content: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.resize(start + width, 0);
    content(out);
    let len = (out.len() - start - width).to_be_bytes();
    out[start..start + width].copy_from_slice(&len[len.len() - width..]);
}

fn put_all(code_points: &[u16], out: &mut Vec<u8>) {
    for it in code_points {
        out.extend_from_slice(&it.to_be_bytes());
    }
}

/// Longest content of a protected record: 2^14 octets, a content type and a tag (RFC 8446
/// section 5.2).
pub(crate) const MAX_RECORD: usize = (1 << 14) + 17;
/// Content type of handshake messages.
pub(crate) const HANDSHAKE: u8 = 22;
/// Content type of protected records.
pub(crate) const APPLICATION_DATA: u8 = 23;
/// The `change_cipher_spec` record that middleboxes are shown (RFC 8446 appendix D.4).
pub(crate) const CHANGE_CIPHER_SPEC: [u8; 6] = [20, 3, 3, 0, 1, 1];

const HANDSHAKE_CLIENT_HELLO: u8 = 1;
const HANDSHAKE_SERVER_HELLO: u8 = 2;
const LEGACY_VERSION: [u8; 2] = [3, 3];
const TLS13: [u8; 2] = [3, 4];
const CIPHER_SUITES: [u16; 15] = [
    0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c,
    0x009d, 0x002f, 0x0035,
];
const GROUP_X25519: u16 = 0x001d;
const GROUP_X25519MLKEM768: u16 = 0x11ec;
const GROUPS: [u16; 3] = [GROUP_X25519, 0x0017, 0x0018];
const SIGNATURE_SCHEMES: [u16; 8] = [
    0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601,
];
const EXTENSION_SERVER_NAME: u16 = 0;
const EXTENSION_STATUS_REQUEST: u16 = 5;
const EXTENSION_SUPPORTED_GROUPS: u16 = 10;
const EXTENSION_EC_POINT_FORMATS: u16 = 11;
const EXTENSION_SIGNATURE_ALGORITHMS: u16 = 13;
const EXTENSION_ALPN: u16 = 16;
const EXTENSION_SIGNED_CERTIFICATE_TIMESTAMP: u16 = 18;
const EXTENSION_EXTENDED_MASTER_SECRET: u16 = 23;
const EXTENSION_COMPRESS_CERTIFICATE: u16 = 27;
const EXTENSION_SESSION_TICKET: u16 = 35;
const EXTENSION_SUPPORTED_VERSIONS: u16 = 43;
const EXTENSION_PSK_KEY_EXCHANGE_MODES: u16 = 45;
const EXTENSION_KEY_SHARE: u16 = 51;
const EXTENSION_QUIC_TRANSPORT_PARAMETERS: u16 = 57;
const EXTENSION_ENCRYPTED_CLIENT_HELLO: u16 = 0xfe0d;
const EXTENSION_RENEGOTIATION_INFO: u16 = 0xff01;

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// What rustls reads as the server name and the protocols of a hello in a record.
    fn accepted(message: &[u8]) -> (Option<String>, usize) {
        let mut acceptor = rustls::server::Acceptor::default();
        acceptor
            .read_tls(&mut Cursor::new(record(HANDSHAKE, message)))
            .unwrap();
        let accepted = acceptor.accept().ok().flatten().unwrap();
        let hello = accepted.client_hello();
        (
            hello.server_name().map(str::to_owned),
            hello.alpn().unwrap().count(),
        )
    }

    #[test]
    fn a_tls_server_reads_the_name_of_every_hello() {
        let mut rng = Rng::new(5);
        for round in 0..40 {
            let hello = Hello {
                name: "www.bacor.example",
                post_quantum: round % 2 == 0,
                transport_parameters: None,
            };
            let message = client_hello(&hello, &mut rng);
            assert_eq!(
                accepted(&message),
                (Some("www.bacor.example".to_owned()), 2)
            );
            assert_eq!(
                message.len() > 1448,
                hello.post_quantum,
                "{}",
                message.len()
            );
        }
    }

    #[test]
    fn the_answers_have_the_lengths_they_state() {
        let mut rng = Rng::new(6);
        for (post_quantum, over_quic) in [(true, true), (true, false), (false, true)] {
            let message = server_hello(post_quantum, over_quic, &mut rng);
            let stated = u32::from_be_bytes([0, message[1], message[2], message[3]]);
            assert_eq!(stated as usize + 4, message.len());
        }
        assert_eq!(protected(600, &mut rng)[..5], [23, 3, 3, 2, 88]);
    }
}
