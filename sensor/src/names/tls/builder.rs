//! Builds hellos for tests.

/// A ClientHello under construction.
pub(crate) struct Hello {
    cipher_suites: Vec<u8>,
    session_id: Vec<u8>,
    extensions: Option<Vec<u8>>,
}

impl Hello {
    /// A hello as TLS 1.2 first had it: no extension block.
    pub(crate) fn bare() -> Self {
        Self {
            cipher_suites: vec![0x13, 0x01, 0xc0, 0x2f],
            session_id: Vec::new(),
            extensions: None,
        }
    }

    /// A hello as a browser of today sends it, longer than a packet: GREASE at both ends, a
    /// post-quantum key share, a ticket, and `server_name` in the midst of them.
    pub(crate) fn browser(name: &str) -> Self {
        Self {
            cipher_suites: vec![0x7a, 0x7a, 0x13, 0x01, 0x13, 0x02, 0x13, 0x03, 0xc0, 0x2b],
            session_id: vec![0x5a; 32],
            extensions: None,
        }
        .extension(0x0a0a, &[])
        .extension(0x002b, &[6, 0xfa, 0xfa, 3, 4, 3, 3])
        .extension(0x0017, &[])
        .extension(0x001b, &[2, 0, 2])
        .extension(0x0033, &key_shares())
        .extension(
            0x0010,
            &[
                0, 12, 2, b'h', b'2', 8, b'h', b't', b't', b'p', b'/', b'1', b'.', b'1',
            ],
        )
        .server_name(name)
        .extension(0x000d, &[0, 4, 4, 3, 8, 4])
        .extension(0x0023, &[0x77; 192])
        .extension(0x0a1a, &[0])
    }

    /// Offers other cipher suites.
    pub(crate) fn suites(mut self, suites: &[u16]) -> Self {
        self.cipher_suites = suites.iter().flat_map(|it| it.to_be_bytes()).collect();
        self
    }

    /// Adds an extension.
    pub(crate) fn extension(mut self, kind: u16, data: &[u8]) -> Self {
        let block = self.extensions.get_or_insert_default();
        block.extend(kind.to_be_bytes());
        block.extend(u16_vector(data));
        self
    }

    /// Adds `server_name` with one `host_name`.
    pub(crate) fn server_name(self, name: &str) -> Self {
        self.extension(0, &u16_vector(&host_name(name.as_bytes())))
    }

    /// Adds octets to the extension block as they are.
    pub(crate) fn raw(mut self, octets: &[u8]) -> Self {
        self.extensions
            .get_or_insert_default()
            .extend_from_slice(octets);
        self
    }

    /// Adds an ECH extension of a type (RFC 9849 section 5): 0 outer, 1 inner.
    pub(crate) fn ech(self, kind: u8) -> Self {
        let mut data = vec![kind];
        if kind == 0 {
            data.extend([0, 1, 0, 1, 0x2a]);
            data.extend(u16_vector(&[0x11; 32]));
            data.extend(u16_vector(&[0x22; 208]));
        }
        self.extension(0xfe0d, &data)
    }

    /// The handshake message.
    pub(crate) fn message(&self) -> Vec<u8> {
        let mut body = vec![3, 3];
        body.extend([0xa5; 32]);
        body.push(u8::try_from(self.session_id.len()).unwrap());
        body.extend(&self.session_id);
        body.extend(u16_vector(&self.cipher_suites));
        body.extend([1, 0]);
        if let Some(block) = &self.extensions {
            body.extend(u16_vector(block));
        }
        let mut message = vec![1];
        message.extend(&u32::try_from(body.len()).unwrap().to_be_bytes()[1..]);
        message.extend(body);
        message
    }

    /// The handshake message in one record.
    pub(crate) fn record(&self) -> Vec<u8> {
        record(&self.message())
    }
}

/// A handshake record of TLS 1.0, as clients send their hello in.
pub(crate) fn record(fragment: &[u8]) -> Vec<u8> {
    [&[0x16, 3, 1][..], &u16_vector(fragment)].concat()
}

/// An entry of a server name list.
pub(crate) fn host_name(name: &[u8]) -> Vec<u8> {
    [&[0][..], &u16_vector(name)].concat()
}

/// Octets after their length.
pub(crate) fn u16_vector(octets: &[u8]) -> Vec<u8> {
    let len = u16::try_from(octets.len()).unwrap();
    [&len.to_be_bytes()[..], octets].concat()
}

/// GREASE, X25519MLKEM768 (1,216 octets) and X25519.
fn key_shares() -> Vec<u8> {
    let shares = [
        &[0xca, 0xca, 0, 1, 0][..],
        &[0x11, 0xec],
        &u16_vector(&[0x33; 1216]),
        &[0x00, 0x1d],
        &u16_vector(&[0x44; 32]),
    ];
    u16_vector(&shares.concat())
}
