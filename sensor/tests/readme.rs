//! The README shows what the program prints.

use std::fs;
use std::path::Path;
use std::process::Command;

/// The line above the block that holds the output.
const MARK: &str = "<!-- output of: phonehome read sensor/tests/demo/demo.pcap.gz -->\n```text\n";

#[test]
fn the_readme_shows_what_the_demo_prints() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_phonehome"))
        .args(["read", "sensor/tests/demo/demo.pcap.gz"])
        .current_dir(root)
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let start = readme.find(MARK).expect("the README has the mark") + MARK.len();
    let end = start + readme[start..].find("```").unwrap();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        let text = format!("{}{printed}{}", &readme[..start], &readme[end..]);
        fs::write(root.join("README.md"), text).unwrap();
        return;
    }
    assert_eq!(
        &readme[start..end],
        printed,
        "UPDATE_EXPECT=1 writes it anew"
    );
}
