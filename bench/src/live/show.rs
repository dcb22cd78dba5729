//! The comparison on a wire as Markdown.

use std::fmt::Write;

use super::sender::Rate;
use super::{Comparison, Row, Step};
use crate::report::{grouped, put_table};

/// What was sent and on what, a row a program, and whatever did not add up.
pub(crate) fn markdown(comparison: &Comparison) -> String {
    let Comparison {
        capture, machine, ..
    } = comparison;
    let mut text = format!(
        "Capture: {}, {} packets (mean {} octets), seed {}, sent again and again from hosts that \
         move\n\nMachine: {}, {} CPUs, which sender and receiver share, {} MiB, Linux {}, load {} \
         at the start, {}\n\nEach rate for {:.0} s, that found for {:.0} s.\n\n\
         The sender alone: {} frames/s",
        capture.spec.kind.as_str(),
        grouped(capture.packets),
        capture.octets / capture.packets.max(1),
        capture.spec.seed,
        machine.cpu,
        machine.cpus,
        machine.memory_mib,
        machine.kernel,
        machine.load,
        machine.date,
        comparison.seconds[0],
        comparison.seconds[1],
        grouped(comparison.alone.rate() as u64),
    );
    match comparison.tcpreplay {
        Some(rate) => {
            let _ = writeln!(text, "; tcpreplay --topspeed: {}.\n", grouped(rate as u64));
        }
        None => text.push_str("; tcpreplay is not installed.\n\n"),
    }
    let mut table = vec![HEADINGS.map(str::to_owned).to_vec()];
    for row in &comparison.rows {
        table.push(cells(row.receiver.label(), row.confirmed.last()));
    }
    if let Some(step) = &comparison.fixed {
        table.push(cells("phonehome run, fixed rate", Some(step)));
    }
    put_table(&table, &mut text);
    text.push('\n');
    for row in &comparison.rows {
        remarks(row, &mut text);
    }
    if let Some(step) = &comparison.fixed {
        let _ = writeln!(text, "- the fixed rate: {}", verdict(step));
    }
    for stop in &comparison.stops {
        let time = match stop.seconds {
            Some(seconds) => format!("ended after {seconds:.2} s"),
            None => "had to be killed".to_owned(),
        };
        let _ = writeln!(
            text,
            "- SIGTERM at {} frames/s: {time}, {} of {} findings, {} frames dropped, sums {}",
            grouped(stop.rate),
            stop.found,
            stop.probes,
            grouped(stop.dropped),
            if stop.adds_up { "hold" } else { "do not hold" },
        );
    }
    text.push('\n');
    for row in &comparison.rows {
        if let Some(version) = &row.version {
            let _ = writeln!(text, "- `{}`: {version}", row.command);
        }
    }
    text
}

fn cells(label: &str, step: Option<&Step>) -> Vec<String> {
    let mut cells = vec![label.to_owned()];
    let Some(step) = step else {
        cells.resize(HEADINGS.len(), "-".to_owned());
        return cells;
    };
    let lost: Vec<String> = step
        .heard
        .lost
        .iter()
        .filter(|(_, frames)| **frames > 0)
        .map(|(stage, frames)| format!("{stage} {}", grouped(*frames)))
        .collect();
    cells.extend([
        grouped(step.rate() as u64),
        format!("{:.0}", step.seconds),
        grouped(step.sent.frames),
        grouped(step.lost()),
        if lost.is_empty() {
            "-".to_owned()
        } else {
            lost.join(", ")
        },
        format!("{:.1}", step.usage.cpu()),
        format!("{} MiB", step.usage.resident_kib / 1024),
    ]);
    cells
}

fn remarks(row: &Row, text: &mut String) {
    let label = row.receiver.label();
    if let Some(failure) = &row.failure {
        let _ = writeln!(text, "- no figure for {label}: {failure}");
    }
    if let Some(step) = row.confirmed.last() {
        let _ = writeln!(text, "- {label}: {}", verdict(step));
    }
    let wrong = row
        .steps
        .iter()
        .chain(&row.confirmed)
        .filter(|it| !it.adds_up());
    for step in wrong {
        let _ = writeln!(
            text,
            "- {label} at {:?}: sent {}, on the wire {}, worked on {}, said to be lost {}: this \
             does not add up",
            step.target,
            step.sent.frames,
            step.wire.received,
            step.heard.processed,
            step.heard.lost.values().sum::<u64>(),
        );
    }
}

/// What a step shows, in words.
fn verdict(step: &Step) -> String {
    let asked = match step.target {
        Rate::PerSecond(rate) => format!("{} frames/s asked for, ", grouped(rate)),
        Rate::Top | Rate::Paused => "as fast as the sender goes: ".to_owned(),
    };
    let lost = match step.lost() {
        0 => "no frame was lost".to_owned(),
        lost => format!("{} frames were lost", grouped(lost)),
    };
    let sums = if step.adds_up() {
        "every frame is accounted for"
    } else {
        "the sums do not add up"
    };
    format!(
        "{asked}{} frames/s sent for {:.0} s; {lost}; {sums}",
        grouped(step.rate() as u64),
        step.seconds
    )
}

const HEADINGS: [&str; 8] = [
    "program",
    "frames/s",
    "s",
    "sent",
    "lost",
    "as it says",
    "CPU-s",
    "memory",
];
