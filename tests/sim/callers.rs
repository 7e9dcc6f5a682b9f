//! What customers, enterprises and gates send: signed by them, now and then wrong.

use grantbook_record::encoding::Bytes32;
use grantbook_record::entry::Salt;
use grantbook_record::event::{
    Claims, Evidence, GrantAmended, GrantGiven, GrantPaused, GrantResumed, GrantRevoked, GrantWithdrawn,
    KeyEnrolled, Revoker,
};
use grantbook_record::uses::{Denied, Outcome, Permitted, UseId, UseRecord, sign_batch};
use grantbook_record::{DenialReason, Kind, Signer, Term};

use crate::invariants::Broken;
use crate::model::{About, Sent};
use crate::run::Run;
use crate::site::{CUSTOMERS, KEYS, facts, sign, terms};

impl<'a> Run<'a> {
    pub(crate) fn somebody(&mut self) -> (usize, usize) {
        (self.dice.place(2), self.dice.place(CUSTOMERS))
    }

    pub(crate) fn keys_of(&self, shop: usize, customer: usize) -> usize {
        self.model.keys.get(&(shop, customer)).copied().unwrap_or_default()
    }

    /// A key of the customer: an enrolled one, or the first one of somebody who has none.
    pub(crate) fn key_of(&mut self, shop: usize, customer: usize) -> &'a Signer {
        let have = self.keys_of(shop, customer).max(1);
        &self.site.shops[shop].customers[customer].keys[self.dice.place(have)]
    }

    pub(crate) fn enrol(&mut self) -> Result<(), Broken> {
        let (shop, customer) = self.somebody();
        let have = self.keys_of(shop, customer).min(KEYS - 1);
        let of = &self.site.shops[shop];
        let key = &of.customers[customer].keys[have];
        let (evidence, by) = if have == 0 {
            (Evidence::Enterprise, &of.enterprise)
        } else {
            (Evidence::EnrolledKey, self.key_of(shop, customer))
        };
        let sub = of.customers[customer].sub.clone();
        let event = KeyEnrolled { sub, key: *key.public_key(), evidence, recovery: None };
        let jti = self.jti();
        let envelope = sign(of, Kind::KeyEnrolled, jti, event, &[key, by]);
        self.event(shop, envelope, jti, About::Key { shop, customer }, "key")
    }

    /// The cap is what is most worth watching.
    pub(crate) fn some_terms(&mut self, shop: usize) -> (Option<u64>, grantbook_record::Terms) {
        let cap = (!self.dice.once_in(4)).then(|| 1 + self.dice.below(4));
        let (rate, price) = (self.dice.once_in(4), self.dice.below(200));
        (cap, terms(self.templates[shop], self.now(), cap, rate, price))
    }

    pub(crate) fn signed_grant(&mut self, shop: usize, customer: usize) -> Sent {
        let (cap, terms) = self.some_terms(shop);
        let of = &self.site.shops[shop];
        let sub = of.customers[customer].sub.clone();
        let event = GrantGiven { sub, terms, request: None, birth_day: None, mandate: None };
        let jti = self.jti();
        let envelope = sign(of, Kind::GrantGiven, jti, event, &[self.key_of(shop, customer)]);
        Sent::Event { tenant: of.id, envelope, jti, about: About::Grant { shop, customer, cap } }
    }

    pub(crate) fn grant(&mut self) -> Result<(), Broken> {
        // mostly of somebody who can
        let known: Vec<_> = self.model.keys.keys().copied().collect();
        let known =
            if self.dice.once_in(8) { Some(self.somebody()) } else { self.dice.pick(&known).copied() };
        let Some((shop, customer)) = known else { return self.enrol() };
        let sent = self.signed_grant(shop, customer);
        self.send(&sent, &format!("grant by {shop}.{customer}"))
    }

    /// A grant that is not known to have ended; now and then one that has.
    pub(crate) fn some_grant(&mut self) -> Option<usize> {
        let live: Vec<usize> =
            self.model.grants.iter().enumerate().filter(|(_, g)| !g.ended).map(|(at, _)| at).collect();
        if live.is_empty() || self.dice.once_in(10) {
            return (!self.model.grants.is_empty()).then(|| self.dice.place(self.model.grants.len()));
        }
        self.dice.pick(&live).copied()
    }

    pub(crate) fn change_grant(&mut self) -> Result<(), Broken> {
        let Some(at) = self.some_grant() else { return self.grant() };
        let grant = self.model.grants[at].clone();
        let of = &self.site.shops[grant.shop];
        let sub = of.customers[grant.customer].sub.clone();
        let key = self.key_of(grant.shop, grant.customer);
        let jti = self.jti();
        let (envelope, about) = match self.dice.below(4) {
            0 => {
                let event = GrantPaused { sub, grant: grant.id };
                (sign(of, Kind::GrantPaused, jti, event, &[key]), About::Paused { grant: at })
            }
            1 => {
                let event = GrantResumed { sub, grant: grant.id };
                (sign(of, Kind::GrantResumed, jti, event, &[key]), About::Resumed { grant: at })
            }
            _ => {
                let (cap, terms) = self.some_terms(grant.shop);
                let event = GrantAmended { sub, grant: grant.id, terms, birth_day: None };
                (sign(of, Kind::GrantAmended, jti, event, &[key]), About::Amendment { grant: at, cap })
            }
        };
        self.event(grant.shop, envelope, jti, about, &format!("{about:?}"))
    }

    pub(crate) fn signed_end(&mut self, at: usize) -> Sent {
        let grant = self.model.grants[at].clone();
        let of = &self.site.shops[grant.shop];
        let sub = of.customers[grant.customer].sub.clone();
        let jti = self.jti();
        let by_customer = !self.dice.once_in(4);
        let envelope = if by_customer {
            let event = GrantWithdrawn { sub, grant: grant.id, channel: None };
            sign(of, Kind::GrantWithdrawn, jti, event, &[self.key_of(grant.shop, grant.customer)])
        } else {
            let reason = Term::parse("breach").expect("a term");
            let event = GrantRevoked { sub, grant: grant.id, by: Revoker::Enterprise, reason };
            sign(of, Kind::GrantRevoked, jti, event, &[&of.enterprise])
        };
        Sent::Event { tenant: of.id, envelope, jti, about: About::Ended { grant: at, by_customer } }
    }

    pub(crate) fn withdraw(&mut self) -> Result<(), Broken> {
        let Some(at) = self.some_grant() else { return self.grant() };
        let sent = self.signed_end(at);
        self.send(&sent, &format!("the end of grant {at}"))
    }

    pub(crate) fn signed_question(&mut self) -> Sent {
        let (shop, customer) = match self.some_grant() {
            Some(at) => (self.model.grants[at].shop, self.model.grants[at].customer),
            None => self.somebody(),
        };
        let of = &self.site.shops[shop];
        let id = format!("order-{}", self.dice.below(40));
        let use_id = self.dice.once_in(2).then(|| UseId::try_from(id).expect("a use id"));
        Sent::Question { tenant: of.id, facts: facts(&of.customers[customer].sub), use_id }
    }

    pub(crate) fn signed_batch(&mut self, shop: usize) -> Sent {
        let of = &self.site.shops[shop];
        let first = self.model.next_seq[shop];
        let count = if self.wide { 60 + self.dice.below(150) } else { 1 + self.dice.below(5) };
        let now = self.now();
        let grants: Vec<_> = self.model.grants.iter().filter(|grant| grant.shop == shop).cloned().collect();
        let mut customers = Vec::new();
        let records: Vec<_> = (0..count)
            .map(|offset| {
                let permitted = !self.wide || self.dice.once_in(30);
                let grant = self.dice.pick(&grants).filter(|_| permitted);
                let customer = grant.map_or_else(|| self.dice.place(CUSTOMERS), |grant| grant.customer);
                customers.push(customer);
                let outcome = match grant {
                    Some(grant) => Outcome::Permitted(Permitted::committed(grant.id)),
                    None => Outcome::Denied(Denied { reason: DenialReason::NoGrant, grant: None }),
                };
                let record = UseRecord::new(
                    of.gate.clone(),
                    first + offset,
                    grantbook_record::day::UnixSeconds(now),
                    facts(&of.customers[customer].sub),
                    outcome,
                );
                (record, Salt(Bytes32(self.dice.bytes())))
            })
            .collect();
        let claims = Claims::new(of.id, self.jti(), ());
        let batch = sign_batch(&claims, &records, &of.gate_key).expect("records");
        let json = serde_json::to_vec(&batch).expect("JSON");
        Sent::Uses { tenant: of.id, json, shop, first, customers }
    }

    /// Several callers at once, in an order that the seed decides: the first one's commit is held until all others wait.
    pub(crate) fn burst(&mut self) -> Result<(), Broken> {
        let opener = self.signed_question();
        let mut jobs = Vec::new();
        let (mut ending, mut batching, mut rolling) = (None, false, false);
        for _ in 0..2 + self.dice.below(3) {
            jobs.push(match self.dice.below(6) {
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
                3 if !rolling => {
                    rolling = true;
                    Sent::Roll
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
}
