//! Gives up rights as the configuration says, and tells which protections are in force.

use std::path::{Path, PathBuf};

use super::Failure;
use crate::app::rights::{self, Becomes, Connects, Demand, Given, Plan, RightsError};
use crate::config::{Config, Frames, SyslogCarrier, Wanted};

/// Gives up all rights that are not needed any more, and says so. The file of the configuration and
/// those of the web server are read again later.
pub(super) fn give_up(
    config: &Config,
    file: Option<&Path>,
    web: &[PathBuf],
) -> Result<Given, Failure> {
    let given = rights::give_up(&plan(config, file, web)).map_err(|it| match it {
        RightsError::User(_) => Failure::usage(it),
        RightsError::Demanded { .. } => Failure::failed(it),
    })?;
    for remark in &given.remarks {
        tracing::warn!("{remark}");
    }
    let mut in_force = Vec::new();
    for (protection, standing) in &given.standings {
        let word = protection.as_str();
        if standing.is_in_force() {
            in_force.push(word);
        } else {
            tracing::warn!("protection {word}: {standing}");
        }
    }
    tracing::info!("protections in force: {}", in_force.join(", "));
    Ok(given)
}

fn plan(config: &Config, file: Option<&Path>, web: &[PathBuf]) -> Plan {
    let read_later = [
        file,
        config.signatures.as_deref(),
        config.directives_folder.as_deref(),
        config.waivers.as_deref(),
    ];
    let others = config.replay.iter().chain(web).map(PathBuf::as_path);
    let readable = read_later.into_iter().flatten().chain(others);
    Plan {
        user: config.rights_user.clone(),
        becomes: match config.frames() {
            Some(Frames::Interfaces(_)) => Becomes::Another,
            Some(Frames::Files(_)) | None => Becomes::AnotherIfNamed,
        },
        landlock: demand(config.landlock),
        seccomp: demand(config.seccomp),
        keep_net_raw: config.keep_net_raw,
        readable: readable.map(Path::to_owned).collect(),
        writable: config
            .state_folder
            .iter()
            .cloned()
            .chain(config.evidence_folder.clone())
            .chain(config.events_file.iter().map(|it| folder_of(it)))
            .collect(),
        connects: connects(config),
    }
}

/// The folder that a file lies in.
fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// The connections that outputs of events open.
fn connects(config: &Config) -> Connects {
    let syslog = config.syslog_address;
    Connects {
        unix: config.events_socket.is_some(),
        udp: syslog.is_some_and(|it| it.carrier == SyslogCarrier::Udp),
        tcp: syslog
            .filter(|it| it.carrier != SyslogCarrier::Udp)
            .map(|it| it.address.port()),
    }
}

const fn demand(wanted: Wanted) -> Demand {
    match wanted {
        Wanted::Auto => Demand::Auto,
        Wanted::Require => Demand::Require,
        Wanted::Off => Demand::Off,
    }
}
