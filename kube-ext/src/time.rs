//! Time as kubectl shows it.
