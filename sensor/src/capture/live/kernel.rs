//! The system's `bpf` call: maps, programs, and memory shared with them.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use nix::libc;

/// Kind, sizes and flags of a map.
#[derive(Clone, Copy, Debug)]
pub(super) struct MapShape {
    pub(super) kind: u32,
    pub(super) key_octets: u32,
    pub(super) value_octets: u32,
    pub(super) entries: u32,
    pub(super) flags: u32,
}

/// Makes a map.
pub(super) fn create_map(shape: MapShape) -> io::Result<OwnedFd> {
    let mut words = Attributes::default();
    words.put_u32(0, shape.kind);
    words.put_u32(4, shape.key_octets);
    words.put_u32(8, shape.value_octets);
    words.put_u32(12, shape.entries);
    words.put_u32(16, shape.flags);
    words.call(BPF_MAP_CREATE).map(descriptor)
}

/// Loads a socket filter.
///
/// # Errors
///
/// The system's error; where the program itself was refused, with the reason of the verifier.
pub(super) fn load_filter(code: &[u64]) -> io::Result<OwnedFd> {
    load(code, &mut []).or_else(|error| {
        if error.raw_os_error() == Some(libc::EPERM) {
            return Err(error);
        }
        let mut log = vec![0; 1 << 20];
        load(code, &mut log).map_err(|error| {
            let text = String::from_utf8_lossy(&log);
            let said = text.trim_end_matches('\0').lines().rev().take(2);
            io::Error::new(
                error.kind(),
                format!("{error}: {}", said.collect::<Vec<_>>().join("; ")),
            )
        })
    })
}

fn load(code: &[u64], log: &mut [u8]) -> io::Result<OwnedFd> {
    let mut words = Attributes::default();
    words.put_u32(0, BPF_PROG_TYPE_SOCKET_FILTER);
    words.put_u32(4, u32::try_from(code.len()).unwrap_or(u32::MAX));
    words.put_pointer(8, code.as_ptr().cast());
    words.put_pointer(16, LICENSE.as_ptr().cast());
    if !log.is_empty() {
        words.put_u32(24, 1);
        words.put_u32(28, u32::try_from(log.len()).unwrap_or(u32::MAX));
        words.put_pointer(32, log.as_mut_ptr().cast_const().cast());
    }
    words.call(BPF_PROG_LOAD).map(descriptor)
}

/// What a program made of octets.
#[cfg(test)]
#[derive(Clone, Copy, Debug)]
pub(super) struct TestRun {
    /// What it returned.
    pub(super) value: u32,
    /// How long it took, in nanoseconds, on average.
    pub(super) nanos: u32,
}

/// Has the kernel run a socket filter on a frame, some times.
#[cfg(test)]
pub(super) fn test_run(program: &OwnedFd, frame: &[u8], times: u32) -> io::Result<TestRun> {
    // The kernel takes an Ethernet header off before it runs a filter of this kind.
    let octets = [&[0; 14][..], frame].concat();
    let mut words = Attributes::default();
    words.put_u32(0, program.as_raw_fd().cast_unsigned());
    words.put_u32(8, u32::try_from(octets.len()).unwrap_or(u32::MAX));
    words.put_pointer(16, octets.as_ptr().cast());
    words.put_u32(32, times);
    words.call(BPF_PROG_TEST_RUN)?;
    Ok(TestRun {
        value: words.u32(4),
        nanos: words.u32(36),
    })
}

/// Numbers of an array map that were made to be read without a call, so that no right is needed.
#[derive(Debug)]
pub(super) struct SharedNumbers {
    start: NonNull<AtomicU64>,
    count: usize,
}

// SAFETY: the memory is only read, by atomic loads, and belongs to this value until it is dropped.
unsafe impl Send for SharedNumbers {}
// SAFETY: as above.
unsafe impl Sync for SharedNumbers {}

impl SharedNumbers {
    /// Maps the first `count` numbers of an array map that was made with [`BPF_F_MMAPABLE`].
    pub(super) fn of(map: &OwnedFd, count: usize) -> io::Result<Self> {
        // SAFETY: a new mapping at a place of the system's choice touches no memory of ours.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                count * size_of::<u64>(),
                libc::PROT_READ,
                libc::MAP_SHARED,
                map.as_raw_fd(),
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::InvalidData)?;
        Ok(Self { start, count })
    }

    /// The number at a place; 0 beyond the end.
    pub(super) fn number(&self, place: usize) -> u64 {
        if place >= self.count {
            return 0;
        }
        // SAFETY: `start` begins a mapping of `count` numbers, aligned to a page, that lives as
        // long as `self`; `place` lies within it. The kernel changes them by atomic additions.
        unsafe { self.start.add(place).as_ref() }.load(Ordering::Relaxed)
    }
}

impl Drop for SharedNumbers {
    fn drop(&mut self) {
        // SAFETY: this is the mapping that `of` made, and nothing refers to it any more.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.count * size_of::<u64>()) };
    }
}

/// `union bpf_attr`, as octets: fields stand where `linux/bpf.h` puts them.
#[repr(C, align(8))]
struct Attributes([u8; 128]);

impl Default for Attributes {
    fn default() -> Self {
        Self([0; 128])
    }
}

impl Attributes {
    fn put_u32(&mut self, at: usize, value: u32) {
        self.put(at, &value.to_ne_bytes());
    }

    fn put_pointer(&mut self, at: usize, value: *const u8) {
        self.put(at, &(value.expose_provenance() as u64).to_ne_bytes());
    }

    fn put(&mut self, at: usize, octets: &[u8]) {
        for (place, octet) in self.0.iter_mut().skip(at).zip(octets) {
            *place = *octet;
        }
    }

    #[cfg(test)]
    fn u32(&self, at: usize) -> u32 {
        let octets: Vec<u8> = self.0.iter().skip(at).take(4).copied().collect();
        u32::from_ne_bytes(octets.try_into().unwrap())
    }

    fn call(&mut self, command: libc::c_long) -> io::Result<i32> {
        // SAFETY: the attributes are a structure of the given size. Pointers in it lead to buffers
        // of the length that stands beside them, which the callers hold until this call is over.
        let done = unsafe {
            libc::syscall(
                libc::SYS_bpf,
                command,
                self.0.as_mut_ptr(),
                size_of::<Self>(),
            )
        };
        if done < 0 {
            return Err(io::Error::last_os_error());
        }
        i32::try_from(done).map_err(|_| io::ErrorKind::InvalidData.into())
    }
}

fn descriptor(number: i32) -> OwnedFd {
    // SAFETY: the system has just made this descriptor for us, and nobody else knows it.
    unsafe { OwnedFd::from_raw_fd(number) }
}

/// Commands and kinds of `linux/bpf.h`.
const BPF_MAP_CREATE: libc::c_long = 0;
const BPF_PROG_LOAD: libc::c_long = 5;
#[cfg(test)]
const BPF_PROG_TEST_RUN: libc::c_long = 10;
const BPF_PROG_TYPE_SOCKET_FILTER: u32 = 1;
pub(super) const BPF_MAP_TYPE_ARRAY: u32 = 2;
pub(super) const BPF_MAP_TYPE_LRU_HASH: u32 = 9;
/// The array can be mapped into memory (since Linux 5.5).
pub(super) const BPF_F_MMAPABLE: u32 = 1 << 10;

/// The kernel asks; what is called needs no particular one.
const LICENSE: &std::ffi::CStr = c"MIT";
