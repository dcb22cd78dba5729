//! Sets up the outputs of events as the configuration says.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Failure;
use crate::app::ledger::Ledger;
use crate::config::{Config, EventFormat, EventKinds, SocketType, SyslogCarrier, SyslogFormat};
use crate::export::events::Shape;
use crate::export::events::repeats::Repeats;
use crate::export::events::syslog::Payload;
use crate::export::output::{
    Carrier, Counts, Kind, LAST_WORD, OutputError, Prepared, Running, Settings, Socket, SocketKind,
    Syslog, file,
};

/// Outputs that are open.
#[derive(Debug, Default)]
pub(super) struct Open {
    running: Running,
    evicted: Arc<AtomicU64>,
}

/// Reads what cannot be read without rights; `None` if there is no output.
pub(super) fn prepare(config: &Config) -> Result<Option<Prepared>, Failure> {
    let settings = settings(config);
    let has_any = settings.file.is_some()
        || settings.socket.is_some()
        || settings.stdout
        || settings.syslog.is_some();
    has_any
        .then(|| settings.prepare().map_err(refused))
        .transpose()
}

/// Opens them, with the rights that are left, and has the ledger tell them.
pub(super) fn start(
    prepared: Option<Prepared>,
    config: &Config,
    ledger: &mut Ledger,
) -> Result<Open, Failure> {
    let Some(prepared) = prepared else {
        return Ok(Open::default());
    };
    let (outputs, running) = prepared.start().map_err(refused)?;
    for (kind, _) in running.counts() {
        tracing::info!("events go to output {}", kind.as_str());
    }
    let repeats = match config.events_kinds {
        EventKinds::Changes => None,
        EventKinds::All => Some(Repeats::new(config.events_repeat_after)),
    };
    let evicted = Arc::default();
    ledger.tell_outputs(outputs, repeats, Arc::clone(&evicted));
    Ok(Open { running, evicted })
}

impl Open {
    /// Has files opened anew.
    pub(super) fn reopen(&self) {
        self.running.reopen();
    }

    /// What has become of events.
    pub(super) fn counts(&self) -> Vec<(Kind, Counts)> {
        self.running.counts()
    }

    /// Pairs of a host and a signature of which too many were remembered.
    pub(super) fn evicted(&self) -> u64 {
        self.evicted.load(Ordering::Relaxed)
    }

    /// Writes what waits, and ends.
    pub(super) fn finish(&self) {
        self.running.finish(LAST_WORD);
    }
}

fn refused(error: OutputError) -> Failure {
    match error {
        OutputError::Tls(_) | OutputError::Folder(_) => Failure::usage(error),
        OutputError::File { .. } | OutputError::Stdout(_) | OutputError::Thread(_) => {
            Failure::caused(error)
        }
    }
}

fn settings(config: &Config) -> Settings {
    let shape = match config.events_format {
        EventFormat::Eve => Shape::Eve,
        EventFormat::Ecs => Shape::Ecs,
    };
    Settings {
        shape,
        sensor: config.events_sensor.clone().unwrap_or_else(machine),
        queue_octets: usize::try_from(config.events_queue.0).unwrap_or(usize::MAX),
        file: config.events_file.clone().map(|path| file::Settings {
            path,
            rotation: config.events_rotate.then_some(file::Rotation {
                size_octets: config.events_rotate_size.0,
                every: config.events_rotate_every,
                keep: config.events_keep,
            }),
        }),
        socket: config.events_socket.clone().map(|path| Socket {
            path,
            kind: match config.events_socket_type {
                SocketType::Stream => SocketKind::Stream,
                SocketType::Datagram => SocketKind::Datagram,
            },
        }),
        stdout: config.events_stdout,
        syslog: syslog(config, shape),
    }
}

fn syslog(config: &Config, shape: Shape) -> Option<Syslog> {
    let receiver = config.syslog_address?;
    let carrier = match receiver.carrier {
        SyslogCarrier::Udp => Carrier::Udp,
        SyslogCarrier::Tcp => Carrier::Tcp,
        SyslogCarrier::Tls => Carrier::Tls {
            authorities: config.syslog_ca.clone().unwrap_or_default(),
            name: config
                .syslog_server_name
                .clone()
                .unwrap_or_else(|| receiver.address.ip().to_string()),
        },
    };
    Some(Syslog {
        address: receiver.address,
        carrier,
        facility: config.syslog_facility.number(),
        payload: match config.syslog_format {
            SyslogFormat::Json => Payload::Json(shape),
            SyslogFormat::Cef => Payload::Cef,
            SyslogFormat::Text => Payload::Text,
        },
    })
}

/// The name of the machine.
fn machine() -> String {
    let name = std::fs::read_to_string(MACHINE).unwrap_or_default();
    match name.trim() {
        "" => crate::export::PROGRAM.to_owned(),
        name => name.to_owned(),
    }
}

/// Where the system has the name of the machine.
const MACHINE: &str = "/proc/sys/kernel/hostname";
