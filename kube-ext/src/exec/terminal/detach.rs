//! The keys that leave a session: [`DetachKeys`].
use std::{fmt, str::FromStr};

use thiserror::Error;

/// The keys that leave a terminal session while the remote process goes on, in the syntax of docker's and kubectl's
/// `--detach-keys`: keys separated by commas, each a single character, `ctrl-` with one of `a`-`z`, `@`, `[`, `\`, `]`,
/// `^` and `_`, or `DEL`.
///
/// They are looked for as docker does (`term/proxy.go` of moby): keys that may be the beginning wait for the next one,
/// and go to the remote process with it when it does not fit. That one does not begin anew: `ctrl-p` twice, then
/// `ctrl-q`, are three keys for the remote process.
///
/// ```
/// use kube_ext::exec::DetachKeys;
///
/// let keys: DetachKeys = "ctrl-p,ctrl-q".parse()?;
/// assert_eq!(keys, DetachKeys::default());
/// assert_eq!(keys.as_bytes(), [0x10, 0x11]);
/// assert!("ctrl-p,ctrl-shift".parse::<DetachKeys>().is_err());
/// # Ok::<(), kube_ext::exec::DetachKeysError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DetachKeys(Vec<u8>);

/// A sequence of keys that is none.
///
/// ```
/// use kube_ext::exec::DetachKeys;
///
/// let err = "ctrl-1".parse::<DetachKeys>().unwrap_err();
/// assert_eq!(err.to_string(), "detach keys \"ctrl-1\": unknown key \"ctrl-1\"");
/// ```
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("detach keys {keys:?}: unknown key {key:?}")]
#[non_exhaustive]
pub struct DetachKeysError {
    /// All that was given.
    pub keys: String,
    /// The part of it that is no key.
    pub key: String,
}

/// What a terminal sends for `ctrl-` and a key is the key's place here.
const CONTROLS: &[u8; 32] = b"@abcdefghijklmnopqrstuvwxyz[\\]^_";
const DELETE: u8 = 0x7f;

impl DetachKeys {
    /// The bytes that a terminal sends for them; at least one.
    ///
    /// ```
    /// let keys: kube_ext::exec::DetachKeys = "a,ctrl-@,DEL".parse()?;
    /// assert_eq!(keys.as_bytes(), b"a\0\x7f");
    /// # Ok::<(), kube_ext::exec::DetachKeysError>(())
    /// ```
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// `ctrl-p,ctrl-q`, the default of `kubectl attach` and docker.
impl Default for DetachKeys {
    fn default() -> Self {
        Self(vec![0x10, 0x11])
    }
}

impl FromStr for DetachKeys {
    type Err = DetachKeysError;

    fn from_str(keys: &str) -> Result<Self, Self::Err> {
        let unknown = |key: &str| DetachKeysError { keys: keys.to_owned(), key: key.to_owned() };
        keys.split(',')
            .map(|key| byte_of(key).ok_or_else(|| unknown(key)))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

fn byte_of(key: &str) -> Option<u8> {
    let single = |key: &str| match key.as_bytes() {
        [byte] => Some(*byte),
        _ => None,
    };
    if key == "DEL" {
        return Some(DELETE);
    }
    let Some(control) = key.strip_prefix("ctrl-") else { return single(key) };
    let control = single(control)?;
    CONTROLS.iter().position(|known| *known == control).and_then(|place| u8::try_from(place).ok())
}

/// The keys in the syntax that is read.
impl fmt::Display for DetachKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            f.write_str(if at == 0 { "" } else { "," })?;
            match CONTROLS.get(usize::from(*byte)) {
                Some(control) => write!(f, "ctrl-{}", char::from(*control))?,
                None if *byte == DELETE => f.write_str("DEL")?,
                None => write!(f, "{}", char::from(*byte))?,
            }
        }
        Ok(())
    }
}

/// Looks for the keys in what is typed.
#[derive(Debug)]
pub(super) struct Matcher {
    keys: Vec<u8>,
    /// How many of the keys were typed, and wait for the next.
    held: usize,
}

impl Matcher {
    pub(super) fn new(keys: &DetachKeys) -> Self {
        Self { keys: keys.0.clone(), held: 0 }
    }

    /// How many bytes the keys lack: reading no more than these reads nothing behind them.
    pub(super) fn missing(&self) -> usize {
        self.keys.len().saturating_sub(self.held)
    }

    /// Takes what was typed, and appends what goes to the remote process. Whether the keys are complete: what comes
    /// behind them in `typed` is dropped.
    pub(super) fn feed(&mut self, typed: &[u8], through: &mut Vec<u8>) -> bool {
        for byte in typed {
            if self.keys.get(self.held) == Some(byte) {
                self.held += 1;
                if self.held == self.keys.len() {
                    return true;
                }
            } else {
                self.release(through);
                through.push(*byte);
            }
        }
        false
    }

    /// Appends the keys that wait for a next one, when none comes any more.
    pub(super) fn release(&mut self, through: &mut Vec<u8>) {
        through.extend(self.keys.iter().take(self.held));
        self.held = 0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keys(text: &str) -> DetachKeys {
        text.parse().unwrap()
    }

    /// What goes through, chunk by chunk, and whether the keys were found.
    fn feed(matcher: &mut Matcher, chunks: &[&[u8]]) -> (Vec<u8>, bool) {
        let mut through = Vec::new();
        for chunk in chunks {
            if matcher.feed(chunk, &mut through) {
                return (through, true);
            }
        }
        (through, false)
    }

    #[test]
    fn syntax() {
        assert_eq!(keys("ctrl-@,ctrl-a,ctrl-z").0, [0, 1, 26]);
        assert_eq!(keys(r"ctrl-[,ctrl-\,ctrl-],ctrl-^,ctrl-_").0, [27, 28, 29, 30, 31]);
        assert_eq!(keys("~,.").0, *b"~.");
        assert_eq!(keys("DEL,A, ").0, [0x7f, b'A', b' ']);
        for (bad, key) in [
            ("", ""),
            (",", ""),
            ("a,", ""),
            ("a,,b", ""),
            ("ab", "ab"),
            ("ctrl-", "ctrl-"),
            ("ctrl-A", "ctrl-A"),
            ("ctrl-1", "ctrl-1"),
            ("ctrl-aa", "ctrl-aa"),
            ("Ctrl-a", "Ctrl-a"),
            ("ctrl-p, ctrl-q", " ctrl-q"),
            ("del", "del"),
            ("ä", "ä"),
        ] {
            let err = bad.parse::<DetachKeys>().unwrap_err();
            assert_eq!((err.keys.as_str(), err.key.as_str()), (bad, key));
        }
    }

    #[test]
    fn a_beginning_waits() {
        let mut matcher = Matcher::new(&DetachKeys::default());
        assert_eq!(feed(&mut matcher, &[b"ls\x10"]), (b"ls".to_vec(), false));
        assert_eq!(matcher.missing(), 1);
        assert_eq!(feed(&mut matcher, &[b"x"]), (b"\x10x".to_vec(), false));
        assert_eq!(feed(&mut matcher, &[b"a\x10", b"\x11"]), (b"a".to_vec(), true));
    }

    #[test]
    fn what_does_not_fit_does_not_begin_anew() {
        for chunks in
            [&[b"\x10\x10\x11".as_slice()][..], &[b"\x10", b"\x10", b"\x11"], &[b"\x10", b"\x10\x11"]]
        {
            let mut matcher = Matcher::new(&DetachKeys::default());
            assert_eq!(feed(&mut matcher, chunks), (b"\x10\x10\x11".to_vec(), false));
        }
        let mut matcher = Matcher::new(&keys("a,a,b"));
        assert_eq!(feed(&mut matcher, &[b"a", b"a", b"a", b"b"]), (b"aaab".to_vec(), false));
        assert_eq!(feed(&mut matcher, &[b"a", b"a", b"b"]), (Vec::new(), true));
    }

    #[test]
    fn what_waits_is_released() {
        let mut matcher = Matcher::new(&keys("a,b,c"));
        let mut through = Vec::new();
        assert!(!matcher.feed(b"xab", &mut through));
        matcher.release(&mut through);
        assert_eq!(through, b"xab");
        assert_eq!(matcher.missing(), 3);
    }

    /// Few letters, so that beginnings are frequent.
    fn typed(letters: std::ops::Range<u8>) -> impl Strategy<Value = Vec<Vec<u8>>> {
        proptest::collection::vec(proptest::collection::vec(letters, 0..6), 0..12)
    }

    proptest! {
        #[test]
        fn any_chunks_mean_the_same(chunks in typed(0..3), keys in proptest::collection::vec(0..3_u8, 1..4)) {
            let keys = DetachKeys(keys);
            let slices: Vec<_> = chunks.iter().map(Vec::as_slice).collect();
            let whole = chunks.concat();
            let in_chunks = feed(&mut Matcher::new(&keys), &slices);
            prop_assert_eq!(&in_chunks, &feed(&mut Matcher::new(&keys), &[&whole]));
            let bytes: Vec<_> = whole.iter().map(std::slice::from_ref).collect();
            prop_assert_eq!(&in_chunks, &feed(&mut Matcher::new(&keys), &bytes));
        }

        #[test]
        fn nothing_is_lost(chunks in typed(0..3), keys in proptest::collection::vec(0..3_u8, 1..4)) {
            let mut matcher = Matcher::new(&DetachKeys(keys.clone()));
            let slices: Vec<_> = chunks.iter().map(Vec::as_slice).collect();
            let whole = chunks.concat();
            let (mut through, found) = feed(&mut matcher, &slices);
            if found {
                through.extend(&keys);
                prop_assert!(whole.starts_with(&through));
            } else {
                matcher.release(&mut through);
                prop_assert_eq!(through, whole);
            }
        }

        #[test]
        fn bytes_of_no_key_pass_at_once(chunks in typed(3..9), keys in proptest::collection::vec(0..3_u8, 1..4)) {
            let mut matcher = Matcher::new(&DetachKeys(keys));
            for chunk in chunks {
                let mut through = Vec::new();
                prop_assert!(!matcher.feed(&chunk, &mut through));
                prop_assert_eq!(through, chunk);
            }
        }

        #[test]
        fn keys_are_found_behind_other_bytes(
            before in proptest::collection::vec(3..9_u8, 0..9), keys in proptest::collection::vec(0..3_u8, 1..4),
        ) {
            let typed = [before.as_slice(), keys.as_slice()].concat();
            let found = feed(&mut Matcher::new(&DetachKeys(keys)), &[&typed]);
            prop_assert_eq!(found, (before, true));
        }

        #[test]
        fn printed_as_it_is_read(keys in proptest::collection::vec((0..=0x7f_u8).prop_filter("no separator", |b| *b != b','), 1..6)) {
            let keys = DetachKeys(keys);
            prop_assert_eq!(keys.to_string().parse::<DetachKeys>().unwrap(), keys);
        }
    }
}
