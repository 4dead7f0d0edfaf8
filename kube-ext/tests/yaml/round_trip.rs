//! What we print is read back, by us and by other parsers.

use k8s_openapi::api::core::v1::ConfigMap;
use kube_ext::yaml::{Yaml, manifests};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Strings that kubectl prints as they are, from the characters that matter to YAML and from all others. The line breaks
/// of YAML 1.1 are left out: not every parser takes them for breaks.
fn text() -> impl Strategy<Value = String> {
    let broken =
        |c: &char| matches!(c, '\u{2028}' | '\u{2029}' | '\u{fffe}' | '\u{ffff}' | '\u{7f}'..='\u{9f}');
    let character = prop_oneof![
        4 => proptest::sample::select(" \n\t'\"\\:-?#,[]{}&*!|>%@`~=+.0123456789_aeinoyNxT".chars().collect::<Vec<_>>()),
        1 => any::<char>().prop_filter("not printed as it is", move |c| !broken(c)),
    ];
    let words = [
        "yes",
        "null",
        "0644",
        "12:30:45",
        "2020-01-01",
        "1_000",
        "<<",
        "",
        ".inf",
        "long words ".repeat(9).leak(),
    ];
    prop_oneof![
        4 => proptest::collection::vec(character, 0..12).prop_map(String::from_iter),
        1 => proptest::sample::select(words.to_vec()).prop_map(str::to_owned),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_string_survives(data in proptest::collection::btree_map(text(), text(), 0..5)) {
        let config = ConfigMap { data: Some(data.clone()), ..ConfigMap::default() };
        let yaml = config.to_yaml().unwrap();
        let expected: BTreeMap<String, String> = data;

        let json: serde_json::Value = serde_json::from_str(&config.to_json().unwrap()).unwrap();
        prop_assert_eq!(&json["data"], &serde_json::json!(&expected));
        // The key `<<` is printed as it is, and read as a merge: kubectl cannot read that back either.
        prop_assume!(!expected.contains_key("<<"));
        let ours = manifests(yaml.as_bytes()).next().unwrap().unwrap();
        prop_assert_eq!(&ours.data["data"], &serde_json::json!(&expected), "{}", yaml);
        let saphyr: ConfigMap = serde_saphyr::from_str(&yaml).unwrap();
        prop_assert_eq!(saphyr.data.unwrap_or_default(), expected.clone(), "{}", yaml);
        let libyaml: ConfigMap = serde_yaml::from_str(&yaml).unwrap();
        prop_assert_eq!(libyaml.data.unwrap_or_default(), expected, "{}", yaml);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "(?s).{0,60}", bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        let _ = manifests(text.as_bytes()).count();
        let _ = manifests(bytes.as_slice()).count();
    }
}
