//! Timelines: a workload day by day, and its findings from first to last.

use super::{Escaped, line, section::severity};
use crate::report::{days::Day, findings::FindingLine};

/// Width of the drawing, room for its labels on the left, height of its bars, in pixels.
const WIDTH: usize = 720;
const LEFT: usize = 70;
const BARS: usize = 80;
/// Room that a date takes, in pixels.
const DATE: usize = 40;
/// Most findings that are drawn.
const MOST: usize = 25;
const ROW: usize = 16;

/// New and raised behaviours a day as bars; under them, how much of each day was watched.
pub(super) fn days(days: &[Day]) -> String {
    let most = days.iter().map(|day| day.new + day.raised).max().unwrap_or(0);
    let height = BARS + 60;
    let mut text = format!(
        "<figure><svg class=\"chart\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"New and raised behaviours, and \
         hours watched, day by day\">\n<text class=\"axis\" x=\"0\" y=\"14\">{most}</text><text class=\"axis\" x=\"0\" \
         y=\"{BARS}\">0</text><path class=\"rule\" d=\"M{LEFT} {BARS}H{WIDTH}\"/><text class=\"axis\" x=\"0\" \
         y=\"{watched}\">watched</text>\n",
        watched = BARS + 21,
    );
    for (index, day) in days.iter().enumerate() {
        let (x, width) = slot(index, days.len());
        line(&mut text, &of_day(day, x, width, most));
        // As many dates as find room.
        let every = days.len().div_ceil(8);
        if index % every == 0 && x + DATE <= WIDTH {
            let date = Escaped(day.date.get(5..).unwrap_or_default()).to_string();
            line(
                &mut text,
                &format!("<text class=\"axis\" x=\"{x}\" y=\"{}\">{date}</text>", BARS + 46),
            );
        }
    }
    line(
        &mut text,
        "</svg>\n<figcaption><span class=\"key new\"></span>new and normal <span class=\"key raised\"></span>raised <span \
         class=\"key watched\"></span>watched all day <span class=\"key lossy\"></span>with losses</figcaption></figure>",
    );
    text
}

/// Where a day begins, and how wide its bar is.
fn slot(index: usize, days: usize) -> (usize, usize) {
    let begin = |index: usize| LEFT + (WIDTH - LEFT) * index / days.max(1);
    (begin(index), (begin(index + 1) - begin(index)).saturating_sub(2).max(1))
}

fn of_day(day: &Day, x: usize, width: usize, most: usize) -> String {
    let height = |count: usize| {
        if count == 0 {
            0
        } else {
            (BARS - 20) * count / most.max(1)
        }
    };
    let (new, raised) = (height(day.new), height(day.raised));
    let hours = day.observed_hours.min(24);
    let lossy = if day.lossy_hours > 0 { " lossy" } else { "" };
    format!(
        "<g><title>{date}: {n} new, {r} raised, watched for {hours} h, losses in {l} h</title><rect class=\"new\" x=\"{x}\" \
         y=\"{new_y}\" width=\"{width}\" height=\"{new}\"/><rect class=\"raised\" x=\"{x}\" y=\"{raised_y}\" width=\"{width}\" \
         height=\"{raised}\"/><rect class=\"unwatched\" x=\"{x}\" y=\"{strip}\" width=\"{width}\" height=\"14\"/><rect \
         class=\"watched{lossy}\" x=\"{x}\" y=\"{strip}\" width=\"{watched}\" height=\"14\"/></g>",
        date = Escaped(&day.date),
        n = day.new,
        r = day.raised,
        l = day.lossy_hours,
        new_y = BARS - new,
        raised_y = BARS - new - raised,
        strip = BARS + 10,
        watched = width * hours as usize / 24,
    )
}

/// Each finding from its first sighting to its last, as far as the period reaches.
pub(super) fn findings(findings: &[FindingLine], days: &[Day]) -> String {
    let Some(first) = days
        .first()
        .and_then(|day| format!("{}T00:00:00Z", day.date).parse::<jiff::Timestamp>().ok())
    else {
        return String::new();
    };
    let length = i64::try_from(days.len()).unwrap_or(i64::MAX).saturating_mul(86_400);
    let at = |time: jiff::Timestamp| {
        let seconds = time.duration_since(first).as_secs().clamp(0, length);
        let room = i64::try_from(WIDTH - LEFT).unwrap_or(0);
        LEFT + usize::try_from(seconds.saturating_mul(room) / length.max(1)).unwrap_or(0)
    };
    let shown = &findings[..findings.len().min(MOST)];
    let height = shown.len() * ROW + 4;
    let mut text = format!(
        "<figure><svg class=\"chart\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"Findings from first to last\">\n"
    );
    for (index, finding) in shown.iter().enumerate() {
        let y = index * ROW + 4;
        let x = at(finding.first_seen);
        let width = at(finding.last_seen).saturating_sub(x).max(4);
        line(
            &mut text,
            &format!(
                "<g><title>{summary}</title><text class=\"axis\" x=\"0\" y=\"{text_y}\">{severity:?}</text><path class=\"rule\" \
                 d=\"M{LEFT} {middle}H{WIDTH}\"/><rect class=\"span {class}\" x=\"{left}\" y=\"{y}\" width=\"{width}\" \
                 height=\"10\" rx=\"3\"/></g>",
                summary = Escaped(&finding.summary),
                severity = finding.severity,
                class = severity(finding.severity),
                text_y = y + 9,
                middle = y + 5,
                left = x.min(WIDTH - 4),
            ),
        );
    }
    line(&mut text, "</svg>");
    let left = findings.len() - shown.len();
    let more = if left > 0 {
        format!("; {left} more are in the table")
    } else {
        String::new()
    };
    line(
        &mut text,
        &format!("<figcaption>findings, from first seen to last{more}</figcaption></figure>"),
    );
    text
}
