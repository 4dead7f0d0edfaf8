//! kubectl's columns and cells for any resource, and the text table that they make.
