//! A receiver of Alertmanager's messages: a web server that takes what is posted to it.

#![allow(dead_code, reason = "each file of tests uses some of it")]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use serde_json::Value;

use crate::sensor::PATIENCE;

/// Takes messages until it goes out of scope.
#[derive(Debug)]
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    messages: mpsc::Receiver<String>,
}

impl Receiver {
    /// Listens on loopback.
    pub(crate) fn start() -> Self {
        Self::start_at("127.0.0.1:0")
    }

    /// Listens on an address.
    pub(crate) fn start_at(address: &str) -> Self {
        let listener = TcpListener::bind(address).expect("an address");
        let address = listener.local_addr().expect("an address");
        let (sender, messages) = mpsc::channel();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if let Some(message) = taken(stream)
                    && sender.send(message).is_err()
                {
                    return;
                }
            }
        });
        Self { address, messages }
    }

    /// The messages, once there are as many different ones.
    #[track_caller]
    pub(crate) fn messages(&self, count: usize) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        let end = Instant::now() + PATIENCE;
        while all.len() < count {
            let Ok(message) = self.messages.recv_timeout(end - Instant::now()) else {
                panic!("only these messages: {all:#?}");
            };
            all.insert(message);
        }
        all
    }

    /// The first message that is like this.
    #[track_caller]
    pub(crate) fn message(&self, is_it: impl Fn(&str) -> bool) -> String {
        let mut others = Vec::new();
        let end = Instant::now() + PATIENCE;
        while let Ok(message) = self.messages.recv_timeout(end - Instant::now()) {
            if is_it(&message) {
                return message;
            }
            others.push(message);
        }
        panic!("only these messages: {others:#?}");
    }
}

/// Reads one request: its path, what its alerts are grouped by, and the alerts.
fn taken(mut stream: TcpStream) -> Option<String> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let mut len = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            len = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; len];
    reader.read_exact(&mut body).ok()?;
    stream
        .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        .ok()?;
    let message: Value = serde_json::from_slice(&body).ok()?;
    let path = first.split(' ').nth(1)?;
    let group = message["groupLabels"].as_object()?.iter();
    let group: Vec<String> = group
        .map(|(label, value)| format!("{label}={}", value.as_str().unwrap_or_default()))
        .collect();
    let alerts: BTreeSet<String> = message["alerts"]
        .as_array()?
        .iter()
        .map(described)
        .collect();
    let alerts = Vec::from_iter(alerts).join(", ");
    Some(format!("{path} {}: {alerts}", group.join(" ")))
}

/// An alert by its name and the thing it is about.
pub(crate) fn described(alert: &Value) -> String {
    let label = |it: &str| alert["labels"][it].as_str();
    let thing = label("directive").or_else(|| label("instance"));
    format!(
        "{} {}",
        label("alertname").unwrap_or_default(),
        thing.unwrap_or_default()
    )
}
