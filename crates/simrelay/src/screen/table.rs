//! Small aligned tables for people.

use std::io::{self, IsTerminal};

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table as Grid, presets};

use super::text::harmless;

/// A table without frames: a header, then rows; a cell is never more than one line of foreign text.
pub(crate) struct Table {
    grid: Grid,
}

impl Table {
    /// A table with these column titles: `>TITLE` is aligned to the right; `~TITLE` takes several lines where the terminal
    /// is narrow, which no other column does.
    pub(crate) fn new(titles: &[&str]) -> Self {
        let mut grid = Grid::new();
        grid.load_style(presets::NOTHING);
        grid.set_content_arrangement(match io::stdout().is_terminal() {
            true => ContentArrangement::Dynamic,
            // A pipe has no width: one row stays one line.
            false => ContentArrangement::Disabled,
        });
        grid.set_header(titles.iter().map(|title| title.trim_start_matches(['>', '~'])));
        for (index, title) in titles.iter().enumerate() {
            let Some(column) = grid.column_mut(index) else { continue };
            column.set_padding((0, COLUMN_GAP));
            if title.starts_with('>') {
                column.set_cell_alignment(CellAlignment::Right);
            }
            if !title.starts_with('~') {
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
        }
        Self { grid }
    }

    /// Adds a row; every cell is made harmless.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.grid.add_row(cells.iter().map(|cell| harmless(cell)));
    }

    /// Whether it has no rows.
    pub(crate) fn is_empty(&self) -> bool {
        self.grid.is_empty()
    }

    /// The lines, without blanks at their ends.
    pub(crate) fn lines(&self) -> String {
        self.grid.trim_fmt()
    }
}

/// Blanks between two columns.
const COLUMN_GAP: u16 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrow_terminal_folds_texts_and_nothing_else() {
        let mut table = Table::new(&["NUMBER", "~TEXT"]);
        table.grid.set_content_arrangement(ContentArrangement::Dynamic);
        table.grid.set_width(30);
        table.row(["+491711234567".into(), "one two three four".into()]);
        assert_eq!(
            table.lines(),
            "NUMBER         TEXT\n+491711234567  one two three\n               four"
        );
    }

    #[test]
    fn columns_are_aligned_and_foreign_text_is_tame() {
        let mut table = Table::new(&["FROM", ">PARTS", "TEXT"]);
        table.row(["+49171".into(), "12".into(), "a\x1b[31mb".into()]);
        table.row(["Bank".into(), "1".into(), "ü".into()]);
        assert_eq!(
            table.lines(),
            "FROM    PARTS  TEXT\n+49171     12  a␛[31mb\nBank        1  ü"
        );
    }
}
