//! A lineage as a picture: what the container starts with on the left, what that starts to its right.

use super::{Escaped, line};
use crate::report::lineage::{Lineage, Node};

/// Width and height of a box, and from one to the next, in pixels.
const BOX: (usize, usize) = (168, 22);
const STEP: (usize, usize) = (204, 30);
/// Longest label, in characters.
const LABEL: usize = 21;

/// Where a node is: its column, and its row in half rows.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Place {
    column: usize,
    half_row: usize,
}

impl Place {
    const fn left(self) -> usize {
        self.column * STEP.0 + 4
    }

    const fn middle(self) -> usize {
        self.half_row * STEP.1 / 2 + STEP.1 / 2
    }
}

pub(super) fn of(lineage: &Lineage) -> String {
    let (places, rows) = places(&lineage.nodes);
    let columns = places.iter().map(|place| place.column + 1).max().unwrap_or(1);
    let (width, height) = (columns * STEP.0 - (STEP.0 - BOX.0) + 8, rows * STEP.1);
    let mut text = format!(
        "<div class=\"scroll\"><svg class=\"graph\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         role=\"img\" aria-label=\"Lineage of {}\">\n",
        Escaped(&lineage.container)
    );
    for (node, place) in lineage.nodes.iter().zip(&places) {
        if let Some(parent) = node.parent {
            line(&mut text, &edge(places[parent], *place, "edge"));
        }
        for other in &node.also {
            line(&mut text, &edge(places[*other], *place, "edge also"));
        }
    }
    for (node, place) in lineage.nodes.iter().zip(&places) {
        line(&mut text, &drawn(node, *place));
    }
    line(&mut text, "</svg></div>");
    if lineage.left_out > 0 {
        line(
            &mut text,
            &format!("<p class=\"note\">{} programs found no room.</p>", lineage.left_out),
        );
    }
    text
}

/// Where each node is, and how many rows that takes: a leaf has a row of its own, a parent is in the middle of its children.
fn places(nodes: &[Node]) -> (Vec<Place>, usize) {
    let mut places = vec![Place::default(); nodes.len()];
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    for (index, node) in nodes.iter().enumerate() {
        if let Some(parent) = node.parent {
            places[index].column = places[parent].column + 1;
            children[parent].push(index);
        }
    }
    let mut rows = 0;
    let roots = (0..nodes.len()).filter(|index| nodes[*index].parent.is_none());
    for root in roots.collect::<Vec<_>>() {
        settle(root, &children, &mut places, &mut rows);
    }
    (places, rows.max(1))
}

/// Gives a node and all that it started their rows. It goes as deep as a lineage is long, which is bounded by how many nodes
/// a picture has.
fn settle(node: usize, children: &[Vec<usize>], places: &mut [Place], rows: &mut usize) {
    for child in &children[node] {
        settle(*child, children, places, rows);
    }
    places[node].half_row = if let [first, .., last] | [first @ last] = children[node].as_slice() {
        usize::midpoint(places[*first].half_row, places[*last].half_row)
    } else {
        *rows += 1;
        (*rows - 1) * 2
    };
}

fn edge(from: Place, to: Place, class: &str) -> String {
    let (x1, y1) = (from.left() + BOX.0, from.middle());
    let (x2, y2) = (to.left(), to.middle());
    let bend = usize::midpoint(x1, x2);
    format!("<path class=\"{class}\" d=\"M{x1} {y1}C{bend} {y1} {bend} {y2} {x2} {y2}\"/>")
}

fn drawn(node: &Node, place: Place) -> String {
    let (x, y) = (place.left(), place.middle() - BOX.1 / 2);
    let (width, height) = BOX;
    format!(
        "<g class=\"node {state}\"><title>{what}: {state}, seen {count} times</title><rect x=\"{x}\" y=\"{y}\" width=\"{width}\" \
         height=\"{height}\" rx=\"4\"/><text x=\"{text_x}\" y=\"{text_y}\">{label}</text></g>",
        state = node.state,
        what = Escaped(&node.what),
        count = node.count,
        text_x = x + 8,
        text_y = y + 15,
        label = Escaped(&shortened(&node.label)),
    )
}

fn shortened(label: &str) -> String {
    if label.chars().count() <= LABEL {
        return label.to_owned();
    }
    let cut: String = label.chars().take(LABEL - 1).collect();
    format!("{cut}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(parent: Option<usize>) -> Node {
        Node {
            label: "<b>".to_owned(),
            what: "<b>".to_owned(),
            state: "Learned",
            count: 1,
            parent,
            also: Vec::new(),
        }
    }

    #[test]
    fn a_parent_stands_in_the_middle_of_what_it_started_and_nothing_covers_anything() {
        let nodes = [None, Some(0), Some(0), Some(1), Some(1), None].map(node);
        let (places, rows) = places(&nodes);
        let at = |column, half_row| Place { column, half_row };
        assert_eq!(places, [at(0, 2), at(1, 1), at(1, 4), at(2, 0), at(2, 2), at(0, 6)]);
        assert_eq!(rows, 4);
        let distinct: std::collections::BTreeSet<_> =
            places.iter().map(|place| (place.left(), place.middle())).collect();
        assert_eq!(distinct.len(), places.len());
    }

    #[test]
    fn a_label_is_escaped_and_cut() {
        let lineage = Lineage {
            container: "app".into(),
            nodes: vec![node(None)],
            left_out: 2,
        };
        let text = of(&lineage);
        assert!(
            !text.contains("<b>") && text.contains("2 programs found no room"),
            "{text}"
        );
        assert_eq!(shortened(&"x".repeat(40)).chars().count(), LABEL);
    }
}
