use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use fluent_bundle::FluentResource;
use grantbook_record::DenialReason;

use super::*;

/// Each message's key, and the parameters it names.
fn messages(language: Language) -> BTreeMap<String, BTreeSet<String>> {
    let text = source(language);
    FluentResource::try_new(text.to_owned()).unwrap_or_else(|(_, errors)| panic!("{language:?}: {errors:?}"));
    let mut messages: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut key = String::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if let Some((name, _)) = line.split_once(" =")
            && line.starts_with(|first: char| first.is_ascii_lowercase())
        {
            key = name.to_owned();
            assert!(messages.insert(key.clone(), BTreeSet::new()).is_none(), "{key} twice in {language:?}");
        }
        for named in line.split('$').skip(1) {
            let name = named.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap();
            messages.get_mut(&key).unwrap().insert(name.to_owned());
        }
    }
    messages
}

#[test]
fn both_languages_have_the_same_messages_with_the_same_parameters() {
    let (english, chinese) = (messages(Language::English), messages(Language::Chinese));
    for (key, parameters) in &english {
        assert_eq!(Some(parameters), chinese.get(key), "{key}");
    }
    for key in chinese.keys() {
        assert!(english.contains_key(key), "{key} is in Chinese alone");
    }
    assert!(english.len() > 300);
}

#[test]
fn chinese_is_chinese() {
    for (key, parameters) in messages(Language::Chinese) {
        let text = source(Language::Chinese);
        let at = text.find(&format!("\n{key} =")).unwrap();
        let rest = &text[at + 1..];
        let message = &rest[..rest[1..].find('\n').map_or(rest.len(), |end| end + 1)];
        // what is a name, or nothing but parameters, is the same in every language
        let same = ["other-language", "of", "pay-benefit", "desk-fresh"].contains(&key.as_str());
        let several = message.contains("->");
        assert!(same || several || !message.is_ascii(), "{key}: {message} {parameters:?}");
        // half-width punctuation between Chinese characters is what translations leave behind
        let chars: Vec<char> = message.chars().collect();
        for window in chars.windows(3) {
            let wide = |c: char| ('\u{4e00}'..='\u{9fff}').contains(&c);
            assert!(!(wide(window[0]) && ",.?!;".contains(window[1]) && wide(window[2])), "{key}: {message}");
        }
    }
}

fn sources(folder: &Path, files: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, files);
        } else if !path.ends_with("tests.rs") {
            files.push(std::fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn every_key_that_a_page_names_is_there_and_no_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    sources(&root.join("src"), &mut files);
    sources(&root.join("templates"), &mut files);
    // calls that do not fit in a line are broken after their parenthesis
    let all: String = files.concat().split('(').map(str::trim_start).collect::<Vec<_>>().join("(");
    let known = messages(Language::English);
    let mut named: BTreeSet<String> = DenialReason::ALL
        .iter()
        .flat_map(|reason| ["denied", "mend", "refused"].map(|word| format!("{word}-{}", reason.code())))
        .collect();
    for call in [".say(\"", ".with(\"", ".with_two(\""] {
        for rest in all.split(call).skip(1) {
            let key = rest.split('"').next().unwrap();
            assert!(known.contains_key(key), "{key} is named but has no words");
            named.insert(key.to_owned());
        }
    }
    // words of scripts: `say(format!("check-{key}"))` over a list in the template
    for prefix in ["check-", "since-", "bundle-"] {
        for list in
            all.split("{% for key in [").skip(1).filter(|list| list.contains(&format!("\"{prefix}{{key}}")))
        {
            for key in list.split(']').next().unwrap().split('"').skip(1).step_by(2) {
                let key = format!("{prefix}{key}");
                if known.contains_key(&key) {
                    named.insert(key);
                }
            }
        }
    }
    for key in known.keys() {
        assert!(named.contains(key) || all.contains(&format!("\"{key}\"")), "{key} is said nowhere");
    }
}

#[test]
fn numbers_and_plurals() {
    let english = Words(Language::English);
    assert_eq!(english.with("home-open", "n", 0_usize), "Nobody can use your data");
    assert_eq!(english.with("home-open", "n", 1_usize), "One connection to your data is open");
    assert_eq!(english.with("uses-max", "uses", 12_345_u32), "12,345 times at most");
    let chinese = Words(Language::Chinese);
    assert_eq!(chinese.with("uses-max", "uses", 12_345_u32), "最多 12,345 次");
    assert_eq!(chinese.with("home-open", "n", 0_usize), "现在没有人能用您的数据");
}
