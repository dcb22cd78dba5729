//! The course of a phase-out: 200 hosts over 120 days, who has what, and what becomes of it.
//!
//! Days count from 0; [`TODAY`] is the day on which the story ends. Most hosts are clean. Of the others some
//! are cleaned, some take up again what they had been rid of, some are switched off for good, some go
//! on, and one begins today.

use std::ops::Range;

/// The day on which the story ends; 120 whole days lie before it.
pub(crate) const TODAY: u32 = 120;

/// A host of the story.
#[derive(Clone, Debug)]
pub(crate) struct Host {
    /// Its place among the hosts, which is also in its address.
    pub(crate) number: u16,
    pub(crate) habit: Habit,
    /// Days on which it is on the wire.
    alive: Range<u32>,
    /// Days on which it does what its habit says.
    contact: Vec<Range<u32>>,
    /// Whether a waiver lets its finding stand.
    pub(crate) waived: bool,
}

/// What a host has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Habit {
    /// Nothing of a flagged vendor.
    Clean,
    /// An anti-virus product.
    Antivirus,
    /// An app on a telephone.
    App,
    /// A camera.
    Camera,
    /// Another company's product with the vendor's engine.
    Engine,
    /// Somebody who reads the vendor's pages.
    Reader,
}

/// All hosts.
pub(crate) fn hosts() -> Vec<Host> {
    (0..200).map(host).collect()
}

fn host(number: u16) -> Host {
    let day = |first: u16, each: u32, of: u16| u32::from(first) + each * u32::from(number - of);
    let always = 0..TODAY + 1;
    let (habit, contact) = match number {
        // Cleaned, one every three days.
        120..140 => (Habit::Antivirus, once(0..day(43, 3, 120))),
        // Cleaned and taken up again; the last one today.
        140..144 => (Habit::Antivirus, vec![0..60, day(100, 1, 140)..TODAY + 1]),
        144 => (Habit::Antivirus, vec![0..60, TODAY..TODAY + 1]),
        // Switched off.
        145..150 => (Habit::Antivirus, once(0..70)),
        // Cleaned ten days ago.
        150..155 => (Habit::Antivirus, once(0..TODAY - 10)),
        155..160 => (Habit::Antivirus, once(always.clone())),
        160..170 => (Habit::App, once(0..day(40, 4, 160))),
        170..180 => (Habit::App, once(always.clone())),
        // Taken down from the wall.
        180..184 => (Habit::Camera, once(0..50)),
        184..189 => (Habit::Camera, once(always.clone())),
        // New today.
        189 => (Habit::Camera, once(TODAY..TODAY + 1)),
        190..195 => (Habit::Engine, once(always.clone())),
        195..200 => (Habit::Reader, once(always.clone())),
        _ => (Habit::Clean, Vec::new()),
    };
    let alive = match number {
        145..150 => 0..70,
        180..184 => 0..50,
        189 => TODAY..TODAY + 1,
        _ => always,
    };
    Host {
        number,
        habit,
        alive,
        contact,
        waived: number == 159,
    }
}

fn once(days: Range<u32>) -> Vec<Range<u32>> {
    vec![days]
}

impl Host {
    pub(crate) fn address(&self) -> [u8; 4] {
        [
            10,
            50,
            (self.number / 100) as u8,
            (self.number % 100) as u8 + 1,
        ]
    }

    /// Its address as text.
    pub(crate) fn name(&self) -> String {
        let [a, b, c, d] = self.address();
        format!("{a}.{b}.{c}.{d}")
    }

    pub(crate) fn is_alive(&self, day: u32) -> bool {
        self.alive.contains(&day)
    }

    pub(crate) fn makes_contact(&self, day: u32) -> bool {
        self.contact.iter().any(|it| it.contains(&day))
    }

    /// Whether it made contact within days that end with this one.
    pub(crate) fn made_contact_within(&self, day: u32, days: u32) -> bool {
        (day.saturating_sub(days - 1)..=day).any(|it| self.makes_contact(it))
    }

    /// The vendor that it has something of.
    pub(crate) fn vendor(&self) -> Option<&'static str> {
        match self.habit {
            Habit::Clean => None,
            Habit::Antivirus | Habit::Engine | Habit::Reader => Some("kaspersky"),
            Habit::App => Some("bytedance"),
            Habit::Camera => Some("hikvision"),
        }
    }

    /// The verdict of its finding, once it has made contact.
    pub(crate) fn verdict(&self) -> Option<&'static str> {
        match self.habit {
            Habit::Clean => None,
            Habit::Antivirus | Habit::App | Habit::Camera => Some("installed-active"),
            Habit::Engine => Some("embedded"),
            Habit::Reader => Some("none"),
        }
    }

    /// The state of its finding at the end of the story; `None` if it has none that counts.
    ///
    /// By the defaults: quiet after 3 days, removed after 14, absent after 7. All hosts are clear of
    /// these borders.
    pub(crate) fn state(&self) -> Option<&'static str> {
        if matches!(self.habit, Habit::Clean | Habit::Reader) {
            return None;
        }
        let runs = self.contact.len();
        let run = self.contact.last()?;
        Some(if self.waived {
            "waived"
        } else if run.contains(&TODAY) {
            let is_fresh = TODAY - run.start < 3;
            if runs > 1 && is_fresh {
                "returned"
            } else {
                "active"
            }
        } else if self.alive.end + 7 <= TODAY {
            "absent"
        } else if run.end + 14 <= TODAY {
            "removed"
        } else {
            "quiet"
        })
    }

    /// Whether its finding is open at the end of the story.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.state(), Some("active" | "quiet" | "returned"))
    }
}
