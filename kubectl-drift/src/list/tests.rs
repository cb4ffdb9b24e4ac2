use anchorwatch_crds::v1alpha1::{DriftAlertSpec, DriftAlertStatus, Severity};

use super::{watch::Printed, *};

fn alert(name: &str, severity: Severity, summary: &str) -> DriftAlert {
    let mut alert = DriftAlert::new(name, DriftAlertSpec::default());
    alert.status = Some(DriftAlertStatus {
        severity,
        summary: summary.into(),
        container: "app".into(),
        policy: "shop/all".into(),
        ..DriftAlertStatus::default()
    });
    alert
}

const PLAIN: Form = Form {
    with_namespace: false,
    wide: false,
    paint: Paint::NEVER,
};

fn text(alerts: &[DriftAlert], form: Form) -> String {
    form.table(alerts, Timestamp::UNIX_EPOCH).1
}

#[test]
fn the_gravest_alert_comes_first_and_escape_sequences_are_shown_as_text() {
    let mut alerts = vec![
        alert("a", Severity::Low, "x"),
        alert("b", Severity::High, "evil \u{1b}[31m"),
    ];
    alerts.sort_by_key(order);
    let text = text(&alerts, PLAIN);
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[1].starts_with("b ") && lines[2].starts_with("a "), "{text}");
    assert!(!text.contains('\u{1b}'), "{text}");
}

#[test]
fn a_wide_table_says_more_and_every_row_has_a_cell_for_each_heading() {
    let alerts = [alert("a", Severity::Low, "x")];
    for (wide, with_namespace) in [(false, false), (false, true), (true, false), (true, true)] {
        let form = Form {
            with_namespace,
            wide,
            ..PLAIN
        };
        assert_eq!(form.headings().len(), form.row(&alerts[0], Timestamp::UNIX_EPOCH).len());
        let text = text(&alerts, form);
        assert_eq!(text.contains("shop/all"), wide, "{text}");
    }
}

#[test]
fn on_a_terminal_severities_have_their_colours() {
    let form = Form {
        paint: Paint::ALWAYS,
        ..PLAIN
    };
    let text = text(&[alert("a", Severity::High, "x")], form);
    assert!(text.contains("\u{1b}[31mHigh\u{1b}[0m"), "{text:?}");
}

#[test]
fn an_alert_is_printed_again_only_where_it_says_something_new() {
    let mut printed = Printed::default();
    let mut alert = alert("a", Severity::High, "x");
    assert!(printed.is_news(&alert));
    alert.metadata.resource_version = Some("2".into());
    assert!(!printed.is_news(&alert));
    alert.status.as_mut().unwrap().count = 2;
    assert!(printed.is_news(&alert));
}
