//! Numbers as short as they can be read.

/// Times a second. Above a million it is the size that counts.
pub(super) fn rate(per_second: f64) -> String {
    match per_second {
        none if none <= 0.0 => "0".to_owned(),
        // What happens once a minute is not nothing.
        seldom if seldom < 0.05 => "<0.1".to_owned(),
        few if few < 999.95 => format!("{few:.1}"),
        many if many < 999_999.5 => format!("{many:.0}"),
        millions => format!("{:.2}M", millions / 1e6),
    }
}

/// A rate that is not known is not 0.
pub(super) fn known(per_second: Option<f64>) -> String {
    per_second.map_or_else(|| "-".to_owned(), rate)
}

/// A share from 0 to 1. 100 % is all of it, and 0 % nothing at all.
pub(super) fn percent(share: f64) -> String {
    let whole = (share * 100.0).round().clamp(0.0, 100.0);
    let whole = match whole {
        rounded if rounded >= 100.0 && share < 1.0 => 99.0,
        rounded if rounded <= 0.0 && share > 0.0 => 1.0,
        rounded => rounded,
    };
    format!("{whole:.0} %")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_says_no_more_digits_than_one_reads() {
        let table = [
            (0.0, "0"),
            (0.01, "<0.1"),
            (0.25, "0.2"),
            (12.34, "12.3"),
            (999.96, "1000"),
            (594_123.4, "594123"),
            (1_030_000.0, "1.03M"),
        ];
        for (per_second, said) in table {
            assert_eq!(rate(per_second), said);
        }
        assert_eq!(known(None), "-");
    }

    #[test]
    fn a_share_that_is_not_whole_is_not_rounded_to_all_or_nothing() {
        let table = [(1.0, "100 %"), (0.9999, "99 %"), (0.5, "50 %"), (0.0001, "1 %"), (0.0, "0 %")];
        for (share, said) in table {
            assert_eq!(percent(share), said);
        }
    }
}
