//! Lines of tab-separated cells, padded into columns.
//!
//! The rules are those of `github.com/liggitt/tabwriter` as `k8s.io/cli-runtime/pkg/printers/tabwriter.go` sets it
//! up: a cell ends at a tab; cells of neighbouring lines at the same place are a column, which ends at the first
//! line that has no such cell; what follows the last tab of a line belongs to no column and is not padded.

/// No column is narrower, its padding included.
const MIN_WIDTH: usize = 6;
/// Blanks after the longest cell of a column.
const PADDING: usize = 3;

/// Pads every cell of `text` to the width of its column and ends every line with a newline.
///
/// `remembered` holds the widest width that each column ever had; no column gets narrower than that, and wider ones
/// are written back, so that rows printed later fit under those printed before.
pub(super) fn align(text: &str, remembered: &mut Vec<usize>) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    if !text.is_empty() {
        // A form feed ends the line and all columns with it.
        for section in text.strip_suffix('\n').unwrap_or(text).split('\x0c') {
            align_section(section, remembered, &mut out);
        }
    }
    out
}

/// A column that goes from one line to the last line in a row that has it.
struct Block {
    column: usize,
    width: usize,
}

/// Where a padded cell belongs, and its own width in characters.
struct Place {
    block: usize,
    chars: usize,
}

fn align_section(section: &str, remembered: &mut Vec<usize>, out: &mut String) {
    let mut blocks: Vec<Block> = Vec::new();
    let mut places: Vec<Place> = Vec::new();
    // The blocks of the line above, by column.
    let mut open: Vec<usize> = Vec::new();
    for line in section.split('\n') {
        let mut column = 0;
        for cell in padded_cells(line) {
            let chars = cell.chars().count();
            if column == open.len() {
                open.push(blocks.len());
                blocks.push(Block { column, width: MIN_WIDTH });
            }
            let block = open.get(column).copied().unwrap_or_default();
            if let Some(block) = blocks.get_mut(block) {
                block.width = block.width.max(chars + PADDING);
            }
            places.push(Place { block, chars });
            column += 1;
        }
        open.truncate(column);
    }
    for block in &mut blocks {
        match remembered.get_mut(block.column) {
            Some(widest) => {
                *widest = block.width.max(*widest);
                block.width = *widest;
            }
            None => remembered.push(block.width),
        }
    }
    let mut places = places.into_iter();
    for line in section.split('\n') {
        for (cell, place) in padded_cells(line).zip(places.by_ref()) {
            out.push_str(cell);
            let width = blocks.get(place.block).map_or(0, |block| block.width);
            out.extend(std::iter::repeat_n(' ', width.saturating_sub(place.chars)));
        }
        out.push_str(line.rsplit(CELL_ENDS).next().unwrap_or_default());
        out.push('\n');
    }
}

/// Both kinds of tab end a cell.
const CELL_ENDS: [char; 2] = ['\t', '\x0b'];

/// The cells of a line but for the last.
fn padded_cells(line: &str) -> impl Iterator<Item = &str> {
    line.split_inclusive(CELL_ENDS).filter_map(|cell| cell.strip_suffix(CELL_ENDS))
}

#[cfg(test)]
mod tests {
    use super::align;

    #[test]
    fn a_column_ends_where_a_line_has_no_such_cell() {
        let text = "a\tb\tc\naaaaaaaa\tb\n\naaaa\tb\tc\n";
        assert_eq!(align(text, &mut Vec::new()), "a          b     c\naaaaaaaa   b\n\naaaa       b     c\n");
    }

    #[test]
    fn widths_are_remembered_and_counted_in_characters() {
        let mut widths = Vec::new();
        assert_eq!(align("日本語日本語\tx\n", &mut widths), "日本語日本語   x\n");
        assert_eq!(widths, [9]);
        assert_eq!(align("a\tb\tc\n", &mut widths), "a        b     c\n");
        assert_eq!(widths, [9, 6]);
    }

    #[test]
    fn a_form_feed_ends_all_columns() {
        assert_eq!(align("a\tb\x0caaaaaaaa\tb\n", &mut Vec::new()), "a     b\naaaaaaaa   b\n");
    }

    #[test]
    fn a_cell_of_many_tabs_is_no_deep_recursion() {
        let text = format!("{}\n", "\t".repeat(200_000));
        assert_eq!(align(&text, &mut Vec::new()).len(), 1_200_001);
    }
}
