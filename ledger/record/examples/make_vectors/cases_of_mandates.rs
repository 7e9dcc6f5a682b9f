//! Cases of mandates and of what agents sign.

use grantbook_record::Kind;

use crate::cases::{Case, edited};
use crate::cases_of_events::event;
use crate::story::jti;

pub(crate) fn of_mandates() -> Vec<Case> {
    let mut cases = edited(
        &event(Kind::MandateGiven),
        "payload",
        &[
            ("a mandate of depth 4", "\"rules\":", "\"depth\":4,\"rules\":"),
            ("a mandate of depth 5", "\"rules\":", "\"depth\":5,\"rules\":"),
            (
                "a mandate whose rule is about every request and accepts any",
                "\"rules\":[",
                "\"rules\":[{\"accept\":{}},",
            ),
            (
                "a mandate that declines what no rule is about",
                "\"rules\":",
                "\"otherwise\":\"decline\",\"rules\":",
            ),
            (
                "a mandate that accepts what no rule is about",
                "\"rules\":",
                "\"otherwise\":\"accept\",\"rules\":",
            ),
            (
                "a rule that accepts outside its bounds",
                "\"otherwise\":\"decline\"",
                "\"otherwise\":\"accept\"",
            ),
            ("a mandate from nobody", "{\"key\":", "{\"keys\":"),
            ("a mandate without its end", "\"until\":1826536000,", ""),
            ("a rule with an unknown bound", "\"validity_days_max\":30", "\"validity_days_min\":30"),
            ("a least price without a currency", "\"currency\":\"CNY\",", ""),
            ("a least price of an unknown way to pay", "{\"per_use\":", "{\"per_mile\":"),
            ("no field of what is never given", "[\"work_order\"]", "[]"),
        ],
    );
    cases.extend(edited(
        &event(Kind::MandateWithdrawn),
        "payload",
        &[
            ("a mandate withdrawn by telephone", "\"mandate\":", "\"channel\":\"phone\",\"mandate\":"),
            ("a mandate withdrawn by an unknown channel", "\"mandate\":", "\"channel\":\"owl\",\"mandate\":"),
        ],
    ));
    let mandate = jti(45).to_string();
    cases.extend(edited(
        &event(Kind::RequestDeclined),
        "payload",
        &[("a request declined by an agent", "\"sub\":", &format!("\"mandate\":\"{mandate}\",\"sub\":"))],
    ));
    cases
}
