//! Gives up the rights that the sensor does not need any more once all is open.
//!
//! Interfaces, listeners and files are opened first; then [`give_up`] is called, on the main thread
//! and before any other is started: rights belong to a thread, and pass to the threads that it
//! starts. What a service manager has done before is found done, and is no error.
//!
//! Every protection is put in force as far as the system goes along, and how far it did is told;
//! what the operator demands and the system denies ends the start.

use std::path::PathBuf;

use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};

use crate::export::protection::{Protection, Standing};

mod calls;
mod capabilities;
mod files;
mod user;

pub use user::UserError;

/// What is to be given up.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// User to become when started as root; `None` takes [`DEFAULT_USER`], or where there is none
    /// [`FALLBACK_USER`]. `root` stays root.
    pub user: Option<String>,
    /// Whether to become another user at all if `user` does not say so.
    pub becomes: Becomes,
    /// Whether to keep to the folders below.
    pub landlock: Demand,
    /// Whether to keep to the system calls that the sensor is made of.
    pub seccomp: Demand,
    /// Whether `CAP_NET_RAW` is kept, so that an interface can be opened again.
    pub keep_net_raw: bool,
    /// Files and folders that may be read later. Of a file, its whole folder: a file that is
    /// replaced by another is not the file that was there.
    pub readable: Vec<PathBuf>,
    /// Folders in which files may be made, read and written later.
    pub writable: Vec<PathBuf>,
    /// Connections that may be opened later.
    pub connects: Connects,
}

/// Kinds of connections that the settings ask for; without any, none can be opened.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Connects {
    /// To a Unix socket.
    pub unix: bool,
    /// Over UDP.
    pub udp: bool,
    /// To this port over TCP.
    pub tcp: Option<u16>,
}

/// Whether a start as root ends up as another user.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Becomes {
    /// Always.
    #[default]
    Another,
    /// Only if the plan names a user: who replays files may have files that only root can read.
    AnotherIfNamed,
}

/// How much a protection is wanted.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Demand {
    /// Where the system has it.
    #[default]
    Auto,
    /// Without it, do not start.
    Require,
    /// Not at all.
    Off,
}

/// Protections as they stand, and what holds them.
#[derive(Debug)]
pub struct Given {
    /// Each protection, in the order of [`Protection::ALL`].
    pub standings: Vec<(Protection, Standing)>,
    /// What to tell the operator, besides.
    pub remarks: Vec<String>,
    _held: files::Held,
}

/// Why rights could not be given up as demanded.
#[derive(Debug, thiserror::Error)]
pub enum RightsError {
    /// The user cannot be had.
    #[error(transparent)]
    User(#[from] UserError),
    /// A protection is demanded, and is not in force.
    #[error("{key} = \"require\": {standing}")]
    Demanded {
        /// The key of the demand.
        key: &'static str,
        /// How it stands.
        standing: Standing,
    },
}

/// Gives up rights, for this thread and those that it starts from then on.
///
/// # Errors
///
/// [`RightsError`] when a user that was named cannot be had, or a protection that is required is
/// not in force. The process should end then: some rights may be gone.
pub fn give_up(plan: &Plan) -> Result<Given, RightsError> {
    let mut remarks = Vec::new();
    let target = user::target(plan, &mut remarks)?;
    capabilities::bound();
    let user = user::become_it(target, plan.keep_net_raw)?;
    let capabilities = capabilities::clear(plan.keep_net_raw);
    let no_new_privs = standing(prctl::set_no_new_privs());
    // After the user, which sets it anew.
    let core_dumps =
        standing(prctl::set_dumpable(false).and_then(|()| setrlimit(Resource::RLIMIT_CORE, 0, 0)));
    let (landlock, landlock_network, held) = files::keep_to(plan);
    demand("rights.landlock", plan.landlock, &landlock)?;
    let seccomp = calls::keep_to(plan.seccomp, plan.connects);
    demand("rights.seccomp", plan.seccomp, &seccomp)?;
    let standings = Protection::ALL.into_iter().zip([
        user,
        capabilities,
        no_new_privs,
        core_dumps,
        landlock,
        landlock_network,
        seccomp,
    ]);
    Ok(Given {
        standings: standings.collect(),
        remarks,
        _held: held,
    })
}

fn standing(done: nix::Result<()>) -> Standing {
    match done {
        Ok(()) => Standing::InForce,
        Err(error) => Standing::Refused(error.desc().to_owned()),
    }
}

fn demand(key: &'static str, demand: Demand, standing: &Standing) -> Result<(), RightsError> {
    if demand == Demand::Require && !standing.is_in_force() {
        let standing = standing.clone();
        return Err(RightsError::Demanded { key, standing });
    }
    Ok(())
}

/// The user that the package makes.
pub const DEFAULT_USER: &str = "phonehome";

/// Who is there where the package is not installed.
pub const FALLBACK_USER: &str = "nobody";
