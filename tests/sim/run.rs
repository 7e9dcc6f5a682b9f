//! One run: a seed decides what is sent, when the clock jumps, and what fails.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use grantbook_engine::{AppendError, Clock, Ledger, LedgerConfig};
use grantbook_plan::Decision;
use grantbook_record::encoding::Bytes32;
use grantbook_record::receipt::Content as ReceiptContent;
use grantbook_record::{Jti, Kind, UnixMillis};

use crate::dice::Dice;
use crate::disk::{Content, Machine};
use crate::failure::{How, Op, Planned};
use crate::invariants::{self, Broken, broken};
use crate::model::{About, Answer, Model, Sent, same};
use crate::site::{BEGIN_MS, Site, facts, sign, template};

const STEPS: u64 = 40;

/// What came of the faults of a run: of each kind, how often it struck and what the next start found.
pub(crate) type Struck = BTreeMap<String, BTreeMap<&'static str, u64>>;

pub(crate) struct Run<'a> {
    pub(crate) site: &'a Site,
    pub(crate) machine: Machine,
    pub(crate) ledger: Ledger,
    pub(crate) model: Model,
    pub(crate) trace: Vec<String>,
    pub(crate) struck: Struck,
    pub(crate) reopened: u64,
    pub(crate) dice: Dice,
    clock: Arc<AtomicU64>,
    pub(crate) config: LedgerConfig,
    pub(crate) templates: [Bytes32; 2],
    /// A seed of long batches, so that bundles fill and the journal is trimmed.
    pub(crate) wide: bool,
    /// An earlier moment of the disk.
    pub(crate) earlier: Option<Content>,
}

impl<'a> Run<'a> {
    /// Runs a seed to its end. The trace is written as it goes, so that it is there if this fails or panics.
    pub(crate) fn of(site: &'a Site, seed: u64, trace: &mut Vec<String>) -> Result<(Struck, u64), Broken> {
        let mut dice = Dice::new(seed);
        let clock = Arc::new(AtomicU64::new(BEGIN_MS + dice.below(86_400_000)));
        let shown = Arc::clone(&clock);
        let config = Site::config(Clock::new(move || UnixMillis(shown.load(Ordering::SeqCst))), 256);
        let machine = Machine::new(&site.secrets, seed);
        let ledger = machine
            .open(&config)
            .map_err(|error| Broken { invariant: "an_empty_ledger_opens", why: error.to_string() })?;
        let mut run = Self {
            site,
            machine,
            ledger,
            model: Model::default(),
            trace: Vec::new(),
            struck: BTreeMap::new(),
            reopened: 0,
            wide: dice.once_in(4),
            dice,
            clock,
            config,
            templates: [Bytes32([0; 32]); 2],
            earlier: None,
        };
        let done = run.all();
        *trace = std::mem::take(&mut run.trace);
        // nothing may hold its threads
        run.machine.cut_power();
        let _ = run.ledger.close();
        done.map(|()| (run.struck, run.reopened))
    }

    fn all(&mut self) -> Result<(), Broken> {
        self.publish()?;
        for _ in 0..STEPS {
            self.step()?;
            if self.wide && self.dice.once_in(4) {
                self.batch()?;
            }
        }
        self.machine.plan(None);
        self.say("the end".to_owned());
        self.reopen(false)?;
        self.send_unknown()?;
        invariants::check(self, true)?;
        self.other_histories()
    }

    pub(crate) fn say(&mut self, what: String) {
        self.trace.push(what);
    }

    pub(crate) fn now(&self) -> u64 {
        self.clock.load(Ordering::SeqCst) / 1000
    }

    pub(crate) fn jti(&mut self) -> Jti {
        Jti::new(UnixMillis(self.clock.load(Ordering::SeqCst)), self.dice.bytes())
    }

    /// Both enterprises publish notice and template.
    fn publish(&mut self) -> Result<(), Broken> {
        for shop in 0..self.site.shops.len() {
            let site = self.site;
            let of = &site.shops[shop];
            let (notice_jti, template_jti) = (self.jti(), self.jti());
            let notice =
                sign(of, Kind::NoticePublished, notice_jti, crate::site::notice(), &[&of.enterprise]);
            self.event(shop, notice, notice_jti, About::Nothing, "notice")?;
            let published = sign(of, Kind::TemplatePublished, template_jti, template(), &[&of.enterprise]);
            self.templates[shop] = Bytes32::sha256(&published);
            self.event(shop, published, template_jti, About::Nothing, "template")?;
        }
        Ok(())
    }

    fn step(&mut self) -> Result<(), Broken> {
        // clocks drift
        let drift = self.dice.below(20_000);
        self.clock.fetch_add(drift, Ordering::SeqCst);
        match self.dice.below(100) {
            0..13 => self.enrol()?,
            13..30 => self.grant()?,
            30..41 => self.change_grant()?,
            41..47 => self.withdraw()?,
            47..58 => self.question()?,
            58..65 => self.batch()?,
            65..67 => self.roll()?,
            67..68 => self.root()?,
            68..71 => self.erase()?,
            71..72 => self.hold()?,
            72..76 => self.burst()?,
            76..80 => self.again()?,
            80..84 => self.jump(),
            84..87 => self.reopen(true)?,
            87..90 => {
                self.say("power is lost".to_owned());
                self.machine.cut_power();
                if self.dice.once_in(4) {
                    self.say("and the state".to_owned());
                    self.machine.lose_state();
                    self.note_fault("state lost".to_owned(), "made anew from the log");
                }
                self.reopen(false)?;
            }
            90..91 => self.earlier = Some(self.machine.content()),
            _ => self.plan()?,
        }
        self.still_denies()
    }

    /// A fault for one of the next calls of the store, or for the next of one kind.
    fn plan(&mut self) -> Result<(), Broken> {
        let how = How::ALL[self.dice.place(How::ALL.len())];
        let planned = if self.wide && self.dice.once_in(4) {
            Planned { at: 1 + self.dice.below(2), how: How::Lied, only: Some(Op::PutBundle) }
        } else if self.dice.once_in(2) {
            Planned { at: 1 + self.dice.below(12), how, only: None }
        } else {
            // long batches are there for what happens behind the sequencer
            let ops = if self.wide { &Op::ALL[3..] } else { &Op::ALL[..] };
            match ops[self.dice.place(ops.len())] {
                Op::Read => Planned { at: 1 + self.dice.below(40), how: How::Refused, only: Some(Op::Read) },
                only => Planned { at: 1 + self.dice.below(2), how, only: Some(only) },
            }
        };
        self.say(format!("a fault to come: {planned:?}"));
        self.machine.plan(Some(planned));
        // there is something to remove only after a roll that a crash cut short
        if planned.only == Some(Op::RemoveEpochs) {
            self.machine.plan_at_start(Planned { at: 1, ..planned });
            let (how, only) = (How::PowerDuring, Some(Op::FinishEpoch));
            self.machine.plan(Some(Planned { at: 1, how, only }));
        }
        // a roll has many steps, and is rare
        if planned.only.is_some_and(|op| Op::OF_A_ROLL.contains(&op)) {
            if self.dice.once_in(3) {
                self.erase()?;
            }
            self.roll()?;
        }
        // a lie comes out when the power goes before the next sync
        if planned.only == Some(Op::Commit) && how == How::Lied {
            self.enrol()?;
            self.machine.cut_power();
            self.reopen(false)?;
        }
        Ok(())
    }

    fn jump(&mut self) {
        let day = 86_400_000;
        let by = self.dice.below(2 * day);
        let now = self.clock.load(Ordering::SeqCst);
        let to = match self.dice.below(3) {
            0 => now.saturating_sub(by),
            1 => now + by,
            _ => now.saturating_sub(by / 1000),
        };
        self.clock.store(to, Ordering::SeqCst);
        self.say(format!("the clock jumps to {}", to / 1000));
        self.note_fault("clock jumps".to_owned(), "goes on; days never decrease");
    }

    fn question(&mut self) -> Result<(), Broken> {
        let sent = self.signed_question();
        self.send(&sent, "a question")
    }

    fn batch(&mut self) -> Result<(), Broken> {
        let shop = self.dice.place(2);
        // a gate sends again what was not acknowledged, before anything else
        let waiting = self.model.unknown.iter().copied();
        let mut waiting = waiting
            .filter(|at| matches!(&self.model.sent[*at].0, Sent::Uses { shop: of, .. } if *of == shop));
        let sent = match waiting.next() {
            Some(at) => self.model.sent[at].0.clone(),
            None => self.signed_batch(shop),
        };
        let Sent::Uses { customers, .. } = &sent else { return Ok(()) };
        let what = format!("{} uses of gate {shop}", customers.len());
        self.send(&sent, &what)
    }

    /// Something that was sent before, once more.
    fn again(&mut self) -> Result<(), Broken> {
        let at = self.dice.place(self.model.sent.len());
        let sent = self.model.sent[at].0.clone();
        self.send(&sent, &format!("number {at} again"))
    }

    pub(crate) fn event(
        &mut self,
        shop: usize,
        envelope: Vec<u8>,
        jti: Jti,
        about: About,
        what: &str,
    ) -> Result<(), Broken> {
        let tenant = self.site.shops[shop].id;
        self.send(&Sent::Event { tenant, envelope, jti, about }, what)
    }

    pub(crate) fn send(&mut self, sent: &Sent, what: &str) -> Result<(), Broken> {
        let before = self.model.leaves.len() as u64;
        let answer = sent.send(&self.ledger);
        let news = self.note(sent, answer, what)?;
        self.settle(before, news)
    }

    /// Takes an answer in; gives the leaves that are new.
    pub(crate) fn note(
        &mut self,
        sent: &Sent,
        answer: Answer,
        what: &str,
    ) -> Result<Vec<(u64, grantbook_tlog::Hash)>, Broken> {
        if matches!(sent, Sent::Roll) {
            return self.rolled(&answer);
        }
        if matches!(sent, Sent::Root) {
            return self.rooted(&answer);
        }
        let known = self.model.sent.iter().position(|(other, _)| same(other, sent));
        let at = known.unwrap_or(self.model.sent.len());
        if known.is_none() {
            self.model.sent.push((sent.clone(), None));
        }
        let (leaves, duplicate) = match answer {
            Answer::Denied => {
                self.say(format!("{what}: denied"));
                self.model.unknown.retain(|other| *other != at);
                return Ok(Vec::new());
            }
            Answer::Refused(why) => {
                self.say(format!("{what}: refused, {why}"));
                self.model.unknown.retain(|other| *other != at);
                return Ok(Vec::new());
            }
            Answer::Unknown(why) => {
                self.say(format!("{what}: {why}"));
                // a question without an id is asked anew
                let named = !matches!(sent, Sent::Question { use_id: None, .. });
                if named && !self.model.unknown.contains(&at) && self.model.sent[at].1.is_none() {
                    self.model.unknown.push(at);
                }
                // verified, and then the ledger stopped
                if let Sent::Event { about: About::Ended { grant, by_customer: true }, .. } = sent
                    && why == AppendError::Stopped.to_string()
                {
                    self.model.withdrawing.insert(*grant);
                }
                return Ok(Vec::new());
            }
            Answer::Appended { leaf, hash, duplicate, receipt } => {
                self.note_owners(sent, &[(leaf, hash)], duplicate);
                let erased = duplicate && self.model.is_erased(leaf);
                let verified = if erased {
                    receipt.verify_logged(&self.site.keys).map(|_| receipt.content == ReceiptContent::Erased)
                } else {
                    receipt.verify(&self.site.keys).map(|_| true)
                };
                if !matches!(verified, Ok(true)) {
                    let why = verified.err().map(|error| error.to_string());
                    return broken("receipts_verify", format!("{what}: entry {leaf}: {why:?}"));
                }
                (vec![(leaf, hash)], duplicate)
            }
            Answer::Uses { leaves, duplicate } => (leaves, duplicate),
            Answer::Permit { leaf, hash, grant, duplicate } => {
                let ended = self.model.grants.iter().any(|known| known.id == grant && known.ended);
                if ended && !duplicate {
                    return broken("a_withdrawn_grant_denies", format!("{what}: permitted at {leaf}"));
                }
                (vec![(leaf, hash)], duplicate)
            }
            Answer::Rolled { .. } | Answer::Rooted(_) => {
                return broken("an_epoch_begins_when_asked", what.to_owned());
            }
        };
        self.note_owners(sent, &leaves, duplicate);
        let leaf = leaves.first().map(|(leaf, _)| *leaf);
        self.say(format!("{what}: {} at {leaf:?}", if duplicate { "known" } else { "new" }));
        // with a customer the ids of their uses are forgotten
        let by_id = match sent {
            Sent::Question { tenant, facts, use_id } => {
                let owner = self.site.owner(*tenant, &facts.data_subject);
                use_id.is_some() && owner.is_none_or(|owner| !self.model.erased.contains_key(&owner))
            }
            _ => true,
        };
        match self.model.sent[at].1 {
            Some(_) if by_id && (!duplicate || leaf != self.model.sent[at].1) => {
                return broken(
                    "nothing_is_recorded_twice",
                    format!("{what}: {leaf:?}, was {:?}", self.model.sent[at].1),
                );
            }
            Some(_) => {}
            None => self.model.stands(sent),
        }
        self.model.sent[at].1 = leaf;
        self.model.unknown.retain(|other| *other != at);
        for (leaf, hash) in &leaves {
            if self.model.acknowledged.insert(*leaf, *hash).is_some_and(|before| before != *hash) {
                return broken("what_is_acknowledged_stays", format!("{what}: another entry at {leaf}"));
            }
        }
        Ok(if duplicate { Vec::new() } else { leaves })
    }

    /// After the answers of one step: the log holds what was acknowledged and nothing else; after a fault it is stopped.
    pub(crate) fn settle(
        &mut self,
        before: u64,
        mut news: Vec<(u64, grantbook_tlog::Hash)>,
    ) -> Result<(), Broken> {
        let struck = self.machine.take_struck();
        let stopped = self.ledger.readiness().is_err();
        if stopped {
            self.stopped()?;
        }
        if stopped || !self.machine.has_power() {
            return self.restart(&struck, before + news.len() as u64);
        }
        for (op, how) in &struck {
            // of holds and erasures the asker is told
            if !matches!(op, Op::Read | Op::PutSecret) && *how != How::Lied {
                return broken("a_failed_write_stops_the_ledger", format!("{op:?} {how:?}"));
            }
            self.count(*op, *how, "goes on");
        }
        if struck.is_empty() {
            news.sort_unstable_by_key(|(leaf, _)| *leaf);
            let expected = (before..).zip(&news).all(|(leaf, (got, _))| leaf == *got);
            let size = self.ledger.size_root().0.0;
            if !expected || size != before + news.len() as u64 {
                let got: Vec<u64> = news.iter().map(|(leaf, _)| *leaf).collect();
                return broken(
                    "the_log_holds_what_was_acknowledged_and_no_more",
                    format!("{size} entries, {before} before, new {got:?}"),
                );
            }
        }
        invariants::observe(self)
    }

    /// After each step: what was withdrawn denies.
    fn still_denies(&mut self) -> Result<(), Broken> {
        let ended: Vec<usize> =
            self.model.grants.iter().enumerate().filter(|(_, g)| g.ended).map(|(at, _)| at).collect();
        let Some(at) = self.dice.pick(&ended).copied() else { return Ok(()) };
        let grant = &self.model.grants[at];
        let of = &self.site.shops[grant.shop];
        let asked = self.ledger.decide(of.id, &facts(&of.customers[grant.customer].sub), None);
        if matches!(asked, Decision::Permit(permission) if permission.grant == grant.id) {
            return broken("a_withdrawn_grant_denies", format!("grant {at}"));
        }
        Ok(())
    }

    pub(crate) fn count(&mut self, op: Op, how: How, result: &'static str) {
        let known = matches!(op, Op::Commit | Op::PutTile | Op::PutBundle);
        // of other calls nobody can tell a lie from the truth
        if how != How::Lied || known {
            self.note_fault(format!("{}, {}", op.name(), how.name()), result);
        }
    }

    pub(crate) fn note_fault(&mut self, fault: String, result: &'static str) {
        *self.struck.entry(fault).or_default().entry(result).or_default() += 1;
    }
}
