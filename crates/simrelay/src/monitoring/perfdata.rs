//! What a check measured, as perfdata: `label=value[unit];[warn];[crit];[min];[max]`.

use std::fmt;

use super::range::Range;

/// One measured value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Metric {
    /// What thresholds call it.
    pub(crate) name: &'static str,
    /// What monitoring calls it; as `name` but for money, whose label holds the currency.
    pub(crate) label: String,
    /// The value; none where it is not known.
    pub(crate) value: Option<f64>,
    pub(crate) unit: Unit,
    pub(crate) least: Option<f64>,
    pub(crate) most: Option<f64>,
    /// The ranges outside of which health warns of it and is critical, where those are plain ranges. They are shown where
    /// the check is given none of its own.
    pub(crate) health: [Option<String>; 2],
}

/// The unit of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// A plain number.
    None,
    /// Seconds.
    Seconds,
    /// Hundredths.
    Percent,
    /// Millions of octets.
    Megabytes,
    /// A number that only grows.
    Counter,
}

impl Metric {
    /// A plain number from 0 on.
    pub(crate) fn of(name: &'static str, value: Option<f64>) -> Self {
        Self {
            name,
            label: name.to_owned(),
            value,
            unit: Unit::None,
            least: Some(0.0),
            most: None,
            health: [None, None],
        }
    }

    /// The same in another unit.
    pub(crate) fn unit(self, unit: Unit) -> Self {
        Self { unit, ..self }
    }

    /// The same within these bounds.
    pub(crate) fn within(self, least: Option<f64>, most: Option<f64>) -> Self {
        Self { least, most, ..self }
    }

    /// The same with the ranges by which health judges it: of its warning and of its critical.
    pub(crate) fn judged_by_health(self, ranges: [String; 2]) -> Self {
        Self {
            health: ranges.map(Some),
            ..self
        }
    }

    /// As perfdata, with the ranges that it is measured by.
    pub(crate) fn perfdata(&self, warning: Option<&Range>, critical: Option<&Range>) -> String {
        let value = match self.value {
            Some(value) => format!("{value}{}", self.unit),
            None => String::from("U"),
        };
        let text = |part: Option<String>| part.unwrap_or_default();
        let [warned, critically] = self.health.clone();
        let rest = [
            text(warning.map(ToString::to_string).or(warned)),
            text(critical.map(ToString::to_string).or(critically)),
            text(self.least.map(|least| least.to_string())),
            text(self.most.map(|most| most.to_string())),
        ];
        let all = format!("{}={value};{}", label(&self.label), rest.join(";"));
        all.trim_end_matches(';').to_owned()
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "",
            Self::Seconds => "s",
            Self::Percent => "%",
            Self::Megabytes => "MB",
            Self::Counter => "c",
        })
    }
}

/// A label may hold anything but quotes and `=`; where it holds more than plain letters it stands in quotes.
fn label(text: &str) -> String {
    let shown: String = text
        .chars()
        .filter(|letter| !letter.is_control() && !"'=|".contains(*letter))
        .collect();
    match shown.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        true => shown,
        false => format!("'{shown}'"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn perfdata_has_the_form_that_plugins_print() {
        let range = |text: &str| text.parse::<Range>().unwrap();
        let procs = Metric::of("procs", Some(0.0));
        assert_eq!(
            procs.perfdata(Some(&range("1:2")), Some(&range("@5:9"))),
            "procs=0;1:2;@5:9;0"
        );
        let up = Metric::of("up", Some(3.0)).within(Some(0.0), Some(4.0));
        assert_eq!(up.perfdata(None, None), "up=3;;;0;4");
        let age = Metric::of("age", Some(1.5)).unit(Unit::Seconds).within(None, None);
        assert_eq!(age.perfdata(None, None), "age=1.5s");
        assert_eq!(
            Metric::of("signal", None).within(None, None).perfdata(None, None),
            "signal=U"
        );
    }

    #[test]
    fn a_range_of_health_is_shown_until_the_check_has_its_own() {
        let range: Range = "2000:".parse().unwrap();
        let disk = Metric::of("disk_free_mb", Some(499.0)).unit(Unit::Megabytes);
        let disk = disk.judged_by_health(["500:".into(), "50:".into()]);
        assert_eq!(disk.perfdata(None, None), "disk_free_mb=499MB;500:;50:;0");
        assert_eq!(disk.perfdata(Some(&range), None), "disk_free_mb=499MB;2000:;50:;0");
    }

    #[test]
    fn a_label_cannot_break_the_line() {
        let metric = Metric {
            label: "balance ' = |\n€".into(),
            ..Metric::of("balance", Some(7.95)).within(None, None)
        };
        assert_eq!(metric.perfdata(None, None), "'balance   €'=7.95");
    }
}
