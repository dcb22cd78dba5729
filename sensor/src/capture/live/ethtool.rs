//! What the driver of an interface says of its settings, by the system's `ethtool` calls.
//!
//! Only asks; changes nothing.
#![allow(unsafe_code)]

use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd};

use nix::libc;

use crate::frame::{Card, Offload};

/// Reads the settings of an interface; what the system does not tell is absent. Any socket will do.
pub(super) fn card(socket: &impl AsFd, name: &str) -> Card {
    let asked = Asked { socket, name };
    Card {
        offloads: asked.offloads().unwrap_or_default(),
        ring: asked.ring().ok(),
        mtu: fs::read_to_string(format!("/sys/class/net/{name}/mtu"))
            .ok()
            .and_then(|it| it.trim().parse().ok()),
    }
}

struct Asked<'a, S> {
    socket: &'a S,
    name: &'a str,
}

impl<S: AsFd> Asked<'_, S> {
    fn offloads(&self) -> io::Result<[Option<bool>; Offload::ALL.len()]> {
        let names = self.feature_names()?;
        let blocks = names.len().div_ceil(32);
        // struct ethtool_gfeatures: the command, the number of blocks, then for each block of 32
        // features: available, requested, active, never changed.
        let mut answer = vec![0; 2 + 4 * blocks];
        answer[0] = ETHTOOL_GFEATURES;
        answer[1] = u32::try_from(blocks).unwrap_or_default();
        self.ask(&mut answer)?;
        Ok(Offload::ALL.map(|offload| {
            let number = names.iter().position(|it| it == offload.feature())?;
            let active = answer.get(2 + number / 32 * 4 + 2)?;
            Some(active >> (number % 32) & 1 == 1)
        }))
    }

    /// The names of the features, by their numbers.
    fn feature_names(&self) -> io::Result<Vec<String>> {
        // struct ethtool_sset_info: command, nothing, the sets asked for in 64 bits, a number each.
        let mut info = [ETHTOOL_GSSET_INFO, 0, 0, 0, 0];
        let set = (1_u64 << ETH_SS_FEATURES).to_ne_bytes();
        info[2] = u32::from_ne_bytes([set[0], set[1], set[2], set[3]]);
        info[3] = u32::from_ne_bytes([set[4], set[5], set[6], set[7]]);
        self.ask(&mut info)?;
        let count = usize::try_from(info[4]).unwrap_or_default();
        if count > MOST_FEATURES {
            return Err(io::ErrorKind::InvalidData.into());
        }
        // struct ethtool_gstrings: command, set, count, then 32 octets a name.
        let mut strings = vec![0; 3 + count * NAME_WORDS];
        strings[0] = ETHTOOL_GSTRINGS;
        strings[1] = ETH_SS_FEATURES;
        strings[2] = info[4];
        self.ask(&mut strings)?;
        let names = strings.get(3..).unwrap_or_default().chunks(NAME_WORDS);
        Ok(names.map(name_of).collect())
    }

    /// Frames that the receive ring holds, and the most that it could.
    fn ring(&self) -> io::Result<(u32, u32)> {
        // struct ethtool_ringparam: command, four maxima, four settings; receive is the first each.
        let mut answer = [ETHTOOL_GRINGPARAM, 0, 0, 0, 0, 0, 0, 0, 0];
        self.ask(&mut answer)?;
        Ok((answer[5], answer[1]))
    }

    /// Has the system fill `words`, whose first is the command.
    fn ask(&self, words: &mut [u32]) -> io::Result<()> {
        // SAFETY: all octets zero is a valid value of this structure of numbers and pointers.
        let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
        let name = self.name.as_bytes();
        if name.len() >= request.ifr_name.len() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        for (place, octet) in request.ifr_name.iter_mut().zip(name) {
            *place = octet.cast_signed();
        }
        request.ifr_ifru.ifru_data = words.as_mut_ptr().cast();
        // SAFETY: the system reads the name, which ends with a zero, and reads and writes at
        // `ifru_data` as many octets as the command and the count behind it say; the callers have
        // made `words` that long. Both outlive the call.
        let done = unsafe {
            libc::ioctl(
                self.socket.as_fd().as_raw_fd(),
                SIOCETHTOOL,
                &raw mut request,
            )
        };
        if done < 0 {
            Err(io::Error::last_os_error())
        } else {
            Ok(())
        }
    }
}

fn name_of(words: &[u32]) -> String {
    let octets = words.iter().flat_map(|it| it.to_ne_bytes());
    octets.take_while(|&it| it != 0).map(char::from).collect()
}

/// Numbers of `linux/sockios.h` and `linux/ethtool.h`.
const SIOCETHTOOL: libc::Ioctl = 0x8946;
const ETHTOOL_GRINGPARAM: u32 = 0x10;
const ETHTOOL_GSTRINGS: u32 = 0x1b;
const ETHTOOL_GSSET_INFO: u32 = 0x37;
const ETHTOOL_GFEATURES: u32 = 0x3a;
const ETH_SS_FEATURES: u32 = 4;

/// Words of a feature's name.
const NAME_WORDS: usize = 8;

/// More features than any system has; they are 64 today.
const MOST_FEATURES: usize = 1024;
