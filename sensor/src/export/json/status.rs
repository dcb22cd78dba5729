//! The document of `/api/v1/status`: how the sensor is.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{GENERATOR, Generator, PackRow, SCHEMA, packs};
use crate::export::output::{Counts, Kind};
use crate::export::{EVIDENCE_RESULTS, Ready, Snapshot, rfc3339};

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
        outputs: snapshot
            .own
            .as_ref()
            .map(|it| it.outputs.iter().map(OutputRow::of).collect()),
        store: snapshot.store.as_ref().map(|it| StorePart {
            saved_at: rfc3339(it.last_save),
            save_failures: it.save_failures,
            lost_changes: it.lost_changes,
            file_bytes: it.file_bytes,
        }),
        evidence: snapshot.evidence.map(|it| EvidencePart {
            bytes: it.octets,
            records: EVIDENCE_RESULTS.into_iter().zip(it.records).collect(),
        }),
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
    #[serde(skip_serializing_if = "Option::is_none")]
    outputs: Option<Vec<OutputRow>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<StorePart>,
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<EvidencePart>,
}

/// What became of the events of an output: those made are the sum of the first four counts.
#[derive(Serialize)]
struct OutputRow {
    output: &'static str,
    sent: u64,
    failed: u64,
    dropped: u64,
    queued: u64,
    errors: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_success: Option<String>,
}

impl OutputRow {
    fn of((kind, counts): &(Kind, Counts)) -> Self {
        Self {
            output: kind.as_str(),
            sent: counts.sent,
            failed: counts.failed,
            dropped: counts.dropped,
            queued: counts.queued,
            errors: counts.errors,
            last_success: counts.last_success.map(rfc3339),
        }
    }
}

#[derive(Serialize)]
struct StorePart {
    saved_at: String,
    save_failures: u64,
    lost_changes: u64,
    file_bytes: u64,
}

#[derive(Serialize)]
struct EvidencePart {
    bytes: u64,
    records: BTreeMap<&'static str, u64>,
}

#[derive(Serialize)]
struct ReloadPart<'a> {
    successful: bool,
    at: String,
    succeeded_at: String,
    errors: &'a [String],
    waiting: &'a [String],
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::sample;

    #[test]
    fn what_the_outputs_and_the_store_have_done_is_told() {
        let told = serde_json::to_value(status(&sample::snapshot())).unwrap();
        let file = &told["outputs"][0];
        assert_eq!(file["output"], "file");
        assert_eq!(file["sent"], 1_200);
        assert_eq!(file["queued"], 2);
        assert_eq!(file["last_success"], "2017-10-02T08:00:00.000000Z");
        let syslog = &told["outputs"][1];
        assert_eq!(syslog["dropped"], 90);
        assert_eq!(syslog["errors"], 4);
        assert!(syslog.get("last_success").is_none());
        assert!(told["store"]["file_bytes"].is_u64(), "{told}");
        assert_eq!(told["evidence"]["bytes"], 81_234);
        assert_eq!(told["evidence"]["records"]["missed"], 2);
    }
}
