//! The help texts are kept in `golden/help-*.txt`; `UPDATE_EXPECT=1` writes them anew.

use std::fs;

mod sensor;

/// Each command with help, and the name of its file.
const COMMANDS: [(&[&str], &str); 16] = [
    (&[], "phonehome"),
    (&["read"], "read"),
    (&["run"], "run"),
    (&["report"], "report"),
    (&["names"], "names"),
    (&["signatures"], "signatures"),
    (&["signatures", "list"], "signatures-list"),
    (&["signatures", "check"], "signatures-check"),
    (&["directives"], "directives"),
    (&["directives", "list"], "directives-list"),
    (&["directives", "check"], "directives-check"),
    (&["evidence"], "evidence"),
    (&["evidence", "verify"], "evidence-verify"),
    (&["config"], "config"),
    (&["config", "check"], "config-check"),
    (&["config", "print"], "config-print"),
];

#[test]
fn help_is_as_it_was_agreed() {
    let golden = sensor::tests().join("golden");
    let mut wrong = Vec::new();
    for (command, name) in COMMANDS {
        let outcome = sensor::run(command.iter().chain(&["--help"])).ended_with(0);
        let path = golden.join(format!("help-{name}.txt"));
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            fs::write(&path, outcome.text()).unwrap();
        }
        let agreed = fs::read_to_string(&path).unwrap_or_default();
        if agreed != outcome.text() {
            let text = outcome.text();
            wrong.push(format!("{} differs from:\n{text}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_command_has_its_help_tested() {
    for (command, _) in COMMANDS {
        let outcome = sensor::run(command.iter().chain(&["--help"])).ended_with(0);
        let (_, commands) = outcome.text().split_once("Commands:\n").unwrap_or_default();
        let lines = commands.lines().take_while(|it| !it.is_empty());
        for word in lines.filter_map(|it| it.split_whitespace().next()) {
            let sub = [command, &[word]].concat();
            let is_tested = word == "help" || COMMANDS.iter().any(|it| it.0 == sub);
            assert!(is_tested, "{sub:?}");
        }
    }
}

#[test]
fn help_fits_a_hundred_columns() {
    for (command, _) in COMMANDS {
        let outcome = sensor::run(command.iter().chain(&["--help"])).ended_with(0);
        for line in outcome.text().lines() {
            assert!(line.chars().count() <= 100, "{command:?}: {line}");
        }
    }
}

#[test]
fn the_version_is_that_of_the_package() {
    let outcome = sensor::run(["--version"]).ended_with(0);
    let version = concat!("phonehome ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(outcome.text(), version);
}
