//! What requests about pods have in common: names in their paths, and the words of who answers.

use std::error::Error as _;

/// Whether it can be the name of an object (RFC 1123). Names are put into a path as they are.
pub(crate) fn is_name(name: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    (1..=253).contains(&name.len()) && name.bytes().all(known) && name.trim_matches('.') == name
}

/// The server's message, if it is one, to its last letter but a newline; else all that is known of what went wrong on the way to it.
pub(crate) fn words(error: &kube::Error) -> String {
    if let kube::Error::Api(status) = error
        && !status.message.is_empty()
    {
        return status.message.trim_end_matches('\n').to_owned();
    }
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let more = error.to_string();
        if !words.contains(&more) {
            words = format!("{words}: {more}");
        }
        source = error.source();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for name in ["a", "web-0", "a.b", &"x".repeat(253)] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "..", "a/b", "A", "a ", "é", ".a", "a.", &"x".repeat(254)] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn the_servers_words_come_first() {
        let status = kube::core::Status::failure("too many requests\n", "TooManyRequests").with_code(429);
        assert_eq!(words(&kube::Error::Api(status.boxed())), "too many requests");
        let status = kube::core::Status::failure("pods \"web\" is forbidden: ", "Forbidden").with_code(403);
        assert_eq!(words(&kube::Error::Api(status.boxed())), "pods \"web\" is forbidden: ");
        assert_eq!(words(&kube::Error::TlsRequired), kube::Error::TlsRequired.to_string());
    }
}
