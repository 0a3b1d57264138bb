//! The two formats of metrics.
//!
//! They differ in little: OpenMetrics calls a counter by its name without `_total`, tells units, and ends with `# EOF`.

use std::fmt::{Display, Write};

/// How metrics are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// The text format 0.0.4 of Prometheus.
    Text,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

/// What kind of numbers a family has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Gauge,
    Counter,
    Histogram,
}

/// A page of metrics in the making.
#[derive(Debug)]
pub(super) struct Page {
    format: Format,
    text: String,
}

/// The labels of a sample.
pub(super) type Labels<'a> = &'a [(&'static str, &'a str)];

impl Format {
    /// What an `Accept` header wants most; the text format where it says nothing that is known.
    pub(super) fn wanted(accept: &str) -> Self {
        let mut best = (Self::Text, 0.0);
        for range in accept.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let format = match parts.next() {
                Some("application/openmetrics-text") => Self::OpenMetrics,
                Some("text/plain" | "text/*" | "*/*") => Self::Text,
                _ => continue,
            };
            let mut quality = 1.0;
            let mut version = None;
            for (name, value) in parts.filter_map(|part| part.split_once('=')) {
                match name.trim() {
                    "q" => quality = value.trim().parse().unwrap_or(0.0),
                    "version" => version = Some(value.trim().trim_matches('"')),
                    _ => {}
                }
            }
            let known = match format {
                Self::OpenMetrics => version.is_none_or(|version| version == "1.0.0"),
                Self::Text => version.is_none_or(|version| version == "0.0.4"),
            };
            if known && quality > best.1 {
                best = (format, quality);
            }
        }
        best.0
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

impl Page {
    pub(super) fn new(format: Format) -> Self {
        Self {
            format,
            text: String::with_capacity(USUAL_SIZE),
        }
    }

    /// Begins a family; its samples follow. A counter is named without `_total`.
    pub(super) fn family(&mut self, name: &str, kind: Kind, help: &str) {
        let (word, ending) = match (kind, self.format) {
            (Kind::Gauge, _) => ("gauge", ""),
            (Kind::Histogram, _) => ("histogram", ""),
            (Kind::Counter, Format::Text) => ("counter", "_total"),
            (Kind::Counter, Format::OpenMetrics) => ("counter", ""),
        };
        // Writing to a String cannot fail, here and below.
        let _ = write!(
            self.text,
            "# HELP {name}{ending} {help}\n# TYPE {name}{ending} {word}\n"
        );
        if let (Format::OpenMetrics, Some(unit)) = (self.format, UNITS.iter().find(|unit| has_unit(name, unit))) {
            let _ = writeln!(self.text, "# UNIT {name} {unit}");
        }
    }

    /// A sample of a gauge.
    pub(super) fn gauge(&mut self, name: &str, labels: Labels<'_>, value: impl Display) {
        self.sample(name, "", labels, value);
    }

    /// A sample of a counter.
    pub(super) fn counter(&mut self, name: &str, labels: Labels<'_>, value: impl Display) {
        self.sample(name, "_total", labels, value);
    }

    /// The samples of a histogram: how many fell below each bound (the last being none), and the sum of all.
    pub(super) fn histogram(
        &mut self,
        name: &str,
        labels: &[(&'static str, &str)],
        bounds: &[f64],
        counts: &[u64],
        sum: f64,
    ) {
        let mut below = 0;
        let bounds = bounds.iter().map(ToString::to_string).chain([String::from("+Inf")]);
        for (bound, count) in bounds.zip(counts) {
            below += count;
            let mut labels = labels.to_vec();
            labels.push(("le", &bound));
            self.sample(name, "_bucket", &labels, below);
        }
        self.sample(name, "_sum", labels, sum);
        self.sample(name, "_count", labels, below);
    }

    /// All of it.
    pub(super) fn end(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }

    fn sample(&mut self, name: &str, ending: &str, labels: Labels<'_>, value: impl Display) {
        self.text.push_str(name);
        self.text.push_str(ending);
        for (place, (label, said)) in labels.iter().enumerate() {
            self.text.push_str(if place == 0 { "{" } else { "," });
            self.text.push_str(label);
            self.text.push_str("=\"");
            escape(said, &mut self.text);
            self.text.push('"');
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        let _ = writeln!(self.text, " {value}");
    }
}

fn has_unit(name: &str, unit: &str) -> bool {
    name.strip_suffix(unit).is_some_and(|rest| rest.ends_with('_'))
}

fn escape(text: &str, into: &mut String) {
    for letter in text.chars() {
        match letter {
            '\\' => into.push_str("\\\\"),
            '"' => into.push_str("\\\""),
            '\n' => into.push_str("\\n"),
            other => into.push(other),
        }
    }
}

/// Units that stand at the end of names.
const UNITS: &[&str] = &["seconds", "bytes"];

/// Enough for a dozen slots.
const USUAL_SIZE: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_is_the_one_that_is_wanted_most() {
        for (accept, format) in [
            ("", Format::Text),
            ("*/*", Format::Text),
            ("text/html", Format::Text),
            ("application/openmetrics-text", Format::OpenMetrics),
            ("application/openmetrics-text; version=0.0.1", Format::Text),
            (
                "text/plain;version=0.0.4;q=0.5, application/openmetrics-text;version=1.0.0;q=0.4",
                Format::Text,
            ),
            // Prometheus 2.42.
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                 text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                Format::OpenMetrics,
            ),
            ("application/openmetrics-text;q=0, text/plain", Format::Text),
            ("application/openmetrics-text;q=x;;;,=,,", Format::Text),
        ] {
            assert_eq!(Format::wanted(accept), format, "{accept}");
        }
    }

    fn page(format: Format) -> String {
        let mut page = Page::new(format);
        page.family("a_sent", Kind::Counter, "Sent.");
        page.counter("a_sent", &[("modem", "x\"\\\n")], 3);
        page.family("a_age_seconds", Kind::Gauge, "Age.");
        page.gauge("a_age_seconds", &[], 1.5);
        page.family("a_time_seconds", Kind::Histogram, "Time.");
        page.histogram("a_time_seconds", &[("modem", "x")], &[0.5, 1.0], &[1, 2, 4], 9.25);
        page.end()
    }

    #[test]
    fn both_formats_are_as_their_specifications_have_them() {
        assert_eq!(
            page(Format::Text),
            "# HELP a_sent_total Sent.\n# TYPE a_sent_total counter\na_sent_total{modem=\"x\\\"\\\\\\n\"} 3\n\
             # HELP a_age_seconds Age.\n# TYPE a_age_seconds gauge\na_age_seconds 1.5\n\
             # HELP a_time_seconds Time.\n# TYPE a_time_seconds histogram\n\
             a_time_seconds_bucket{modem=\"x\",le=\"0.5\"} 1\na_time_seconds_bucket{modem=\"x\",le=\"1\"} 3\n\
             a_time_seconds_bucket{modem=\"x\",le=\"+Inf\"} 7\na_time_seconds_sum{modem=\"x\"} 9.25\n\
             a_time_seconds_count{modem=\"x\"} 7\n"
        );
        let open = page(Format::OpenMetrics);
        assert!(
            open.starts_with("# HELP a_sent Sent.\n# TYPE a_sent counter\na_sent_total{"),
            "{open}"
        );
        assert!(
            open.contains("# TYPE a_age_seconds gauge\n# UNIT a_age_seconds seconds\n"),
            "{open}"
        );
        assert!(open.ends_with("\n# EOF\n") && !open.contains("\n\n"), "{open}");
    }
}
