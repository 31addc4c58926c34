//! Aligned columns. On a terminal the last column gives way to the width; elsewhere nothing is cut.

use super::paper::{Paper, cut, harmless};

const GAP: &str = "  ";
const LEAST: usize = 12;

/// Rows under a heading.
#[derive(Debug)]
pub(crate) struct Table {
    heads: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these column heads.
    pub(crate) fn new(heads: &[&'static str]) -> Self {
        Self { heads: heads.to_vec(), rows: Vec::new() }
    }

    /// Adds a row; missing cells are empty.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into_iter().map(|cell| harmless(&cell).into_owned()).collect());
    }

    /// True without rows.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table as lines, each indented by `indent` spaces and ended by a newline. Columns that are empty in every
    /// row are left out.
    pub(crate) fn lines(&self, paper: &Paper, indent: usize) -> String {
        let shown: Vec<usize> = (0..self.heads.len())
            .filter(|&column| self.rows.iter().any(|row| !cell(row, column).is_empty()))
            .collect();
        let widths: Vec<usize> = shown
            .iter()
            .map(|&column| {
                let head = self.heads[column].chars().count();
                self.rows.iter().map(|row| cell(row, column).chars().count()).max().unwrap_or(0).max(head)
            })
            .collect();
        let mut text = String::new();
        let heads: Vec<&str> = shown.iter().map(|&column| self.heads[column]).collect();
        let head = line(&heads, &widths, paper, indent);
        text.push_str(&paper.strong(&head));
        text.push('\n');
        for row in &self.rows {
            let cells: Vec<&str> = shown.iter().map(|&column| cell(row, column)).collect();
            text.push_str(&line(&cells, &widths, paper, indent));
            text.push('\n');
        }
        text
    }
}

fn cell(row: &[String], column: usize) -> &str {
    row.get(column).map_or("", String::as_str)
}

fn line(cells: &[&str], widths: &[usize], paper: &Paper, indent: usize) -> String {
    let mut text = " ".repeat(indent);
    let mut used = indent;
    for (place, (cell, &width)) in cells.iter().zip(widths).enumerate() {
        if place > 0 {
            text.push_str(GAP);
            used += GAP.len();
        }
        if place + 1 == cells.len() {
            let room = paper.width.map_or(usize::MAX, |columns| columns.saturating_sub(used).max(LEAST));
            text.push_str(&cut(cell, room));
        } else {
            text.push_str(&format!("{cell:<width$}"));
            used += width;
        }
    }
    text.truncate(text.trim_end().len());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&["NAME", "NOTE", "COMMAND"]);
        table.row(["a".into(), String::new(), "/usr/local/bin/a --with many words".into()]);
        table.row(["longer".into(), String::new(), "b\x1b[0m".into()]);
        table
    }

    #[test]
    fn columns_align_and_empty_ones_are_left_out() {
        assert_eq!(
            table().lines(&Paper::PLAIN, 2),
            "  NAME    COMMAND\n  a       /usr/local/bin/a --with many words\n  longer  b [0m\n"
        );
    }

    #[test]
    fn only_the_last_column_gives_way_to_a_narrow_terminal() {
        let paper = Paper { width: Some(30), bold: false };
        assert_eq!(
            table().lines(&paper, 2),
            "  NAME    COMMAND\n  a       /usr/local/bin/a --…\n  longer  b [0m\n"
        );
    }
}
