//! One run: a seed decides what is sent, when the clock jumps, and what fails.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use grantbook_engine::{AppendError, Clock, Ledger, LedgerConfig, OpenError};
use grantbook_plan::Decision;
use grantbook_record::encoding::Bytes32;
use grantbook_record::{Jti, Kind, UnixMillis};

use crate::dice::Dice;
use crate::disk::{Content, Machine};
use crate::failure::{How, Op, Planned};
use crate::invariants::{self, Broken, broken};
use crate::model::{About, Answer, Model, Sent, same};
use crate::site::{Site, facts, sign, template};

/// 2026-01-05, noon.
const BEGIN_MS: u64 = 1_767_614_400_000;
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
    config: LedgerConfig,
    pub(crate) templates: [Bytes32; 2],
    /// A seed of long batches, so that bundles fill and the journal is trimmed.
    pub(crate) wide: bool,
    /// An earlier moment of the disk.
    earlier: Option<Content>,
}

impl<'a> Run<'a> {
    /// Runs a seed to its end. The trace is written as it goes, so that it is there if this fails or panics.
    pub(crate) fn of(site: &'a Site, seed: u64, trace: &mut Vec<String>) -> Result<(Struck, u64), Broken> {
        let mut dice = Dice::new(seed);
        let clock = Arc::new(AtomicU64::new(BEGIN_MS + dice.below(86_400_000)));
        let shown = Arc::clone(&clock);
        let config = site.config(Clock::new(move || UnixMillis(shown.load(Ordering::SeqCst))), 256);
        let machine = Machine::new(seed);
        let ledger = Ledger::open_on(Arc::new(machine.clone()), &config)
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

    fn say(&mut self, what: String) {
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
            0..14 => self.enrol()?,
            14..32 => self.grant()?,
            32..44 => self.change_grant()?,
            44..50 => self.withdraw()?,
            50..62 => self.question()?,
            62..70 => self.batch()?,
            70..76 => self.burst()?,
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
        let Sent::Uses { count, .. } = &sent else { return Ok(()) };
        let what = format!("{count} uses of gate {shop}");
        self.send(&sent, &what)
    }

    /// Something that was sent before, once more.
    fn again(&mut self) -> Result<(), Broken> {
        let at = self.dice.place(self.model.sent.len());
        let sent = self.model.sent[at].0.clone();
        self.send(&sent, &format!("number {at} again"))
    }

    /// What nobody knows about is sent again, as its senders would.
    fn send_unknown(&mut self) -> Result<(), Broken> {
        while let Some(at) = self.model.unknown.first().copied() {
            let sent = self.model.sent[at].0.clone();
            self.send(&sent, &format!("number {at} again, which may be there"))?;
            if self.model.unknown.first() == Some(&at) {
                return broken("what_is_sent_again_is_answered", "it is still unknown".to_owned());
            }
        }
        Ok(())
    }

    /// Several callers at once, in an order that the seed decides: the first one's commit is held until all others wait.
    fn burst(&mut self) -> Result<(), Broken> {
        let opener = self.signed_question();
        let mut jobs = Vec::new();
        let (mut ending, mut batching) = (None, false);
        for _ in 0..2 + self.dice.below(3) {
            jobs.push(match self.dice.below(5) {
                0 if ending.is_none() && !self.model.grants.is_empty() => {
                    let at = self.some_grant().unwrap_or_default();
                    ending = Some(at);
                    self.signed_end(at)
                }
                1 if !batching && self.model.unknown.is_empty() => {
                    batching = true;
                    self.signed_batch(0)
                }
                2 if !self.model.keys.is_empty() => {
                    let known: Vec<_> = self.model.keys.keys().copied().collect();
                    let (shop, customer) = *self.dice.pick(&known).expect("somebody");
                    self.signed_grant(shop, customer)
                }
                _ => self.signed_question(),
            });
        }
        self.say(format!("{} at once", 1 + jobs.len()));
        let (ledger, machine) = (&self.ledger, &self.machine);
        machine.hold();
        let (first, answers) = std::thread::scope(|scope| {
            let first = scope.spawn(|| opener.send(ledger));
            machine.wait_for_commit(|| first.is_finished());
            let mut others = Vec::new();
            for job in &jobs {
                let (waiting, queued) = (machine.commit_waits(), ledger.stats().queue_length);
                let other = scope.spawn(|| job.send(ledger));
                // refusals and denials are answered without the sequencer
                if waiting {
                    while ledger.stats().queue_length == queued && !other.is_finished() {
                        std::thread::yield_now();
                    }
                } else {
                    machine.wait_for_commit(|| other.is_finished());
                }
                others.push(other);
            }
            machine.release();
            let first = first.join().expect("no panic");
            (first, others.into_iter().map(|other| other.join().expect("no panic")).collect::<Vec<_>>())
        });
        let before = self.model.leaves.len() as u64;
        let mut news = self.note(&opener, first, "  first")?;
        for (job, answer) in jobs.into_iter().zip(answers) {
            news.extend(self.note(&job, answer, "  then")?);
        }
        self.settle(before, news)
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
    fn note(
        &mut self,
        sent: &Sent,
        answer: Answer,
        what: &str,
    ) -> Result<Vec<(u64, grantbook_tlog::Hash)>, Broken> {
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
                if let Err(error) = receipt.verify(&self.site.keys) {
                    return broken("receipts_verify", format!("{what}: entry {leaf}: {error}"));
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
        };
        let leaf = leaves.first().map(|(leaf, _)| *leaf);
        self.say(format!("{what}: {} at {leaf:?}", if duplicate { "known" } else { "new" }));
        let by_id = !matches!(sent, Sent::Question { use_id: None, .. });
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
    fn settle(&mut self, before: u64, mut news: Vec<(u64, grantbook_tlog::Hash)>) -> Result<(), Broken> {
        let struck = self.machine.take_struck();
        let stopped = self.ledger.readiness().is_err();
        if stopped {
            self.stopped()?;
            return self.restart(&struck, before + news.len() as u64);
        }
        for (op, how) in &struck {
            if *op != Op::Read && *how != How::Lied {
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

    /// A ledger that a fault has stopped acknowledges nothing, and denies what it was told to withdraw.
    fn stopped(&mut self) -> Result<(), Broken> {
        let at = self.dice.place(self.model.sent.len());
        let sent = self.model.sent[at].0.clone();
        if !matches!(sent.send(&self.ledger), Answer::Unknown(_) | Answer::Refused(_) | Answer::Denied) {
            return broken("a_stopped_ledger_acknowledges_nothing", format!("number {at} was answered"));
        }
        for at in self.model.withdrawing.clone() {
            let grant = &self.model.grants[at];
            let of = &self.site.shops[grant.shop];
            let asked = self.ledger.decide(of.id, &facts(&of.customers[grant.customer].sub), None);
            if matches!(asked, Decision::Permit(permission) if permission.grant == grant.id) {
                return broken("a_withdrawal_denies_at_once", format!("grant {at} in a stopped ledger"));
            }
        }
        Ok(())
    }

    /// Starts again after faults, and counts what the start found.
    fn restart(&mut self, struck: &[(Op, How)], acknowledged: u64) -> Result<(), Broken> {
        self.machine.cut_power();
        let stands = self.machine.log_size() > acknowledged;
        self.reopen(false)?;
        let found = if stands {
            "stops; the next start finds the append"
        } else {
            "stops; the next start does not find the append"
        };
        for (op, how) in struck {
            self.count(*op, *how, found);
        }
        Ok(())
    }

    fn count(&mut self, op: Op, how: How, result: &'static str) {
        let known = matches!(op, Op::Commit | Op::PutTile | Op::PutBundle);
        // of other calls nobody can tell a lie from the truth
        if how != How::Lied || known {
            self.note_fault(format!("{}, {}", op.name(), how.name()), result);
        }
    }

    fn note_fault(&mut self, fault: String, result: &'static str) {
        *self.struck.entry(fault).or_default().entry(result).or_default() += 1;
    }

    /// Ends the process, in order or not, and starts it again until it opens.
    fn reopen(&mut self, orderly: bool) -> Result<(), Broken> {
        self.say(if orderly { "closed and opened again" } else { "started again" }.to_owned());
        if !orderly {
            self.machine.cut_power();
        }
        let closed = self.ledger.close();
        if orderly && closed.is_ok() && self.ledger.stats().stopped {
            return broken("an_orderly_end_is_not_a_fault", "it stopped".to_owned());
        }
        for (op, how) in self.machine.take_struck() {
            self.count(op, how, "ends with a fault; the next start finds all");
        }
        for attempt in 0.. {
            let lost = self.machine.start();
            match Ledger::open_on(Arc::new(self.machine.clone()), &self.config) {
                Ok(ledger) => {
                    // what was lost was not acknowledged, or the checks that follow say so
                    self.machine.accept_loss();
                    self.ledger = ledger;
                    break;
                }
                Err(error) => {
                    let struck = self.machine.take_struck();
                    self.say(format!("  refused to start: {error}"));
                    if lost && matches!(error, OpenError::RolledBack { .. } | OpenError::Root(_)) {
                        self.count(Op::Commit, How::Lied, "the start refuses");
                        self.machine.put_back();
                    } else if struck.is_empty() || attempt > 3 {
                        return broken("a_crash_leaves_what_can_be_opened", error.to_string());
                    }
                    for (op, how) in struck {
                        self.count(op, how, "the start fails, the next one finds all");
                    }
                    self.machine.cut_power();
                }
            }
        }
        for (op, how) in self.machine.take_struck() {
            self.count(op, how, "goes on");
        }
        self.reopened += 1;
        self.model.withdrawing.clear();
        let deep = self.dice.once_in(5);
        let planned = self.machine.plan(None);
        invariants::check(self, deep)?;
        self.machine.plan(planned);
        // some senders ask again at once, others later or never
        if self.dice.once_in(2) { self.send_unknown_while_open() } else { Ok(()) }
    }

    /// Sends again what is unknown, as long as no fault comes between.
    fn send_unknown_while_open(&mut self) -> Result<(), Broken> {
        self.machine.plan(None);
        self.send_unknown()
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

    /// A folder that was rolled back, and one that went on otherwise, do not open beside the present anchor.
    fn other_histories(&mut self) -> Result<(), Broken> {
        let Some(mut earlier) = self.earlier.take() else { return Ok(()) };
        let anchor = self.machine.content().anchor;
        let (then, now) = (earlier.log_size(), self.machine.log_size());
        if then == now {
            return Ok(());
        }
        let own = std::mem::replace(&mut earlier.anchor, anchor.clone());
        let opened = Ledger::open_on(Arc::new(Machine::of(earlier.clone(), 0)), &self.config);
        if !matches!(opened, Err(OpenError::RolledBack { .. })) {
            return broken("a_rolled_back_folder_does_not_open", format!("{then} of {now} entries"));
        }
        self.note_fault("old folder beside a newer anchor".to_owned(), "the start refuses");
        earlier.anchor = own;
        self.state_ahead(&earlier)?;
        let fork = Machine::of(earlier, 0);
        let ledger = Ledger::open_on(Arc::new(fork.clone()), &self.config)
            .map_err(|error| Broken { invariant: "an_earlier_moment_opens", why: error.to_string() })?;
        let of = &self.site.shops[0];
        for _ in then..=now {
            let jti = self.jti();
            let notice = sign(of, Kind::NoticePublished, jti, crate::site::notice(), &[&of.enterprise]);
            let _ = ledger.append(of.id, &notice);
        }
        ledger
            .close()
            .map_err(|fault| Broken { invariant: "an_earlier_moment_opens", why: fault.to_string() })?;
        let mut forked = fork.content();
        let reached = forked.log_size();
        forked.anchor = anchor;
        let opened = Ledger::open_on(Arc::new(Machine::of(forked, 0)), &self.config);
        self.note_fault("another history beside the anchor".to_owned(), "the start refuses");
        match opened {
            Err(OpenError::Forked { .. }) if reached >= now => Ok(()),
            Err(OpenError::RolledBack { .. }) if reached < now => Ok(()),
            Err(error) => broken("another_history_does_not_open", error.to_string()),
            Ok(_) => {
                broken("another_history_does_not_open", format!("{then} of {now} entries, then {reached}"))
            }
        }
    }

    /// A state that is ahead of its log is cleared, whatever fails meanwhile, and made anew.
    fn state_ahead(&mut self, earlier: &Content) -> Result<(), Broken> {
        let machine = Machine::of(earlier.with_state_of(&self.machine.content()), self.dice.next());
        let how = How::ALL[self.dice.place(How::ALL.len() - 1)];
        machine.plan(Some(Planned { at: 1, how, only: Some(Op::ClearState) }));
        let mut opened = Ledger::open_on(Arc::new(machine.clone()), &self.config);
        while opened.is_err() && !machine.take_struck().is_empty() {
            self.count(Op::ClearState, how, "the start fails, the next one finds all");
            machine.cut_power();
            machine.start();
            opened = Ledger::open_on(Arc::new(machine.clone()), &self.config);
        }
        let broken = |why: String| Broken { invariant: "a_state_ahead_of_its_log_is_made_anew", why };
        let ledger = opened.map_err(|error| broken(error.to_string()))?;
        let fresh = Ledger::open_on(Arc::new(Machine::of(earlier.without_state(), 0)), &self.config)
            .map_err(|error| broken(error.to_string()))?;
        let same = invariants::same_answers(self, &ledger, &fresh);
        let _ = (ledger.close(), fresh.close());
        same
    }

    /// A ledger whose state is made anew from the log.
    pub(crate) fn ledger_of_the_log(&self) -> Result<Ledger, OpenError> {
        Ledger::open_on(Arc::new(Machine::of(self.machine.content().without_state(), 0)), &self.config)
    }
}
