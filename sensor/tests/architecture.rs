//! Holds the table of allowed arrows between the modules of the sensor.
//!
//! An arrow is a `crate::MODULE` in a source file. A new one is a change of design: it changes this
//! table and `ARCHITECTURE.md` in a commit of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each module, and the modules it may use. The shell comes last; no module above it uses it.
const ARROWS: [(&str, &[&str]); 33] = [
    ("time", &[]),
    ("host", &[]),
    ("reader", &[]),
    ("prefetch", &[]),
    ("recent", &[]),
    ("frame", &["time"]),
    ("names", &["host", "reader", "time"]),
    ("identity", &["host", "names", "reader", "time"]),
    ("discovery", &["host", "identity", "names", "reader"]),
    ("decode", &["frame", "host", "names", "reader", "time"]),
    ("visibility", &["names"]),
    (
        "detection",
        &[
            "discovery",
            "host",
            "identity",
            "names",
            "time",
            "visibility",
        ],
    ),
    (
        "flow",
        &["detection", "names", "prefetch", "time", "visibility"],
    ),
    (
        "triage",
        &["decode", "flow", "identity", "names", "prefetch", "time"],
    ),
    ("batch", &["decode", "flow", "host", "time", "triage"]),
    (
        "worker",
        &[
            "batch",
            "decode",
            "detection",
            "discovery",
            "flow",
            "host",
            "identity",
            "names",
            "time",
            "triage",
            "visibility",
        ],
    ),
    (
        "intake",
        &[
            "batch", "decode", "flow", "frame", "names", "time", "triage",
        ],
    ),
    (
        "resolved",
        &["detection", "host", "names", "recent", "time"],
    ),
    (
        "findings",
        &[
            "detection",
            "discovery",
            "host",
            "identity",
            "names",
            "resolved",
            "time",
            "visibility",
        ],
    ),
    (
        "ech",
        &["detection", "host", "names", "recent", "time", "visibility"],
    ),
    ("wall", &["time"]),
    ("capture", &["frame", "time", "wall"]),
    (
        "pipeline",
        &[
            "batch",
            "decode",
            "detection",
            "ech",
            "flow",
            "frame",
            "host",
            "intake",
            "names",
            "time",
            "triage",
            "visibility",
            "wall",
            "worker",
        ],
    ),
    ("inventory", &["findings", "host"]),
    ("store", &["findings", "host", "time", "wall"]),
    (
        "export",
        &[
            "detection",
            "discovery",
            "findings",
            "frame",
            "host",
            "identity",
            "names",
            "time",
            "visibility",
            "wall",
        ],
    ),
    (
        "evidence",
        &[
            "capture",
            "detection",
            "export",
            "frame",
            "host",
            "intake",
            "names",
            "pipeline",
            "worker",
        ],
    ),
    (
        "app",
        &[
            "batch",
            "capture",
            "config",
            "decode",
            "detection",
            "evidence",
            "export",
            "findings",
            "flow",
            "frame",
            "host",
            "identity",
            "intake",
            "inventory",
            "log",
            "pipeline",
            "store",
            "time",
            "wall",
            "worker",
        ],
    ),
    ("log", &[]),
    (
        "config",
        &["capture", "findings", "host", "intake", "log", "pipeline"],
    ),
    (
        "cli",
        &[
            "app",
            "config",
            "detection",
            "evidence",
            "export",
            "findings",
            "host",
            "log",
            "names",
            "pipeline",
            "store",
            "time",
            "wall",
            "worker",
        ],
    ),
    ("main", &[]),
    ("lib", &[]),
];

#[test]
fn modules_use_only_what_the_table_allows() {
    let allowed: BTreeMap<&str, BTreeSet<&str>> = ARROWS
        .iter()
        .map(|(from, to)| (*from, to.iter().copied().collect()))
        .collect();
    let mut wrong = Vec::new();
    for (module, file, text) in sources() {
        let Some(allowed) = allowed.get(module.as_str()) else {
            wrong.push(format!(
                "{}: module {module} is not in the table",
                file.display()
            ));
            continue;
        };
        for used in used_modules(&text) {
            if used != module && !allowed.contains(used.as_str()) {
                wrong.push(format!("{}: {module} must not use {used}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_allowed_arrow_is_used() {
    let mut used: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (module, _, text) in sources() {
        used.entry(module).or_default().extend(used_modules(&text));
    }
    let idle: Vec<String> = ARROWS
        .iter()
        .flat_map(|(from, to)| to.iter().map(move |it| (*from, *it)))
        .filter(|(from, to)| !used.get(*from).is_some_and(|it| it.contains(*to)))
        .map(|(from, to)| format!("{from} -> {to}"))
        .collect();
    assert!(idle.is_empty(), "allowed but not used: {}", idle.join(", "));
}

#[test]
fn the_pure_half_reads_no_clock_and_opens_nothing() {
    let shell = [
        "capture",
        "pipeline",
        "inventory",
        "store",
        "evidence",
        "export",
        "app",
        "cli",
        "config",
        "log",
        "wall",
        "main",
        "lib",
    ];
    for (module, file, text) in sources() {
        if shell.contains(&module.as_str()) {
            continue;
        }
        let code = text.split("mod tests").next().unwrap_or_default();
        for word in [
            "Instant",
            "SystemTime",
            "std::fs",
            "std::net::Tcp",
            "std::thread",
            "tracing::",
        ] {
            assert!(!code.contains(word), "{} uses {word}", file.display());
        }
    }
}

#[test]
fn unsafe_code_stands_where_the_design_says() {
    for (_, file, text) in sources() {
        let is_allowed = ["prefetch.rs", "live/ethtool.rs", "live/kernel.rs"]
            .iter()
            .any(|it| file.ends_with(it));
        assert!(
            is_allowed || !text.contains("unsafe {"),
            "{} has unsafe code",
            file.display()
        );
    }
}

/// Module, file and text of every source file.
#[expect(clippy::unwrap_used, reason = "a test's own helper")]
fn sources() -> Vec<(String, PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "rs") {
                let inside = path.strip_prefix(&root).unwrap();
                let first = inside.components().next().unwrap().as_os_str();
                let module = first.to_str().unwrap().trim_end_matches(".rs").to_owned();
                if inside.with_extension("").iter().any(|it| it == "tests") {
                    continue;
                }
                let text = fs::read_to_string(&path).unwrap();
                sources.push((module, path, text));
            }
        }
    }
    assert!(sources.len() > 20, "the sources were not found");
    sources
}

/// The modules that stand behind `crate::` in code, comments and tests left out.
fn used_modules(text: &str) -> BTreeSet<String> {
    let code = text
        .split("#[cfg(test)]\nmod tests")
        .next()
        .unwrap_or_default();
    let lines = code.lines().filter(|it| !it.trim_start().starts_with("//"));
    let code: String = lines.collect();
    let name = |text: &str| -> String {
        let letters = text.trim_start().chars();
        letters
            .take_while(|it| it.is_alphanumeric() || *it == '_')
            .collect()
    };
    let mut used = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        match rest.strip_prefix('{') {
            // Of a list, the modules stand at its own level.
            Some(list) => {
                let mut depth = 0;
                let mut part = String::new();
                for letter in list.chars() {
                    match letter {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => used.extend([name(&std::mem::take(&mut part))]),
                        _ if depth == 0 => part.push(letter),
                        _ => {}
                    }
                }
                used.extend([name(&part)]);
            }
            None => used.extend([name(rest)]),
        }
    }
    used.remove("");
    used
}
