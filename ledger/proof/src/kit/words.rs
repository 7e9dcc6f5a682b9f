//! The words of a kit in English and in Simplified Chinese.

use grantbook_record::terms::Language;

use super::fairness::Outcome;
use super::figure::Word;

/// A text in both languages.
pub(super) struct Words {
    en: &'static str,
    zh: &'static str,
}

impl Words {
    pub(super) fn of(&self, language: Language) -> &'static str {
        match language {
            Language::English => self.en,
            Language::SimplifiedChinese => self.zh,
        }
    }
}

macro_rules! words {
    ($($name:ident: $en:literal, $zh:literal;)*) => {
        $(pub(super) const $name: Words = Words { en: $en, zh: $zh };)*
    };
}

words! {
    TITLE: "Regulator kit", "监管资料包";
    ENTERPRISE: "Enterprise", "企业";
    LOG: "Log", "日志";
    PERIOD: "Days (UTC)", "日期（UTC）";
    RECORD: "Record of processing, GDPR art. 30(1)", "处理活动记录（GDPR 第 30 条第 1 款）";
    RECORD_SAYS:
        "Grants that were active at the end of the last day. Letters are those of art. 30(1); what no ledger knows is the enterprise's word, or missing.",
        "最后一日结束时有效的授权。字母对应第 30 条第 1 款各项；账本无从得知的内容由企业自述，或缺失。";
    CONTROLLER: "Controller (a)", "控制者（a）";
    PURPOSE: "Purpose (b)", "目的（b）";
    TEMPLATE: "Template", "模板";
    CATEGORIES: "Data (c)", "数据类别（c）";
    RECIPIENT: "Recipient (d, e)", "接收方（d、e）";
    RETENTION: "Deleted after a use within days (f)", "使用后删除期限，天（f）";
    SAFEGUARDS: "Obligations (g)", "义务（g）";
    CONSENTS: "Separate consents", "单独同意";
    GRANTS: "Active grants", "有效授权数";
    ALL: "All", "合计";
    BASIS: "Legal basis: consent (art. 6(1)(a)), as each customer signed it.", "法律依据：同意（第 6 条第 1 款 a 项），由每位客户签署。";
    SUBJECTS: "Categories of data subjects (c)", "数据主体类别（c）";
    MEASURES: "Security measures (g)", "安全措施（g）";
    JOINT: "joint controller", "共同控制者";
    REPRESENTATIVE: "representative", "代表";
    OFFICER: "data protection officer", "数据保护官";
    THIRD_COUNTRY: "transfer to", "传输至";
    TRANSFER_SAFEGUARDS: "safeguards", "保障措施";
    NOT_KNOWN: "not known to the ledger", "账本无从得知";
    UNLIMITED: "no limit", "无期限";
    RATES: "Requests and withdrawals", "请求与撤回";
    FLOOR: "Counts from 1 to 19 are not shown, nor what would tell them.", "1 至 19 的计数不予显示，可推得该计数者亦不显示。";
    MADE: "Requests made", "发出的请求";
    GRANTED: "granted", "同意";
    DECLINED: "declined", "拒绝";
    UNANSWERED: "not answered at the end", "截至期末未答复";
    AUTHORISATION_RATE: "Authorisation rate", "授权率";
    RESPONSE_RATE: "Request-response rate", "请求答复率";
    LINE: "Its line", "答复率基准线";
    REACHED: "reached", "达到";
    MISSED: "not reached", "未达到";
    WITHDRAWN: "Withdrawals", "撤回";
    P50: "half acknowledged within", "半数在此时间内得到确认";
    P90: "nine of ten within", "九成在此时间内得到确认";
    MAX: "all within", "全部在此时间内得到确认";
    WITHIN: "acknowledged within", "得到确认，不超过";
    UNREADABLE: "Entries of these days whose keys were destroyed, and which are in no table", "密钥已销毁、未列入任何表格的当期条目";
    FAIRNESS: "Fair pay", "公平报酬";
    FAIRNESS_SAYS:
        "Whether the bundle of each day proves that no cohort was paid much more per use than another. The bundles are to be verified; this table repeats what they say.",
        "各日证明包是否证明没有群体每次使用的平均报酬明显高于其他群体。证明包应予验证，本表仅复述其内容。";
    DAY: "Day", "日期";
    OUTCOME: "Outcome", "结果";
    COMPARISONS: "Comparisons", "比较数";
    EXCEPTIONS: "Exceptions", "例外";
    LIMITS:
        "Not shown: that what was recorded is true, and that every processing was recorded. Small counts can follow from kits over other days.",
        "未说明：所记录内容属实，以及所有处理均已记录。将其他日期的资料包相互比对，可能推得小计数。";
}

pub(super) fn word(word: Word, language: Language) -> &'static str {
    let words = match word {
        Word::Suppressed => Words { en: "not shown", zh: "不予显示" },
        Word::None => Words { en: "none", zh: "无" },
        Word::Later => Words { en: "longer than a day, or not yet", zh: "超过一天，或尚未确认" },
    };
    words.of(language)
}

pub(super) fn outcome(outcome: Outcome, language: Language) -> &'static str {
    let words = match outcome {
        Outcome::Proved => Words { en: "proved", zh: "已证明" },
        Outcome::Excepted => Words { en: "proved but for exceptions", zh: "除例外外已证明" },
        Outcome::NothingToCompare => Words { en: "nothing to compare", zh: "无可比较" },
        Outcome::NotAsked => Words { en: "not asked", zh: "未要求" },
        Outcome::NotProved => Words { en: "day not proved", zh: "该日未证明" },
    };
    words.of(language)
}
