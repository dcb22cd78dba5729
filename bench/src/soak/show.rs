//! A soak as Markdown.

use std::fmt::Write;

use super::Soak;
use super::slope::LIMIT;
use crate::report::{grouped, put_table};

/// What was run, what it came to, the troubles, and what did not hold.
pub(crate) fn markdown(soak: &Soak) -> String {
    let Soak { plan, machine, .. } = soak;
    let mut text = format!(
        "Soak: {} s at {} frames/s after filling at {}, a scrape every {} s\n\n\
         Machine: {}, {} CPUs, which sender and sensor share, {} MiB, Linux {}, load {} at the \
         start, {}\n\n",
        plan.seconds,
        grouped(plan.rate),
        grouped(plan.fill_rate),
        plan.scrape_seconds,
        machine.cpu,
        machine.cpus,
        machine.memory_mib,
        machine.kernel,
        machine.load,
        machine.date,
    );
    let mut table = vec![["what", "figure"].map(str::to_owned).to_vec()];
    let mut put = |what: &str, figure: String| table.push(vec![what.to_owned(), figure]);
    put("frames sent", grouped(soak.sent));
    put("scrapes", soak.samples.len().to_string());
    put(
        "dropped, while filling or in the burst",
        grouped(soak.dropped[0]),
    );
    put("dropped otherwise", grouped(soak.dropped[1]));
    put(
        "probes found",
        format!("{} of {}", soak.probes[1], soak.probes[0]),
    );
    put("CPU-s of the sensor", format!("{:.1}", soak.cpu));
    if let Some(slope) = soak.slope {
        put("memory", format!("{:.1} MiB", slope.mean_kib / 1024.0));
        put(
            "growth an hour",
            format!(
                "{:+.2} ± {:.2} MiB ({:+.2} %, {} samples over {:.0} s){}",
                slope.kib_an_hour / 1024.0,
                slope.error / 1024.0,
                slope.share() * 100.0,
                slope.samples,
                slope.seconds,
                match slope.is_flat() {
                    Some(true) => format!(": flat, below {} %", LIMIT * 100.0),
                    Some(false) => ": not flat".to_owned(),
                    None => ": too short to say".to_owned(),
                }
            ),
        );
    }
    if let Some(stop) = &soak.stop {
        let time = match stop.seconds {
            Some(seconds) => format!("{seconds:.2} s"),
            None => "had to be killed".to_owned(),
        };
        put(
            "SIGTERM under load",
            format!("{time}, {} of {} findings", stop.found, stop.probes),
        );
    }
    put_table(&table, &mut text);
    text.push('\n');
    if soak.bounds.is_empty() {
        text.push_str("- no table was full\n");
    }
    for (row, count) in &soak.bounds {
        let _ = writeln!(text, "- at a bound: `{row}` {}", grouped(*count));
    }
    for told in &soak.troubles {
        let _ = writeln!(text, "- at {:.0} s, {}: {}", told.at, told.what, told.came);
    }
    if soak.is_right() {
        text.push_str("\nNothing was violated.\n");
    } else {
        let _ = writeln!(text, "\n{} violations:\n", soak.violations.len());
        for it in soak.violations.iter().take(SHOWN) {
            let _ = writeln!(text, "- {it}");
        }
        if soak.stop.as_ref().is_some_and(|it| !it.is_right()) {
            let _ = writeln!(text, "- the end: {:?}", soak.stop);
        }
    }
    text
}

/// Violations that are shown.
const SHOWN: usize = 20;
