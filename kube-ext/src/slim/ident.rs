//! Uids and resource versions in few bytes.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use uuid::Uuid;

use super::View;

/// A uid: 16 bytes, if its text is that of a UUID as Kubernetes writes them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Uid {
    Uuid([u8; 16]),
    Text(Box<str>),
}

impl Default for Uid {
    fn default() -> Self {
        Self::Text(Box::default())
    }
}

impl Uid {
    fn new(text: &str) -> Self {
        match Uuid::try_parse(text) {
            Ok(uuid) if *uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == *text => {
                Self::Uuid(uuid.into_bytes())
            }
            _ => Self::Text(text.into()),
        }
    }

    pub(super) fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Uuid(bytes) => Uuid::from_bytes(*bytes).hyphenated().to_string().into(),
            Self::Text(text) => (&**text).into(),
        }
    }
}

impl View<String> for Uid {}

impl<'de> Deserialize<'de> for Uid {
    fn deserialize<D: Deserializer<'de>>(text: D) -> Result<Self, D::Error> {
        Ok(Self::new(&Cow::<str>::deserialize(text)?))
    }
}

/// A resource version: a number, as the API server has them; clients are not to rely on it (until KEP-5504), so any text will do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Version {
    Number(u64),
    Text(Box<str>),
}

impl Version {
    fn new(text: &str) -> Self {
        // 007 is another text.
        match text.parse::<u64>() {
            Ok(number) if !text.starts_with(['0', '+']) || text == "0" => Self::Number(number),
            _ => Self::Text(text.into()),
        }
    }

    pub(super) fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Number(number) => number.to_string().into(),
            Self::Text(text) => (&**text).into(),
        }
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(text: D) -> Result<Self, D::Error> {
        Ok(Self::new(&Cow::<str>::deserialize(text)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back_as_they_were() {
        let uid = "0d4f5ad9-2bc1-4c49-9d3d-3d2f0b7a8c11";
        assert!(matches!(Uid::new(uid), Uid::Uuid(_)));
        let others = [uid, &uid.to_uppercase(), &uid.replace('-', ""), &format!("{{{uid}}}"), "", "1", "ä"];
        for text in others {
            assert_eq!(Uid::new(text).text(), text);
        }
        for text in [
            "0",
            "7",
            "18446744073709551615",
            "18446744073709551616",
            "00",
            "007",
            "+7",
            "-7",
            "",
            " 7",
            "abc",
        ] {
            assert_eq!(Version::new(text).text(), text);
        }
        assert_eq!(Version::new("12"), Version::Number(12));
    }
}
