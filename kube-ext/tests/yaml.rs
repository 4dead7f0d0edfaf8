//! Printing and reading YAML as kubectl does.

#[path = "yaml/answers.rs"]
mod answers;
#[path = "yaml/objects.rs"]
mod objects;
#[path = "yaml/reading.rs"]
mod reading;
#[path = "yaml/round_trip.rs"]
mod round_trip;
