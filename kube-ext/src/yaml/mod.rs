//! YAML and JSON as kubectl prints and reads them.
