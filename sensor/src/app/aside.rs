//! Processor time of the threads beside the pipeline, as the system counts it.

use std::fs;
use std::path::Path;
use std::time::Duration;

/// Threads of the web server together, those of the outputs together, and the others, with the processor
/// time that they have used. Empty where the system does not tell.
#[must_use]
pub fn busy() -> Vec<(String, Duration)> {
    busy_in(Path::new("/proc/self/task"))
}

fn busy_in(tasks: &Path) -> Vec<(String, Duration)> {
    let Ok(entries) = fs::read_dir(tasks) else {
        return Vec::new();
    };
    let mut times: [Option<Duration>; GROUPS.len()] = [None; GROUPS.len()];
    for task in entries.flatten() {
        // A thread may end while it is looked at.
        let Some((name, time)) = busy_of(&task.path()) else {
            continue;
        };
        let group = GROUPS.iter().position(|it| it.1.contains(&name.as_str()));
        if let Some(sum) = group.and_then(|it| times.get_mut(it)) {
            *sum = Some(sum.unwrap_or_default() + time);
        }
    }
    let named = GROUPS.iter().zip(times);
    named
        .filter_map(|(group, time)| Some((group.0.to_owned(), time?)))
        .collect()
}

/// Name of a thread, and the nanoseconds that it ran (`proc_pid_schedstat(5)`: the first number).
fn busy_of(task: &Path) -> Option<(String, Duration)> {
    let name = fs::read_to_string(task.join("comm")).ok()?;
    let stat = fs::read_to_string(task.join("schedstat")).ok()?;
    let nanos = stat.split_ascii_whitespace().next()?.parse().ok()?;
    Some((name.trim_end().to_owned(), Duration::from_nanos(nanos)))
}

/// What is counted together, and the names of its threads. None of them ends before the process.
const GROUPS: [(&str, &[&str]); 5] = [
    ("http", &["http", "http-aside"]),
    ("signals", &["signals"]),
    ("store", &["store"]),
    ("evidence", &["evidence"]),
    (
        "outputs",
        &[
            "output-file",
            "output-socket",
            "output-stdout",
            "output-syslog",
        ],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_of_one_group_are_counted_together_and_others_not() {
        let folder = tempfile::tempdir().unwrap();
        for (task, name, stat) in [
            ("1", "phonehome\n", "9 9 9\n"),
            ("2", "http\n", "1000000000 5 7\n"),
            ("3", "http-aside\n", "500000000 0 1\n"),
            ("4", "http-other\n", "1 1 1\n"),
            ("5", "signals\n", "nothing\n"),
        ] {
            let task = folder.path().join(task);
            fs::create_dir(&task).unwrap();
            fs::write(task.join("comm"), name).unwrap();
            fs::write(task.join("schedstat"), stat).unwrap();
        }
        fs::create_dir(folder.path().join("6")).unwrap();
        let expected = vec![("http".to_owned(), Duration::from_millis(1500))];
        assert_eq!(busy_in(folder.path()), expected);
        assert_eq!(busy_in(&folder.path().join("absent")), Vec::new());
    }
}
