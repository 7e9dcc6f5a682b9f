//! What the pages say, in both languages: Fluent messages in `portal/words`.

use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use unic_langid::LanguageIdentifier;

use crate::figures;
use crate::language::Language;

const ENGLISH: &str = concat!(
    include_str!("../words/en/shared.ftl"),
    include_str!("../words/en/customer.ftl"),
    include_str!("../words/en/space.ftl"),
    include_str!("../words/en/others.ftl"),
    include_str!("../words/en/rules.ftl"),
    include_str!("../words/en/company.ftl"),
    include_str!("../words/en/tours.ftl"),
    include_str!("../words/en/denials.ftl"),
    include_str!("../words/en/news.ftl"),
);
const CHINESE: &str = concat!(
    include_str!("../words/zh-CN/shared.ftl"),
    include_str!("../words/zh-CN/customer.ftl"),
    include_str!("../words/zh-CN/space.ftl"),
    include_str!("../words/zh-CN/others.ftl"),
    include_str!("../words/zh-CN/rules.ftl"),
    include_str!("../words/zh-CN/company.ftl"),
    include_str!("../words/zh-CN/tours.ftl"),
    include_str!("../words/zh-CN/denials.ftl"),
    include_str!("../words/zh-CN/news.ftl"),
);

type Bundle = FluentBundle<FluentResource>;

/// The text of a language's messages.
pub(crate) fn source(language: Language) -> &'static str {
    match language {
        Language::English => ENGLISH,
        Language::Chinese => CHINESE,
    }
}

fn bundle(language: Language) -> &'static Bundle {
    static BUNDLES: LazyLock<[Bundle; 2]> = LazyLock::new(|| {
        let read = |language: Language| {
            // both are well-formed; the default would be the undetermined language, which has one plural
            let id: LanguageIdentifier = language.tag().parse().unwrap_or_default();
            let mut bundle = FluentBundle::new_concurrent(vec![id]);
            // both languages run from left to right, and the marks would be copied along with what they surround
            bundle.set_use_isolating(false);
            bundle.set_formatter(Some(match language {
                Language::English => |value, _| number(value, Language::English),
                Language::Chinese => |value, _| number(value, Language::Chinese),
            }));
            let resource = match FluentResource::try_new(source(language).to_owned()) {
                Ok(resource) | Err((resource, _)) => resource, // a test reads every message
            };
            bundle.add_resource_overriding(resource);
            bundle
        };
        [read(Language::English), read(Language::Chinese)]
    });
    let [english, chinese] = &*BUNDLES;
    match language {
        Language::English => english,
        Language::Chinese => chinese,
    }
}

fn number(value: &FluentValue<'_>, language: Language) -> Option<String> {
    match value {
        #[allow(clippy::cast_possible_truncation, reason = "only whole numbers are passed, see `Said`")]
        FluentValue::Number(number) => Some(figures::number(number.value as i64, language)),
        _ => None,
    }
}

/// What can stand in a message.
pub trait Said {
    /// As Fluent knows it.
    fn said(&self) -> FluentValue<'_>;
}

impl Said for str {
    fn said(&self) -> FluentValue<'_> {
        FluentValue::from(self)
    }
}

impl Said for String {
    fn said(&self) -> FluentValue<'_> {
        FluentValue::from(self.as_str())
    }
}

macro_rules! said_numbers {
    ($($number:ty),*) => {$(
        impl Said for $number {
            fn said(&self) -> FluentValue<'_> {
                FluentValue::from(*self)
            }
        }
    )*};
}
said_numbers!(u8, u16, u32, u64, usize, i64);

impl<S: Said + ?Sized> Said for &S {
    fn said(&self) -> FluentValue<'_> {
        (**self).said()
    }
}

/// The words of one language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Words(pub Language);

impl Words {
    /// A message without parameters.
    pub fn say(self, key: &str) -> String {
        self.render(key, None)
    }

    /// A message with one parameter.
    pub fn with(self, key: &str, name: &str, value: impl Said) -> String {
        let mut args = FluentArgs::new();
        args.set(name, value.said());
        self.render(key, Some(&args))
    }

    /// A message with two parameters.
    pub fn with_two(self, key: &str, name: &str, value: impl Said, other: &str, its: impl Said) -> String {
        let mut args = FluentArgs::new();
        args.set(name, value.said());
        args.set(other, its.said());
        self.render(key, Some(&args))
    }

    fn render(self, key: &str, args: Option<&FluentArgs<'_>>) -> String {
        let bundle = bundle(self.0);
        let Some(pattern) = bundle.get_message(key).and_then(|message| message.value()) else {
            // the tests find every key that a page names; what is left shows where it is missing, and not as a blank
            return key.to_owned();
        };
        let mut errors = Vec::new();
        let text = bundle.format_pattern(pattern, args, &mut errors);
        debug_assert!(errors.is_empty(), "{key} in {:?}: {errors:?}", self.0);
        text.into_owned()
    }
}

#[cfg(test)]
mod tests;
