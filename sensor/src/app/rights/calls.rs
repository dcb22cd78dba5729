//! Keeps this thread and its successors to the system calls that the sensor is made of, by seccomp.
//!
//! A call that is not on the list fails with `EPERM` and does nothing: the sensor counts or tells it
//! like any other failure and goes on, where ending the process would cost a box that is left alone
//! its work over a call that a new C library brings.

use std::collections::BTreeMap;

use nix::libc::{self, c_long};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch,
};

use super::{Connects, Demand};
use crate::export::protection::Standing;

/// Puts the lists in force; says how they stand.
pub(super) fn keep_to(demand: Demand, connects: Connects) -> Standing {
    if demand == Demand::Off {
        return Standing::Off("rights.seccomp = \"off\"".to_owned());
    }
    let Ok(arch) = TargetArch::try_from(std::env::consts::ARCH) else {
        return Standing::Unavailable("there is no list of calls for this processor".to_owned());
    };
    let made = allowed(arch, connects).and_then(|it| Ok((it, absent(arch)?)));
    let (allowed, absent) = match made {
        Ok(made) => made,
        Err(error) => return Standing::Refused(error.to_string()),
    };
    // The list of what is allowed comes last: a further filter is not on it.
    let applied =
        seccompiler::apply_filter(&absent).and_then(|()| seccompiler::apply_filter(&allowed));
    match applied {
        Ok(()) => Standing::InForce,
        Err(error) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            Standing::Refused(cause.unwrap_or_else(|| error.to_string()))
        }
    }
}

/// Allows what is on the lists, and denies all else.
fn allowed(arch: TargetArch, connects: Connects) -> Result<BpfProgram, BackendError> {
    let mut rules: BTreeMap<c_long, Vec<SeccompRule>> = CALLS
        .iter()
        .chain(OLDER_CALLS)
        .map(|it| (*it, Vec::new()))
        .collect();
    // What the other filter makes absent is not denied here: the newer filter gives the error.
    rules.insert(libc::SYS_clone3, Vec::new());
    // Threads, but no processes and no name spaces.
    let names = libc::CLONE_NEWUSER | libc::CLONE_NEWNS | libc::CLONE_NEWNET | libc::CLONE_NEWPID;
    let thread = word(libc::CLONE_THREAD);
    rules.insert(
        libc::SYS_clone,
        any([[when(
            0,
            SeccompCmpOp::MaskedEq(thread | word(names)),
            thread,
        )?]])?,
    );
    rules.insert(libc::SYS_socket, sockets(connects)?);
    if connects != Connects::default() {
        // The address lies in memory; Landlock sees to the port.
        rules.insert(libc::SYS_connect, Vec::new());
    }
    // To the other end of a connection that a client opened, to no address.
    let nowhere = SeccompCondition::new(4, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, 0)?;
    rules.insert(libc::SYS_sendto, any([[nowhere]])?);
    // Limits are read, never set.
    let unchanged = SeccompCondition::new(2, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, 0)?;
    rules.insert(libc::SYS_prlimit64, any([[unchanged]])?);
    // Names of threads.
    rules.insert(
        libc::SYS_prctl,
        any([[when(0, SeccompCmpOp::Eq, word(libc::PR_SET_NAME))?]])?,
    );
    // Nothing is typed into the terminal of whoever started it.
    rules.insert(
        libc::SYS_ioctl,
        any([[
            when(1, SeccompCmpOp::Ne, libc::TIOCSTI)?,
            when(1, SeccompCmpOp::Ne, TIOCLINUX)?,
        ]])?,
    );
    filter(
        rules,
        SeccompAction::Errno(EPERM),
        SeccompAction::Allow,
        arch,
    )
}

/// Sockets to ask interfaces by, and to open them again; of those that reach a network, what the
/// settings ask for.
fn sockets(connects: Connects) -> Result<Vec<SeccompRule>, BackendError> {
    let mut rules = any([
        [when(0, SeccompCmpOp::Eq, word(libc::AF_UNIX))?],
        [when(0, SeccompCmpOp::Eq, word(libc::AF_PACKET))?],
    ])?;
    let kinds = [
        (connects.udp, libc::SOCK_DGRAM),
        (connects.tcp.is_some(), libc::SOCK_STREAM),
    ];
    for (_, kind) in kinds.into_iter().filter(|it| it.0) {
        for family in [libc::AF_INET, libc::AF_INET6] {
            rules.extend(any([[
                when(0, SeccompCmpOp::Eq, word(family))?,
                when(1, SeccompCmpOp::MaskedEq(SOCKET_KIND), word(kind))?,
            ]])?);
        }
    }
    Ok(rules)
}

/// Makes the C library believe that a call does not exist whose arguments lie in memory and cannot be
/// looked at: it starts threads by the older one then.
fn absent(arch: TargetArch) -> Result<BpfProgram, BackendError> {
    let rules = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    filter(
        rules,
        SeccompAction::Allow,
        SeccompAction::Errno(ENOSYS),
        arch,
    )
}

fn filter(
    rules: BTreeMap<c_long, Vec<SeccompRule>>,
    otherwise: SeccompAction,
    on_match: SeccompAction,
    arch: TargetArch,
) -> Result<BpfProgram, BackendError> {
    SeccompFilter::new(rules, otherwise, on_match, arch)?.try_into()
}

/// A list of alternatives, each of which holds if all its conditions do.
fn any<const N: usize, const M: usize>(
    alternatives: [[SeccompCondition; M]; N],
) -> Result<Vec<SeccompRule>, BackendError> {
    alternatives
        .into_iter()
        .map(|it| SeccompRule::new(it.into()))
        .collect()
}

/// A condition on the low 32 bits of an argument.
fn when(
    argument: u8,
    operator: SeccompCmpOp,
    value: u64,
) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value)
}

/// The 32 bits of a constant of the C library, which gives them as signed.
const fn word(constant: i32) -> u64 {
    constant.cast_unsigned() as u64
}

/// The kind of a socket in its argument, beside flags (`SOCK_TYPE_MASK` of the kernel).
const SOCKET_KIND: u64 = 0xf;

const EPERM: u32 = libc::EPERM.cast_unsigned();
const ENOSYS: u32 = libc::ENOSYS.cast_unsigned();

/// `TIOCLINUX` of the kernel's `asm-generic/ioctls.h`, which pastes into a console.
const TIOCLINUX: u64 = 0x541c;

/// What the sensor is made of, with room for how C libraries put the same things.
const CALLS: &[c_long] = &[
    // Memory.
    libc::SYS_brk,
    libc::SYS_madvise,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_munmap,
    // Files; which of them, Landlock says.
    libc::SYS_close,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_fallocate,
    libc::SYS_fchmod,
    libc::SYS_fcntl,
    libc::SYS_fdatasync,
    libc::SYS_flock,
    libc::SYS_fstat,
    libc::SYS_fstatfs,
    libc::SYS_fsync,
    libc::SYS_ftruncate,
    libc::SYS_getcwd,
    libc::SYS_getdents64,
    libc::SYS_lseek,
    libc::SYS_mkdirat,
    libc::SYS_newfstatat,
    libc::SYS_openat,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_read,
    libc::SYS_readlinkat,
    libc::SYS_readv,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_statfs,
    libc::SYS_statx,
    libc::SYS_umask,
    libc::SYS_unlinkat,
    libc::SYS_utimensat,
    libc::SYS_write,
    libc::SYS_writev,
    // Sockets that are open, and connections that clients open.
    libc::SYS_accept4,
    libc::SYS_bind,
    libc::SYS_getpeername,
    libc::SYS_getsockname,
    libc::SYS_getsockopt,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_setsockopt,
    libc::SYS_shutdown,
    // Waiting.
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_eventfd2,
    libc::SYS_futex,
    libc::SYS_gettimeofday,
    libc::SYS_nanosleep,
    libc::SYS_pipe2,
    libc::SYS_ppoll,
    libc::SYS_sched_yield,
    // Threads, signals and the way out.
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_get_robust_list,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_membarrier,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_setaffinity,
    libc::SYS_set_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_sigaltstack,
    libc::SYS_tgkill,
    // What it is and where it runs.
    libc::SYS_capget,
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getrandom,
    libc::SYS_getrusage,
    libc::SYS_getuid,
    libc::SYS_sysinfo,
    libc::SYS_uname,
];

/// The older forms of the same calls, which newer processors do not have.
#[cfg(target_arch = "x86_64")]
const OLDER_CALLS: &[c_long] = &[
    libc::SYS_access,
    libc::SYS_dup2,
    libc::SYS_epoll_wait,
    libc::SYS_lstat,
    libc::SYS_mkdir,
    libc::SYS_open,
    libc::SYS_poll,
    libc::SYS_readlink,
    libc::SYS_rename,
    libc::SYS_rmdir,
    libc::SYS_stat,
    libc::SYS_time,
    libc::SYS_unlink,
];
#[cfg(not(target_arch = "x86_64"))]
const OLDER_CALLS: &[c_long] = &[];

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{ErrorKind, Read, Write};
    use std::net::{TcpListener, TcpStream, UdpSocket};
    use std::process::Command;
    use std::thread;

    use super::*;

    #[test]
    fn no_program_is_started_and_nothing_is_sent_to_a_network() {
        let kinds = thread::spawn(|| {
            assert_eq!(
                keep_to(Demand::Auto, Connects::default()),
                Standing::InForce
            );
            [
                Command::new("/bin/true").spawn().map(|_| ()),
                UdpSocket::bind("127.0.0.1:0").map(|_| ()),
                TcpStream::connect("127.0.0.1:1").map(|_| ()),
                std::os::unix::net::UnixStream::connect("/run/x").map(|_| ()),
                std::os::unix::fs::chown("/", Some(0), Some(0)),
            ]
            .map(|it| it.unwrap_err().kind())
        });
        assert_eq!(kinds.join().unwrap(), [ErrorKind::PermissionDenied; 5]);
        assert!(Command::new("/bin/true").status().unwrap().success());
    }

    #[test]
    fn only_the_kinds_of_connections_that_are_asked_for_can_be_opened() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let bound = |connects: Connects| {
            let opened = thread::spawn(move || {
                assert_eq!(keep_to(Demand::Auto, connects), Standing::InForce);
                [
                    TcpStream::connect(address).map(|_| ()),
                    UdpSocket::bind("127.0.0.1:0")
                        .and_then(|it| it.connect(address))
                        .map(|_| ()),
                    std::os::unix::net::UnixStream::connect("/nowhere").map(|_| ()),
                ]
                .map(|it| it.err().map(|it| it.kind()))
            });
            opened.join().unwrap()
        };
        let denied = Some(ErrorKind::PermissionDenied);
        let missing = Some(ErrorKind::NotFound);
        let none = Connects::default();
        let tcp = Some(address.port());
        assert_eq!(bound(Connects { tcp, ..none }), [None, denied, missing]);
        let udp = true;
        assert_eq!(bound(Connects { udp, ..none }), [denied, None, missing]);
        let unix = true;
        assert_eq!(bound(Connects { unix, ..none }), [denied, denied, missing]);
        assert_eq!(bound(none), [denied; 3]);
    }

    #[test]
    fn what_the_sensor_does_goes_on_and_its_threads_are_bound_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let bound = thread::spawn(move || {
            assert_eq!(
                keep_to(Demand::Require, Connects::default()),
                Standing::InForce
            );
            fs::write(&path, "text").unwrap();
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
            fs::remove_file(&path).unwrap();
            let (mut stream, _) = listener.accept().unwrap();
            stream.set_nonblocking(true).unwrap();
            stream.write_all(b"hello").unwrap();
            thread::sleep(std::time::Duration::from_millis(1));
            let named = thread::Builder::new().name("named".to_owned());
            let inner = named.spawn(|| Command::new("/bin/true").spawn().map(|_| ()));
            inner.unwrap().join().unwrap().unwrap_err().kind()
        });
        let mut heard = [0; 5];
        client.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"hello");
        assert_eq!(bound.join().unwrap(), ErrorKind::PermissionDenied);
    }

    #[test]
    fn the_list_cannot_be_changed_later() {
        let second = thread::spawn(|| {
            assert_eq!(
                keep_to(Demand::Auto, Connects::default()),
                Standing::InForce
            );
            keep_to(Demand::Auto, Connects::default())
        });
        assert!(matches!(second.join().unwrap(), Standing::Refused(_)));
    }

    #[test]
    fn a_panic_is_told_and_ends_one_thread_only() {
        let ended = thread::spawn(|| {
            assert_eq!(
                keep_to(Demand::Auto, Connects::default()),
                Standing::InForce
            );
            let inner = thread::spawn(|| -> () { panic!("on purpose") });
            inner.join().is_err()
        });
        assert!(ended.join().unwrap());
    }
}
