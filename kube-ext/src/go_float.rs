//! Floats as Go prints them.

/// The sign, the shortest digits that give the float back, and the decimal exponent of the first of them.
struct Shortest {
    negative: bool,
    digits: String,
    exponent: i32,
}

impl Shortest {
    /// `scientific` formats the float in Rust's scientific notation, with as many digits after the point as asked for, or
    /// the shortest that do.
    fn of(scientific: impl Fn(Option<usize>) -> String) -> Self {
        let digits_of =
            |text: &str| text.bytes().take_while(|byte| *byte != b'e').filter(u8::is_ascii_digit).count();
        let shortest = scientific(None);
        // Of two shortest texts equally near, Rust takes the greater; Go the even one, as rounding to that many digits does.
        let text = scientific(Some(digits_of(&shortest).saturating_sub(1)));
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        Self {
            negative: mantissa.starts_with('-'),
            digits: mantissa.chars().filter(char::is_ascii_digit).collect(),
            exponent: exponent.parse().unwrap_or_default(),
        }
    }

    fn sign(&self) -> &'static str {
        if self.negative { "-" } else { "" }
    }

    /// As in `1.5e-07`, with at least `width` digits of exponent.
    fn scientific(&self, width: usize) -> String {
        let (first, rest) = self.digits.split_at_checked(1).unwrap_or((&self.digits, ""));
        let point = if rest.is_empty() { "" } else { "." };
        let exponent_sign = if self.exponent < 0 { '-' } else { '+' };
        format!("{}{first}{point}{rest}e{exponent_sign}{:0width$}", self.sign(), self.exponent.unsigned_abs())
    }

    /// As in `0.00015`.
    fn positional(&self) -> String {
        let (sign, digits) = (self.sign(), &self.digits);
        let Ok(power) = usize::try_from(self.exponent) else {
            let zeros = usize::try_from(self.exponent.unsigned_abs()).unwrap_or_default().saturating_sub(1);
            return format!("{sign}0.{}{digits}", "0".repeat(zeros));
        };
        match digits.split_at_checked(power + 1) {
            Some((whole, fraction)) if !fraction.is_empty() => format!("{sign}{whole}.{fraction}"),
            _ => format!("{sign}{digits:0<width$}", width = power + 1),
        }
    }

    /// `strconv`'s format `g` with the shortest precision.
    fn general(&self) -> String {
        if (-4..6).contains(&self.exponent) { self.positional() } else { self.scientific(2) }
    }
}

fn of_64(float: f64) -> Shortest {
    Shortest::of(|digits| match digits {
        Some(digits) => format!("{float:.digits$e}"),
        None => format!("{float:e}"),
    })
}

/// A float as `%v` and YAML have it: with an exponent below 1e-4 and from 1e6 on.
pub(crate) fn general(float: f64) -> String {
    of_64(float).general()
}

/// [`general`], with the digits that a 32-bit float needs.
pub(crate) fn general_32(float: f32) -> String {
    let shortest = Shortest::of(|digits| match digits {
        Some(digits) => format!("{float:.digits$e}"),
        None => format!("{float:e}"),
    });
    shortest.general()
}

/// A float as `encoding/json` writes it: with an exponent below 1e-6 and from 1e21 on.
pub(crate) fn json(float: f64) -> String {
    let shortest = of_64(float);
    if float == 0.0 || (1e-6..1e21).contains(&float.abs()) {
        shortest.positional()
    } else {
        shortest.scientific(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_print_as_in_go() {
        for (float, in_text, in_json) in [
            (0.0, "0", "0"),
            (-0.0, "-0", "-0"),
            (1.0, "1", "1"),
            (0.1, "0.1", "0.1"),
            (123_456.5, "123456.5", "123456.5"),
            (999_999.0, "999999", "999999"),
            (1e6, "1e+06", "1000000"),
            (1e20, "1e+20", "100000000000000000000"),
            (1e21, "1e+21", "1e+21"),
            (-2.5e300, "-2.5e+300", "-2.5e+300"),
            (0.0001, "0.0001", "0.0001"),
            (0.000_015, "1.5e-05", "0.000015"),
            (1.5e-7, "1.5e-07", "1.5e-7"),
            // A tie: Rust's shortest text ends in 3.
            ("1466081165030120.25".parse().unwrap(), "1.4660811650301202e+15", "1466081165030120.2"),
        ] {
            assert_eq!((general(float), json(float)), (in_text.to_owned(), in_json.to_owned()), "{float:e}");
        }
        assert_eq!(general_32(0.123_456_79), "0.12345679");
        assert_eq!(general_32(-100.0), "-100");
    }
}
