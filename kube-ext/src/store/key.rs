//! Namespace and name at the beginning of a block of bytes.

/// Bytes before the namespace: its length and one more, or nothing if there is none; and the length of the name.
const LENGTHS: usize = 3;

/// A key; nothing if one of the two is too long for it.
///
/// The server allows 63 bytes of a namespace and 253 of most names; here are 254 and 65,535.
pub(super) fn encode(namespace: Option<&str>, name: &str) -> Option<Vec<u8>> {
    let of_namespace = match namespace {
        Some(namespace) => u8::try_from(namespace.len()).ok()?.checked_add(1)?,
        None => 0,
    };
    let of_name = u16::try_from(name.len()).ok()?;
    let namespace = namespace.unwrap_or_default();
    let mut block = Vec::with_capacity(LENGTHS + namespace.len() + name.len());
    block.push(of_namespace);
    block.extend_from_slice(&of_name.to_le_bytes());
    block.extend_from_slice(namespace.as_bytes());
    block.extend_from_slice(name.as_bytes());
    Some(block)
}

/// The key that a block begins with, and what comes behind it.
pub(super) fn split(block: &[u8]) -> (&[u8], &[u8]) {
    let length = match block {
        [namespace, low, high, ..] => {
            LENGTHS
                + usize::from(namespace.saturating_sub(1))
                + usize::from(u16::from_le_bytes([*low, *high]))
        }
        _ => block.len(),
    };
    block.split_at_checked(length).unwrap_or((block, &[]))
}

/// Namespace and name of a key.
pub(super) fn parts(key: &[u8]) -> (Option<&str>, &str) {
    let Some((&[of_namespace, ..], texts)) = key.split_at_checked(LENGTHS) else { return (None, "") };
    let of_namespace = usize::from(of_namespace).checked_sub(1);
    let (namespace, name) = texts.split_at_checked(of_namespace.unwrap_or(0)).unwrap_or((&[], texts));
    let text = |bytes| std::str::from_utf8(bytes).unwrap_or_default();
    (of_namespace.map(|_| text(namespace)), text(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let long = "n".repeat(253);
        for (namespace, name) in [
            (None, "a"),
            (Some(""), "a"),
            (Some("default"), "web-0"),
            (None, ""),
            (Some("ä"), "ö"),
            (Some("s"), &long),
            (Some(&long), "n"),
        ] {
            let key = encode(namespace, name).unwrap();
            assert_eq!(key.len(), key.capacity());
            let block = [&key[..], b"rest"].concat();
            assert_eq!(split(&block), (&key[..], &b"rest"[..]));
            assert_eq!(parts(&key), (namespace, name));
        }
    }

    #[test]
    fn what_is_too_long() {
        assert!(encode(Some(&"n".repeat(254)), &"n".repeat(65_535)).is_some());
        assert!(encode(Some(&"n".repeat(255)), "n").is_none());
        assert!(encode(None, &"n".repeat(65_536)).is_none());
    }

    /// Where one ends and the other begins is told apart.
    #[test]
    fn parts_are_not_one_text() {
        let key = |namespace, name| encode(namespace, name).unwrap();
        assert_ne!(key(Some("ab"), "c"), key(Some("a"), "bc"));
        assert_ne!(key(None, "abc"), key(Some(""), "abc"));
    }

    #[test]
    fn no_block_at_all() {
        for block in [&b""[..], b"\x05", b"\x05\x01\x00a"] {
            let (key, rest) = split(block);
            assert_eq!((key, rest), (block, &b""[..]));
            parts(key);
        }
    }
}
