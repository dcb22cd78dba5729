//! Keeps this thread and its successors to their own folders, and from opening connections, by
//! Landlock.
//!
//! Rules belong to the files that were there when they were made, not to names. Of a file that may
//! be replaced, the folder is allowed. Below `/proc` the system makes entries anew whenever nobody
//! holds them, so those that are allowed are held open.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, NetPort, PathBeneath, PathFd, RestrictionStatus,
    Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};

use super::{Connects, Demand, Plan};
use crate::export::protection::Standing;

/// What rules hold on to.
#[derive(Debug, Default)]
pub(super) struct Held(Vec<PathFd>);

/// Puts the rules in force; says how those for files and those for connections stand.
pub(super) fn keep_to(plan: &Plan) -> (Standing, Standing, Held) {
    if plan.landlock == Demand::Off {
        let off = Standing::Off("rights.landlock = \"off\"".to_owned());
        return (off.clone(), off, Held::default());
    }
    let mut held = Held::default();
    let files = standing(files(plan, &mut held));
    (files, standing(network(plan.connects)), held)
}

fn files(plan: &Plan, held: &mut Held) -> Result<RestrictionStatus, RulesetError> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let write = AccessFs::from_all(LEVEL) & !(SPECIAL_FILES | AccessFs::Execute);
    let mut rules = Ruleset::default()
        .handle_access(AccessFs::from_all(LEVEL))?
        .scope(Scope::Signal | Scope::AbstractUnixSocket)?
        .create()?;
    for path in SYSTEM {
        if let Ok(opened) = PathFd::new(path) {
            rules = rules.add_rule(PathBeneath::new(&opened, allowed(Path::new(path), read)))?;
            held.0.push(opened);
        }
    }
    let readable = plan.readable.iter().map(|it| (folder_of(it), read));
    let writable = plan.writable.iter().map(|it| (it.clone(), write));
    for (path, access) in readable.chain(writable) {
        // What is not there cannot be read later either, and who opens it says so.
        if let Ok(opened) = PathFd::new(&path) {
            rules = rules.add_rule(PathBeneath::new(opened, allowed(&path, access)))?;
        }
    }
    rules.restrict_self()
}

/// Rules of their own, as older kernels know those for files only.
fn network(connects: Connects) -> Result<RestrictionStatus, RulesetError> {
    let mut rules = Ruleset::default()
        .handle_access(AccessNet::BindTcp | AccessNet::ConnectTcp)?
        .create()?;
    if let Some(port) = connects.tcp {
        rules = rules.add_rule(NetPort::new(port, AccessNet::ConnectTcp))?;
    }
    rules.restrict_self()
}

/// The folder that a file lies in; a folder itself.
fn folder_of(path: &Path) -> PathBuf {
    if path.is_dir() {
        return path.to_owned();
    }
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => PathBuf::from("."),
        Some(parent) => parent.to_owned(),
        None => path.to_owned(),
    }
}

/// What may be allowed of a path: some accesses are of folders alone.
fn allowed(path: &Path, access: BitFlags<AccessFs>) -> BitFlags<AccessFs> {
    if path.is_dir() {
        access
    } else {
        access & AccessFs::from_file(LEVEL)
    }
}

fn standing(restricted: Result<RestrictionStatus, RulesetError>) -> Standing {
    match restricted.map(|it| it.ruleset) {
        // In part means that the kernel is older than some rules; those of its age hold.
        Ok(RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced) => Standing::InForce,
        Ok(RulesetStatus::NotEnforced) => {
            Standing::Unavailable("this kernel has no Landlock, or not enough of it".to_owned())
        }
        Err(error) => Standing::Refused(error.to_string()),
    }
}

/// The age of the rules: devices' ioctl, signals and abstract sockets are in it, as of Linux 6.12.
const LEVEL: ABI = ABI::V6;

/// What no folder needs.
const SPECIAL_FILES: BitFlags<AccessFs> = landlock::make_bitflags!(AccessFs::{
    MakeChar | MakeBlock | MakeFifo | MakeSock | IoctlDev
});

/// What the sensor reads of the system: its own processor time, memory and descriptors, when the
/// system started, and how interfaces are.
const SYSTEM: [&str; 7] = [
    "/proc/self",
    "/proc/stat",
    "/proc/sys/kernel/osrelease",
    "/proc/sys/vm/overcommit_memory",
    "/sys/class/net",
    "/sys/devices",
    "/dev/null",
];

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::ErrorKind;
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn only_the_folders_of_the_plan_can_be_opened() {
        let outside = tempfile::tempdir().unwrap();
        let inside = tempfile::tempdir().unwrap();
        let state = tempfile::tempdir().unwrap();
        for folder in [&outside, &inside, &state] {
            fs::write(folder.path().join("old"), "text").unwrap();
        }
        let plan = Plan {
            readable: vec![inside.path().join("old")],
            writable: vec![state.path().to_owned()],
            ..Plan::default()
        };
        // Rules bind the thread that makes them and end with it.
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let (files, network, _held) = keep_to(&plan);
                assert_eq!((files, network), (Standing::InForce, Standing::InForce));
                let denied = |result: std::io::Result<()>| {
                    assert_eq!(result.unwrap_err().kind(), ErrorKind::PermissionDenied);
                };
                let read = |path: &Path| fs::read(path).map(|_| ());
                denied(read(&outside.path().join("old")));
                denied(fs::write(outside.path().join("new"), ""));
                denied(read(Path::new("/etc/passwd")));
                denied(fs::write(inside.path().join("new"), ""));
                fs::read(inside.path().join("old")).unwrap();
                fs::write(state.path().join("new"), "text").unwrap();
                fs::rename(state.path().join("new"), state.path().join("old")).unwrap();
                fs::remove_file(state.path().join("old")).unwrap();
                fs::read("/proc/self/stat").unwrap();
                fs::read("/sys/class/net/lo/operstate").unwrap();
                denied(read(Path::new("/proc/1/cmdline")));
            });
        });
        fs::read(outside.path().join("old")).unwrap();
    }

    #[test]
    fn no_connection_can_be_opened() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let refused = std::thread::spawn(move || {
            let _ = keep_to(&Plan::default());
            [
                TcpStream::connect(address).map(|_| ()),
                TcpListener::bind("127.0.0.1:0").map(|_| ()),
            ]
            .map(|it| it.unwrap_err().kind())
        });
        assert_eq!(refused.join().unwrap(), [ErrorKind::PermissionDenied; 2]);
        TcpStream::connect(address).unwrap();
    }

    #[test]
    fn only_the_port_of_the_plan_can_be_connected_to() {
        let wanted = TcpListener::bind("127.0.0.1:0").unwrap();
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let [wanted, other] = [&wanted, &other].map(|it| it.local_addr().unwrap());
        let plan = Plan {
            connects: Connects {
                tcp: Some(wanted.port()),
                ..Connects::default()
            },
            ..Plan::default()
        };
        let bound = std::thread::spawn(move || {
            let _ = keep_to(&plan);
            TcpStream::connect(wanted).unwrap();
            TcpStream::connect(other).map(|_| ()).unwrap_err().kind()
        });
        assert_eq!(bound.join().unwrap(), ErrorKind::PermissionDenied);
    }

    #[test]
    fn a_file_that_is_replaced_can_still_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pack.toml");
        fs::write(&path, "old").unwrap();
        let plan = Plan {
            readable: vec![path.clone()],
            ..Plan::default()
        };
        let (told, replaced) = std::sync::mpsc::channel::<()>();
        let reader = {
            let path = path.clone();
            std::thread::spawn(move || {
                let _held = keep_to(&plan);
                replaced.recv().unwrap();
                fs::read_to_string(path).unwrap()
            })
        };
        let new = folder.path().join("pack.toml.new");
        fs::write(&new, "new").unwrap();
        fs::rename(new, path).unwrap();
        told.send(()).unwrap();
        assert_eq!(reader.join().unwrap(), "new");
    }
}
