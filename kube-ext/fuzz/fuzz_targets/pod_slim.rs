//! Any bytes: a view of a pod does not panic, and says what the whole pod says.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| kube_ext_fuzz::view(bytes));
