//! Messages of real programs, between the namespaces 10.66.0.0/24 and fd66::/64: BusyBox udhcpc 1.35,
//! ISC dhclient 4.4, dnsmasq 2.90, Avahi 0.8, llmnrd 0.5, Samba 4.17, MIT Kerberos 1.20, impacket 0.13.
//! The device is 02:00:5e:00:53:07 and has 10.66.0.60.
//!
//! Those of Kerberos are datagrams, but for the one over TCP; those of SMB are segments. The commands
//! were `kinit 'LAPTOP-7$'`, `kinit jdoe`, `kinit -a jdoe`, `kinit -k host/laptop-7.example.org`, `kvno`
//! for a ticket of the file server, `net ads kerberos pac dump`, which says the NetBIOS name,
//! `smbclient //10.66.0.1/share`, the same with `-m NT1` (SMB 1) and `-p 139`, and impacket's
//! `SMBConnection` with a password and with a ticket. The persons, jdoe and smbjdoe, do not exist.

/// A message, by the name of its file.
macro_rules! sample {
    ($name:ident, $file:literal) => {
        pub(super) const $name: &[u8] = include_bytes!(concat!("samples/", $file, ".bin"));
    };
}

sample!(UDHCPC_DISCOVER, "udhcpc-discover");
sample!(UDHCPC_REQUEST, "udhcpc-request");
sample!(DNSMASQ_ACK, "dnsmasq-ack");
sample!(DHCLIENT_REQUEST, "dhclient-request");
sample!(DHCLIENT_RELEASE, "dhclient-release");
sample!(DHCLIENT_SOLICIT_6, "dhclient-solicit-6");
sample!(DHCLIENT_REQUEST_6, "dhclient-request-6");
sample!(DHCLIENT_CONFIRM_6, "dhclient-confirm-6");
sample!(DNSMASQ_REPLY_6, "dnsmasq-reply-6");
sample!(AVAHI_PROBE, "avahi-probe");
sample!(AVAHI_ANNOUNCEMENT, "avahi-announcement");
sample!(AVAHI_ANNOUNCEMENT_6, "avahi-announcement-6");
sample!(LLMNR_QUERY, "llmnr-query");
sample!(LLMNRD_ANSWER, "llmnrd-answer");
sample!(NMBD_REGISTRATION, "nmbd-registration");
sample!(NMBLOOKUP_QUERY, "nmblookup-query");
sample!(NMBD_ANSWER, "nmbd-answer");
sample!(NMBD_NODE_STATUS, "nmbd-node-status");
sample!(KINIT_MACHINE, "kinit-machine");
sample!(KINIT_MACHINE_TCP, "kinit-machine-tcp");
sample!(KINIT_PERSON, "kinit-person");
sample!(KINIT_ADDRESSES, "kinit-addresses");
sample!(KINIT_HOST, "kinit-host");
sample!(NET_NETBIOS_ADDRESS, "net-netbios-address");
sample!(KVNO_TICKET, "kvno-ticket");
sample!(KDC_REPLY, "krb5kdc-reply");
sample!(SMBCLIENT_SESSION_REQUEST, "smbclient-session-request");
sample!(SMBCLIENT_NEGOTIATE, "smbclient-negotiate");
sample!(SMBCLIENT_NEGOTIATE_1, "smbclient-negotiate-1");
sample!(SMBCLIENT_NTLM_NEGOTIATE, "smbclient-ntlm-negotiate");
sample!(SMBCLIENT_AUTHENTICATE, "smbclient-authenticate");
sample!(SMBCLIENT_AUTHENTICATE_1, "smbclient-authenticate-1");
sample!(SMBCLIENT_TREE_CONNECT, "smbclient-tree-connect");
sample!(SMBD_CHALLENGE, "smbd-challenge");
sample!(IMPACKET_AUTHENTICATE, "impacket-authenticate");
sample!(IMPACKET_KERBEROS, "impacket-kerberos");

/// Address of the device.
pub(super) const DEVICE: crate::host::Address = crate::host::Address::from_v4([10, 66, 0, 60]);

/// Reads every prefix of a message, and the message with each octet replaced by each of some values.
pub(crate) fn torment(octets: &[u8], read: impl Fn(&[u8])) {
    for len in 0..octets.len() {
        read(&octets[..len]);
    }
    let mut changed = octets.to_vec();
    for at in 0..octets.len() {
        for value in [0, 1, 4, 0x20, 0x3f, 0x40, 0x7f, 0x80, 0xc0, 0xfe, 0xff] {
            changed[at] = value;
            read(&changed);
        }
        changed[at] = octets[at];
    }
}
