use std::collections::BTreeSet;

use super::*;

fn keys(table: &toml::Table, prefix: &str, into: &mut BTreeSet<String>) {
    for (name, value) in table {
        match value {
            toml::Value::Table(inner) => keys(inner, &format!("{name}."), into),
            _ => {
                into.insert(format!("{prefix}{name}"));
            }
        }
    }
}

#[test]
fn the_reference_explains_exactly_the_keys_there_are() {
    let mut there = BTreeSet::new();
    keys(&DEFAULTS.parse().unwrap(), "", &mut there);
    let page = include_str!("../../../../docs/reference/configuration.md");
    let explained: BTreeSet<String> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`').map(|(key, _)| key.to_owned()))
        .collect();
    assert_eq!(there, explained);
}

#[test]
fn defaults_stand_alone_and_place_keys_beside_the_data() {
    let config: ServerConfig = Figment::from(Toml::string(DEFAULTS)).extract().unwrap();
    assert_eq!(config.listen, "127.0.0.1:8460".parse().unwrap());
    assert!(config.sandbox && config.public_url.is_none() && config.keyring_dir.is_none());
    let ledger = config.ledger();
    assert_eq!(ledger.data_dir, PathBuf::from("grantbook-data"));
    assert_eq!(ledger.keyring_dir, PathBuf::from("grantbook-data.keyring"));
    assert_eq!(ledger.freshness_bound, Duration::from_secs(5));
}

#[test]
fn later_layers_win_and_name_what_they_refuse() {
    let folder = tempfile::tempdir().unwrap();
    let check = |text: &str, flags: &Flags| {
        let file = folder.path().join("grantbook.toml");
        std::fs::write(&file, text).unwrap();
        ServerConfig::load(Some(&file), flags).map_err(|error| error.to_string())
    };
    let none = Flags::default();
    let config = check("data_dir = \"from-file\"\n[limits]\nrequests_max = 7\n", &none).unwrap();
    assert_eq!((config.data_dir, config.limits.requests_max), (PathBuf::from("from-file"), 7));
    assert_eq!(config.limits.connections_max, 1024, "the rest of a table stays");

    let flags = Flags { data_dir: Some("from-flag".into()), ..Flags::default() };
    assert_eq!(check("data_dir = \"from-file\"\n", &flags).unwrap().data_dir, PathBuf::from("from-flag"));

    let config = check("post_quantum_from = \"2030-01-01\"\n", &none).unwrap();
    assert_eq!(config.ledger().post_quantum_from, Some(UnixSeconds(1_893_456_000)));

    assert_eq!(check("", &none).unwrap().envelopes_days, Some(1095));
    assert_eq!(check("envelopes_days = 3650\n", &none).unwrap().envelopes_days, Some(3650));
    assert_eq!(check("envelopes_days = \"\"\n", &none).unwrap().envelopes_days, None);

    let text = "[keyring_pkcs11]\nmodule = \"/lib.so\"\ntoken_label = \"vault\"\n";
    let keyring = check(text, &none).unwrap().ledger().keyring;
    assert!(
        matches!(keyring, KeyringKind::Pkcs11(token) if token.label == "vault" && token.pin_file.is_none())
    );

    for (text, expected) in [
        ("lisent = \"127.0.0.1:1\"\n", "lisent"),
        ("listen = \"nowhere\"\n", "listen"),
        ("[limits]\nrequests_max = 0\n", "at least 1"),
        ("freshness_bound_ms = -1\n", "freshness_bound_ms"),
        ("public_url = \"ftp://a\"\n", "public_url"),
        ("public_url = \"https://a/\"\n", "public_url"),
        ("[log]\nformat = \"xml\"\n", "format"),
        ("post_quantum_from = \"tomorrow\"\n", "2030-01-01"),
        ("state_root_minutes = 0\n", "1 to 1440"),
        ("envelopes_days = 29\n", "30 to 36500"),
        ("envelopes_days = 36501\n", "30 to 36500"),
        ("envelopes_days = \"never\"\n", "an empty string"),
        ("[witness]\ninterval_ms = 0\n", "at least 1"),
        ("[keyring_pkcs11]\nmodule = \"/lib.so\"\n", "keyring_pkcs11.token_label"),
        ("listen = \n", "TOML"),
        ("listen = \"0.0.0.0:8460\"\n", "allow_plain_http"),
        ("listen = \"[::]:8460\"\n", "allow_plain_http"),
        ("[tls]\ncertificate = \"a.pem\"\n", "both or none"),
        ("[tls]\nclient_ca = \"a.pem\"\n", "without tls.certificate"),
        ("[tls]\nhandshake_ms = 0\n", "at least 1"),
        ("[limits]\ntenant_requests_max = 0\n", "at least 1"),
    ] {
        let error = check(text, &none).unwrap_err();
        assert!(error.contains(expected), "{text:?} gave {error:?}, expected {expected:?} in it");
    }
    for text in [
        "listen = \"0.0.0.0:8460\"\nallow_plain_http = true\n",
        "listen = \"0.0.0.0:8460\"\n[tls]\ncertificate = \"a.pem\"\nkey = \"b.pem\"\n",
        "listen = \"[::ffff:127.0.0.1]:8460\"\n",
    ] {
        check(text, &none).unwrap();
    }
    assert!(ServerConfig::load(Some(&folder.path().join("absent.toml")), &none).is_err());
}

#[test]
fn variables_of_the_command_line_are_not_taken_for_keys() {
    for (name, expected) in
        [("LISTEN", true), ("listen", true), ("LOG__LEVEL", true), ("TOKEN", false), ("SERVER", false)]
    {
        assert_eq!(is_key(name), expected, "{name}");
    }
}
