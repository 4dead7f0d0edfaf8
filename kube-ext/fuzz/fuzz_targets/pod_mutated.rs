//! Pods with parts exchanged: views and stores have of them what there is.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let json = kube_ext_fuzz::mutated(bytes);
    kube_ext_fuzz::view(&json);
    kube_ext_fuzz::keep(&json);
});
