//! The troubles that a sensor meets in a soak.

use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::Told;
use super::course::{Course, Mode};
use crate::error::Error;
use crate::interrupt;
use crate::live::process::Process;
use crate::live::sensor::ADDRESS;
use crate::live::wire::Link;

/// A trouble.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Trouble {
    /// Scrapers that hold open connections are stopped, and go on later.
    StalledScraper,
    /// The disk that the sensor writes to is full, and has room again later.
    FullDisk,
    /// The interface goes down and comes up again.
    LinkDown,
    /// The sensor is told to read its configuration anew.
    Reload,
    /// Frames come as fast as the machine sends them.
    Burst,
    /// The interface goes away, and another of its name comes.
    InterfaceGone,
}

impl Trouble {
    const fn what(self) -> &'static str {
        match self {
            Self::StalledScraper => "scrapers stopped with open connections",
            Self::FullDisk => "full disk",
            Self::LinkDown => "interface down and up",
            Self::Reload => "SIGHUP",
            Self::Burst => "burst at top speed",
            Self::InterfaceGone => "interface away and made anew",
        }
    }
}

impl Course<'_> {
    /// Goes through a trouble and sees that all is well after it.
    pub(super) fn meet(&mut self, trouble: Trouble) -> Result<(), Error> {
        self.say(trouble.what());
        let at = self.seconds();
        let hold = Duration::from_secs((self.plan.seconds / 40).clamp(3, 60));
        let violations = self.soak.violations.len();
        let note = match trouble {
            Trouble::StalledScraper => self.stall_scrapers(hold)?,
            Trouble::FullDisk => self.fill_disk(hold)?,
            Trouble::LinkDown => self.take_link_down(hold)?,
            Trouble::Reload => self.reload()?,
            Trouble::Burst => self.burst()?,
            Trouble::InterfaceGone => self.remake_interface(hold)?,
        };
        self.set_mode(Mode::Steady);
        self.go_on(AFTER)?;
        // One more scrape, so that what the trouble did is told as the trouble's.
        self.scrape()?;
        self.reconcile()?;
        self.set_mode(Mode::Steady);
        let wrong = self.soak.violations.len() - violations;
        let came = match wrong {
            0 => note,
            _ => format!("{note}; {wrong} violations"),
        };
        self.say(&format!("{}: {came}", trouble.what()));
        self.soak.troubles.push(Told {
            at,
            what: trouble.what(),
            came,
        });
        Ok(())
    }

    fn stall_scrapers(&mut self, hold: Duration) -> Result<String, Error> {
        let mut scrapers = Vec::new();
        for path in ["metrics", "api/v1/findings", "api/v1/findings", ""] {
            let url = format!("http://{ADDRESS}/{path}");
            let child = self
                .wire
                .inside("curl")
                .args(["-s", "--limit-rate", "1k", "-o", "/dev/null", &url])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .map_err(|source| Error::Program {
                    program: "curl (apt-get install curl)".to_owned(),
                    source,
                })?;
            scrapers.push(Process::new(child));
        }
        self.go_on(Duration::from_millis(500))?;
        let mut stopped = 0;
        for scraper in &mut scrapers {
            // One that was quick has ended.
            stopped += u32::from(scraper.is_running() && scraper.signal(Signal::SIGSTOP).is_ok());
        }
        self.go_on(hold)?;
        for scraper in &scrapers {
            let _ = scraper.signal(Signal::SIGCONT);
        }
        self.go_on(Duration::from_secs(1))?;
        Ok(format!(
            "survived, {stopped} of 4 were stopped in the middle"
        ))
    }

    fn fill_disk(&mut self, hold: Duration) -> Result<String, Error> {
        self.disk.fill()?;
        self.go_on(hold)?;
        self.disk.free()?;
        Ok(if self.plan.disk_options.is_empty() {
            "this build writes no file while it runs".to_owned()
        } else {
            format!("survived, with {}", self.plan.disk_options.join(" "))
        })
    }

    fn take_link_down(&mut self, hold: Duration) -> Result<String, Error> {
        // Frames are sent on: the system refuses them.
        self.wire.set_link(Link::Down)?;
        let told = self.comes_to(|up| up == 0.0)?;
        let end = Instant::now() + hold;
        while Instant::now() < end {
            self.scrape()?;
            interrupt::pause(Duration::from_secs(1))?;
        }
        self.wire.set_link(Link::Up)?;
        let up = self.comes_to(|up| up > 0.0)?;
        match (told, up) {
            (Some(told), Some(up)) => Ok(format!(
                "told after {:.1} s, taken up again after {:.1} s",
                told.as_secs_f64(),
                up.as_secs_f64()
            )),
            (told, up) => {
                self.violation("the state of the interface was not told");
                Ok(format!("told: {told:?}, taken up: {up:?}"))
            }
        }
    }

    fn reload(&mut self) -> Result<String, Error> {
        if !self.sensor.process.catches(Signal::SIGHUP) {
            return Ok("this build does not take SIGHUP".to_owned());
        }
        for _ in 0..3 {
            self.sensor
                .process
                .signal(Signal::SIGHUP)
                .map_err(Error::network("signal", "the sensor"))?;
            self.go_on(Duration::from_secs(2))?;
        }
        Ok("survived three".to_owned())
    }

    fn burst(&mut self) -> Result<String, Error> {
        let before = (self.sender.sent().frames, self.soak.dropped[0]);
        self.set_mode(Mode::Burst);
        self.go_on(BURST)?;
        self.reconcile()?;
        let sent = self.sender.sent().frames - before.0;
        let dropped = self.soak.dropped[0] - before.1;
        Ok(format!(
            "{} frames/s, {dropped} of {sent} dropped",
            sent / BURST.as_secs()
        ))
    }

    fn remake_interface(&mut self, hold: Duration) -> Result<String, Error> {
        self.reconcile()?;
        let gone = self.wire.counts()?.received;
        self.wire.disconnect()?;
        interrupt::pause(hold / 2)?;
        self.connect(gone)?;
        let started = Instant::now();
        loop {
            if let Some((status, _)) = self
                .sensor
                .process
                .ended(Duration::from_millis(1))
                .map_err(Error::network("watch", "the sensor"))?
            {
                // Without the right to open it again, it leaves that to whoever started it.
                if status.code() != Some(1) {
                    self.violation(&format!("the sensor has ended: {status}"));
                }
                self.start_anew()?;
                return Ok("ended with 1, to be started anew; started anew".to_owned());
            }
            if self
                .sensor
                .get("/-/ready")?
                .is_some_and(|it| it == "ready\n")
            {
                let time = started.elapsed().as_secs_f64();
                return Ok(format!("taken up after {time:.1} s"));
            }
            if started.elapsed() > PATIENCE {
                self.violation("the interface was not taken up again");
                return Ok("not taken up".to_owned());
            }
            interrupt::pause(Duration::from_millis(100))?;
        }
    }

    /// How long it takes until `phonehome_capture_up` is as it should be; `None` if it never is.
    fn comes_to(&mut self, is_right: impl Fn(f64) -> bool) -> Result<Option<Duration>, Error> {
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            if let Ok(page) = self.sensor.page()
                && is_right(page.sum("phonehome_capture_up", &[]))
            {
                return Ok(Some(started.elapsed()));
            }
            interrupt::pause(Duration::from_millis(100))?;
        }
        Ok(None)
    }
}

/// How long a burst lasts.
const BURST: Duration = Duration::from_secs(5);

/// How long it is watched what comes after a trouble.
const AFTER: Duration = Duration::from_secs(4);

/// How long the sensor may take to tell of its interface.
const PATIENCE: Duration = Duration::from_secs(20);
