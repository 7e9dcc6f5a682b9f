use serde_json::json;

use super::is_narrower;
use crate::samples::{consents, terms};

#[test]
fn only_less_of_the_same_is_narrower() {
    let base =
        json!({"limits": {"rate": {"uses": 3, "seconds": 86_400}}, "consents": consents(&["third-party"])});
    let old = terms(base.clone());
    let check = |patch, expected: bool| {
        let mut base = base.clone();
        json_merge(&mut base, &patch);
        assert_eq!(is_narrower(&old, &terms(base)), expected, "{patch}");
    };
    for patch in [
        json!({}),
        json!({"limits": {"uses": 9}}),
        json!({"limits": {"retention_days": 0}}),
        json!({"limits": {"level": 1}}),
        json!({"limits": {"rate": {"uses": 2, "seconds": 86_400}}}),
        json!({"validity": {"start": 1_759_276_801, "end": 1_790_812_799}}),
        json!({"consents": []}),
        json!({"scope": {"exclude": [{"category": "fast-charging", "fields": ["work_order"]}, {"category": "fast-charging", "fields": ["station"]}]}}),
        json!({"obligations": [{"mask": {"fields": ["station"]}}, {"delete_by": {"days": 3}}]}),
        json!({"template": {"version": 2}}),
    ] {
        check(patch, true);
    }
    for patch in [
        json!({"limits": {"uses": 11}}),
        json!({"limits": {"uses": null}}),
        json!({"limits": {"retention_days": 31}}),
        json!({"limits": {"rate": null}}),
        json!({"limits": {"rate": {"uses": 3, "seconds": 86_399}}}),
        json!({"limits": {"rate": {"uses": 4, "seconds": 86_400}}}),
        json!({"validity": {"start": 1_759_276_799}}),
        json!({"validity": {"end": 1_790_812_801}}),
        json!({"consents": consents(&["third-party", "profiling"])}),
        json!({"vocabulary": 2}),
        json!({"scope": {"exclude": []}}),
        json!({"scope": {"include": [{"category": "fast-charging"}]}}),
        json!({"obligations": []}),
        json!({"obligations": [{"mask": {"fields": ["energy_kwh"]}}]}),
        json!({"compensation": {"per_use": {"currency": "CNY", "minor": 79}}}),
        json!({"compensation": {"per_use": {"currency": "CNY", "minor": 81}}}),
        json!({"recipient": "safe-insurance"}),
        json!({"purpose": "research"}),
    ] {
        check(patch, false);
    }
}

/// RFC 7396, but that a null stays, to be merged once more.
fn json_merge(base: &mut serde_json::Value, patch: &serde_json::Value) {
    let (Some(base), Some(patch)) = (base.as_object_mut(), patch.as_object()) else {
        *base = patch.clone();
        return;
    };
    for (name, value) in patch {
        json_merge(base.entry(name.clone()).or_insert(serde_json::Value::Null), value);
    }
}
