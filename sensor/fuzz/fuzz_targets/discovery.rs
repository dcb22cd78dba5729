//! `discovery` for libFuzzer; what it does stands in the library.

#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| phonehome_fuzz::run("discovery", octets));
