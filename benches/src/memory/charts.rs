//! Charts of what was measured, as SVG.

use plotters::{
    coord::Shift,
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use super::{Figures, STORES, report};
use crate::process::float;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

const WIDTH: u32 = 900;
/// Of title and legend.
const HEAD: u32 = 76;
/// Of each row.
const ROW: u32 = 58;
/// Of the axis.
const FOOT: u32 = 62;
/// Where bars begin.
const LEFT: u32 = 190;
const FONT: &str = "sans-serif";
const COLORS: [RGBColor; 2] = [RGBColor(0x1f, 0x5f, 0xa8), RGBColor(0xe3, 0x8b, 0x29)];
const GOAL: RGBColor = RGBColor(0xb0, 0x1e, 0x2e);

/// One value for each row.
struct Series<'a> {
    name: &'a str,
    values: Vec<Option<f64>>,
}

/// Bars from left to right.
struct Chart<'a> {
    title: String,
    axis: &'a str,
    rows: Vec<String>,
    series: Vec<Series<'a>>,
    /// Whether equal steps are powers of ten.
    is_log: bool,
    /// How values are written.
    label: fn(f64) -> String,
    /// A line, and what it is called.
    goal: Option<(f64, &'a str)>,
}

/// The charts of the guide: file names, and what is in them.
///
/// # Errors
/// If one cannot be drawn.
pub fn all(figures: &Figures) -> Result<Vec<(&'static str, String)>> {
    let objects = figures.most_objects();
    let count = report::grouped(objects as u64);
    let rows = || STORES.map(str::to_owned).to_vec();
    let of = |value: fn(&super::Entry) -> f64| {
        STORES.iter().map(|store| figures.entry(store, objects).map(value)).collect()
    };
    let bytes = Chart {
        title: format!("Memory for each of {count} pods"),
        axis: "bytes for each pod, powers of ten",
        rows: rows(),
        series: vec![
            Series { name: "resident", values: of(|entry| float(entry.resident_bytes_per_object)) },
            Series {
                name: "live (asked of the allocator)",
                values: of(|entry| float(entry.live_bytes_per_object)),
            },
        ],
        is_log: true,
        label: whole,
        goal: None,
    };
    let stores: Vec<_> = figures.watched.iter().filter(|watched| watched.objects == objects).collect();
    let relist = Chart {
        title: format!("The most while {count} pods are listed again"),
        axis: "resident memory as a multiple of what there is at rest",
        rows: stores.iter().map(|watched| watched.store.clone()).collect(),
        series: vec![Series {
            name: "peak while listing again / at rest",
            values: stores.iter().map(|watched| watched.relist_ratio()).collect(),
        }],
        is_log: false,
        label: |value| format!("{value:.2}"),
        goal: Some((1.1, "goal: 1.1")),
    };
    let time = Chart {
        title: format!("Time for a pod, of {count}"),
        axis: "microseconds, powers of ten",
        rows: rows(),
        series: vec![
            Series { name: "read from JSON and stored", values: of(|entry| entry.ingest_us) },
            Series { name: "got from the store", values: of(|entry| entry.get_us) },
        ],
        is_log: true,
        label: report::short,
        goal: None,
    };
    Ok(vec![
        ("memory-bytes.svg", bytes.draw()?),
        ("memory-relist.svg", relist.draw()?),
        ("memory-time.svg", time.draw()?),
    ])
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bytes of an object")]
fn whole(value: f64) -> String {
    report::grouped(value.round() as u64)
}

/// A power of ten, in words that a reader knows.
#[expect(clippy::cast_possible_truncation, reason = "a few tens at the most")]
fn power(exponent: f64) -> String {
    let exponent = exponent.round() as i32;
    if exponent < 0 {
        format!("{:.*}", exponent.unsigned_abs() as usize, 10f64.powi(exponent))
    } else {
        whole(10f64.powi(exponent))
    }
}

impl Chart<'_> {
    fn height(&self) -> u32 {
        HEAD + FOOT + ROW * u32::try_from(self.rows.len()).unwrap_or(u32::MAX / ROW)
    }

    fn draw(&self) -> Result<String> {
        let mut svg = String::new();
        let root = SVGBackend::with_string(&mut svg, (WIDTH, self.height())).into_drawing_area();
        root.fill(&WHITE)?;
        let (head, body) = root.split_vertically(HEAD);
        self.draw_head(&head)?;
        self.draw_bars(&body)?;
        root.present()?;
        drop((head, body, root));
        if !svg.ends_with('\n') {
            svg.push('\n');
        }
        Ok(svg)
    }

    fn draw_head(&self, head: &DrawingArea<SVGBackend<'_>, Shift>) -> Result<()> {
        let title = (FONT, 26).into_font().color(&BLACK);
        head.draw(&Text::new(self.title.clone(), (20, 12), title))?;
        let mut x = i32::try_from(LEFT)?;
        for (series, color) in self.series.iter().zip(COLORS) {
            head.draw(&Rectangle::new([(x, 50), (x + 14, 64)], color.filled()))?;
            let text = (FONT, 18).into_font().color(&BLACK).pos(Pos::new(HPos::Left, VPos::Center));
            head.draw(&Text::new(series.name.to_owned(), (x + 22, 57), text))?;
            x += 60 + 8 * i32::try_from(series.name.len())?;
        }
        if let Some((_, name)) = self.goal {
            head.draw(&PathElement::new([(x + 7, 48), (x + 7, 66)], GOAL.stroke_width(2)))?;
            let text = (FONT, 18).into_font().color(&BLACK).pos(Pos::new(HPos::Left, VPos::Center));
            head.draw(&Text::new(name.to_owned(), (x + 22, 57), text))?;
        }
        Ok(())
    }

    fn draw_bars(&self, body: &DrawingArea<SVGBackend<'_>, Shift>) -> Result<()> {
        let place = |value: f64| if self.is_log { value.max(f64::MIN_POSITIVE).log10() } else { value };
        let values =
            || self.series.iter().flat_map(|series| &series.values).flatten().map(|value| place(*value));
        let (least, most) = (values().fold(f64::INFINITY, f64::min), values().fold(0.0, f64::max));
        // The longest bar has its number behind it, and what is least is a bar, too.
        let from = if self.is_log { (least - 0.05).floor() } else { 0.0 };
        let to = from + (most - from) * 1.14;
        let step = if self.is_log || to > 4.0 { 1.0 } else { 0.5 };
        let steps = std::iter::successors(Some(from), |at| Some(at + step)).take_while(|at| *at <= to);
        let rows = float(self.rows.len() as u64);
        let mut chart = ChartBuilder::on(body)
            .set_label_area_size(LabelAreaPosition::Left, LEFT)
            .set_label_area_size(LabelAreaPosition::Bottom, FOOT)
            .margin_right(20)
            // The first row is at the top.
            .build_cartesian_2d(from..to, rows..0.0)?;
        let plain =
            |size: i32, h: HPos| (FONT, size).into_font().color(&BLACK).pos(Pos::new(h, VPos::Center));
        let (_, above) = body.get_base_pixel();
        for step in steps {
            let line = PathElement::new([(step, 0.0), (step, rows)], BLACK.mix(0.2));
            chart.draw_series([line])?;
            let (x, y) = chart.backend_coord(&(step, rows));
            let text = if self.is_log { power(step) } else { format!("{step:.1}") };
            body.draw(&Text::new(text, (x, y - above + 14), plain(17, HPos::Center)))?;
        }
        let (x, y) = chart.backend_coord(&(f64::midpoint(from, to), rows));
        body.draw(&Text::new(self.axis.to_owned(), (x, y - above + 42), plain(18, HPos::Center)))?;
        // A row is a unit high, and its bars are in the middle of it.
        let thickness = 0.7 / float(self.series.len().max(2) as u64);
        let first = (1.0 - thickness * float(self.series.len() as u64)) / 2.0;
        for (number, row) in self.rows.iter().enumerate() {
            let top = float(number as u64);
            let (_, y) = chart.backend_coord(&(from, top + 0.5));
            let (x, _) = chart.backend_coord(&(from, top));
            body.draw(&Text::new(row.clone(), (x - 10, y - above), plain(18, HPos::Right)))?;
            for (at, (series, color)) in self.series.iter().zip(COLORS).enumerate() {
                let y0 = top + first + thickness * float(at as u64);
                let y1 = y0 + thickness;
                let value = series.values.get(number).copied().flatten();
                let end = value.map_or(from, place).max(from);
                chart.draw_series([Rectangle::new([(from, y0), (end, y1)], color.filled())])?;
                let text = value.map_or_else(|| "not measured".to_owned(), self.label);
                // Not below the line.
                let behind = self.goal.map_or(end, |(goal, _)| end.max(place(goal)));
                let (x, y) = chart.backend_coord(&(behind, f64::midpoint(y0, y1)));
                body.draw(&Text::new(text, (x + 6, y - above), plain(17, HPos::Left)))?;
            }
        }
        if let Some((goal, _)) = self.goal {
            let line = PathElement::new([(place(goal), 0.0), (place(goal), rows)], GOAL.stroke_width(2));
            chart.draw_series([line])?;
        }
        Ok(())
    }
}
