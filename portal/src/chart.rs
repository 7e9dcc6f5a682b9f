//! Charts as SVG, made here: no script, no inline style, and never without a table beside them.

use askama::Template;

/// One bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bar {
    /// What it stands for.
    pub label: String,
    /// How much.
    pub value: u64,
    /// The same in words.
    pub shown: String,
}

/// Bars beside one another, such as months. Decoration: the table beside it says the same.
#[derive(Template)]
#[template(path = "part/columns.html")]
pub struct Columns {
    bars: Vec<Drawn>,
    width: u64,
}

struct Drawn {
    x: u64,
    y: u64,
    height: u64,
    middle: u64,
    label: String,
    shown: String,
}

const PITCH: u64 = 48;
const BAR: u64 = 28;
/// Height of the tallest bar.
const TALL: u64 = 120;
/// Room above it for its figure.
const ABOVE: u64 = 20;

impl Columns {
    /// A chart; bars without a value keep a foot of one unit, so that their place is seen.
    pub fn new(bars: &[Bar]) -> Self {
        let most = bars.iter().map(|bar| bar.value).max().unwrap_or(0).max(1);
        let drawn = |(at, bar): (usize, &Bar)| {
            let height =
                u64::try_from(u128::from(bar.value) * u128::from(TALL) / u128::from(most)).unwrap_or(TALL);
            let height = height.max(1);
            let x = (at as u64) * PITCH + (PITCH - BAR) / 2;
            Drawn {
                x,
                y: ABOVE + TALL - height,
                height,
                middle: x + BAR / 2,
                label: bar.label.clone(),
                shown: bar.shown.clone(),
            }
        };
        Self { bars: bars.iter().enumerate().map(drawn).collect(), width: (bars.len() as u64).max(1) * PITCH }
    }

    /// The SVG.
    pub fn svg(&self) -> String {
        self.render().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_in_proportion_and_labels_are_escaped() {
        let bar = |label: &str, value| Bar { label: label.to_owned(), value, shown: value.to_string() };
        let chart = Columns::new(&[bar("<b>", 10), bar("b", 5), bar("c", 0), bar("d", u64::MAX)]);
        let heights: Vec<_> = chart.bars.iter().map(|bar| bar.height).collect();
        assert_eq!(heights, [1, 1, 1, 120]);
        let chart = Columns::new(&[bar("<b>", 10), bar("b", 5)]);
        assert_eq!(
            chart.bars.iter().map(|bar| (bar.x, bar.height)).collect::<Vec<_>>(),
            [(10, 120), (58, 60)]
        );
        let svg = chart.svg();
        assert!(svg.contains("&#60;b&#62;") && !svg.contains("<b>") && !svg.contains("style="), "{svg}");
        assert!(!Columns::new(&[]).svg().contains("<rect"));
    }
}
