//! A picture of the outcomes by the size of the fleet.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::prelude::*;

use crate::outcomes::Outcomes;
use crate::{Beside, Outcome};

const SIZE: (u32, u32) = (1000, 420);
const SERIES: [(Beside, RGBColor); 4] = [
    (Beside::Nobody, RGBColor(0, 92, 175)),
    (Beside::OneInAHundred, RGBColor(214, 96, 0)),
    (Beside::Flood, RGBColor(0, 128, 96)),
    (Beside::OtherAuthority, RGBColor(128, 64, 160)),
];
/// What a device alone costs: AWS IoT is called six times, where the CA signs with ECDSA.
const CALLS_ALONE: f64 = 6.0;

/// One of the two charts.
struct Chart {
    /// What no size should go beyond.
    bound: f64,
    caption: &'static str,
    top: f64,
    value: fn(u32, &Outcome) -> f64,
}

/// Draws how long the fleets took and what they cost into an SVG file.
///
/// # Errors
/// If the file can't be written.
pub fn draw(path: &Path, outcomes: &Outcomes) -> Result<()> {
    let area = SVGBackend::new(path, SIZE).into_drawing_area();
    area.fill(&WHITE).map_err(|error| anyhow!("{error}"))?;
    let (left, right) = area.split_horizontally(SIZE.0 / 2);
    let time = Chart {
        bound: 1.1,
        caption: "Time until all are in / time that the quota allows",
        top: 2.0,
        value: |_, outcome| outcome.seconds / outcome.quota_seconds,
    };
    let calls = Chart {
        bound: CALLS_ALONE * 1.2,
        caption: "Calls to AWS IoT, throttled ones too, for each device",
        top: 9.0,
        value: |devices, outcome| outcome.calls_a_device(devices),
    };
    time.draw(&left, outcomes)?;
    calls.draw(&right, outcomes)?;
    area.present().map_err(|error| anyhow!("{error}"))
}

impl Chart {
    fn draw<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, plotters::coord::Shift>,
        outcomes: &Outcomes,
    ) -> Result<()> {
        let failed = |error: &dyn std::fmt::Display| anyhow!("{error}");
        let sizes = outcomes.keys().map(|(devices, _)| f64::from(*devices));
        let largest = sizes.fold(10.0, f64::max);
        let mut chart = ChartBuilder::on(area)
            .caption(self.caption, ("sans-serif", 15))
            .margin(15)
            .x_label_area_size(40)
            .y_label_area_size(40)
            .build_cartesian_2d((10.0..largest).log_scale(), 0.0..self.top)
            .map_err(|error| failed(&error))?;
        let mut mesh = chart.configure_mesh();
        mesh.light_line_style(TRANSPARENT).x_desc("devices at once").x_label_formatter(&|size| format!("{size}"));
        mesh.draw().map_err(|error| failed(&error))?;
        let bound = [(10.0, self.bound), (largest, self.bound)];
        chart.draw_series(LineSeries::new(bound, RED.mix(0.6))).map_err(|error| failed(&error))?;
        for (beside, color) in SERIES {
            let of_series = outcomes.iter().filter(|((_, others), _)| *others == beside);
            let points: Vec<(f64, f64)> = of_series
                .map(|((devices, _), outcome)| (f64::from(*devices), (self.value)(*devices, outcome)))
                .collect();
            let dots = points.iter().map(|point| Circle::new(*point, 3, color.filled()));
            chart.draw_series(dots).map_err(|error| failed(&error))?;
            chart
                .draw_series(LineSeries::new(points, color.stroke_width(2)))
                .map_err(|error| failed(&error))?
                .label(beside.to_string())
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2)));
        }
        let mut labels = chart.configure_series_labels();
        labels.position(SeriesLabelPosition::LowerRight).background_style(WHITE.mix(0.8)).border_style(TRANSPARENT);
        labels.draw().map_err(|error| failed(&error))
    }
}
