//! What the documents say of the code is compared with the code.

use relay_common::Reason;

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
