use proptest::prelude::*;
use serde_json::json;

use super::*;

fn places() -> Places {
    let json = json!({
        "version": 1,
        "levels": ["station", "city", "province"],
        "places": [
            {"name": "cp-17", "level": "station", "within": "Shanghai Pudong"},
            {"name": "cp-18", "level": "station", "within": "Jiangsu"},
            {"name": "cp-19", "level": "station"},
            {"name": "Shanghai Pudong", "level": "city", "within": "Shanghai"},
            {"name": "Shanghai", "level": "province"},
            {"name": "Jiangsu", "level": "province"},
        ],
    });
    Places::parse(json.to_string().as_bytes()).unwrap()
}

fn level(word: &str) -> Option<Level> {
    Level::parse(&Term::parse(word).unwrap(), &places())
}

fn check(word: &str, cases: &[(&str, Option<&str>)]) {
    let level = level(word).unwrap();
    assert_eq!(level.word(&places()), word);
    for (text, expected) in cases {
        assert_eq!(level.of_text(text, &places()).as_deref(), *expected, "{text} to {word}");
    }
}

#[test]
fn dates() {
    check(
        "month",
        &[
            ("2025-07-03", Some("2025-07")),
            ("2025-07-03T23:59:59.5+08:00", Some("2025-07")),
            ("2025-07-03 10:00", Some("2025-07")),
            ("2025-07", Some("2025-07")),
            ("2025-Q3", Some("2025-Q3")),
            ("2025", Some("2025")),
        ],
    );
    check(
        "quarter",
        &[("2025-01-31", Some("2025-Q1")), ("2025-12", Some("2025-Q4")), ("2025", Some("2025"))],
    );
    check("year", &[("2024-02-29", Some("2024")), ("2025-Q4", Some("2025"))]);
    check("day", &[("2025-07-03T10:00:00Z", Some("2025-07-03")), ("2025-07", Some("2025-07"))]);
    for text in [
        "",
        "25-07-03",
        "2025-7-3",
        "2025-07-32",
        "2025-02-29",
        "2025-13",
        "2025-00",
        "2025-Q5",
        "2025-Q3x",
        "2025-07-03T",
        "2025-07-03Tnoon",
        "2025-07-03x",
        "2025-07-",
        "2025-",
        "20250703",
        "１９９７",
        "3 July 2025",
        "2025-07-03\n",
        " 2025-07-03",
        "+2025-07-03",
        "1751500800",
    ] {
        check("month", &[(text, None)]);
    }
}

#[test]
fn bands() {
    check(
        "bands-of-10",
        &[
            ("0", Some("0..10")),
            ("9.99", Some("0..10")),
            ("10", Some("10..20")),
            ("-1", Some("-10..0")),
            ("-0.5", Some("-10..0")),
            ("-10", Some("-10..0")),
            ("-10.0", Some("-10..0")),
            ("18446744073709551615", Some("18446744073709551610..18446744073709551620")),
            ("10..20", Some("10..20")),
            ("0..100", Some("0..100")),
            ("5..15", None),
            ("20..10", None),
            ("10..10", None),
        ],
    );
    for text in ["", "1e3", "NaN", "inf", "1.", ".5", "1,5", "+1", " 1", "0x10", "1..2..3", "ten", "1.5.5"] {
        check("bands-of-10", &[(text, None)]);
    }
    for word in ["bands-of-0", "bands-of-007", "bands-of-", "bands-of-4294967296", "decade"] {
        assert_eq!(level(word), None, "{word}");
    }
}

#[test]
fn places_are_climbed() {
    check(
        "city",
        &[
            ("cp-17", Some("Shanghai Pudong")),
            ("cp-18", Some("Jiangsu")), // no city between: the next coarser one
            ("cp-19", None),
            ("Shanghai Pudong", Some("Shanghai Pudong")),
            ("Shanghai", Some("Shanghai")),
            ("cp-20", None),
            ("", None),
        ],
    );
    check("province", &[("cp-17", Some("Shanghai"))]);
    assert_eq!(Level::parse(&Term::parse("city").unwrap(), &Places::default()), None);
}

#[test]
fn only_values_of_the_kind_are_made_coarser() {
    let month = level("month").unwrap();
    let bands = level("bands-of-10").unwrap();
    for (level, value, expected) in [
        (month, json!(null), Some(json!(null))),
        (month, json!(["2025-07-03", null]), Some(json!(["2025-07", null]))),
        (month, json!(["2025-07-03", "soon"]), None),
        (month, json!(2025), None),
        (month, json!(true), None),
        (month, json!({"day": "2025-07-03"}), None),
        (bands, json!(23.5), Some(json!("20..30"))),
        (bands, json!(1e300), None),
        (bands, json!("23"), Some(json!("20..30"))),
    ] {
        assert_eq!(level.of(&value, &places()), expected, "{value}");
    }
}

#[test]
fn the_coarser_of_two_levels() {
    for (a, b, expected) in [
        ("month", "year", Some("year")),
        ("quarter", "day", Some("quarter")),
        ("city", "province", Some("province")),
        ("bands-of-10", "bands-of-5", Some("bands-of-10")),
        ("bands-of-10", "bands-of-4", None),
        ("month", "city", None),
        ("month", "bands-of-10", None),
    ] {
        let expected = expected.and_then(level);
        let (a, b) = (level(a).unwrap(), level(b).unwrap());
        assert_eq!((a.coarsest(&b), b.coarsest(&a)), (expected, expected));
    }
}

#[test]
fn places_that_cannot_be_climbed_are_refused() {
    let place =
        |name: &str, level: &str, within: &str| json!({"name": name, "level": level, "within": within});
    let both = |a, b| json!({"version": 1, "levels": ["station", "city"], "places": [a, b]});
    for (json, expected) in [
        (json!({"version": 2, "levels": ["city"], "places": []}), "places of version 2"),
        (json!({"version": 1, "levels": [], "places": []}), "refused places"),
        (json!({"version": 1, "levels": ["city", "city"], "places": []}), "level city is taken"),
        (json!({"version": 1, "levels": ["month"], "places": []}), "level month is taken"),
        (json!({"version": 1, "levels": ["bands-of-5"], "places": []}), "level bands-of-5 is taken"),
        (both(place("a", "city", "b"), place("b", "city", "a")), "a place lies within"),
        (both(place("a", "station", "a"), json!({"name": "b", "level": "city"})), "a place lies within"),
        (both(place("a", "station", "x"), json!({"name": "b", "level": "city"})), "a place lies within"),
        (
            both(json!({"name": "b", "level": "moon"}), json!({"name": "c", "level": "city"})),
            "place 0 has an unknown",
        ),
        (
            both(json!({"name": "b", "level": "city"}), json!({"name": "b", "level": "city"})),
            "place 1 has the name",
        ),
    ] {
        let error = Places::parse(json.to_string().as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever text comes, nothing panics, and what is coarse stays as it is.
    #[test]
    fn coarse_values_stay(text in r"(-?[0-9]{1,12}(\.[0-9]{1,4})?|[12][0-9]{3}-[01][0-9]-[0-3][0-9]|.{0,12})") {
        for word in ["day", "month", "quarter", "year", "bands-of-7", "city"] {
            let level = level(word).unwrap();
            if let Some(coarse) = level.of_text(&text, &places()) {
                prop_assert_eq!(level.of_text(&coarse, &places()), Some(coarse.clone()), "{}", word);
            }
        }
    }

    /// A number lies in its band.
    #[test]
    fn numbers_lie_in_their_bands(number in any::<i64>(), width in 1..=1000_u32) {
        let band = Level::Bands(width).of_text(&number.to_string(), &Places::default()).unwrap();
        let (low, high) = band.split_once("..").unwrap();
        let (low, high): (i128, i128) = (low.parse().unwrap(), high.parse().unwrap());
        prop_assert!(low <= number.into() && i128::from(number) < high && high - low == width.into());
        prop_assert_eq!(low.rem_euclid(width.into()), 0);
    }
}
