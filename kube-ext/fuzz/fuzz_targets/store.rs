//! Any bytes: stores give back what they took.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| kube_ext_fuzz::keep(bytes));
