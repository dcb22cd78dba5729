//! What fuzzing calls: one function a target, which takes any octets and panics where something does
//! not hold that must.
//!
//! The programs in `fuzz_targets` give these functions to libFuzzer, and `sensor/tests/mutations.rs`
//! takes this file in as a module, so that both call the same. Only what the library makes public is
//! called. Besides "no panic", a target holds the invariants of what it calls, and where the same thing
//! can be had in two ways, both: walk and decoder, whole and in pieces, with triage and without.

mod assembly;
mod conversation;
mod decode;
mod files;
mod frames;
mod identity;
mod input;
mod messages;
mod pipeline;
mod quic;
pub mod seeds;
mod settings;

/// A fuzz target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, as that of its program in `fuzz_targets` and of its folder in `corpus`.
    pub name: &'static str,
    /// Takes an input.
    pub run: fn(&[u8]),
    /// Its part of the executions of a run over all targets, in a thousandth: fewer of what is slow.
    pub per_mille: u32,
}

/// All targets. Their parts make a thousand.
pub const TARGETS: [Target; 20] = [
    target("dns_message", messages::dns_message, 110),
    target("dns_stream", messages::dns_stream, 90),
    target("ech_configs", messages::ech_configs, 20),
    target("tls_hello", messages::tls_hello, 110),
    target("tls_certificate", messages::tls_certificate, 90),
    target("quic_initials", quic::initials, 40),
    target("http_head", messages::http_head, 100),
    target("identity", identity::identity, 25),
    target("discovery", identity::discovery, 15),
    target("stream", assembly::stream, 100),
    target("fragments", assembly::fragments, 60),
    target("decode", decode::decode, 120),
    target("capture_file", files::capture_file, 15),
    target("pack", files::pack, 10),
    target("directive", files::directive, 10),
    target("waivers", files::waivers, 10),
    target("settings", settings::settings, 5),
    target("web_config", settings::web_config, 5),
    target("conversation", conversation::conversation, 30),
    target("pipeline", pipeline::pipeline, 35),
];

/// Gives an input to the target of that name.
///
/// # Panics
///
/// If there is no such target, or something does not hold that must.
pub fn run(name: &str, octets: &[u8]) {
    let target = TARGETS.iter().find(|it| it.name == name);
    let target = target.unwrap_or_else(|| panic!("no target {name}"));
    (target.run)(octets);
}

const fn target(name: &'static str, run: fn(&[u8]), per_mille: u32) -> Target {
    Target {
        name,
        run,
        per_mille,
    }
}
