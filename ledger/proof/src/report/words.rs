//! The words of a report in English and in Simplified Chinese.

use grantbook_record::terms::Language;

use crate::statement::Statement;

/// A text in both languages.
pub(super) struct Words {
    pub(super) en: &'static str,
    pub(super) zh: &'static str,
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
    TITLE: "Compliance of one enterprise on one day", "一家企业一日的合规证明";
    PROVED: "Proved: every entry kept to what was asked.", "已证明：全部条目均符合所要求的各项陈述。";
    PROVED_BUT: "Proved, except for the entries listed below, which were opened.", "已证明，但下列已打开的条目除外。";
    NOTHING: "Nothing proved: the enterprise has no entry on this day.", "未证明任何内容：该企业当日没有任何条目。";
    LOG: "Log", "日志";
    DAY: "Day (UTC)", "日期（UTC）";
    POLICY: "Policy", "政策";
    DIGEST: "Digest of the bundle", "证明包摘要";
    TREE: "Entries of the log", "日志条目";
    OWN: "Entries of the enterprise", "该企业的条目";
    FROM: "Complete from entry; earlier ones are not covered", "自此条目起完整；更早的条目不在范围内";
    WITNESSED: "Witnessed by; time by their clocks", "见证人；时间取自其时钟";
    SIGNED: "Signed by the log, not witnessed; time by the operator's clock", "由日志签名，未经见证；时间取自运营方时钟";
    STATEMENT: "Statement", "陈述";
    ENTRIES: "Entries", "条目数";
    SUMMED: "In sums", "计入总和";
    TERMS: "Terms", "项数";
    EXCEPTED: "Excepted", "例外";
    NOT_ASKED: "not asked", "未要求";
    EXCEPTIONS: "Excepted entries, which were opened", "已打开的例外条目";
    LEAF: "Leaf index", "叶序号";
    VALUES: "Opened to", "打开的值";
    NOT_PROVED:
        "Not proved: that what was recorded is true, that every use was recorded, that an entry has the kind that it should have, and what groups of terms fix. These rest on customers' signatures and on audits of entries drawn at random.",
        "未证明：所记录的内容属实、每次使用均已记录、条目的类型正确，以及条款组所规定的内容。这些依赖于客户的签名和对随机抽取条目的审计。";
}

/// What a statement says.
pub(super) fn statement(statement: Statement) -> Words {
    let (en, zh) = match statement {
        Statement::UseHasGrant => ("Each use names a grant.", "每次使用均指明一项授权。"),
        Statement::ValuesInRange => {
            ("Terms and accrued amounts are numbers of 32 bits.", "条款与应计金额均为 32 位数。")
        }
        Statement::TimeOfDay => {
            ("What happened is recorded on its day, or late at most.", "事件均在当日或允许的迟延内记录。")
        }
        Statement::PayoutFloor => {
            ("Each use that is paid pays at least the floor.", "每次付费使用的报酬不低于下限。")
        }
        Statement::PayoutIsPrice => {
            ("Each use and grant pays exactly its price.", "每次使用、每项授权的报酬恰为其价格。")
        }
        Statement::UseWithinValidity => {
            ("Each use lies within the validity of its grant.", "每次使用均在授权有效期内。")
        }
        Statement::UseBeforeEnd => {
            ("No use after the grant was withdrawn, revoked or amended.", "授权撤回、撤销或修改后未再使用。")
        }
        Statement::UseNotPaused => ("No use while the grant was paused.", "授权暂停期间未使用。"),
        Statement::UsesWithinCap => {
            ("Uses are within the cap over the grant's whole life.", "授权全期内使用次数不超过上限。")
        }
        Statement::DeletedInTime => ("Deleted data was deleted in time.", "已删除的数据均按期删除。"),
        Statement::KeptInTime => ("Data that is kept may be kept still.", "仍保留的数据尚在允许的期限内。"),
        Statement::AcknowledgedInTime => {
            ("Ends of grants were acknowledged in time.", "授权终止均按时得到确认。")
        }
        Statement::UnacknowledgedYoung => {
            ("Ends that wait for an acknowledgement are young.", "待确认的授权终止仍在时限内。")
        }
        Statement::Age => (
            "Customers whose birth day is committed to are old enough.",
            "已承诺出生日期的客户均达到年龄要求。",
        ),
        Statement::PoolAddsUp => ("What is settled is the sum of what was earned.", "结算金额等于所得之和。"),
        Statement::FairPay => {
            ("No cohort is paid much more per use than another.", "各群体每次使用的平均报酬相差不超过限度。")
        }
        Statement::ShareOfRevenue => ("Shares are those of the declared revenue.", "分成与申报的收入一致。"),
    };
    Words { en, zh }
}
