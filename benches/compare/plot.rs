//! Curves as SVG, and as tables for those who want the figures.
//! Must not leave anything out: the smallest and largest of all rounds are drawn too.

use std::fmt::Write;

use crate::results::{Curve, Plot, Table};

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 56.0;
const BOTTOM: f64 = 48.0;

/// Blue, orange and green that colour-blind readers can tell apart.
const COLOURS: [&str; 3] = ["#0072b2", "#d55e00", "#009e73"];

/// The drawing. The x axis is logarithmic; the y axis begins at 0.
pub fn svg(plot: &Plot) -> String {
    let area = Area::of(plot);
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12" fill="#333">
<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>
<text x="{LEFT}" y="20" font-size="14" font-weight="bold">{}</text>
"##,
        escaped(&plot.title)
    );
    // Writing to a string cannot fail.
    let _ = area.axes(&mut svg, plot);
    for (index, curve) in plot.curves.iter().enumerate() {
        let _ = area.curve(&mut svg, curve, index);
    }
    svg.push_str("</svg>\n");
    svg
}

/// The same figures as a table with a row for each x.
pub fn table(title: &str, x: &str, y: &str, curves: &[Curve]) -> Table {
    let names: Vec<(&str, &str, usize)> = curves.iter().map(|curve| (&*curve.name, &*curve.name, 2)).collect();
    let mut table = Table::new(format!("{title}: {y}"), x, &names);
    for curve in curves {
        for (x, rounds) in &curve.points {
            let row = table.row(&x.to_string(), "");
            rounds.0.iter().for_each(|value| row.push(&curve.name, *value));
        }
    }
    table
}

/// Where a figure lies on the drawing.
struct Area {
    smallest_x: f64,
    largest_x: f64,
    largest_y: f64,
}

impl Area {
    fn of(plot: &Plot) -> Area {
        let points = || plot.curves.iter().flat_map(|curve| &curve.points).filter(|(_, rounds)| !rounds.0.is_empty());
        let largest = points().map(|(_, rounds)| rounds.range().1).fold(0.0, f64::max);
        Area {
            smallest_x: points().map(|(x, _)| *x).fold(f64::INFINITY, f64::min),
            largest_x: points().map(|(x, _)| *x).fold(0.0, f64::max),
            largest_y: round_up(largest),
        }
    }

    fn x(&self, value: f64) -> f64 {
        let share = (value / self.smallest_x).ln() / (self.largest_x / self.smallest_x).ln().max(f64::MIN_POSITIVE);
        LEFT + share.clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        HEIGHT - BOTTOM - value / self.largest_y * (HEIGHT - TOP - BOTTOM)
    }

    fn axes(&self, svg: &mut String, plot: &Plot) -> std::fmt::Result {
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        for part in 0..=4 {
            let value = self.largest_y * f64::from(part) / 4.0;
            let y = self.y(value);
            writeln!(svg, r##"<line x1="{LEFT}" y1="{y:.1}" x2="{right}" y2="{y:.1}" stroke="#ddd"/>"##)?;
            writeln!(svg, r#"<text x="{}" y="{:.1}" text-anchor="end">{}</text>"#, LEFT - 6.0, y + 4.0, short(value))?;
        }
        for (x, _) in plot.curves.first().map_or(&[][..], |curve| &curve.points) {
            let at = self.x(*x);
            writeln!(svg, r##"<line x1="{at:.1}" y1="{bottom}" x2="{at:.1}" y2="{}" stroke="#333"/>"##, bottom + 4.0)?;
            writeln!(svg, r#"<text x="{at:.1}" y="{}" text-anchor="middle">{}</text>"#, bottom + 18.0, short(*x))?;
        }
        writeln!(svg, r##"<line x1="{LEFT}" y1="{bottom}" x2="{right}" y2="{bottom}" stroke="#333"/>"##)?;
        let middle = (LEFT + right) / 2.0;
        writeln!(svg, r#"<text x="{middle}" y="{}" text-anchor="middle">{}</text>"#, HEIGHT - 10.0, escaped(&plot.x))?;
        writeln!(svg, r#"<text x="{LEFT}" y="40">{}</text>"#, escaped(&plot.y))
    }

    fn curve(&self, svg: &mut String, curve: &Curve, index: usize) -> std::fmt::Result {
        let colour = COLOURS[index % COLOURS.len()];
        let points: Vec<_> = curve.points.iter().filter(|(_, rounds)| !rounds.0.is_empty()).collect();
        let line: Vec<String> =
            points.iter().map(|(x, rounds)| format!("{:.1},{:.1}", self.x(*x), self.y(rounds.median()))).collect();
        writeln!(svg, r#"<polyline points="{}" fill="none" stroke="{colour}" stroke-width="2"/>"#, line.join(" "))?;
        for (x, rounds) in points {
            let (x, (smallest, largest)) = (self.x(*x), rounds.range());
            let (low, high) = (self.y(smallest), self.y(largest));
            writeln!(svg, r#"<line x1="{x:.1}" y1="{low:.1}" x2="{x:.1}" y2="{high:.1}" stroke="{colour}"/>"#)?;
            writeln!(svg, r#"<circle cx="{x:.1}" cy="{:.1}" r="3" fill="{colour}"/>"#, self.y(rounds.median()))?;
        }
        let at = WIDTH - RIGHT - 150.0 * (index as f64 + 1.0);
        writeln!(svg, r#"<rect x="{at}" y="31" width="10" height="10" fill="{colour}"/>"#)?;
        writeln!(svg, r#"<text x="{}" y="40">{}</text>"#, at + 14.0, escaped(&curve.name))
    }
}

/// The next number of one digit and zeros, of two where one would be far.
fn round_up(value: f64) -> f64 {
    if value <= 0.0 {
        return 1.0;
    }
    let unit = 10_f64.powf(value.log10().floor());
    [1.0, 1.2, 1.6, 2.0, 2.4, 3.2, 4.0, 6.0, 8.0, 10.0]
        .into_iter()
        .map(|factor| factor * unit)
        .find(|end| *end >= value)
        .unwrap_or(10.0 * unit)
}

fn short(value: f64) -> String {
    match value {
        thousands if thousands >= 1000.0 => format!("{} k", thousands / 1000.0),
        whole if whole.fract() == 0.0 => format!("{whole}"),
        other => format!("{other:.2}"),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
