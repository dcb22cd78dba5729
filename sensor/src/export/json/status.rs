//! The document of `/api/v1/status`: how the sensor is.

use serde::Serialize;

use super::{GENERATOR, Generator, PackRow, SCHEMA, packs};
use crate::export::{Ready, Snapshot, rfc3339};

/// The document of `/api/v1/status`.
pub fn status(snapshot: &Snapshot) -> impl Serialize + '_ {
    let reason = match &snapshot.ready {
        Ready::Yes => None,
        Ready::No(reason) => Some(reason.as_str()),
    };
    Document {
        schema: SCHEMA,
        generator: GENERATOR,
        ready: reason.is_none(),
        reason,
        packs: packs(snapshot),
        reload: snapshot.own.as_ref().map(|own| ReloadPart {
            successful: own.reload.errors.is_empty(),
            at: rfc3339(own.reload.at),
            succeeded_at: rfc3339(own.reload.succeeded_at),
            errors: &own.reload.errors,
            waiting: &own.reload.waiting,
        }),
        log_lines_lost: snapshot.own.as_ref().map(|it| it.log_lines_lost),
    }
}

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    generator: Generator,
    ready: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    packs: Vec<PackRow<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reload: Option<ReloadPart<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log_lines_lost: Option<u64>,
}

#[derive(Serialize)]
struct ReloadPart<'a> {
    successful: bool,
    at: String,
    succeeded_at: String,
    errors: &'a [String],
    waiting: &'a [String],
}
