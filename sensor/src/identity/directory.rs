//! Statements put together: which device has which address, and what it is called.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::time::Duration;

use foldhash::fast::RandomState;

use super::{Hold, Mac, PlainText, Source, Speaker, Statement};
use crate::host::Address;
use crate::names::Name;
use crate::time::Timestamp;

/// Who has an address, by what was said up to a time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Identity {
    /// The device; `None` where no server and no device said it.
    pub device: Option<Mac>,
    /// What it is called, by the source that is believed most.
    pub name: Option<(Name, Source)>,
    /// What kind of client it is.
    pub class: Option<PlainText>,
    /// Since when the device is known to have the address; without a device, since when something is
    /// known of it.
    pub since: Timestamp,
    /// When something was last said of it.
    pub said: Timestamp,
}

/// All that was said of addresses and devices.
///
/// Two memories of the same bound are kept: of addresses, and of devices, whose names come before
/// their addresses. When one is full, what was said of longest ago makes room, and is counted. What
/// is said holds for the time of the lease, or for [`KEPT`] where none is told, and never for longer
/// than [`LONGEST`].
#[derive(Debug)]
pub struct Directory {
    addresses: Memory<Address, Holder>,
    devices: Memory<Mac, Device>,
}

/// Who has an address.
#[derive(Clone, Debug)]
struct Holder {
    device: Option<Mac>,
    since: Timestamp,
    /// Until when the device has it.
    until: Timestamp,
    said: Timestamp,
    /// Names by [`Source`], and when they were said last.
    names: [Option<(Name, Timestamp)>; Source::ALL.len()],
    class: Option<PlainText>,
}

/// What a device calls itself.
#[derive(Clone, Debug, Default)]
struct Device {
    name: Option<Name>,
    class: Option<PlainText>,
}

impl Directory {
    /// An empty one for so many addresses, and as many devices.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            addresses: Memory::new(capacity),
            devices: Memory::new(capacity),
        }
    }

    /// Takes a statement that was made at a time. Addresses of which `is_known` says no are left out.
    ///
    /// An address that is given to another device is another's from here on: names that were said of
    /// the former one are forgotten.
    pub fn take(
        &mut self,
        statement: &Statement,
        at: Timestamp,
        is_known: impl Fn(Address) -> bool,
    ) {
        self.introduce(statement, at);
        match &statement.hold {
            Hold::Asks => {}
            Hold::Has { addresses, lease } => {
                let lease = lease.unwrap_or(KEPT).min(LONGEST);
                for address in addresses.iter().filter(|it| is_known(**it)) {
                    self.hold(statement, *address, at, lease);
                }
            }
            Hold::Leaves(addresses) => {
                for address in addresses {
                    let is_its = |it: &Holder| it.device == statement.device;
                    if self.addresses.get(address).is_some_and(is_its) {
                        self.addresses.remove(address);
                    }
                }
            }
        }
    }

    /// Who has an address at a time; `None` where nothing is known that still holds.
    #[must_use]
    pub fn who(&self, address: Address, at: Timestamp) -> Option<Identity> {
        let holder = self.addresses.get(&address)?;
        let is_held = at <= holder.until;
        let names = Source::ALL.into_iter().zip(&holder.names);
        let name = names
            .filter_map(|(source, said)| Some((source, said.as_ref()?)))
            .find(|(source, (_, said))| match source {
                Source::Dhcp | Source::Dhcp6 => is_held,
                Source::Mdns | Source::Nbns | Source::Llmnr | Source::Kerberos | Source::Smb => {
                    at <= said.after(KEPT)
                }
            })
            .map(|(source, (name, _))| (name.clone(), source));
        let device = holder.device.filter(|_| is_held);
        (device.is_some() || name.is_some()).then(|| Identity {
            device,
            name,
            class: holder.class.clone().filter(|_| is_held),
            since: holder.since,
            said: holder.said,
        })
    }

    /// Takes what was known in an earlier run. It holds for [`KEPT`] from when it was said last.
    pub fn restore(&mut self, address: Address, identity: &Identity) {
        let mut names = [const { None }; Source::ALL.len()];
        if let Some((name, source)) = &identity.name
            && let Some(said) = Source::ALL
                .iter()
                .position(|it| it == source)
                .and_then(|it| names.get_mut(it))
        {
            *said = Some((name.clone(), identity.said));
        }
        let holder = Holder {
            device: identity.device,
            since: identity.since,
            until: identity.said.after(KEPT),
            said: identity.said,
            names,
            class: identity.class.clone(),
        };
        self.addresses.put(address, holder, identity.said);
    }

    /// How many addresses and how many devices something is known of.
    #[must_use]
    pub fn known(&self) -> [usize; 2] {
        [self.addresses.len(), self.devices.len()]
    }

    /// How many addresses and how many devices made room for others.
    #[must_use]
    pub const fn evicted(&self) -> [u64; 2] {
        [self.addresses.evicted, self.devices.evicted]
    }

    /// Takes note of what a device is called, or is said to be called where it says nothing itself.
    fn introduce(&mut self, statement: &Statement, at: Timestamp) {
        let Some(mac) = statement.device.filter(|_| statement.source.is_dhcp()) else {
            return;
        };
        let mut device = self.devices.get(&mac).cloned().unwrap_or_default();
        let is_better = statement.speaker == Speaker::Device || device.name.is_none();
        if is_better && statement.name.is_some() {
            device.name.clone_from(&statement.name);
        }
        if statement.class.is_some() {
            device.class.clone_from(&statement.class);
        }
        self.devices.put(mac, device, at);
    }

    /// Takes it that an address is held.
    fn hold(&mut self, statement: &Statement, address: Address, at: Timestamp, lease: Duration) {
        let known = self.addresses.get(&address).filter(|it| {
            let is_same = statement.device.is_none() || it.device == statement.device;
            is_same && at <= it.until
        });
        let fresh = || Holder {
            device: statement.device,
            since: at,
            until: at,
            said: at,
            names: [const { None }; Source::ALL.len()],
            class: None,
        };
        let mut holder = known.cloned().unwrap_or_else(fresh);
        holder.said = holder.said.max(at);
        // Whoever only says its name has the address for no longer than the lease of its device.
        if statement.device.is_some() || holder.device.is_none() {
            holder.until = at.after(lease);
        }
        let device = statement.device.and_then(|it| self.devices.get(&it));
        let name = match device {
            Some(device) => &device.name,
            None => &statement.name,
        };
        let place = Source::ALL.iter().position(|it| *it == statement.source);
        if let (Some(name), Some(said)) = (name, place.and_then(|it| holder.names.get_mut(it))) {
            *said = Some((name.clone(), at));
        }
        if let Some(class) = device.and_then(|it| it.class.as_ref()) {
            holder.class = Some(class.clone());
        }
        self.addresses.put(address, holder, at);
    }
}

/// A map in which what was put longest ago makes room.
#[derive(Debug)]
struct Memory<K, V> {
    items: HashMap<K, (V, Timestamp), RandomState>,
    order: BTreeSet<(Timestamp, K)>,
    capacity: usize,
    evicted: u64,
}

impl<K: Copy + Eq + Hash + Ord, V> Memory<K, V> {
    fn new(capacity: usize) -> Self {
        Self {
            items: HashMap::default(),
            order: BTreeSet::new(),
            capacity,
            evicted: 0,
        }
    }

    fn get(&self, key: &K) -> Option<&V> {
        self.items.get(key).map(|it| &it.0)
    }

    fn put(&mut self, key: K, value: V, at: Timestamp) {
        self.remove(&key);
        // What is too old goes first, and is no loss.
        while let Some(&(oldest, stale)) = self.order.first() {
            let is_over = oldest.after(LONGEST) < at;
            if !is_over && self.items.len() < self.capacity {
                break;
            }
            self.evicted = self.evicted.saturating_add(u64::from(!is_over));
            self.remove(&stale);
        }
        if self.capacity > 0 {
            self.order.insert((at, key));
            self.items.insert(key, (value, at));
        }
    }

    fn remove(&mut self, key: &K) {
        if let Some((_, at)) = self.items.remove(key) {
            self.order.remove(&(at, *key));
        }
    }

    fn len(&self) -> usize {
        self.items.len()
    }
}

/// For how long something holds that is said without a time: DHCP servers give a day or less.
pub const KEPT: Duration = Duration::from_secs(86_400);

/// For how long anything holds that is not said again, an unlimited lease too.
pub const LONGEST: Duration = Duration::from_secs(30 * 86_400);

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: Address = Address::from_v4([10, 0, 0, 7]);
    const LEASE: Duration = Duration::from_secs(600);

    fn mac(last: u8) -> Option<Mac> {
        Mac::new([2, 0, 0, 0, 0, last])
    }

    fn name(text: &str) -> Option<Name> {
        Name::from_text(text.as_bytes())
    }

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs_nanos(secs, 0)
    }

    fn asks(device: u8, called: &str) -> Statement {
        Statement {
            source: Source::Dhcp,
            speaker: Speaker::Device,
            hold: Hold::Asks,
            device: mac(device),
            name: name(called),
            class: PlainText::new(b"MSFT 5.0"),
        }
    }

    fn given(device: u8, address: Address) -> Statement {
        Statement {
            speaker: Speaker::Server,
            hold: Hold::Has {
                addresses: vec![address],
                lease: Some(LEASE),
            },
            name: None,
            class: None,
            ..asks(device, "")
        }
    }

    fn called(source: Source, called: &str) -> Statement {
        Statement {
            source,
            speaker: Speaker::Device,
            hold: Hold::Has {
                addresses: vec![ADDRESS],
                lease: None,
            },
            device: None,
            name: name(called),
            class: None,
        }
    }

    /// Takes statements, the time with each.
    fn directory(statements: &[(i64, Statement)]) -> Directory {
        let mut directory = Directory::new(8);
        for (secs, statement) in statements {
            directory.take(statement, at(*secs), |_| true);
        }
        directory
    }

    fn told(directory: &Directory, secs: i64) -> Option<(Option<Mac>, Option<String>)> {
        let who = directory.who(ADDRESS, at(secs))?;
        Some((who.device, who.name.map(|it| it.0.to_string())))
    }

    #[test]
    fn a_device_has_the_address_that_a_server_gives_and_the_name_it_asked_with() {
        let directory = directory(&[(1, asks(1, "laptop")), (2, given(1, ADDRESS))]);
        let who = directory.who(ADDRESS, at(3)).unwrap();
        assert_eq!(who.device, mac(1));
        assert_eq!(who.name, Some((name("laptop").unwrap(), Source::Dhcp)));
        assert_eq!(who.class, PlainText::new(b"MSFT 5.0"));
        assert_eq!((who.since, who.said), (at(2), at(2)));
    }

    #[test]
    fn who_only_asks_has_no_address() {
        let directory = directory(&[(1, asks(1, "laptop"))]);
        assert_eq!(directory.who(ADDRESS, at(1)), None);
        assert_eq!(directory.known(), [0, 1]);
    }

    #[test]
    fn a_renewed_lease_goes_on_since_when_it_began() {
        let directory = directory(&[(2, given(1, ADDRESS)), (300, given(1, ADDRESS))]);
        let who = directory.who(ADDRESS, at(800)).unwrap();
        assert_eq!((who.since, who.said), (at(2), at(300)));
    }

    #[test]
    fn a_lease_that_ran_out_says_nothing_and_the_next_begins_anew() {
        let mut directory = directory(&[(1, asks(1, "laptop")), (2, given(1, ADDRESS))]);
        assert!(directory.who(ADDRESS, at(602)).is_some());
        assert_eq!(directory.who(ADDRESS, at(603)), None);
        directory.take(&given(1, ADDRESS), at(900), |_| true);
        assert_eq!(directory.who(ADDRESS, at(901)).unwrap().since, at(900));
    }

    #[test]
    fn an_address_that_is_given_to_another_device_takes_no_name_along() {
        let directory = directory(&[
            (1, asks(1, "laptop")),
            (2, given(1, ADDRESS)),
            (3, called(Source::Mdns, "laptop.local")),
            (100, given(2, ADDRESS)),
        ]);
        assert_eq!(told(&directory, 101), Some((mac(2), None)));
        assert_eq!(directory.who(ADDRESS, at(101)).unwrap().since, at(100));
    }

    #[test]
    fn an_address_that_is_given_back_is_nobodys() {
        let leaves = |device| Statement {
            hold: Hold::Leaves(vec![ADDRESS]),
            ..asks(device, "")
        };
        let mut directory = directory(&[(2, given(1, ADDRESS)), (3, leaves(2))]);
        assert_eq!(told(&directory, 4), Some((mac(1), None)));
        directory.take(&leaves(1), at(5), |_| true);
        assert_eq!(directory.who(ADDRESS, at(5)), None);
    }

    #[test]
    fn names_are_believed_in_the_order_of_their_sources() {
        let mut directory = directory(&[]);
        for (secs, source, text) in [
            (1, Source::Smb, "by-smb"),
            (2, Source::Kerberos, "by-kerberos"),
            (3, Source::Llmnr, "by-llmnr"),
            (4, Source::Nbns, "by-nbns"),
            (5, Source::Mdns, "by-mdns"),
        ] {
            directory.take(&called(source, text), at(secs), |_| true);
            assert_eq!(told(&directory, secs), Some((None, Some(text.to_owned()))));
        }
        for source in [Source::Llmnr, Source::Kerberos, Source::Smb] {
            directory.take(&called(source, "later"), at(6), |_| true);
        }
        assert_eq!(
            told(&directory, 6),
            Some((None, Some("by-mdns".to_owned())))
        );
    }

    #[test]
    fn a_name_that_is_not_said_again_is_forgotten_after_a_day() {
        let directory = directory(&[(1, called(Source::Mdns, "printer.local"))]);
        assert!(directory.who(ADDRESS, at(86_401)).is_some());
        assert_eq!(directory.who(ADDRESS, at(86_402)), None);
    }

    #[test]
    fn what_a_server_says_does_not_replace_what_the_device_calls_itself() {
        let named = Statement {
            name: name("pool-7.example"),
            ..given(1, ADDRESS)
        };
        let both = directory(&[(1, asks(1, "laptop")), (2, named.clone())]);
        assert_eq!(told(&both, 3), Some((mac(1), Some("laptop".to_owned()))));
        let alone = directory(&[(2, named)]);
        let expected = Some("pool-7.example".to_owned());
        assert_eq!(told(&alone, 3), Some((mac(1), expected)));
    }

    #[test]
    fn addresses_outside_are_left_out() {
        let mut directory = Directory::new(8);
        directory.take(&given(1, ADDRESS), at(1), |_| false);
        assert_eq!(directory.known(), [0, 1]);
    }

    #[test]
    fn when_it_is_full_the_one_said_longest_ago_makes_room() {
        let mut directory = Directory::new(2);
        let address = |last| Address::from_v4([10, 0, 0, last]);
        for (secs, last) in [(1, 1), (2, 2), (3, 1), (4, 3)] {
            directory.take(&given(last, address(last)), at(secs), |_| true);
        }
        assert_eq!((directory.known(), directory.evicted()), ([2, 2], [1, 1]));
        let known = [1, 2, 3].map(|it| directory.who(address(it), at(5)).is_some());
        assert_eq!(known, [true, false, true]);
    }

    #[test]
    fn what_is_older_than_anything_holds_goes_without_being_counted() {
        let month = 31 * 86_400;
        let directory = directory(&[
            (0, given(1, ADDRESS)),
            (month, given(2, Address::from_v4([10, 0, 0, 8]))),
        ]);
        assert_eq!((directory.known(), directory.evicted()), ([1, 1], [0, 0]));
    }

    #[test]
    fn an_earlier_run_is_gone_on_with() {
        let before = directory(&[(1, asks(1, "laptop")), (2, given(1, ADDRESS))]);
        let who = before.who(ADDRESS, at(3)).unwrap();
        let mut after = Directory::new(8);
        after.restore(ADDRESS, &who);
        assert_eq!(after.who(ADDRESS, at(4)), Some(who));
        after.take(&given(2, ADDRESS), at(5), |_| true);
        assert_eq!(told(&after, 6), Some((mac(2), None)));
    }
}
