//! The bytes that are kept of an object: its key, how it is packed, and a frame.

use super::dictionaries::NUMBERS;
use crate::store::key;

/// What an object is packed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    /// The dictionary of this number; there is none of number 0. Others of the same owner are found by `owner`.
    Dictionary { number: u8, owner: Option<u32> },
    /// The text of this number, which it has in common with others of its owner.
    Base(u32),
}

/// In place of a dictionary's number.
const BASE: u8 = 0x7f;
/// Beside a dictionary's number.
const OWNED: u8 = 0x80;

const _: () = assert!(NUMBERS < BASE as usize);

/// A block that begins with the key.
pub(super) fn write(key: &[u8], packing: Packing, frame: &[u8]) -> Box<[u8]> {
    let (tag, number) = match packing {
        Packing::Dictionary { number, owner: None } => (number, None),
        Packing::Dictionary { number, owner: Some(owner) } => (number | OWNED, Some(owner)),
        Packing::Base(base) => (BASE, Some(base)),
    };
    let number = number.map(u32::to_le_bytes);
    [key, &[tag], number.as_ref().map_or(&[], <[u8; 4]>::as_slice), frame].concat().into()
}

/// How a block's object is packed, and its frame. Of one that is nothing but a key there is none.
pub(super) fn read(block: &[u8]) -> (Packing, &[u8]) {
    let none = (Packing::Dictionary { number: 0, owner: None }, &[][..]);
    let Some((&tag, rest)) = key::split(block).1.split_first() else { return none };
    if tag & OWNED == 0 && tag != BASE {
        return (Packing::Dictionary { number: tag, owner: None }, rest);
    }
    let Some((number, frame)) = rest.split_first_chunk() else { return none };
    let number = u32::from_le_bytes(*number);
    let packing = match tag {
        BASE => Packing::Base(number),
        tag => Packing::Dictionary { number: tag & !OWNED, owner: Some(number) },
    };
    (packing, frame)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for key in [key::encode(None, "").unwrap(), key::encode(Some("a"), &"n".repeat(253)).unwrap()] {
            for packing in [
                Packing::Dictionary { number: 0, owner: None },
                Packing::Dictionary { number: 2, owner: None },
                Packing::Dictionary { number: 0, owner: Some(0) },
                Packing::Dictionary { number: 1, owner: Some(u32::MAX) },
                Packing::Base(0),
                Packing::Base(0x0102_0304),
            ] {
                let block = write(&key, packing, b"frame");
                assert_eq!(key::split(&block).0, key);
                assert_eq!(read(&block), (packing, &b"frame"[..]));
                assert_eq!(read(&write(&key, packing, b"")), (packing, &b""[..]));
                for end in 0..=key.len() {
                    assert_eq!(read(&block[..end]).1, b"", "{end}");
                }
            }
        }
    }
}
