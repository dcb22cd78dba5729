//! Which host a client of Kerberos or SMB is on, by its first messages to a server.
//!
//! They are read from the start of the connection, or from a segment that begins like one of them. Once
//! the client has said all it may say, or [`MESSAGES`] have come, its direction is decided like any
//! other, and triage counts the rest: files that are read and written never come here.

use super::Context;
use super::desk::Desk;
use super::segment::Data;
use crate::flow::Flow;
use crate::flow::stream::{Inserted, Stream};
use crate::identity::client::{self, Server};
use crate::identity::{Source, kerberos};
use crate::names::Parse;
use crate::triage::may_begin_stream;
use crate::visibility::Unnamed;

/// Whether a segment was taken for one of a client that says which host it is on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Heard {
    /// It is part of such a stream.
    Spoken,
    /// It is not, as far as is known.
    Other,
}

impl Desk {
    /// Reads what a segment to a server completes. The direction waits for more as long as its stream
    /// is kept.
    pub(super) fn client_says(
        &mut self,
        flow: &mut Flow,
        server: Server,
        data: &Data<'_>,
        context: &Context,
    ) -> Heard {
        let begins = client::begins(server, data.payload);
        let held = flow.take_stream(data.side);
        let is_held = held.is_some();
        let mut stream = match (held, flow.start(data.side)) {
            (Some(stream), _) => stream,
            (None, Some(start)) if start == data.seq => Box::new(Stream::new(Some(start))),
            (None, None) if begins => Box::new(Stream::new(Some(data.seq))),
            (None, _) => return Heard::Other,
        };
        if stream.base().is_none() && begins {
            stream.start_at(data.seq);
        }
        let inserted = stream.insert(data.seq, data.payload);
        let has_spoken = flow.seen.looked_at > 0;
        let speaks = match stream.prefix() {
            [] => has_spoken,
            prefix if has_spoken => !may_begin_stream(prefix),
            prefix => client::may_begin(server, prefix),
        };
        if !speaks {
            // Whoever takes it adds the segment again, which changes nothing.
            if is_held {
                flow.keep_stream(data.side, stream);
            }
            return Heard::Other;
        }
        flow.blame(Unnamed::NotTls);
        while let Ok(parse) = client::message(server, stream.prefix(), context.src.address) {
            let Parse::Done(message) = parse else {
                let is_stuck = data.cut || inserted == Inserted::Full;
                if !is_stuck {
                    flow.keep_stream(data.side, stream);
                }
                break;
            };
            flow.seen.looked_at = flow.seen.looked_at.saturating_add(1);
            self.says(server.source(), message.says, context);
            if message.is_last || flow.seen.looked_at >= MESSAGES {
                break;
            }
            stream.consume(message.len);
        }
        Heard::Spoken
    }

    /// Reads a datagram to a server of tickets.
    pub(super) fn ticket_request(&mut self, payload: &[u8], context: &Context) {
        let says = kerberos::statement(payload, context.src.address);
        self.says(Source::Kerberos, says, context);
    }
}

/// Messages of a client that are looked at: a request for a session, two that agree on a version, and
/// a few that log on.
const MESSAGES: u8 = 8;
