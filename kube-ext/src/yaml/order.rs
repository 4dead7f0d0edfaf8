//! The order in which kubectl prints the keys of a mapping in YAML.
//!
//! It is go-yaml's "natural" order (`sorter.go` of `go.yaml.in/yaml/v2`): numbers inside keys count as numbers, so
//! that `a2` comes before `a10`, and letters come after everything else.

use unicode_general_category::{GeneralCategory, get_general_category};

/// Whether `a` is printed before `b`.
///
/// The rule is not transitive: `12a` < `13` < `123` < `12a`. What go-yaml prints for such keys depends on the random
/// order of a Go map, so there is no right answer; [`sort`] gives a stable one.
fn less(a: &str, b: &str) -> bool {
    let common = a.bytes().zip(b.bytes()).take_while(|(x, y)| x == y).count();
    // The usual case, before anything is decoded.
    if let (Some(x), Some(y)) = (a.as_bytes().get(common), b.as_bytes().get(common))
        && x.is_ascii_alphabetic()
        && y.is_ascii_alphabetic()
    {
        return x < y;
    }
    // Equal bytes may stop in the middle of a character.
    let start = (0..=common).rev().find(|&i| a.is_char_boundary(i) && b.is_char_boundary(i)).unwrap_or(0);
    let (prefix, rest_a) = a.split_at(start);
    let rest_b = b.get(start..).unwrap_or_default();
    let (Some(x), Some(y)) = (rest_a.chars().next(), rest_b.chars().next()) else {
        return rest_a.len() < rest_b.len();
    };
    match (is_letter(x), is_letter(y)) {
        (true, true) => return x < y,
        (false, false) => {}
        (_, y_is_letter) => return y_is_letter,
    }
    // A zero after other digits is a digit of their number, not a leading zero.
    let in_number =
        (x == '0' || y == '0') && prefix.chars().rev().take_while(|&c| is_digit(c)).any(|digit| digit != '0');
    let (number_a, digits_a) = leading_number(rest_a, in_number);
    let (number_b, digits_b) = leading_number(rest_b, in_number);
    (number_a, digits_a, x) < (number_b, digits_b, y)
}

/// The value of the digits at the start of `text`, and how many they are. It wraps where Go's `int64` wraps.
fn leading_number(text: &str, in_number: bool) -> (i64, usize) {
    text.chars().take_while(|&c| is_digit(c)).fold((i64::from(in_number), 0), |(number, digits), c| {
        let digit = i64::from(u32::from(c)) - i64::from(u32::from('0'));
        (number.wrapping_mul(10).wrapping_add(digit), digits + 1)
    })
}

/// Go's `unicode.IsLetter`: the categories Lu, Ll, Lt, Lm and Lo.
fn is_letter(c: char) -> bool {
    use GeneralCategory::{LowercaseLetter, ModifierLetter, OtherLetter, TitlecaseLetter, UppercaseLetter};
    if c.is_ascii() {
        return c.is_ascii_alphabetic();
    }
    matches!(
        get_general_category(c),
        UppercaseLetter | LowercaseLetter | TitlecaseLetter | ModifierLetter | OtherLetter
    )
}

/// Go's `unicode.IsDigit`: the category Nd.
fn is_digit(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_digit();
    }
    get_general_category(c) == GeneralCategory::DecimalNumber
}

/// Sorts entries by their keys.
///
/// A merge sort of our own: the sorts of the standard library may panic when an order is not transitive.
pub(super) fn sort<V: Copy>(entries: &mut Vec<(&str, V)>) {
    let sorted = entries.is_sorted_by(|(a, _), (b, _)| !less(b, a));
    if sorted {
        return;
    }
    let right_half = entries.split_off(entries.len() / 2);
    let mut left = std::mem::take(entries);
    let mut right = right_half;
    sort(&mut left);
    sort(&mut right);
    entries.reserve(left.len() + right.len());
    let mut left = left.into_iter().peekable();
    for entry in right {
        while let Some(earlier) = left.next_if(|(key, _)| !less(entry.0, key)) {
            entries.push(earlier);
        }
        entries.push(entry);
    }
    entries.extend(left);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cmp::Ordering;

    fn compare(a: &str, b: &str) -> Ordering {
        match (less(a, b), less(b, a)) {
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            _ => Ordering::Equal,
        }
    }

    #[test]
    fn numbers_inside_keys_are_numbers_and_letters_come_last() {
        for (a, b) in [
            ("a2", "a10"),
            ("_", "a"),
            ("1", "a"),
            ("~", "0"),
            ("A", "a"),
            ("a", "ab"),
            ("a/b", "ab"),
            ("a1", "a01"),
            ("日", "本"),
            ("z", "é"),
        ] {
            assert_eq!(compare(a, b), Ordering::Less, "{a} {b}");
            assert_eq!(compare(b, a), Ordering::Greater, "{a} {b}");
        }
        assert_eq!(compare("a1", "a1"), Ordering::Equal);
    }

    #[test]
    fn an_order_that_is_not_transitive_does_not_panic() {
        let keys: Vec<String> = (0..3000).map(|i| format!("{}{}", i % 37, ["", "a", "3"][i % 3])).collect();
        let mut entries: Vec<(&str, ())> = keys.iter().map(|key| (key.as_str(), ())).collect();
        sort(&mut entries);
        assert_eq!(entries.len(), keys.len());
    }
}
