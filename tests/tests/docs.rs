//! What the documents say of the code is compared with the code.

use relay_common::Reason;
use relay_user::metrics;

#[test]
fn the_table_of_reasons_is_that_of_the_code() {
    let document = include_str!("../../docs/reasons.md");
    let mut expected = String::from("| reason | the frame is | meaning |\n| --- | --- | --- |\n");
    for reason in Reason::ALL {
        expected +=
            &format!("| `{}` | {} | {} |\n", reason.label(), reason.class().label(), reason.meaning());
    }
    assert!(document.contains(&expected), "docs/reasons.md is to contain:\n{expected}");
}

#[test]
fn the_table_of_metrics_is_that_of_the_code() {
    let document = include_str!("../../docs/metrics.md");
    let mut expected = String::from("| metric | type | labels | meaning |\n| --- | --- | --- | --- |\n");
    for metric in metrics::ALL {
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        expected += &format!(
            "| `{}` | {} | {} | {} |\n",
            metric.name(),
            metric.kind.label(),
            labels.join(", "),
            metric.help
        );
    }
    assert!(document.ends_with(&expected), "docs/metrics.md is to end with:\n{expected}");
}
