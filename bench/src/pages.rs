//! Pages of a large site: how large they are, and how long a client waits for each.
//!
//! The sensor reads a capture of many hosts, some of them with findings, and is then asked for each
//! page in turn. Between two requests lies more time than an answer serves for, so that each is made.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::capture;
use crate::error::Error;
use crate::generate::site;
use crate::machine::Machine;
use crate::report::{grouped, put_table};

/// What to run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Hosts of the site, and those of them with a finding.
    pub(crate) hosts: u32,
    pub(crate) flagged: u32,
    /// Requests for each page.
    pub(crate) runs: u32,
}

/// What came out.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Outcome {
    /// The machine that it was measured on.
    pub(crate) machine: Machine,
    pub(crate) hosts: u32,
    pub(crate) flagged: u32,
    /// One row a page.
    pub(crate) rows: Vec<Row>,
}

/// What was measured of a page.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) path: &'static str,
    pub(crate) octets: usize,
    /// Median and longest time until the last octet, in milliseconds.
    pub(crate) median_ms: f64,
    pub(crate) longest_ms: f64,
    /// What is not as it should be.
    pub(crate) complaint: Option<String>,
}

/// A page with its bounds: most octets, and most milliseconds for the median.
struct Page {
    path: &'static str,
    octets: usize,
    millis: f64,
}

/// Runs the sensor on a large site and asks it for its pages.
///
/// # Errors
///
/// Those of writing the capture, of running the sensor, and of asking it.
pub(crate) fn run(plan: &Plan, sensor: &Path) -> Result<Outcome, Error> {
    let machine = Machine::of_now();
    let folder = capture::target_folder()?.join("bench");
    fs::create_dir_all(&folder).map_err(Error::file("create", &folder))?;
    let path = folder.join("site.pcap");
    site::write(&path, plan.hosts, plan.flagged).map_err(Error::file("write", &path))?;
    let server = Server::start(sensor, &path)?;
    let rows = PAGES.iter().map(|it| row(plan, &server, it));
    let rows = rows.collect::<Result<Vec<Row>, Error>>()?;
    drop(server);
    fs::remove_file(&path).map_err(Error::file("remove", &path))?;
    Ok(Outcome {
        machine,
        hosts: plan.hosts,
        flagged: plan.flagged,
        rows,
    })
}

fn row(plan: &Plan, server: &Server, page: &Page) -> Result<Row, Error> {
    let mut times = Vec::new();
    let mut octets = 0;
    for _ in 0..plan.runs.max(1) {
        std::thread::sleep(PAUSE);
        let begun = Instant::now();
        octets = server.get(page.path)?;
        let took = begun.elapsed();
        times.push(took.as_secs_f64() * 1e3);
        // An answer serves for four times as long as it took to make.
        std::thread::sleep(took.saturating_mul(5));
    }
    times.sort_by(f64::total_cmp);
    let median_ms = times[times.len() / 2];
    let complaint = if octets > page.octets {
        Some(format!("more than {} octets", grouped(page.octets as u64)))
    } else if median_ms > page.millis {
        Some(format!("more than {} ms", page.millis))
    } else {
        None
    };
    Ok(Row {
        path: page.path,
        octets,
        median_ms,
        longest_ms: times.last().copied().unwrap_or_default(),
        complaint,
    })
}

/// A sensor that has read the capture.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn start(sensor: &Path, capture: &Path) -> Result<Self, Error> {
        let program = format!("{} run --replay {}", sensor.display(), capture.display());
        let cannot_run = |source| Error::Program {
            program: program.clone(),
            source,
        };
        let mut child = Command::new(sensor)
            .args(["run", "--web.listen-address", "127.0.0.1:0"])
            .args(["--directives", "us-bod-17-01,us-ndaa-1634", "--replay"])
            .arg(capture)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(cannot_run)?;
        let stderr = child.stderr.take();
        let mut server = Self {
            child,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        let mut last = String::new();
        for line in stderr.into_iter().flat_map(|it| BufReader::new(it).lines()) {
            last = line.map_err(cannot_run)?;
            let address = last
                .split("http://")
                .nth(1)
                .and_then(|it| it.split('/').next());
            if let Some(Ok(address)) = address.map(str::parse) {
                server.address = address;
            }
            if last.contains("the replay has ended") {
                return Ok(server);
            }
        }
        Err(Error::Failed {
            program,
            status: "it ended".to_owned(),
            message: last,
        })
    }

    /// Octets of the body of an answer.
    fn get(&self, path: &str) -> Result<usize, Error> {
        self.ask(path).map_err(|source| Error::Program {
            program: format!("GET {path}"),
            source,
        })
    }

    fn ask(&self, path: &str) -> io::Result<usize> {
        let mut stream = TcpStream::connect_timeout(&self.address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let request = format!("GET {path} HTTP/1.0\r\nHost: {}\r\n\r\n", self.address);
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let head = answer.windows(4).position(|it| it == b"\r\n\r\n");
        let head = head.ok_or(io::ErrorKind::UnexpectedEof)?;
        if answer.starts_with(b"HTTP/1.0 200") || answer.starts_with(b"HTTP/1.1 200") {
            Ok(answer.len() - head - 4)
        } else {
            let head = String::from_utf8_lossy(&answer[..head]).into_owned();
            Err(io::Error::other(head))
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Writes the outcome as a table.
pub(crate) fn markdown(outcome: &Outcome) -> String {
    let machine = &outcome.machine;
    let mut text = format!(
        "Pages of a site of {} hosts, {} of them with a finding, under two directives.\n\n\
         Machine: {}, {} CPUs, {} MiB, Linux {}, load {} at the start, {}\n\n",
        grouped(u64::from(outcome.hosts)),
        grouped(u64::from(outcome.flagged)),
        machine.cpu,
        machine.cpus,
        machine.memory_mib,
        machine.kernel,
        machine.load,
        machine.date,
    );
    let mut table = vec![HEADINGS.map(str::to_owned).to_vec()];
    for row in &outcome.rows {
        table.push(vec![
            row.path.to_owned(),
            grouped(row.octets as u64),
            format!("{:.1} ms", row.median_ms),
            format!("{:.1} ms", row.longest_ms),
        ]);
    }
    put_table(&table, &mut text);
    for row in &outcome.rows {
        if let Some(complaint) = &row.complaint {
            let _ = writeln!(text, "\n- {}: {complaint}", row.path);
        }
    }
    text
}

const HEADINGS: [&str; 4] = ["page", "octets", "median", "longest"];

/// The pages, and what each may take.
const PAGES: [Page; 7] = [
    Page {
        path: "/metrics",
        octets: 500_000,
        millis: 50.0,
    },
    Page {
        path: "/metrics/hosts",
        octets: 5_000_000,
        millis: 2_000.0,
    },
    Page {
        path: "/",
        octets: 500_000,
        millis: 500.0,
    },
    Page {
        path: "/?rows=all",
        octets: 5_000_000,
        millis: 1_000.0,
    },
    Page {
        path: "/report?directive=us-bod-17-01",
        octets: 3_000_000,
        millis: 1_000.0,
    },
    Page {
        path: "/report?directive=us-bod-17-01&format=csv",
        octets: 20_000_000,
        millis: 2_000.0,
    },
    Page {
        path: "/report?directive=us-bod-17-01&format=json",
        octets: 30_000_000,
        millis: 2_000.0,
    },
];

/// Time between two requests: longer than an answer serves for at least.
const PAUSE: Duration = Duration::from_millis(150);

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);
