//! The language that munin-node reads: graphs with their fields.

use std::borrow::Cow;
use std::fmt::Write;

/// One graph.
#[derive(Debug, Clone)]
pub(super) struct Graph {
    /// Its name, unlike any other plugin's.
    pub(super) name: String,
    pub(super) title: String,
    /// What the numbers are.
    pub(super) unit: &'static str,
    /// For `graph_args`.
    pub(super) from_zero: bool,
    /// What it shows, for people.
    pub(super) about: String,
    pub(super) fields: Vec<Field>,
}

/// One line of a graph.
#[derive(Debug, Clone)]
pub(super) struct Field {
    /// Its legal name.
    pub(super) name: String,
    pub(super) label: String,
    pub(super) kind: Kind,
    /// The value; none where it is not known.
    pub(super) value: Option<String>,
    /// The range outside of which Munin warns.
    pub(super) warning: Option<Cow<'static, str>>,
    /// The range outside of which it is critical.
    pub(super) critical: Option<Cow<'static, str>>,
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It goes up and down.
    Gauge,
    /// It only grows, in whole steps, and begins anew at times.
    Derive,
}

impl Field {
    /// A count that only grows.
    pub(super) fn count(name: impl Into<String>, label: impl Into<String>, value: Option<u64>) -> Self {
        Self {
            kind: Kind::Derive,
            ..Self::gauge(name, label, value.map(|value| value.to_string()))
        }
    }

    /// A value that goes up and down.
    pub(super) fn gauge(name: impl Into<String>, label: impl Into<String>, value: Option<String>) -> Self {
        Self {
            name: name.into(),
            label: label.into(),
            kind: Kind::Gauge,
            value,
            warning: None,
            critical: None,
        }
    }
}

impl Graph {
    /// How it looks.
    pub(super) fn config(&self) -> String {
        let args = match self.from_zero {
            true => "--base 1000 -l 0",
            false => "--base 1000",
        };
        let mut text = format!(
            "multigraph {}\ngraph_title {}\ngraph_args {args}\ngraph_vlabel {}\ngraph_scale no\n\
             graph_category {CATEGORY}\ngraph_info {}\n",
            self.name,
            plain(&self.title),
            self.unit,
            plain(&self.about)
        );
        for field in &self.fields {
            field.config(&mut text);
        }
        text
    }

    /// The values; `named` where the name of the graph was just printed.
    pub(super) fn values(&self, named: bool) -> String {
        let mut text = match named {
            true => String::new(),
            false => format!("multigraph {}\n", self.name),
        };
        for Field { name, value, .. } in &self.fields {
            let value = value.as_deref().unwrap_or("U");
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{name}.value {value}");
        }
        text
    }
}

impl Field {
    fn config(&self, text: &mut String) {
        let name = &self.name;
        let kind = match self.kind {
            Kind::Gauge => "GAUGE",
            Kind::Derive => "DERIVE",
        };
        // Writing to a String cannot fail.
        let _ = write!(text, "{name}.label {}\n{name}.type {kind}\n", plain(&self.label));
        if self.kind == Kind::Derive {
            let _ = writeln!(text, "{name}.min 0");
        }
        for (word, range) in [("warning", &self.warning), ("critical", &self.critical)] {
            let _ = range
                .as_ref()
                .map_or(Ok(()), |range| writeln!(text, "{name}.{word} {range}"));
        }
    }
}

/// A text on one line, without what Munin reads as something else.
fn plain(text: &str) -> String {
    text.chars()
        .map(|letter| {
            if letter.is_control() || letter == '#' {
                ' '
            } else {
                letter
            }
        })
        .collect()
}

const CATEGORY: &str = "simrelay";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_graph_reads_as_munin_wants_it() {
        let graph = Graph {
            name: "simrelay_sent".into(),
            title: "Sent #1\nx".into(),
            unit: "parts per ${graph_period}",
            from_zero: true,
            about: "What went out".into(),
            fields: vec![
                Field::count("x_sim_2d1", "sim-1", Some(7)),
                Field {
                    warning: Some("-100:".into()),
                    ..Field::gauge("signal", "signal", None)
                },
            ],
        };
        assert_eq!(
            graph.config(),
            "multigraph simrelay_sent\ngraph_title Sent  1 x\ngraph_args --base 1000 -l 0\n\
             graph_vlabel parts per ${graph_period}\ngraph_scale no\ngraph_category simrelay\ngraph_info What went out\n\
             x_sim_2d1.label sim-1\nx_sim_2d1.type DERIVE\nx_sim_2d1.min 0\n\
             signal.label signal\nsignal.type GAUGE\nsignal.warning -100:\n"
        );
        assert_eq!(graph.values(true), "x_sim_2d1.value 7\nsignal.value U\n");
        assert!(graph.values(false).starts_with("multigraph simrelay_sent\nx_sim"));
    }
}
