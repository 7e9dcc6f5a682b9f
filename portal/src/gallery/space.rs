//! Screens of the data space.

use grantbook_record::DataDay;

use super::customer::ago;
use super::terms::{HOSTILE, Named};
use super::{Flavour, Shown, Who, shown};
use crate::page::{Place, space};
use crate::view::Wording;
use crate::view::space::{
    RecordCard, RecordKind, Space, SpaceCompany, SpaceField, SpaceFilter, SpaceMilestone, SpaceRecord,
    SpaceWish, WishState,
};

use Flavour::{Hostile, Long, Plain};

pub(super) const SHOWN: &[Shown] = &[
    shown("space", "full", Place::Space, Who::Customer, |page| space::space(page, &full(Plain, 240))),
    shown("space", "stale", Place::Space, Who::Customer, |page| space::space(page, &full(Plain, 5_520))),
    shown("space", "filtered", Place::Space, Who::Customer, |page| space::space(page, &filtered())),
    shown("space", "long", Place::Space, Who::Customer, |page| space::space(page, &full(Long, 240))),
    shown("space", "hostile", Place::Space, Who::Customer, |page| space::space(page, &full(Hostile, 240))),
    shown("space", "empty", Place::Space, Who::Customer, |page| space::space(page, &Space::default())),
    shown("space-record", "contract", Place::Space, Who::Customer, |page| {
        space::record(page, &contract(Plain, 240))
    }),
    shown("space-record", "edited", Place::Space, Who::Customer, |page| space::record(page, &ticket(Plain))),
    shown("space-record", "stale", Place::Space, Who::Customer, |page| {
        space::record(page, &contract(Plain, 5_520))
    }),
    shown("space-record", "long", Place::Space, Who::Customer, |page| space::record(page, &ticket(Long))),
    shown("space-record", "hostile", Place::Space, Who::Customer, |page| {
        space::record(page, &ticket(Hostile))
    }),
];

const MERIDIAN: &str = "0199b2a4-7c00-8000-8000-0000000000a1";
const HARBOUR: &str = "0199b2a4-7c00-8000-8000-0000000000a2";

/// What an enterprise wrote, in the one language in which it wrote it.
fn written(flavour: Flavour, text: &str) -> String {
    match flavour {
        Plain => text.to_owned(),
        Long => format!("{text} {}", "充电桩第三通讯模块固件版本与车辆电池管理系统不兼容，".repeat(12)),
        Hostile => HOSTILE.to_owned(),
    }
}

fn card(flavour: Flavour, kind: RecordKind, id: &str, title: &str, days: u64) -> RecordCard {
    RecordCard {
        tenant: MERIDIAN.to_owned(),
        company: Named(flavour).word("Meridian Motors", "子午汽车"),
        id: id.to_owned(),
        kind,
        title: written(flavour, title),
        at: ago(days, 3_000),
        waiting: 0,
        to_confirm: 0,
    }
}

fn full(flavour: Flavour, behind: u64) -> Space {
    let company = |tenant: &str, english, chinese, as_of, records| SpaceCompany {
        tenant: tenant.to_owned(),
        company: Named(flavour).word(english, chinese),
        as_of,
        records,
    };
    Space {
        companies: vec![
            company(MERIDIAN, "Meridian Motors", "子午汽车", Some(ago(0, behind)), 4),
            company(HARBOUR, "Harbour Insurance", "海港保险", None, 0),
        ],
        records: vec![
            RecordCard {
                waiting: 1,
                ..card(flavour, RecordKind::Ticket, "ticket-4711", "充电时报错 E-17", 1)
            },
            card(flavour, RecordKind::Interaction, "call-220", "电话：预约保养", 3),
            RecordCard {
                to_confirm: 1,
                ..card(flavour, RecordKind::ContractTerm, "contract-12", "车队试点合同", 40)
            },
            card(flavour, RecordKind::Interaction, "visit-7", "到店：交车", 200),
        ],
        filter: SpaceFilter::default(),
    }
}

fn filtered() -> Space {
    let filter = SpaceFilter { kind: Some(RecordKind::Ticket), tenant: Some(HARBOUR.to_owned()) };
    Space { records: Vec::new(), filter, ..full(Plain, 240) }
}

fn field(flavour: Flavour, name: &str, label: (&str, &str), value: &str) -> SpaceField {
    SpaceField {
        name: name.to_owned(),
        label: Named(flavour).word(label.0, label.1),
        value: written(flavour, value),
        editable: false,
        waiting: None,
    }
}

fn contract(flavour: Flavour, behind: u64) -> SpaceRecord {
    let day = |text| DataDay::parse(text).unwrap_or(DataDay(0));
    let milestone = |id: &str, title, on, confirmed| SpaceMilestone {
        id: id.to_owned(),
        title: written(flavour, title),
        reached_on: day(on),
        confirmed,
    };
    SpaceRecord {
        card: RecordCard {
            to_confirm: 1,
            ..card(flavour, RecordKind::ContractTerm, "contract-12", "车队试点合同", 40)
        },
        as_of: Some(ago(0, behind)),
        fields: vec![
            field(flavour, "term", ("Term", "期限"), "2025-09-01 至 2026-08-31"),
            field(flavour, "price", ("Price", "价格"), "每车每月 120 元"),
            SpaceField {
                editable: true,
                ..field(flavour, "contact", ("Who to call", "联系人"), "车队调度，138 0000 0000")
            },
        ],
        milestones: vec![
            milestone(
                "phase-1",
                "第一阶段：12 辆车的充电数据已交付并共同核对",
                "2025-09-12",
                Some((ago(20, 60), 88)),
            ),
            milestone("phase-2", "第二阶段：电池健康报告已交付", "2025-10-06", None),
        ],
        wishes: Vec::new(),
    }
}

fn ticket(flavour: Flavour) -> SpaceRecord {
    let phone = Named(flavour).word("Telephone", "电话");
    let wish = |was: &str, value: &str, days, state| SpaceWish {
        label: phone.clone(),
        was: was.to_owned(),
        value: written(flavour, value),
        made_at: ago(days, 500),
        state,
    };
    let why = written(flavour, "号码少一位，请再核对。");
    SpaceRecord {
        card: RecordCard {
            waiting: 1,
            ..card(flavour, RecordKind::Ticket, "ticket-4711", "充电时报错 E-17", 1)
        },
        as_of: Some(ago(0, 20)),
        fields: vec![
            field(flavour, "state", ("State", "状态"), "处理中"),
            SpaceField {
                editable: true,
                waiting: Some(written(flavour, "139 0000 0001")),
                ..field(flavour, "phone", ("Telephone", "电话"), "138 0000 0000")
            },
            SpaceField {
                editable: true,
                value: String::new(),
                ..field(flavour, "note", ("Anything else", "补充说明"), "")
            },
            SpaceField {
                label: Wording::same("internal_class"),
                ..field(flavour, "internal_class", ("", ""), "B2")
            },
        ],
        milestones: Vec::new(),
        wishes: vec![
            wish("138 0000 0000", "139 0000 0001", 0, WishState::Waiting),
            wish("138 0000 0000", "139 0000", 1, WishState::Refused(ago(0, 9_000), why)),
            wish("137 0000 0000", "138 0000 0000", 9, WishState::Done(ago(9, 100))),
        ],
    }
}
