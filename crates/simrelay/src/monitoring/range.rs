//! Ranges of thresholds, as the plugin interface of Nagios writes them.

use std::fmt;
use std::str::FromStr;

/// When a value is to be told: outside of a range, or inside of it.
///
/// `10` tells below 0 and above 10, `10:` below 10, `~:10` above 10, `10:20` outside, `@10:20` inside. Both ends belong to the
/// range.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Range {
    start: f64,
    end: f64,
    inside: bool,
    /// As it was written, for perfdata.
    written: String,
}

impl Range {
    /// Whether this value is to be told.
    pub(crate) fn tells(&self, value: f64) -> bool {
        let contained = (self.start..=self.end).contains(&value);
        contained == self.inside
    }
}

impl FromStr for Range {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' is no range; write one as 10, 10:, ~:10, 10:20 or @10:20");
        let number = |text: &str| {
            let plain = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.".contains(&byte));
            text.parse::<f64>().ok().filter(|_| plain).ok_or_else(wrong)
        };
        let (inside, rest) = match text.strip_prefix('@') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (start, end) = match rest.split_once(':') {
            Some(("~", end)) => (f64::NEG_INFINITY, end),
            Some(("", end)) => (0.0, end),
            Some((start, end)) => (number(start)?, end),
            None => (0.0, rest),
        };
        let end = match (end, rest.contains(':')) {
            ("", true) => f64::INFINITY,
            (end, _) => number(end)?,
        };
        if start > end {
            return Err(format!("'{text}' is no range: it ends before it begins"));
        }
        Ok(Self {
            start,
            end,
            inside,
            written: text.to_owned(),
        })
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_tells_what_the_interface_says() {
        // A range, values that are told, values that are not.
        let table: [(&str, &[f64], &[f64]); 9] = [
            ("10", &[-0.1, 10.1], &[0.0, 5.0, 10.0]),
            ("10:", &[9.9, -1.0], &[10.0, 1e9]),
            ("~:10", &[10.1, 1e9], &[10.0, -1e9]),
            ("10:20", &[9.0, 21.0], &[10.0, 15.0, 20.0]),
            ("@10:20", &[10.0, 15.0, 20.0], &[9.0, 21.0]),
            ("-100:", &[-101.0], &[-100.0, 0.0]),
            (":5", &[-1.0, 6.0], &[0.0, 5.0]),
            ("0.5:1.5", &[0.4], &[1.0]),
            ("@~:0", &[0.0, -3.0], &[0.1]),
        ];
        for (written, told, passed_over) in table {
            let range: Range = written.parse().unwrap();
            assert!(told.iter().all(|value| range.tells(*value)), "{written}");
            assert!(!passed_over.iter().any(|value| range.tells(*value)), "{written}");
            assert_eq!(range.to_string(), written);
        }
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for wrong in [
            "", "@", ":x", "a", "20:10", "1:2:3", "~", "10:~", "nan", "inf:", "1e3", "@@1:2",
        ] {
            assert!(wrong.parse::<Range>().is_err(), "{wrong}");
        }
    }
}
