//! `tls_hello` for libFuzzer; what it does stands in the library.

#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| phonehome_fuzz::run("tls_hello", octets));
