//! Ends and starts: after a fault, without power, with an older folder or another history.

use grantbook_engine::{Ledger, OpenError};
use grantbook_plan::Decision;
use grantbook_record::Kind;

use crate::disk::{Content, Machine};
use crate::failure::{How, Op, Planned};
use crate::invariants::{self, Broken, broken};
use crate::model::Answer;
use crate::run::Run;
use crate::site::{facts, sign};

impl Run<'_> {
    /// What nobody knows about is sent again, as its senders would.
    pub(crate) fn send_unknown(&mut self) -> Result<(), Broken> {
        while let Some(at) = self.model.unknown.first().copied() {
            let sent = self.model.sent[at].0.clone();
            self.send(&sent, &format!("number {at} again, which may be there"))?;
            if self.model.unknown.first() == Some(&at) {
                return broken("what_is_sent_again_is_answered", "it is still unknown".to_owned());
            }
        }
        Ok(())
    }

    /// A ledger that a fault has stopped acknowledges nothing, and denies what it was told to withdraw.
    pub(crate) fn stopped(&mut self) -> Result<(), Broken> {
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
    pub(crate) fn restart(&mut self, struck: &[(Op, How)], acknowledged: u64) -> Result<(), Broken> {
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

    /// Ends the process, in order or not, and starts it again until it opens.
    pub(crate) fn reopen(&mut self, orderly: bool) -> Result<(), Broken> {
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
            match self.machine.open(&self.config) {
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

    /// A folder that was rolled back, and one that went on otherwise, do not open beside the present anchor.
    pub(crate) fn other_histories(&mut self) -> Result<(), Broken> {
        let Some(mut earlier) = self.earlier.take() else { return Ok(()) };
        let anchor = self.machine.content().anchor;
        let (then, now) = (earlier.log_size(), self.machine.log_size());
        if then == now {
            return Ok(());
        }
        let own = std::mem::replace(&mut earlier.anchor, anchor.clone());
        let same_epoch = earlier.rolled == self.model.rolled;
        let old = Machine::of(earlier.clone(), 0);
        if !matches!(old.open(&self.config), Err(OpenError::RolledBack { .. })) {
            return broken("a_rolled_back_folder_does_not_open", format!("{then} of {now} entries"));
        }
        let own_secrets = std::mem::replace(&mut earlier.secrets, self.machine.content().secrets);
        let old = Machine::of(earlier.clone(), 0);
        match old.open(&self.config) {
            Err(OpenError::RolledBack { .. }) if same_epoch => {}
            Err(OpenError::Keyring(_)) if !same_epoch => {}
            opened => {
                let why = opened.err().map(|error| error.to_string());
                return broken("a_rolled_back_folder_does_not_open", format!("with its keyring: {why:?}"));
            }
        }
        if old.content().secrets != earlier.secrets {
            return broken("a_refused_start_destroys_nothing", format!("{then} of {now} entries"));
        }
        earlier.secrets = own_secrets;
        self.note_fault("old folder beside a newer anchor".to_owned(), "the start refuses");
        earlier.anchor = own;
        if same_epoch {
            self.state_ahead(&earlier)?;
        }
        let fork = Machine::of(earlier, 0);
        let ledger = fork
            .open(&self.config)
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
        let opened = Machine::of(forked, 0).open(&self.config);
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
        let mut opened = machine.open(&self.config);
        while opened.is_err() && !machine.take_struck().is_empty() {
            self.count(Op::ClearState, how, "the start fails, the next one finds all");
            machine.cut_power();
            machine.start();
            opened = machine.open(&self.config);
        }
        let broken = |why: String| Broken { invariant: "a_state_ahead_of_its_log_is_made_anew", why };
        let ledger = opened.map_err(|error| broken(error.to_string()))?;
        let fresh = Machine::of(earlier.without_state(), 0)
            .open(&self.config)
            .map_err(|error| broken(error.to_string()))?;
        let same = invariants::same_answers(self, &ledger, &fresh);
        let _ = (ledger.close(), fresh.close());
        same
    }

    /// A ledger whose state is made anew from the log.
    pub(crate) fn ledger_of_the_log(&self) -> Result<Ledger, OpenError> {
        Machine::of(self.machine.content().without_state(), 0).open(&self.config)
    }
}
