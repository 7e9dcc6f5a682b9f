//! The statement policies that come with the program: `policies/statements/profiles`.

/// Name and bytes of each.
pub const PROFILES: [(&str, &[u8]); 5] = [
    ("data-act", include_bytes!("../../../policies/statements/profiles/data-act.json")),
    ("dpdp", include_bytes!("../../../policies/statements/profiles/dpdp.json")),
    ("gdpr", include_bytes!("../../../policies/statements/profiles/gdpr.json")),
    ("pipl", include_bytes!("../../../policies/statements/profiles/pipl.json")),
    ("sandbox", include_bytes!("../../../policies/statements/profiles/sandbox.json")),
];

/// The statement policy of a name.
pub fn profile(name: &str) -> Option<&'static [u8]> {
    PROFILES.iter().find(|(known, _)| *known == name).map(|(_, bytes)| *bytes)
}
