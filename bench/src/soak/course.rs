//! The course of a soak: what is done every second and at every scrape.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::disk::Disk;
use super::look::{self, Memory};
use super::slope::Slope;
use super::{Plan, Sample, Soak};
use crate::error::Error;
use crate::interrupt;
use crate::live::probes::{self, Probes};
use crate::live::sender::{Load, Rate, Sender};
use crate::live::sensor::{Page, Sensor};
use crate::live::stop;
use crate::live::tell;
use crate::live::wire::Wire;
use crate::machine::Machine;

/// A soak under way.
pub(super) struct Course<'a> {
    pub(super) plan: &'a Plan,
    pub(super) wire: &'a Wire,
    pub(super) disk: &'a Disk,
    pub(super) sensor: Sensor<'a>,
    pub(super) sender: Sender,
    pub(super) probes: Probes,
    pub(super) soak: Soak,
    load: &'a Load,
    program: &'a Path,
    options: Vec<String>,
    folder: &'a Path,
    log: File,
    metrics: PathBuf,
    started: Instant,
    /// From when on memory is looked at, in seconds from the start.
    settled: f64,
    mode: Mode,
    memory: Memory,
    /// Counts up when the sensor had to be started anew.
    life: u32,
    /// Frames of interfaces that are gone, less those that this sensor did not live to see.
    elsewhere: i64,
    /// Frames dropped up to the last scrape.
    dropped: u64,
    /// Probes that this sensor should find: how many were sent up to when.
    due: VecDeque<(Instant, u64)>,
    /// Probes sent to this sensor.
    probed: u64,
    /// Probes sent to the sensors before it, and found by them.
    earlier: [u64; 2],
    /// How many probes were missing when that was told last.
    missing: u64,
    next_probe: Instant,
    next_scrape: Instant,
}

/// What is expected of the sensor.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Mode {
    /// Tables are being filled: it may drop, and no probes are sent.
    Fills,
    /// The steady rate: it drops nothing and finds every probe.
    Steady,
    /// As fast as it goes: it may drop, and no probes are sent.
    Burst,
    /// Nothing can be sent.
    Down,
}

impl<'a> Course<'a> {
    /// Starts the sensor and all else; nothing is sent yet.
    pub(super) fn begin(
        plan: &'a Plan,
        program: &'a Path,
        (wire, load): (&'a Wire, &'a Load),
        disk: &'a Disk,
        folder: &'a Path,
    ) -> Result<Self, Error> {
        let metrics = folder.join("last-metrics.txt");
        let mut options = plan.options.clone();
        options.extend(stop::signatures(&probes::pack_in(folder)?));
        options.extend(stop::last_metrics(&metrics));
        let place = disk.path().display().to_string();
        options.extend(plan.disk_options.iter().map(|it| it.replace("{}", &place)));
        let log = folder.join("soak.log");
        forget(&metrics)?;
        let now = Instant::now();
        Ok(Self {
            plan,
            wire,
            disk,
            sensor: Sensor::start(wire, program, &options, &folder.join("sensor-0.log"))?,
            sender: Sender::start(wire, load.clone())?,
            probes: Probes::new(wire, PROBED)?,
            soak: Soak {
                plan: plan.clone(),
                machine: Machine::of_now(),
                sent: 0,
                dropped: [0; 2],
                probes: [0; 2],
                slope: None,
                cpu: 0.0,
                bounds: BTreeMap::new(),
                troubles: Vec::new(),
                violations: Vec::new(),
                stop: None,
                samples: Vec::new(),
            },
            load,
            program,
            options,
            folder,
            log: File::create(&log).map_err(Error::file("create", &log))?,
            metrics,
            started: now,
            settled: 0.0,
            mode: Mode::Fills,
            memory: Memory::default(),
            life: 0,
            elsewhere: 0,
            dropped: 0,
            due: VecDeque::new(),
            probed: 0,
            earlier: [0; 2],
            missing: 0,
            next_probe: now,
            next_scrape: now,
        })
    }

    /// Sends all that there is, `cycle` frames, `rounds` times at the rate for filling, for a third of
    /// the time at most.
    ///
    /// What the tables hold at the steady rate is another thing: flows end between two rounds, and
    /// hosts are told of when their flows end. So they are settled a round later.
    pub(super) fn fill(&mut self, cycle: u64, rounds: u64) -> Result<(), Error> {
        let frames = rounds * cycle;
        self.say("filling tables");
        self.mode = Mode::Fills;
        self.sender.set_rate(Rate::PerSecond(self.plan.fill_rate));
        let end = self.after(1.0 / 3.0);
        while self.sender.sent().frames < frames && Instant::now() < end {
            self.go_on(Duration::from_secs(1))?;
        }
        let sent = self.sender.sent().frames;
        self.say(&format!("sent {sent} frames of {frames} to fill tables"));
        self.reconcile()?;
        self.set_mode(Mode::Steady);
        let round = Duration::from_secs(cycle / self.plan.rate.max(1));
        self.settled = (self.started.elapsed() + round + IDLE).as_secs_f64();
        Ok(())
    }

    /// Changes what is sent and what is expected.
    pub(super) fn set_mode(&mut self, mode: Mode) {
        self.mode = mode;
        self.sender.set_rate(match mode {
            Mode::Fills => Rate::PerSecond(self.plan.fill_rate),
            Mode::Steady => Rate::PerSecond(self.plan.rate),
            Mode::Burst => Rate::Top,
            Mode::Down => Rate::Paused,
        });
    }

    /// Goes on until a share of the whole time has passed.
    pub(super) fn go_on_until(&mut self, share: f64) -> Result<(), Error> {
        let end = self.after(share);
        self.go_on(end.saturating_duration_since(Instant::now()))
    }

    /// Goes on for some time.
    pub(super) fn go_on(&mut self, time: Duration) -> Result<(), Error> {
        let end = Instant::now() + time;
        loop {
            let now = Instant::now();
            if self.mode == Mode::Steady && now >= self.next_probe {
                self.next_probe = now + PROBE;
                self.probe();
            }
            if now >= self.next_scrape {
                self.next_scrape = now + Duration::from_secs(self.plan.scrape_seconds);
                self.scrape()?;
            }
            if now >= end {
                return Ok(());
            }
            interrupt::pause(STEP.min(end - now))?;
        }
    }

    /// Sends a probe.
    pub(super) fn probe(&mut self) {
        if self.probes.send() {
            self.probed += 1;
            self.due.push_back((Instant::now(), self.probed));
        }
    }

    /// Looks at the metrics, and at the process.
    pub(super) fn scrape(&mut self) -> Result<(), Error> {
        if !self.sensor.process.is_running() {
            self.violation("the sensor has ended");
            return self.start_anew();
        }
        let asked = Instant::now();
        let page = match self.sensor.page() {
            Ok(page) => page,
            Err(error) => {
                self.violation(&error.to_string());
                return Ok(());
            }
        };
        let took = asked.elapsed().as_secs_f64();
        for wrong in self.memory.look(&page) {
            self.violation(&wrong);
        }
        self.look_for_probes(&page, asked);
        let account = page.account();
        let new = account.dropped.saturating_sub(self.dropped);
        self.dropped = account.dropped;
        if self.mode == Mode::Steady || self.mode == Mode::Down {
            self.soak.dropped[1] += new;
            if new > 0 {
                self.violation(&format!("{new} frames were dropped"));
            }
        } else {
            self.soak.dropped[0] += new;
        }
        let usage = self
            .sensor
            .process
            .usage()
            .map_err(Error::network("watch", "the sensor"))?;
        self.soak.cpu = usage.cpu();
        self.soak.bounds = look::at_bounds(&page);
        let sample = Sample {
            at: self.started.elapsed().as_secs_f64(),
            life: self.life,
            fills: self.mode == Mode::Fills,
            resident_kib: usage.resident_kib,
            received: account.received,
            dropped: account.dropped,
            unfinished: page.count("phonehome_flow_buffered_bytes", &[]),
            flows: page.count("phonehome_flows_started_total", &[]),
            findings: page.count("phonehome_open_findings", &[]),
            took,
        };
        self.log_line(&format!(
            "resident {} KiB, cpu {:.1} s, {account:?}, unfinished {}, flows {}, findings {}, took {took:.3} s",
            sample.resident_kib,
            usage.cpu(),
            sample.unfinished,
            sample.flows,
            sample.findings
        ));
        self.soak.samples.push(sample);
        Ok(())
    }

    fn look_for_probes(&mut self, page: &Page, asked: Instant) {
        let mut required = None;
        while let Some((sent, count)) = self.due.front().copied()
            && sent + FOUND_WITHIN <= asked
        {
            required = Some(count);
            self.due.pop_front();
        }
        let Some(required) = required else { return };
        let found = probes::found(page);
        let missing = required.saturating_sub(found);
        if missing > self.missing {
            self.violation(&format!(
                "{found} of {required} probes are found, after {} s",
                FOUND_WITHIN.as_secs()
            ));
        }
        self.missing = missing;
    }

    /// Pauses and sees whether the sensor has received exactly what came over the wire.
    pub(super) fn reconcile(&mut self) -> Result<(), Error> {
        self.set_mode(Mode::Down);
        let page = match self.sensor.settled_page() {
            Ok(page) => page,
            Err(error) => {
                self.violation(&error.to_string());
                return Ok(());
            }
        };
        let wire = self.wire.counts()?.received as i64 + self.elsewhere;
        let account = page.account();
        if account.received as i64 != wire {
            self.violation(&format!(
                "{wire} frames came over the wire, but {} were received",
                account.received
            ));
        } else {
            self.say(&format!("{wire} frames on the wire and received: equal"));
        }
        // Drops of the mode before that no scrape has seen.
        self.soak.dropped[0] += account.dropped.saturating_sub(self.dropped);
        self.dropped = account.dropped;
        Ok(())
    }

    /// Joins the wire anew, after it was taken apart; `gone` frames had come over it.
    pub(super) fn connect(&mut self, gone: u64) -> Result<(), Error> {
        self.wire.connect()?;
        self.elsewhere += gone as i64;
        let sender = Sender::start(self.wire, self.load.clone())?;
        let before = std::mem::replace(&mut self.sender, sender);
        self.soak.sent += before.sent().frames;
        self.probes.reopen(self.wire)
    }

    /// Starts another sensor in place of one that has ended.
    pub(super) fn start_anew(&mut self) -> Result<(), Error> {
        self.sender.set_rate(Rate::Paused);
        self.earlier = self.all_probes();
        self.life += 1;
        let log = self.folder.join(format!("sensor-{}.log", self.life));
        self.elsewhere = -(self.wire.counts()?.received as i64);
        forget(&self.metrics)?;
        self.sensor = Sensor::start(self.wire, self.program, &self.options, &log)?;
        self.memory.clear();
        self.due.clear();
        (self.dropped, self.probed, self.missing) = (0, 0, 0);
        self.set_mode(self.mode);
        Ok(())
    }

    /// Ends the sensor under load, and the soak.
    pub(super) fn end(mut self) -> Result<Soak, Error> {
        self.reconcile()?;
        self.set_mode(Mode::Steady);
        self.go_on(Duration::from_secs(3))?;
        self.probe();
        let end = stop::end(&mut self.sensor)?;
        let stop = stop::judged(self.plan.rate, self.probed, end, &self.metrics);
        self.set_mode(Mode::Down);
        self.say(&format!("{stop:?}"));
        let points: Vec<(f64, f64)> = self
            .soak
            .samples
            .iter()
            .filter(|it| it.life == 0 && !it.fills && it.at >= self.settled)
            .map(|it| (it.at, it.resident_kib as f64))
            .collect();
        self.soak.slope = Slope::of(&points);
        if let Some(slope) = self.soak.slope
            && slope.is_flat() == Some(false)
        {
            self.violation(&format!("memory grows: {slope:?}"));
        }
        self.soak.sent += self.sender.sent().frames + self.probes.frames();
        self.soak.probes = [
            self.earlier[0] + self.probed,
            self.earlier[1] + stop.found.min(self.probed),
        ];
        self.soak.stop = Some(stop);
        Ok(self.soak)
    }

    /// Tells what does not hold.
    pub(super) fn violation(&mut self, what: &str) {
        self.say(&format!("VIOLATION: {what}"));
        if self.soak.violations.len() < MOST_VIOLATIONS {
            let at = self.started.elapsed().as_secs();
            self.soak.violations.push(format!("{at} s: {what}"));
        }
    }

    /// Tells what happens.
    pub(super) fn say(&mut self, what: &str) {
        tell(what);
        self.log_line(what);
    }

    /// Time since the start in seconds.
    pub(super) fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    fn log_line(&mut self, what: &str) {
        // A log that cannot be written does not end the soak.
        let _ = writeln!(
            self.log,
            "{:9.2} {what}",
            self.started.elapsed().as_secs_f64()
        );
    }

    /// Probes that were sent so far, and those found as far as this sensor says.
    fn all_probes(&self) -> [u64; 2] {
        let found = self.probed.saturating_sub(self.missing);
        [self.earlier[0] + self.probed, self.earlier[1] + found]
    }

    fn after(&self, share: f64) -> Instant {
        self.started + Duration::from_secs(self.plan.seconds).mul_f64(share)
    }
}

/// Removes what a sensor wrote last; the next opens its own file when it starts.
fn forget(metrics: &Path) -> Result<(), Error> {
    match fs::remove_file(metrics) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::file("remove", metrics)(error))
        }
        _ => Ok(()),
    }
}

/// How long the sensor keeps an open connection without a packet.
const IDLE: Duration = Duration::from_secs(600);

/// Hosts that probes come from. Each has a finding, which is to be kept, so more would make memory
/// grow for good reason.
const PROBED: u32 = 64;

/// Time between two probes.
const PROBE: Duration = Duration::from_secs(1);

/// How often it is seen what is due.
const STEP: Duration = Duration::from_millis(50);

/// How soon a probe has to be found.
const FOUND_WITHIN: Duration = Duration::from_secs(2);

/// Violations that are kept; all are logged.
const MOST_VIOLATIONS: usize = 200;
