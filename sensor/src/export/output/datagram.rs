//! Outputs that are datagrams, each with one message: a Unix socket, and syslog over UDP (RFC 5426).

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::sync::Arc;

use nix::errno::Errno;

use super::stream::PATIENCE;
use super::{Delivered, Sink, Then};

/// Where datagrams go.
#[derive(Debug)]
pub(super) enum Target {
    /// To a Unix socket.
    Unix(PathBuf),
    /// To a port.
    Udp(SocketAddr),
}

/// Messages on their way as datagrams.
#[derive(Debug)]
pub(super) struct Datagrams {
    target: Target,
    socket: Option<Socket>,
}

#[derive(Debug)]
enum Socket {
    Unix(UnixDatagram),
    Udp(UdpSocket),
}

impl Datagrams {
    pub(super) const fn new(target: Target) -> Self {
        Self {
            target,
            socket: None,
        }
    }
}

impl Sink for Datagrams {
    fn deliver(&mut self, lines: &[Arc<[u8]>]) -> Delivered {
        let socket = match &mut self.socket {
            Some(socket) => socket,
            empty => match self.target.open() {
                Ok(socket) => empty.insert(socket),
                Err(error) => {
                    let then = Then::Broken(error);
                    return Delivered { sent: 0, then };
                }
            },
        };
        for (sent, line) in lines.iter().enumerate() {
            let Err(error) = socket.send(line) else {
                continue;
            };
            let then = match Errno::from_raw(error.raw_os_error().unwrap_or_default()) {
                Errno::EMSGSIZE => Then::Refused(error),
                _ if error.kind() == ErrorKind::WouldBlock => Then::Waits,
                Errno::EINTR => Then::Waits,
                _ => {
                    self.socket = None;
                    Then::Broken(error)
                }
            };
            return Delivered { sent, then };
        }
        Delivered::all(lines.len())
    }
}

impl Target {
    fn open(&self) -> io::Result<Socket> {
        match self {
            Self::Unix(path) => {
                let socket = UnixDatagram::unbound()?;
                socket.connect(path)?;
                socket.set_write_timeout(Some(PATIENCE))?;
                Ok(Socket::Unix(socket))
            }
            Self::Udp(address) => {
                let any = match address {
                    SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
                    SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
                };
                let socket = UdpSocket::bind((any, 0))?;
                socket.connect(address)?;
                socket.set_write_timeout(Some(PATIENCE))?;
                Ok(Socket::Udp(socket))
            }
        }
    }
}

impl Socket {
    fn send(&self, line: &[u8]) -> io::Result<()> {
        match self {
            Self::Unix(socket) => socket.send(line).map(|_| ()),
            Self::Udp(socket) => {
                socket.send(line)?;
                // On the same machine it is known at once that nobody listens; from farther away that
                // comes later, and is then an error of the next message.
                socket.take_error()?.map_or(Ok(()), Err)
            }
        }
    }
}
