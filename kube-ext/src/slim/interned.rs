//! Strings that many objects have in common.

use std::{fmt, ops::Deref};

use internment::ArcIntern;
use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};

/// A string that is in memory once, however many hold it, and is freed with the last of them.
///
/// Names of nodes, phases, reasons and images are the same in thousands of objects. One takes 16 bytes, `Option<Interned>`
/// too; two of the same text are compared by their address, and ordered by their text. Reading JSON makes no copy of a text that is
/// there already.
///
/// All that a program holds are in one table, which threads share; making and dropping one takes a short lock on a part of it.
///
/// ```
/// use kube_ext::slim::Interned;
///
/// let (one, two) = (Interned::from("node-1"), Interned::from("node-1".to_owned()));
/// assert_eq!(one, two);
/// assert_eq!(one.as_ptr(), two.as_ptr());
/// assert_eq!(&*one, "node-1");
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interned(ArcIntern<str>);

impl Interned {
    /// The text.
    ///
    /// ```
    /// assert_eq!(kube_ext::slim::Interned::from("a").as_str(), "a");
    /// ```
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// How many hold this text now, this one included.
    ///
    /// ```
    /// use kube_ext::slim::Interned;
    ///
    /// let one = Interned::from("how many hold this");
    /// let two = one.clone();
    /// assert_eq!(one.holders(), 2);
    /// drop(two);
    /// assert_eq!(one.holders(), 1);
    /// ```
    pub fn holders(&self) -> usize {
        self.0.refcount()
    }
}

/// An empty text.
impl Default for Interned {
    fn default() -> Self {
        Self::from("")
    }
}

impl Deref for Interned {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Interned {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Interned {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for Interned {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl PartialEq<str> for Interned {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Interned {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl fmt::Debug for Interned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Interned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self)
    }
}

impl<'de> Deserialize<'de> for Interned {
    fn deserialize<D: Deserializer<'de>>(text: D) -> Result<Self, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = Interned;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Interned, E> {
                Ok(text.into())
            }
        }

        text.deserialize_str(Text)
    }
}
